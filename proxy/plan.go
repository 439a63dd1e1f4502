package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"llmgw/providers"
	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/proxy/breaker"
	"llmgw/proxy/caps"
)

// router knows every provider and route, and resolves a requested model to
// ordered targets. It is immutable but for the upstreams' connections.
type router struct {
	cfg    Config
	byName map[string]*upstream
	order  []*upstream // as configured

	limitsFor map[[2]string]FailoverConfig // by route and provider, worked out once
}

// target is a provider and the model name to ask it for. An empty model leaves
// the request's own.
type target struct {
	up    *upstream
	model string
}

// String is the target as the configuration writes it; nothing follows the slash
// where the request's own model is asked for.
func (t target) String() string { return t.up.p.Name + "/" + t.model }

// plan is what a call may try, decided once before the first attempt.
type plan struct {
	route   string // the route's model pattern, "" without one
	reason  string // why these targets
	targets []*candidate
}

// candidate is one target with one of its provider's credentials: what an
// attempt is made with.
type candidate struct {
	target
	cred   providers.Credential
	limits FailoverConfig
	trials [2]*breaker.Trial // claims on the credential while an attempt runs
	words  *wording          // what it is asked; nil until it is its turn
	hold   *caps.Hold        // money set aside for the running attempt
	clamp  llm.Count         // output limit that keeps the attempt within hold; unknown: the caller's

	tries    int
	done     bool      // not to be tried again by this call
	putOff   bool      // a cap has no room for it now: its turn comes again after the others
	passed   bool      // passed over, on record, for one that has the same model; its turn may come
	fault    llm.Fault // of its last try
	failing  bool      // it failed this call and waits to be tried again
	unedited bool      // our own edits are left out, since they may be what it refuses

	lessons
}

// lessons are what the refusals of a target said of how it wants to be asked.
type lessons struct {
	thoughtless bool      // it refused a thought that it did not sign, and is asked without any
	reasons     bool      // it refused what was guessed of it, as OpenAI's models that reason do
	most        llm.Count // the output limit that it named; unknown: none
}

// modelFor is the model name that goes upstream.
func (t *candidate) modelFor(c *call) string {
	if t.model != "" {
		return t.model
	}
	return cut(c.facts.Model, 256)
}

func newRouter(cfg Config, transport func(*providers.Provider) *http.Transport) (router, error) {
	r := router{cfg: cfg, byName: make(map[string]*upstream)}
	limits := make(map[[2]string]FailoverConfig)
	for _, p := range cfg.Providers {
		up, err := newUpstream(p, transport)
		if err != nil {
			return router{}, err
		}
		r.byName[p.Name] = up
		r.order = append(r.order, up)
		limits[[2]string{"", p.Name}] = r.limits("", p.Name)
	}
	for _, rt := range cfg.Routes {
		for _, text := range rt.Targets {
			t, err := r.target(text)
			if err != nil {
				return router{}, fmt.Errorf("route %q: %w", rt.Model, err)
			}
			limits[[2]string{rt.Model, t.up.p.Name}] = r.limits(rt.Model, t.up.p.Name)
		}
	}
	r.limitsFor = limits
	return r, nil
}

func (r *router) close() {
	for _, up := range r.order {
		up.close()
	}
}

// target reads "provider/model".
func (r *router) target(text string) (target, error) {
	name, model, ok := strings.Cut(text, "/")
	up := r.byName[name]
	if !ok || up == nil || model == "" {
		return target{}, fmt.Errorf("%q names no known provider and model", text)
	}
	return target{up, model}, nil
}

// resolve finds the targets of a model in this order: exact route,
// glob route, provider/model, the provider that owns it, the only provider of
// the dialect.
func (r *router) resolve(model string, d llm.Dialect) (route *RouteConfig, targets []target, reason string) {
	if rt, how := r.routeFor(model); rt != nil {
		for _, text := range rt.Targets {
			t, err := r.target(text)
			if err == nil { // checked by newRouter
				targets = append(targets, t)
			}
		}
		return rt, targets, how
	}
	if t, err := r.target(model); err == nil {
		return nil, []target{t}, "named by provider/model"
	}
	if up := r.byName[providers.Owner(model)]; up != nil {
		return nil, []target{{up, ""}}, "owned by " + up.p.Name
	}
	if up := r.only(d); up != nil {
		return nil, []target{{up, ""}}, "the only provider of " + string(d)
	}
	return nil, nil, ""
}

// routeFor finds the route of a model: an exact one, else the first glob.
func (r *router) routeFor(model string) (*RouteConfig, string) {
	for i, rt := range r.cfg.Routes {
		if rt.Model == model {
			return &r.cfg.Routes[i], "exact route"
		}
	}
	for i, rt := range r.cfg.Routes {
		if globMatch(rt.Model, model) {
			return &r.cfg.Routes[i], "glob route " + rt.Model
		}
	}
	return nil, ""
}

