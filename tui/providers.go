package tui

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// providersSpan is the span of time of the providers screen.
type providersSpan int

// The spans, in the order of the key.
const (
	lastQuarter providersSpan = iota
	lastHour
	lastDay
	spanCount
)

func (s providersSpan) length() time.Duration {
	return [...]time.Duration{15 * time.Minute, time.Hour, 24 * time.Hour}[s]
}

func (s providersSpan) words() string { return [...]string{"15 min", "1 h", "24 h"}[s] }

// providers is the screen and the strip of providers.
type providers struct {
	cursor   string          // the target under the cursor: a provider, or provider/model
	expanded map[string]bool // providers whose models are shown
	sort     int             // of providerSorts
	reverse  bool
}

// providersData is how the providers fared.
type providersData struct {
	at     time.Time // when they were read
	span   providersSpan
	from   time.Time // what is counted begins here
	uses   []store.TargetUse
	of     string // the target whose faults are listed
	faults []store.FaultRow

	breaker string // the target whose breaker's changes are told
	changes []store.BreakerChange
}

const (
	useSlices   = 60 // of the span; a number with many divisors
	faultsShown = 12
)

func readProviders(ctx context.Context, r *store.Reader, w want, now time.Time) (*providersData, error) {
	d := &providersData{at: now, span: w.since, of: w.target}
	since := now.Add(-w.since.length())
	var err error
	if d.uses, d.from, err = r.Use(ctx, since, now, useSlices); err != nil || w.target == "" {
		return d, err
	}
	if d.breaker = w.breaker; w.breaker != "" {
		provider, model, _ := strings.Cut(w.breaker, "/")
		if d.changes, err = r.BreakerChanges(ctx, provider, model, since); err != nil {
			return d, err
		}
	}
	provider, model, _ := strings.Cut(w.target, "/")
	// Why a target rests may be older than what is counted.
	d.faults, err = r.Faults(ctx, provider, model, now.Add(-lastDay.length()), faultsShown)
	slices.SortStableFunc(d.faults, func(a, b store.FaultRow) int { return b.Attempt.StartedAt.Compare(a.Attempt.StartedAt) })
	return d, err
}

// targetRow is a line of the table.
type targetRow struct {
	name     string // provider, or provider/model
	shown    string // in the table
	provider string
	inner    bool   // a model below its provider
	breaker  string // the target whose breaker is told of; "" for several
	standing standing
	use      store.TargetUse
}

// providerSorts are the orders, with the head of their column: that of the
// configuration first.
var providerSorts = []struct {
	name, head string
	by         func(r *targetRow) int64
}{
	{"configuration", "TARGET", nil},
	{"tries", "TRIES", func(r *targetRow) int64 { return r.use.Attempts }},
	{"faults", "FAULT", func(r *targetRow) int64 { return r.use.Faults }},
	{"p95", "P95", func(r *targetRow) int64 { d, _ := r.use.Took.Quantile(0.95); return int64(d) }},
	{"cost", "COST", func(r *targetRow) int64 { return int64(r.use.Cost) }},
}

func (p *providers) act(m *app, do action) tea.Cmd {
	rows := p.rows(m.view())
	if len(rows) == 0 {
		return nil
	}
	at := p.index(rows)
	page := max(m.h/2, 1)
	switch do {
	case doUp:
		at--
	case doDown:
		at++
	case doHalfUp, doPageUp:
		at -= page
	case doHalfDown, doPageDown:
		at += page
	case doFirst:
		at = 0
	case doLast:
		at = len(rows) - 1
	case doSort:
		p.sort, p.reverse = (p.sort+1)%len(providerSorts), false
		return m.say("sorted by " + providerSorts[p.sort].name)
	case doReverse:
		p.reverse = !p.reverse
		return nil
	case doWindow:
		m.want.since = (m.want.since + 1) % spanCount
		return nil
	case doExpand:
		p.expand(rows[at].provider)
		return nil
	case doOpen, doLike:
		if rows[at].inner {
			m.filterBy("target:" + quoted(rows[at].name))
			return nil
		}
		m.filterBy("provider:" + quoted(rows[at].provider))
		return nil
	case doCopy:
		return m.copy(targetsCSV(rows), "the table as CSV")
	}
	p.cursor = rows[min(max(at, 0), len(rows)-1)].name
	return nil
}

func (p *providers) expand(provider string) {
	if p.expanded == nil {
		p.expanded = map[string]bool{}
	}
	p.expanded[provider] = !p.expanded[provider]
}

// index is the row under the cursor: before it was moved, a target that is in
// trouble, if there is one.
func (p *providers) index(rows []targetRow) int {
	for i := range rows {
		if rows[i].name == p.cursor {
			return i
		}
	}
	at := 0
	for i := len(rows) - 1; i >= 0; i-- {
		switch rows[i].standing.state {
		case store.BreakerOpen:
			return i
		case store.BreakerClosed:
		default:
			at = i
		}
	}
	return at
}

// target is what the cursor is on, and whose breaker is told of there; empty
// while nothing is known.
func (p *providers) target(v view) (name, breaker string) {
	rows := p.rows(v)
	if len(rows) == 0 {
		return "", ""
	}
	r := &rows[p.index(rows)]
	return r.name, r.breaker
}

func (p *providers) render(a area, v view) []string {
	k := v.look
	if v.snapshot.providers == nil {
		return []string{" " + k.dim.paint("reading"+k.cut)}
	}
	rows := p.rows(v)
	if len(rows) == 0 {
		return []string{"", "  No providers are known: no llmgw has run on this record."}
	}
	at := p.index(rows)
	below := p.about(v, &rows[at], a)
	top, room := p.span(at, len(rows), len(below), a)
	t := tableFor(v, a)
	lines := []string{t.head(v, providerSorts[p.sort].head)}
	for i := top; i < min(top+room, len(rows)); i++ {
		lines = append(lines, t.row(v, &rows[i], i == at && a.focused))
	}
	if len(below) > 0 {
		lines = append(append(lines, k.dim.paint(strings.Repeat(k.rule, a.w))), below...)
	}
	return lines
}

// span is which rows of the table are shown: the first, and how many. What is
// told about the one under the cursor leaves the table three fifths at least.
func (p *providers) span(at, rows, below int, a area) (top, room int) {
	room = a.h - 1
	if below > 0 {
		room = max(a.h-2-below, (a.h-2)*3/5)
	}
	room = max(min(room, rows), 0)
	return max(min(at-room/2, rows-room), 0), room
}

// click selects the row that was clicked, opens the selected one, or sorts by
// the column whose head was clicked.
func (p *providers) click(m *app, x, y int, a area) tea.Cmd {
	v := m.view()
	rows := p.rows(v)
	if len(rows) == 0 {
		return nil
	}
	if y == 0 {
		t := tableFor(v, a)
		return p.clickHead(m, t.head(v, ""), x)
	}
	at := p.index(rows)
	top, room := p.span(at, len(rows), len(p.about(v, &rows[at], a)), a)
	switch to := top + y - 1; {
	case y > room || to >= len(rows):
	case to == at:
		return p.act(m, doOpen)
	default:
		p.cursor = rows[to].name
	}
	return nil
}

func (p *providers) clickHead(m *app, line string, x int) tea.Cmd {
	for i, s := range providerSorts {
		if headAt(line, x, []string{s.head}) == "" {
			continue
		}
		if i == p.sort {
			return p.act(m, doReverse)
		}
		p.sort, p.reverse = i, false
		return m.say("sorted by " + s.name)
	}
	return nil
}

// tallPane is the height from which on a screen has room for more than the most
// needed.
const tallPane = 16
