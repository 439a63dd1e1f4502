package proxy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"llmgw/proxy/caps"
	"llmgw/store"
)

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