// only is the one provider that speaks the dialect. Providers that exist
// without configuration give way to configured ones.
func (r *router) only(d llm.Dialect) *upstream {
	var configured, implicit []*upstream
	for _, up := range r.order {
		switch {
		case !up.p.Speaks(d):
		case up.p.Implicit:
			implicit = append(implicit, up)
		default:
			configured = append(configured, up)
		}
	}
	if len(configured) > 0 {
		implicit = nil
	}
	if all := append(configured, implicit...); len(all) == 1 {
		return all[0]
	}
	return nil
}

// home is where a call without a model goes: the dialect's first-party
// provider, else the only one that speaks it.
func (r *router) home(d llm.Dialect) *upstream {
	if up := r.only(d); up != nil {
		return up
	}
	names := map[llm.Dialect]string{llm.OpenAIChat: "openai", llm.OpenAIResponses: "openai", llm.Anthropic: "anthropic", llm.Gemini: "gemini"}
	return r.byName[names[d]]
}

// globMatch tells whether pattern is a glob and matches; an exact name is none.
func globMatch(pattern, name string) bool {
	return strings.ContainsAny(pattern, "*?") && caps.Glob(pattern, name)
}

// route fills the call's plan, or says why there is none.
func (c *call) route() *problem {
	targets, p := c.targets()
	if p != nil {
		return p
	}
	c.rec.Route, c.rec.RouteReason, c.rec.Dropped = c.plan.route, c.plan.reason, c.unused
	c.own = wording{dialect: c.ep.Dialect, op: c.ep.Op, rest: c.ep.Rest, body: c.body, facts: c.facts}
	var refused error
	for _, t := range targets {
		if !c.speaks(t.up) {
			why := fmt.Sprintf("%s speaks %s, and a call of %s to %s cannot be translated into it", t.up.p.Name, t.up.p.Dialect, c.ep.Dialect, c.ep.Rest)
			c.skip(t, "unsupported", why)
			if c.set.router.limits(c.plan.route, t.up.p.Name).OnUnsupported == UnsupportedError {
				return &problem{code: codeUnsupported, message: why + "; failover.on_unsupported = \"error\" refuses the call rather than skip the target"}
			}
			continue
		}
		creds, err := t.up.p.Credentials(c.brought)
		if err != nil {
			refused = err
			c.skip(t, "auth", err.Error())
			continue
		}
		for _, cred := range creds {
			c.plan.targets = append(c.plan.targets, &candidate{target: t, cred: cred, limits: c.set.router.limits(c.plan.route, t.up.p.Name)})
		}
	}
	if len(c.plan.targets) > 0 {
		c.setDeadline()
		return c.bindThread()
	}
	if refused != nil {
		return &problem{code: codeUnauthorized, message: refused.Error()}
	}
	return &problem{code: codeUnsupported, message: c.attempts[0].Error}
}

// targets finds whom the call may be sent to.
func (c *call) targets() ([]target, *problem) {
	if name := c.ep.Provider; name != "" {
		up := c.set.router.byName[name]
		if up == nil {
			return nil, &problem{code: codeModelNotFound, message: fmt.Sprintf("no provider is named %s; known are %s", quoteShort(name), strings.Join(c.set.router.names(), ", "))}
		}
		c.plan.reason = "named by the path"
		c.facts.ModelsSpan = dialect.Span{} // what the provider makes of them is its business
		return []target{{up, ""}}, nil
	}
	if c.facts.Model == "" {
		return c.homeTarget()
	}
	note := c.readModels()
	if chain, p := c.broughtChain(); chain != nil || p != nil {
		return chain, p
	}
	rt, targets, reason := c.set.router.resolve(c.facts.Model, c.ep.Dialect)
	if targets == nil {
		return nil, c.unknownModel()
	}
	c.plan.reason = reason
	if rt != nil {
		c.plan.route = rt.Model
	}
	if c.r.Header.Get("X-Llmgw-Fallbacks") == "none" {
		targets = targets[:1]
		c.plan.reason += ", fallback forbidden by the caller"
	}
	c.plan.reason += note
	return targets, nil
}

func (c *call) homeTarget() ([]target, *problem) {
	if c.bodyIsCall() {
		return nil, &problem{code: codeBadJSON, message: `the request has no "model"`}
	}
	up := c.set.router.home(c.ep.Dialect)
	if up == nil {
		return nil, &problem{code: codeModelNotFound, message: fmt.Sprintf("several providers speak %s and the call names no model; use /provider/<name>/… with one of %s", c.ep.Dialect, strings.Join(c.set.router.names(), ", "))}
	}
	c.plan.reason = "no model: the provider of " + string(c.ep.Dialect)
	return []target{{up, ""}}, nil
}

// readModels decides whether the body's models, OpenRouter's name for a chain,
// are one for llmgw, which then reads them instead of the provider. They are
// where every entry resolves; where OpenRouter is the target, the call goes to
// a provider named by the path, or callers may bring no chain, they go upstream
// as they came. note says so where an entry is to blame.
func (c *call) readModels() (note string) {
	models := c.facts.Models
	leave := func(note string) string {
		c.facts.Models, c.facts.ModelsSpan = nil, dialect.Span{}
		return note
	}
	_, first, _ := c.set.router.resolve(c.facts.Model, c.ep.Dialect)
	if len(models) == 0 || !c.set.cfg.Server.RequestFallbacks || first == nil || first[0].up.p.TakesModels() {
		return leave("")
	}
	for _, name := range models {
		if _, found, _ := c.set.router.resolve(name, c.ep.Dialect); found == nil {
			return leave(fmt.Sprintf(", the caller's models left as they are: %s resolves to no provider", quoteShort(name)))
		}
	}
	return ""
}

