package proxy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"llmgw/proxy/breaker"
	"llmgw/store"
)

// TargetHealth is what is known about one target, or about one credential that
// cools down, as /readyz and llmgw targets show it.
type TargetHealth struct {
	Target string `json:"target"`        // provider/model, or a whole provider
	Key    string `json:"key,omitempty"` // the credential that cools down, as k_ and eight hex digits
	// State is closed, open, half_open, disabled or cooldown.
	State   string     `json:"state"`
	Reason  string     `json:"reason"`
	Since   *time.Time `json:"since"`   // null: unknown
	Until   *time.Time `json:"until"`   // null when nothing is waited for
	Strikes int        `json:"strikes"` // in a row
	Calls   int        `json:"recent_calls"`
	Failed  int        `json:"recent_failed"`
}

// report lists the targets of the routes and every other one that was called,
// then the credentials that cool down.
func (h *health) report(routed []string, now time.Time) []TargetHealth {
	all := []TargetHealth{}
	seen := make(map[string]bool)
	for _, st := range h.breakers.Snapshot(now) {
		seen[st.Target] = true
		row := TargetHealth{Target: st.Target, State: string(st.State), Since: instant(st.Since), Until: instant(st.Until),
			Strikes: st.Consecutive, Calls: st.Good + st.Bad, Failed: st.Bad}
		switch st.State {
		case breaker.Disabled:
			row.Reason = "disabled by llmgw targets"
		case breaker.Open, breaker.HalfOpen:
			row.Reason = fmt.Sprintf("%d calls failed in a row; %d of %d recent ones failed", st.Consecutive, st.Bad, st.Good+st.Bad)
		}
		all = append(all, row)
	}
	for _, t := range routed {
		if !seen[t] {
			seen[t] = true
			all = append(all, TargetHealth{Target: t, State: string(breaker.Closed)})
		}
	}
	slices.SortFunc(all, func(a, b TargetHealth) int { return cmp.Compare(a.Target, b.Target) })
	for _, cd := range h.cooldowns.Snapshot(now) {
		if !cd.Until.After(now) && !cd.Single {
			continue // over, and the next call need not be a trial
		}
		key, target, _ := strings.Cut(cd.Key, " ")
		all = append(all, TargetHealth{Target: target, Key: key, State: "cooldown", Reason: cd.Reason, Since: instant(cd.Since), Until: instant(cd.Until)})
	}
	return all
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Microsecond)
	return &t
}

// Health is the targets' health without a gateway, for commands that change it
// while no server runs.
type Health struct{ h *health }

// OpenHealth reads the health kept in a database that this process owns.
func OpenHealth(limits func(provider string) breaker.Config, st *store.Store) (*Health, error) {
	h, err := newHealth(limits, st)
	if err != nil {
		return nil, err
	}
	return &Health{h}, nil
}

// Command does what llmgw targets asks of the targets that these routes name and
// of those at these providers; see [Gateway.Command].
func (h *Health) Command(routes []RouteConfig, providers, args []string) (string, error) {
	return h.h.command(places{targetsOf(routes), providers}, args, time.Now())
}

// places is where calls may go.
type places struct {
	routed    []string // targets
	providers []string // names
}

// Command answers a command of another process: "targets" with list, reset,
// disable or enable, by the JSON list of [TargetHealth] after it; "caps" by
// that of the caps; "cache" does what [CacheCommand] does, "reprice" what
// [RepriceCommand] does, and moves the caps along.
func (g *Gateway) Command(verb string, args []string) (string, error) {
	switch verb {
	case "targets":
	case "caps":
		text, err := json.Marshal(g.capsNow())
		return string(text), err
	case "cache":
		return CacheCommand(context.Background(), g.store, args)
	case "reprice":
		text, err := reprice(context.Background(), g.store, g.ledger, args)
		g.saveCaps()
		return text, err
	default:
		return "", fmt.Errorf("this llmgw does not know the command %q; is it older than the one that asks?", verb)
	}
	at := places{routed: targetsOf(g.Routes())}
	for _, p := range g.Providers() {
		at.providers = append(at.providers, p.Name)
	}
	return g.health.command(at, args, time.Now())
}

// targetsOf are the targets that routes name, each once.
func targetsOf(routes []RouteConfig) []string {
	var all []string
	for _, r := range routes {
		for _, t := range r.Targets {
			if !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return all
}

func (h *health) command(at places, args []string, now time.Time) (string, error) {
	if len(args) == 0 {
		return "", errors.New("targets needs list, reset, disable or enable")
	}
	target := ""
	if len(args) > 1 {
		target = args[1]
	}
	if err := h.checkTarget(at, target, now); err != nil {
		return "", err
	}
	switch {
	case args[0] == "list":
	case args[0] == "reset":
		h.reset(target, now)
	case target == "":
		return "", fmt.Errorf("%s needs a target, such as openai/gpt-4o or openai", args[0])
	case args[0] == "disable":
		h.breakers.Disable(target, now)
	case args[0] == "enable":
		h.breakers.Enable(target, now)
	default:
		return "", fmt.Errorf("targets knows list, reset, disable and enable, not %q", args[0])
	}
	h.save(now)
	text, err := json.Marshal(h.report(at.routed, now))
	return string(text), err
}

// checkTarget refuses a target that no call can reach and nothing is known of: a
// misspelled one would be disabled for nothing.
func (h *health) checkTarget(at places, target string, now time.Time) error {
	name := providerOf(target)
	known := func(t TargetHealth) bool { return t.Target == target || providerOf(t.Target) == target }
	if target == "" || slices.Contains(at.providers, name) || slices.ContainsFunc(h.report(at.routed, now), known) {
		return nil
	}
	return fmt.Errorf("no provider is named %q; there are %s", name, strings.Join(at.providers, ", "))
}

// reset closes breakers and ends cooldowns: of a target, of all of a provider's
// targets, or of everything for "". A disabled target stays disabled.
func (h *health) reset(target string, now time.Time) {
	concerns := func(t string) bool {
		return target == "" || t == target || providerOf(t) == target || providerOf(target) == t
	}
	for _, st := range h.breakers.Snapshot(now) {
		if concerns(st.Target) {
			h.breakers.Reset(st.Target, now)
		}
	}
	for _, cd := range h.cooldowns.Snapshot(now) {
		if _, t, _ := strings.Cut(cd.Key, " "); concerns(t) {
			h.cooldowns.Reset(cd.Key)
		}
	}
}
