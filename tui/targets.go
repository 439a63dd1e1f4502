package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"llmgw/providers/llm"
	"llmgw/store"
)

// rows are the providers in the order of the configuration, then those that
// were only used; below each its models, where they are asked for or one of
// them is in trouble.
func (p *providers) rows(v view) []targetRow {
	d := v.snapshot.providers
	if d == nil {
		return nil
	}
	var groups []providerGroup
	for i := range v.setup.Providers {
		groups = append(groups, providerGroup{name: v.setup.Providers[i].Name})
	}
	at := func(name string) *providerGroup {
		for i := range groups {
			if groups[i].name == name {
				return &groups[i]
			}
		}
		groups = append(groups, providerGroup{name: name})
		return &groups[len(groups)-1]
	}
	for i := range d.uses {
		u := &d.uses[i]
		g := at(u.Provider)
		g.models = append(g.models, targetRow{name: u.Provider + "/" + u.Model, shown: "  " + u.Model, provider: u.Provider, inner: true, use: *u})
	}
	for _, target := range v.troubled() {
		provider, model, _ := strings.Cut(target, "/")
		if g := at(provider); model != "" && !slices.ContainsFunc(g.models, func(r targetRow) bool { return r.name == target }) {
			g.models = append(g.models, targetRow{name: target, shown: "  " + model, provider: provider, inner: true})
		}
	}
	p.order(groups, v)
	var rows []targetRow
	for i := range groups {
		rows = append(rows, groups[i].lines(v, p.expanded[groups[i].name])...)
	}
	return rows
}

// providerGroup is a provider with its models.
type providerGroup struct {
	name   string
	total  targetRow
	models []targetRow
}

// order fills the totals in and sorts.
func (p *providers) order(groups []providerGroup, v view) {
	for i := range groups {
		g := &groups[i]
		g.total = targetRow{name: g.name, shown: g.name, provider: g.name}
		g.total.use.OK, g.total.use.Failed = make([]int64, useSlices), make([]int64, useSlices)
		for j := range g.models {
			g.models[j].standing, g.models[j].breaker = v.standing(g.models[j].name), g.models[j].name
			if g.models[j].use.Attempts > 0 {
				g.total.use.Add(&g.models[j].use)
			}
		}
		g.total.standing = g.standing(v)
		if len(g.models) == 1 {
			g.total.breaker = g.models[0].name
		}
	}
	by := providerSorts[p.sort].by
	if by != nil {
		slices.SortStableFunc(groups, func(a, b providerGroup) int { return cmp.Compare(by(&b.total), by(&a.total)) })
		for i := range groups {
			slices.SortStableFunc(groups[i].models, func(a, b targetRow) int { return cmp.Compare(by(&b), by(&a)) })
		}
	}
	if p.reverse {
		slices.Reverse(groups)
	}
}

// lines are the provider and, where they say more, its models.
func (g *providerGroup) lines(v view, expanded bool) []targetRow {
	rows := []targetRow{g.total}
	for i := range g.models {
		m := &g.models[i]
		trouble := m.standing.state != store.BreakerClosed && len(g.models) > 1
		if expanded || trouble {
			rows = append(rows, *m)
		}
	}
	return rows
}

// standing of a provider is that of its models: of the only one, or of how many
// are in trouble.
func (g *providerGroup) standing(v view) standing {
	k := v.look
	if whole := v.standing(g.name); whole.state != store.BreakerClosed {
		return whole
	}
	if len(g.models) == 1 {
		return g.models[0].standing
	}
	worst, ill := standing{k.ok, "closed", "is closed: calls pass", k.text, store.BreakerClosed, ""}, 0
	for i := range g.models {
		switch s := g.models[i].standing; {
		case s.state != store.BreakerClosed:
			if ill++; ill == 1 || s.state == store.BreakerOpen {
				worst = s
			}
		case ill == 0 && moreStrikes(s, worst):
			worst = s
			worst.words = "(" + g.models[i].name + ") " + s.words
		}
	}
	if len(g.models) == 0 {
		return g.unused(v, worst)
	}
	if ill > 0 {
		worst.word = fmt.Sprintf("%d of %d ill", ill, len(g.models))
		worst.words = fmt.Sprintf("has %d of %d models in trouble", ill, len(g.models))
	}
	return worst
}

// moreStrikes compares closed breakers: "closed 3/5" is worse than "closed".
func moreStrikes(a, b standing) bool {
	return cmp.Or(cmp.Compare(len(a.word), len(b.word)), strings.Compare(a.word, b.word)) > 0
}

// unused is a provider that nobody called: whether it could be.
func (g *providerGroup) unused(v view, s standing) standing {
	for i := range v.setup.Providers {
		if p := &v.setup.Providers[i]; p.Name == g.name && p.Key == store.KeyClient {
			s.glyph, s.word, s.words, s.style = v.look.skipped, "client's key", "has no key of its own: calls pass with the client's", v.look.dim
		}
	}
	return s
}

// troubled are the targets that something is known against.
func (v view) troubled() []string {
	var all []string
	for i := range v.targets.Breakers {
		all = append(all, v.targets.Breakers[i].Target)
	}
	for i := range v.targets.Cooldowns {
		if cd := &v.targets.Cooldowns[i]; cd.Holds(v.now) {
			all = append(all, cd.Target())
		}
	}
	return all
}