// broughtChain is the chain of targets that the caller sent along: the header,
// else the body's fallbacks, else its models. All entries must resolve.
func (c *call) broughtChain() ([]target, *problem) {
	chain, source := c.callerFallbacks()
	if len(chain) == 0 {
		return nil, nil
	}
	if !c.set.cfg.Server.RequestFallbacks {
		c.unused = append(c.unused, source)
		return nil, nil
	}
	_, first, reason := c.set.router.resolve(c.facts.Model, c.ep.Dialect)
	if first == nil {
		return nil, c.unknownModel()
	}
	targets := []target{first[0]}
	if targets[0].model == "" {
		targets[0].model = c.facts.Model
	}
	for _, name := range chain {
		_, more, _ := c.set.router.resolve(name, c.ep.Dialect)
		if more == nil {
			return nil, &problem{code: codeModelNotFound, message: fmt.Sprintf("the fallback %s resolves to no provider", quoteShort(name))}
		}
		t := more[0]
		if t.model == "" {
			t.model = name
		}
		if !slices.Contains(targets, t) {
			targets = append(targets, t)
		}
	}
	c.plan.reason = reason + ", fallbacks from the caller's " + source
	return targets, nil
}

func (c *call) callerFallbacks() (chain []string, source string) {
	if h := c.r.Header.Get("X-Llmgw-Fallbacks"); h != "" {
		if h == "none" {
			return nil, ""
		}
		return splitList(h), "x-llmgw-fallbacks"
	}
	if len(c.facts.Fallbacks) > 0 {
		return c.facts.Fallbacks, "fallbacks"
	}
	if len(c.facts.Models) > 0 {
		return c.facts.Models, "models"
	}
	return nil, ""
}

// unknownModel says what would have worked.
func (c *call) unknownModel() *problem {
	var choices []string
	for _, name := range c.set.router.names() {
		choices = append(choices, name+"/"+c.facts.Model)
	}
	return &problem{code: codeModelNotFound, message: fmt.Sprintf("no route or provider is known for the model %s; name the provider: %s", quoteShort(c.facts.Model), cut(strings.Join(choices, ", "), 400))}
}

func (r *router) names() []string {
	var names []string
	for _, up := range r.order {
		names = append(names, up.p.Name)
	}
	return names
}

// setDeadline fixes the one instant that bounds everything before the first
// content of a stream, or the whole of another answer. The caller may shorten
// it, never lengthen it.
func (c *call) setDeadline() {
	limits := c.plan.targets[0].limits
	d := limits.DeadlineAnswer
	if c.facts.Stream {
		d = limits.Deadline
	}
	if asked, _ := askedDeadline(c.r.Header); asked > 0 {
		d = min(d, asked)
	}
	c.by = c.rec.StartedAt.Add(d)
}

// limits are the [failover] values in force for a route (its model pattern, ""
// without one) and a provider.
func (r *router) limits(route, provider string) FailoverConfig {
	if l, ok := r.limitsFor[[2]string{route, provider}]; ok {
		return l
	}
	if r.cfg.FailoverFor != nil {
		return r.cfg.FailoverFor(route, provider)
	}
	return r.cfg.Failover
}

// share is how long the next attempt may take to its first content, or to the
// whole of an answer that is not streamed. The target's own limit and the fair
// share bite only while another usable target remains: the last one gets all
// that is left.
func (c *call) share(t *candidate) time.Duration {
	left := time.Until(c.by)
	n := c.usable(t)
	if n <= 1 {
		return left
	}
	return min(left/time.Duration(n), c.limit(t))
}

// limit is the attempt's own limit (first_token and answer).
func (c *call) limit(t *candidate) time.Duration {
	if c.facts.Stream {
		return c.firstTokenLimit(t)
	}
	return c.answerLimit(t)
}

func (c *call) firstTokenLimit(t *candidate) time.Duration {
	if f := t.limits.FirstToken; !f.Auto {
		return f.D
	}
	d := 10*time.Second + time.Duration(len(c.body)/25_000)*time.Second
	if c.reasons() {
		d = max(d, time.Minute)
	}
	return max(d, c.g.health.learnt.limit(t.targetKey(c)))
}

func (c *call) answerLimit(t *candidate) time.Duration {
	if a := t.limits.Answer; !a.Auto {
		return a.D
	}
	if c.bodyIsCall() && c.ep.Op != dialect.OpEmbeddings && c.ep.Op != dialect.OpCountTokens && (c.reasons() || !c.facts.MaxTokens.Known) {
		return 5 * time.Minute
	}
	tokens := c.facts.MaxTokens.Or(0) * int64(max(c.facts.N, 1))
	return max(time.Minute, time.Duration(tokens/25)*time.Second+30*time.Second)
}
