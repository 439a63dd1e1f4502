package proxy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// newLedger makes the ledger of the configured caps and counts what the record
// says was spent in their present windows.
func newLedger(cfg []caps.Config, st *store.Store, now time.Time) (*caps.Ledger, error) {
	l, err := caps.New(cfg, now)
	if err != nil || len(cfg) == 0 {
		return l, err
	}
	entries, err := spentSince(st, cfg, now)(l.Since(now))
	if err != nil {
		return nil, fmt.Errorf("reading what was spent: %w", err)
	}
	l.Restore(entries, now)
	return l, nil
}

// spentSince returns a function that reads the record's attempts from an
// instant on, and with total everything before it as one more entry each.
func spentSince(st *store.Store, cfg []caps.Config, now time.Time) func(since time.Time, total bool) ([]caps.Entry, error) {
	by := []string{"bucket", "project", "provider", "model", "route", "client", "key"}
	for _, c := range cfg {
		if c.Match.Session != "" || c.Each == "session" {
			by = append(by, "session") // from the rows: slower, so only where it matters
			break
		}
	}
	return func(since time.Time, total bool) ([]caps.Entry, error) {
		rd, err := store.OpenReader(st.Path())
		if err != nil {
			return nil, err
		}
		defer rd.Close()
		exact, err := exactSince(rd, cfg, since, now)
		if err != nil {
			return nil, err
		}
		recent, err := entriesOf(rd, store.SumQuery{Since: since, Until: exact, By: by}, now)
		if err == nil && !exact.IsZero() {
			recent, err = addCharges(rd, exact, recent)
		}
		if err != nil || !total {
			return recent, err
		}
		old, err := entriesOf(rd, store.SumQuery{Until: since, By: by[1:]}, now)
		return append(recent, old...), err
	}
}

// longWindow is the length from which on a rolling window may forget what was
// spent a quarter of an hour late, which is 1 % of it.
const longWindow = 25 * time.Hour

// quarter is what the record adds sums up by.
const quarter = 15 * time.Minute

// exactSince is from when on the record is read attempt by attempt, for the
// rolling windows that would count a quarter of an hour far too long; zero for
// never. What is held in sums only is read from those.
func exactSince(rd *store.Reader, cfg []caps.Config, since, now time.Time) (from time.Time, err error) {
	for _, c := range cfg {
		if c.Per != caps.PerRolling || c.Window >= longWindow {
			continue
		}
		if first := now.Add(-c.Window - c.Window/100 - time.Second); from.IsZero() || first.Before(from) {
			from = first
		}
	}
	if from.IsZero() {
		return from, nil
	}
	pruned, err := rd.PrunedBefore(context.Background())
	if err != nil {
		return from, err
	}
	if from.Before(pruned) {
		from = pruned.Add(quarter)
	}
	if from = from.Truncate(quarter); from.Before(since) {
		from = since
	}
	return from, nil
}

// addCharges adds the attempts that began from since on.
func addCharges(rd *store.Reader, since time.Time, all []caps.Entry) ([]caps.Entry, error) {
	err := rd.EachCharge(context.Background(), since, func(c store.Charge) error {
		all = append(all, caps.Entry{At: c.At, Amount: c.Amount.Money, Scope: caps.Scope{
			Project: c.Project, Provider: c.Provider, Model: c.Model, Route: c.Route, Client: c.Client, Key: c.Key, Session: c.Session,
		}})
		return nil
	})
	return all, err
}