// about tells, but for a strip, of the target under the cursor: how it is reached, why it rests
// and until when, what it said, and what to do.
func (p *providers) about(v view, r *targetRow, a area) []string {
	if a.strip {
		return nil
	}
	k := v.look
	var lines []string
	if a.h >= tallPane {
		lines = append(lines, v.addressLine(r, a.w))
	}
	add := func(s style, text string) {
		for _, l := range wrap(k.outside(text, 3*a.w), max(a.w-2, 10)) {
			lines = append(lines, " "+s.paint(l))
		}
	}
	add(r.standing.style, r.name+" "+r.standing.words)
	fault := v.lastFault(r)
	if fault != nil {
		add(k.text, fmt.Sprintf("last fault %s, %s: %s", v.clock(fault.At), spaced(fault.Fault), cmp.Or(fault.Said, "it said nothing")))
	}
	if h := v.remedy(r, fault); h != "" {
		add(k.switchedStyle, "hint: "+h)
	}
	if used := v.routesOf(r.name); used != "" {
		add(k.dim, "routes: "+used)
	}
	lines = append(append(lines, v.historyLines(r, a)...), "")
	return append(lines, v.faultLines(r, a)...)
}

// addressLine is how a provider is reached and whose key is sent.
func (v view) addressLine(r *targetRow, w int) string {
	k := v.look
	for i := range v.setup.Providers {
		p := &v.setup.Providers[i]
		if p.Name != r.provider {
			continue
		}
		key := "the client's own key"
		switch {
		case p.Key == store.KeyConfigured:
			key = strings.TrimSpace("key " + p.Source + " " + strings.Join(p.Keys, " "))
		case p.Key == store.KeyNone:
			key = "no key needed"
		}
		text := fmt.Sprintf("%s   %s   %s   %s", p.Name, p.BaseURL, p.Dialect, key)
		if p.Free {
			text += "   free"
		}
		return " " + k.outside(text, w-2)
	}
	return " " + k.outside(r.provider+"   is not configured any more", w-2)
}

// lastFault is the fault that a target has not made good for.
func (v view) lastFault(r *targetRow) *store.TargetFault {
	var last *store.TargetFault
	for i := range v.targets.Faults {
		f := &v.targets.Faults[i]
		if (f.Target == r.name || !r.inner && strings.HasPrefix(f.Target, r.name+"/")) && (last == nil || f.At.After(last.At)) {
			last = f
		}
	}
	return last
}

// remedy is what a person can do about a target that rests.
func (v view) remedy(r *targetRow, f *store.TargetFault) string {
	state := r.standing.state
	if state == store.BreakerClosed {
		return ""
	}
	fault := r.standing.fault
	if fault == "" && f != nil {
		fault = f.Fault
	}
	switch {
	case state == store.BreakerDisabled:
		return "llmgw targets enable " + r.name
	case fault == string(llm.Auth):
		return "the provider refuses the key: set another one and reload, then  llmgw targets reset " + r.provider
	case fault == string(llm.Quota):
		return "the account has no credit left; once it has:  llmgw targets reset " + r.provider
	case fault == string(llm.RateLimited):
		return "nothing to do: the provider said when to come back"
	case state == store.BreakerOpen:
		return "to try it now:  llmgw targets reset " + r.name
	}
	return ""
}

// routesOf are the routes that name a target, with its place in each.
func (v view) routesOf(name string) string {
	var all []string
	for _, r := range v.setup.Routes {
		for i, t := range r.Targets {
			if t == name || strings.HasPrefix(t, name+"/") {
				all = append(all, fmt.Sprintf("%s (%d of %d)", r.Model, i+1, len(r.Targets)))
				break
			}
		}
	}
	return strings.Join(all, ", ")
}

// faultLines are the last faults, in the words of who failed.
func (v view) faultLines(r *targetRow, a area) []string {
	k, d := v.look, v.snapshot.providers
	if d.of != r.name {
		return nil // being read
	}
	if len(d.faults) == 0 {
		return []string{" " + k.dim.paint("no faults in the last 24 h")}
	}
	then := 0
	if a.w >= twoColumns {
		then = a.w / 4
	}
	room := a.w - 32 - 7 - then
	lines := []string{" " + k.dim.paint(k.fit("FAULTS", 9)+" "+k.fit("STATUS", 7)+k.fit("CLASS", 14)+k.fit("WHAT IT SAID", room)+k.fit("  THEN", then)+"  CALL")}
	for i := range d.faults {
		f := &d.faults[i].Attempt
		status := k.none
		if f.HTTPStatus > 0 {
			status = fmt.Sprint(f.HTTPStatus)
		}
		text := " " + k.fit(v.clock(f.StartedAt), 9) + " " + k.fit(status, 7) + k.fit(spaced(f.Outcome), 14)
		text += k.fit(k.outside(cmp.Or(f.Error, f.Why), room), room) + k.fit("  "+k.outside(f.Why, then-2), then)
		lines = append(lines, text+"  "+k.dim.paint(k.cut+lastFour(f.CallID)))
	}
	return lines
}

// counting tells whether a wait that ends by the clock is shown.
func (m *app) counting() bool {
	if m.screen != screenProviders && m.layout.providers.h == 0 {
		return false
	}
	for i := range m.snap.targets.Breakers {
		if m.snap.targets.Breakers[i].Until.After(m.now) {
			return true
		}
	}
	for i := range m.snap.targets.Cooldowns {
		if m.snap.targets.Cooldowns[i].Until.After(m.now) {
			return true
		}
	}
	return false
}