func entriesOf(rd *store.Reader, q store.SumQuery, now time.Time) ([]caps.Entry, error) {
	sums, err := rd.Sums(context.Background(), q)
	if err != nil {
		return nil, err
	}
	var all []caps.Entry
	for _, s := range sums {
		if s.Cost == 0 {
			continue
		}
		e := caps.Entry{Amount: s.Cost}
		for i, dim := range q.By {
			v := s.By[i]
			switch dim {
			case "bucket":
				start, err := time.Parse(time.RFC3339, v)
				if err != nil {
					return nil, fmt.Errorf("reading a quarter of an hour: %w", err)
				}
				// The quarter's last instant, so that no rolling window forgets
				// it early; not in the future.
				if e.At = start.Add(quarter - time.Microsecond); e.At.After(now) {
					e.At = now
				}
			case "project":
				e.Scope.Project = v
			case "provider":
				e.Scope.Provider = v
			case "model":
				e.Scope.Model = v
			case "route":
				e.Scope.Route = v
			case "client":
				e.Scope.Client = v
			case "key":
				e.Scope.Key = v
			case "session":
				e.Scope.Session = v
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// scope is whose money an attempt at t spends.
func (c *call) scope(t *candidate) caps.Scope {
	return caps.Scope{
		Project: c.rec.Project, Provider: t.up.p.Name, Model: t.modelFor(c), Route: c.plan.route,
		Client: c.rec.Client, Key: c.rec.Key, Session: c.rec.Session,
	}
}

// fund holds the money for the next attempt at t in every cap that matches,
// waiting where running calls may give some back. Without it the candidate is
// skipped, with the cap's words on record.
func (c *call) fund(t *candidate) bool {
	l := c.g.ledger
	if len(c.set.cfg.Caps) == 0 && !c.set.cfg.BlockUnpriced {
		return true
	}
	ask := c.ask(t)
	if c.set.cfg.BlockUnpriced && !c.priced(t) {
		c.unpriced = fmt.Sprintf("no price is known for %s, and prices.unknown = \"block\"; give it one under [prices.model.%q]", t.targetKey(c), t.targetKey(c))
		if !c.bodyIsCall() {
			c.unpriced = c.unmeteredWords() + ", so nobody knows what it costs, and prices.unknown = \"block\""
		}
		c.skipCandidate(t, "cap", c.unpriced)
		c.g.health.unclaim(c, t)
		return false
	}
	hold, refusal := l.Reserve(c.scope(t), ask, time.Now())
	if refusal != nil && refusal.CanWait {
		if c.putOff(t, refusal) {
			return false
		}
		hold, refusal = c.waitForMoney(t, ask, refusal)
	}
	if refusal != nil {
		refusal.Why = c.unmeasured(t, refusal.Reason)
		c.refusals = append(c.refusals, refusal)
		c.skipCandidate(t, "cap", refusal.Error())
		c.g.health.unclaim(c, t)
		c.substitute(refusal)
		return false
	}
	t.hold = hold
	for _, w := range hold.Warnings {
		c.warn(w)
	}
	t.clamp = c.clampTo(t, ask, hold)
	return true
}

// putOff moves a candidate that a cap has no room for behind the others, where
// one of those may take the call now: nobody waits for what another can do at
// once. Its turn comes again when they could not.
func (c *call) putOff(t *candidate, r *caps.Refusal) bool {
	now := time.Now()
	other := slices.ContainsFunc(c.plan.targets, func(o *candidate) bool {
		return o != t && !o.done && c.g.health.ready(c, o, now)
	})
	if t.putOff || !other {
		return false
	}
	t.putOff = true
	t.tries--
	c.note(t, "cap", r.Error()+"; others are asked before it is waited for")
	c.g.health.unclaim(c, t)
	i := slices.Index(c.plan.targets, t)
	c.plan.targets = append(slices.Delete(c.plan.targets, i, i+1), t)
	return true
}

// unmeasured says what of the call a cap cannot hold anything for.
func (c *call) unmeasured(t *candidate, why caps.Reason) string {
	b := t.words.size().For(t.modelFor(c))
	switch why {
	case caps.ReasonUnpriced:
		return t.targetKey(c)
	case caps.ReasonUnmetered:
		return c.unmeteredWords()
	case caps.ReasonService:
		return strings.Join(b.Services, ", ") + " of " + t.targetKey(c)
	case caps.ReasonUnbounded:
		return cmp.Or(b.Cause(t.words.body), t.targetKey(c)+" charges more than tokens")
	}
	return ""
}

// unmeteredWords say why nobody knows what the call uses.
func (c *call) unmeteredWords() string {
	if c.ep.Dialect == llm.OpenAIResponses {
		return fmt.Sprintf("%s %s: the usage of Responses is not read yet", c.r.Method, quoteShort(c.r.URL.Path))
	}
	return fmt.Sprintf("%s %s passes through unread", c.r.Method, quoteShort(c.r.URL.Path))
}

// waitForMoney waits in the queue of the caps: as long as they say it makes
// sense, once for all targets no longer than MaxWait, and not past the deadline
// or the client's leaving. Meanwhile the call is on record.
func (c *call) waitForMoney(t *candidate, ask caps.Ask, r *caps.Refusal) (*caps.Hold, *caps.Refusal) {
	most := caps.MaxWait - c.waitedForMoney
	if most <= 0 {
		return nil, r
	}
	start := time.Now()
	c.live.waiting("cap "+r.Cap, start.Add(most))
	c.announce()
	ticket := c.g.ledger.Queue(c.scope(t), ask, start)
	ctx, cancel := context.WithDeadline(c.ctx, c.by)
	defer cancel()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ticket.Ready():
	case <-timer.C:
	case <-ctx.Done():
	}
	hold, refusal := ticket.Leave(time.Now())
	spent := time.Since(start)
	c.lastWait += spent
	c.waited += spent
	c.waitedForMoney += spent
	return hold, refusal
}

// announce puts a call on record that waits, as it stands.
func (c *call) announce() {
	if err := c.g.store.Queue(store.Change{Call: &c.rec, Attempts: c.attempts}); err != nil {
		c.g.log.Error("a call that waits is not on record", "call", c.rec.ID, "err", err)
	}
}

// substitute adds the target that a cap names instead of those it refuses.
func (c *call) substitute(r *caps.Refusal) {
	if r.Action != caps.ActionSubstitute {
		return
	}
	sub, err := c.set.router.target(r.Substitute)
	if err != nil || c.planned(sub) || !c.speaks(sub.up) {
		return
	}
	creds, err := sub.up.p.Credentials(c.brought)
	if err != nil {
		c.skip(sub, "auth", err.Error())
		return
	}
	c.plan.reason += ", substituted by cap " + r.Cap
	c.rec.RouteReason = c.plan.reason
	for _, cred := range creds {
		c.plan.targets = append(c.plan.targets, &candidate{target: sub, cred: cred, limits: c.set.router.limits(c.plan.route, sub.up.p.Name)})
	}
}

func (c *call) planned(t target) bool {
	for _, o := range c.plan.targets {
		if o.target == t {
			return true
		}
	}
	return false
}

// priced tells whether it is known what a call at t costs.
func (c *call) priced(t *candidate) bool {
	return c.free() || t.up.p.Free || t.cred.Plan || c.set.prices.of(t.up, t.modelFor(c), time.Now()).known
}

// ask is what an attempt at t wants held.
func (c *call) ask(t *candidate) caps.Ask {
	ask := caps.Ask{Call: c.rec.ID, N: len(c.attempts) + 1}
	p := c.set.prices.of(t.up, t.modelFor(c), time.Now())
	switch {
	case c.free() || t.up.p.Free || t.cred.Plan || p.known && p.price.Free():
		ask.Bound = price.Of(0)
		return ask
	case !c.bodyIsCall():
		ask.Unmetered = true
		return ask
	case !p.known:
		return ask
	}
	e := c.extent(t, p.price)
	ask.Unbounded = e.unbounded
	ask.Likely = c.likely(t, p.price, &e)
	ask.Open, ask.Unserved = e.open, !e.served
	if !e.served || !e.known && !e.open {
		return ask
	}
	ask.Bound = price.Of(e.cost(p.price, e.output))
	if !e.unbounded {
		ask.Floor = price.Of(e.cost(p.price, min(e.output, e.least)))
	}
	return ask
}

// likely is what the call will probably cost: with what the session's calls of
// late had, else with a token for every four bytes and a usual answer.
func (c *call) likely(t *candidate, p price.Price, e *extent) price.Amount {
	b := t.words.size().For(t.modelFor(c))
	input, output := b.TextBytes/bytesPerToken+b.MediaTokens, int64(usualOutput)
	if last, n, ok := c.g.sessions.recall(c, t); ok {
		input, output = last.input+b.After(t.modelFor(c), n)/bytesPerToken, last.output
		if n == 0 {
			input = b.TextBytes/bytesPerToken + b.MediaTokens
		}
	}
	if e.known || e.open {
		input, output = min(input, e.input), min(output*int64(e.choices), e.output)
	}
	cost, err := p.Cost(llm.Usage{Input: llm.Tokens(input), Output: llm.Tokens(output)}, time.Now())
	if err != nil {
		return price.Amount{}
	}
	return cost.Computed
}

const (
	// usualOutput is what an answer has where nothing better is known.
	usualOutput = 1000
	// putInOutput is the output limit that a cap puts into a call which has none,
	// for a model whose own is not known: few models take less.
	putInOutput = 4096
	// leastClamp is the lowest output limit a cap may set.
	leastClamp = 1024
)

// extent is how large a call can get at a target, in tokens.
type extent struct {
	input, output int64 // at most; output over all choices
	least         int64 // output below which no limit is lowered
	choices       int
	write         price.Write
	known         bool // false: nothing bounds it
	unbounded     bool // the body does not bound it; the model's window does
	open          bool // only the output is not bounded: it is one that a cap may put in
	served        bool // it is known what the service costs that the call asks for
}

func (e extent) cost(p price.Price, output int64) price.Money {
	return p.Bound(e.input, e.write, output, 1)
}

// extent works out the tightest bound that is still one.
func (c *call) extent(t *candidate, p price.Price) extent {
	b := t.words.size().For(t.modelFor(c))
	window := p.ContextWindow()
	e := extent{input: b.Input(), choices: max(b.Choices, 1), known: true, served: true}
	for _, name := range b.Services {
		e.served = e.served && p.Serves(name)
	}
	e.least = max(leastClamp, b.LeastOutput+1) * int64(e.choices)
	e.input = min(e.input, c.g.sessions.bound(c, t, &b))
	if len(b.Unbounded) > 0 || !p.Bounded() || !c.bodyIsCall() {
		e.unbounded, e.known = true, window.Known
		e.input = window.N
	}
	if window.Known {
		e.input = min(e.input, window.N)
	}
	switch most := p.MaxOutput(); {
	case b.MaxOutput.Known:
		e.output = b.MaxOutput.N
	case t.words.op == dialect.OpEmbeddings:
	case most.Known:
		e.output = most.N * int64(e.choices)
	case window.Known:
		e.output = window.N * int64(e.choices)
	default:
		e.open, e.known = e.known, false
		e.output = max(putInOutput*int64(e.choices), e.least)
	}
	switch b.CacheWrite {
	case dialect.CacheWrite5m:
		e.write = price.Write5m
	case dialect.CacheWrite1h:
		e.write = price.Write1h
	}
	return e
}

// clampTo is the output limit, for each choice, that keeps the call within
// what was held; unknown where all it asked for was.
func (c *call) clampTo(t *candidate, ask caps.Ask, hold *caps.Hold) llm.Count {
	if !hold.Bound.Known || !ask.Open && hold.Bound.Money >= ask.Bound.Money {
		return llm.Count{}
	}
	p := c.set.prices.of(t.up, t.modelFor(c), time.Now())
	e := c.extent(t, p.price)
	low, high := min(e.output, e.least), e.output
	for low < high { // the largest output whose bound still fits
		mid := (low + high + 1) / 2
		if e.cost(p.price, mid) <= hold.Bound.Money {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return llm.Tokens(low / int64(e.choices))
}

// payInOrder ends the hold of an attempt that failed while its call goes on. Its
// outcome is in line before: whoever is given what it held is recorded later,
// so that no crash finds both holds.
func (c *call) payInOrder(a *attempt) {
	if a.c.hold == nil {
		return
	}
	change := store.Change{Call: &c.rec, Attempts: c.attempts, Queued: func() { c.pay(a.c, a.row) }}
	if err := c.g.store.Queue(change); err != nil {
		c.g.log.Error("the outcome of an attempt is not on record", "call", c.rec.ID, "attempt", a.row.N, "err", err)
	}
}

// payUp ends the hold of a call's last attempt once the outcome is in line.
func (c *call) payUp() {
	if c.charged != nil {
		c.pay(c.charged.c, c.charged.row)
	}
	c.g.saveSpent()
}

// pay ends the attempt's hold: by what it cost, or by what was held where that
// is not known. What nobody charges for is given back.
func (c *call) pay(t *candidate, a *store.Attempt) {
	if t.hold == nil {
		return
	}
	hold := t.hold
	t.hold = nil
	if a.CostSource == "" || a.CostSource == store.CostPlan {
		hold.Release(time.Now())
		return
	}
	s := hold.Settle(a.Cost, time.Now())
	for _, o := range s.Overruns {
		c.g.log.Warn("a call cost more than could be held for it", "call", c.rec.ID, "cap", o.Cap, "held", o.Held.String(), "cost", o.Actual.String())
	}
	for _, w := range s.Warnings {
		c.warn(w)
	}
}

func (c *call) warn(w caps.Warning) {
	c.g.log.Warn("a cap is filling", "cap", w.Cap, "each", w.Each, "share", w.Share, "passed", w.Passed,
		"limit_usd", w.Limit.String(), "spent_usd", w.Spent.String(), "held_usd", w.Held.String())
}

// capProblem is the error of a call that no cap let pass anywhere.
func (c *call) capProblem() problem {
	if len(c.refusals) == 0 {
		return problem{code: dialect.CodeCapExceeded, message: c.unpriced}
	}
	r := c.refusals[0]
	return problem{code: dialect.CodeCapExceeded, message: r.Error() + ". " + r.Hint()}
}

const (
	sessionsKept = 64
	sessionBody  = 2 << 20 // bytes of a body that are remembered
	prefixSlack  = 64      // tokens, for what joins the two prompts
)

// sessions remembers the last call of each session at a target: the next one
// usually begins with the same bytes, whose tokens are then known.
type sessions struct {
	mu    sync.Mutex
	last  map[string]turn
	order []string // oldest first
}

// turn is a call whose prompt was counted by its provider.
type turn struct {
	body     []byte
	input    int64
	output   int64 // of the session's calls of late, the newest counting for a quarter
	overhead int64
}

func newSessions() *sessions { return &sessions{last: make(map[string]turn)} }

func sessionKey(c *call, t *candidate) string {
	return c.rec.Session + "\x00" + t.targetKey(c)
}

// bound is the most that the call's prompt can count, by what the session's
// last one did; the largest number where nothing is known.
func (s *sessions) bound(c *call, t *candidate, b *dialect.Bound) int64 {
	const unknown = 1<<63 - 1
	last, n, ok := s.recall(c, t)
	if !ok || b.Overhead > last.overhead || n == 0 {
		return unknown
	}
	return last.input + b.After(t.modelFor(c), n) + prefixSlack
}

// recall is the session's last call at the target, and how many bytes of its
// body the call begins with.
func (s *sessions) recall(c *call, t *candidate) (last turn, same int, ok bool) {
	if c.rec.Session == "" {
		return turn{}, 0, false
	}
	s.mu.Lock()
	last, ok = s.last[sessionKey(c, t)]
	s.mu.Unlock()
	if !ok {
		return turn{}, 0, false
	}
	return last, dialect.PrefixBound(last.body, t.words.body), true
}

// learn remembers a call that was answered and counted.
func (s *sessions) learn(c *call, t *candidate, usage llm.Usage) {
	if c.rec.Session == "" || t.words.bound == nil || !usage.Input.Known || len(t.words.body) > sessionBody {
		return
	}
	b := t.words.bound.For(t.modelFor(c))
	if len(b.Unbounded) > 0 {
		return
	}
	key := sessionKey(c, t)
	s.mu.Lock()
	defer s.mu.Unlock()
	output := usage.Output.Or(usualOutput)
	if before, known := s.last[key]; known {
		output = (3*before.output + output) / 4
	} else {
		if len(s.order) >= sessionsKept {
			delete(s.last, s.order[0])
			s.order = s.order[1:]
		}
		s.order = append(s.order, key)
	}
	s.last[key] = turn{body: t.words.body, input: usage.Input.N, output: output, overhead: b.Overhead}
}

// saveCaps leaves how the caps stand for readers.
func (g *Gateway) saveCaps() { g.store.SetCaps(g.capsNow()) }

// saveSpent leaves how the caps stand in the transaction that records a call
// which spent money, so that readers see both together. Caps with an each may
// be thousands: those are saved while calls run, twice a second.
func (g *Gateway) saveSpent() {
	all := g.set.Load().cfg.Caps
	if len(all) > 0 && !slices.ContainsFunc(all, func(c caps.Config) bool { return c.Each != "" }) {
		g.saveCaps()
	}
}

// capsNow is how the caps stand, as readers are told.
func (g *Gateway) capsNow() []store.Cap {
	configured := make(map[string]caps.Config)
	for _, c := range g.set.Load().cfg.Caps {
		configured[c.Name] = c
	}
	all := []store.Cap{}
	for _, s := range g.ledger.Snapshot(time.Now()) {
		c := configured[s.Name]
		row := store.Cap{
			Name: s.Name, Each: s.Each, Scope: scopeWords(c), State: string(s.State),
			Limit: s.Limit, Spent: s.Spent, Held: s.Held, HeldBy: []store.CapHold{},
			Per: c.Per, Timezone: c.Timezone, WindowStart: s.WindowStart, ResetsAt: s.ResetsAt,
			Warned: s.Warned, BurnPerHour: s.BurnPerHour, ExhaustedAt: s.ExhaustedAt,
		}
		for _, h := range s.HeldBy {
			row.HeldBy = append(row.HeldBy, store.CapHold(h))
		}
		all = append(all, row)
	}
	return all
}

// scopeWords say what a cap counts: "all", "route opus", "each project".
func scopeWords(c caps.Config) string {
	var words []string
	m := c.Match
	for _, part := range [...]struct{ name, glob string }{
		{"project", m.Project}, {"provider", m.Provider}, {"model", m.Model}, {"route", m.Route},
		{"client", m.Client}, {"key", m.Key}, {"session", m.Session},
	} {
		if part.glob != "" {
			words = append(words, part.name+" "+part.glob)
		}
	}
	if c.Each != "" {
		words = append(words, "each "+c.Each)
	}
	return cmp.Or(strings.Join(words, ", "), "all")
}
