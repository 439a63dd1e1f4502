package tui

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/providers/price"
	"llmgw/store"
)

// spendPeriod and spendGroup are what the spend screen adds up.
type (
	spendPeriod int
	spendGroup  int
)

// The periods, in the order of the key, as `llmgw spend --since` takes them.
var spendPeriods = [...]string{"today", "7d", "30d"}

// The groups, in the order of the key, as `llmgw spend --by` takes them.
var spendGroups = [...]string{"model", "provider", "client", "project", "route", "day"}

func (p spendPeriod) word() string { return spendPeriods[p] }
func (g spendGroup) word() string  { return spendGroups[g] }

// spend is the screen and the strip of spending.
type spend struct {
	cursor  int
	sort    int // of spendSorts
	reverse bool
}

// spendSorts are the orders, with the head of their column: first what costs
// most, or days as they came.
var spendSorts = []struct {
	name, head string
	by         func(s *store.Sum) int64
}{
	{"cost", "COST", nil},
	{"calls", "CALLS", func(s *store.Sum) int64 { return s.Calls }},
	{"input", "IN", func(s *store.Sum) int64 { return s.InputTokens }},
	{"output", "OUT", func(s *store.Sum) int64 { return s.OutputTokens }},
	{"cached share", "CACHED", func(s *store.Sum) int64 { return 10_000 * s.CachedInputTokens / max(s.InputTokens, 1) }},
	{"cost per call", "PER CALL", func(s *store.Sum) int64 { return int64(s.Cost) / max(s.Calls, 1) }},
}

// ordered is the rows as they are shown.
func (s *spend) ordered(d *spendData) []spendRow {
	rows := slices.Clone(d.rows)
	if by := spendSorts[s.sort].by; by != nil {
		slices.SortStableFunc(rows, func(a, b spendRow) int { return cmp.Compare(by(&b.sum), by(&a.sum)) })
	}
	if s.reverse {
		slices.Reverse(rows)
	}
	return rows
}

// spendData is what was spent.
type spendData struct {
	at     time.Time // when it was read
	period spendPeriod
	group  spendGroup
	rows   []spendRow
	total  store.Sum

	overruns store.Overruns

	today    price.Money
	quarters []price.Money // of today, an element for each quarter of an hour until now
	burn     price.Amount  // an hour, by the last 15 minutes; unknown before there are 5 of them
}

// spendRow is what was spent under one name.
type spendRow struct {
	name string
	sum  store.Sum
}

const (
	quarter   = 15 * time.Minute
	burnLeast = 5 * time.Minute
)

// readSpend adds up as `llmgw spend` does. Days are those of now's zone.
func readSpend(ctx context.Context, r *store.Reader, w want, now time.Time) (*spendData, error) {
	d := &spendData{at: now, period: w.period, group: w.group}
	since, err := store.ParseSince(w.period.word(), now)
	if err != nil {
		return nil, err
	}
	if w.group.word() == "day" {
		err = d.byDay(ctx, r, since, now)
	} else {
		err = d.byName(ctx, r, since, now)
	}
	if err != nil {
		return nil, err
	}
	for i := range d.rows {
		addSum(&d.total, &d.rows[i].sum)
	}
	if d.overruns, err = r.Overruns(ctx, store.SumQuery{Since: since, Now: now}); err != nil {
		return nil, err
	}
	return d, d.readBurn(ctx, r, now)
}

func (d *spendData) byName(ctx context.Context, r *store.Reader, since, now time.Time) error {
	list, err := r.Sums(ctx, store.SumQuery{Since: since, By: []string{d.group.word()}, Now: now, WithoutLatency: true})
	for _, s := range list {
		d.rows = append(d.rows, spendRow{s.By[0], s})
	}
	slices.SortStableFunc(d.rows, func(a, b spendRow) int {
		if a.sum.Cost != b.sum.Cost {
			return int(min(max(b.sum.Cost-a.sum.Cost, -1), 1))
		}
		return strings.Compare(a.name, b.name)
	})
	return err
}

// byDay adds up local days, which the store does not know.
func (d *spendData) byDay(ctx context.Context, r *store.Reader, since, now time.Time) error {
	for from := since.In(now.Location()); from.Before(now); from = store.NextDay(from) {
		q := store.SumQuery{Since: from, Until: store.NextDay(from), Now: now, WithoutLatency: true}
		if q.Until.After(now) {
			q.Until = time.Time{}
		}
		list, err := r.Sums(ctx, q)
		if err != nil {
			return err
		}
		for _, s := range list {
			d.rows = append(d.rows, spendRow{from.Format(time.DateOnly), s})
		}
	}
	return nil
}

// readBurn reads how today's money went.
func (d *spendData) readBurn(ctx context.Context, r *store.Reader, now time.Time) error {
	start := store.DayStart(now)
	list, err := r.Sums(ctx, store.SumQuery{Since: start, By: []string{"bucket"}, Now: now, WithoutLatency: true})
	if err != nil {
		return err
	}
	d.quarters = make([]price.Money, int(now.Sub(start)/quarter)+1)
	for _, s := range list {
		at, err := time.Parse(time.RFC3339, s.By[0])
		if err != nil {
			return err
		}
		if i := int(at.Sub(start) / quarter); i >= 0 && i < len(d.quarters) {
			d.quarters[i] += s.Cost
		}
		d.today += s.Cost
	}
	uses, from, err := r.Use(ctx, now.Add(-quarter), now, 15)
	if err != nil {
		return err
	}
	d.burn = burnOf(uses, now.Sub(from), d.spentBefore(now.Add(-quarter).Sub(start)))
	return nil
}

// spentBefore tells whether money was spent in a quarter of today that had
// passed at that time of day.
func (d *spendData) spentBefore(at time.Duration) bool {
	for i, m := range d.quarters {
		if m > 0 && time.Duration(i+1)*quarter <= at {
			return true
		}
	}
	return false
}

// burnOf is the rate of the last minutes as caps tell theirs: over the span, or
// since the first spending if none was before it. It only predicts, so it may
// be worked out in floating point.
func burnOf(uses []store.TargetUse, span time.Duration, before bool) price.Amount {
	var sum price.Money
	first := 15
	for i := range uses {
		sum += uses[i].Cost
		for at := range uses[i].OK {
			if uses[i].Cost > 0 && uses[i].OK[at]+uses[i].Failed[at] > 0 {
				first = min(first, at)
			}
		}
	}
	if !before {
		span -= time.Duration(first) * span / 15
	}
	if span < burnLeast {
		return price.Amount{}
	}
	return price.Of(price.Money(float64(sum) / span.Hours()))
}

// burning is the rate of all spending: that of a cap which counts all of it,
// so that no two figures on the screen differ, else what the record says.
func (v view) burning(d *spendData) price.Amount {
	for _, c := range v.caps {
		if c = c.At(v.now); c.Each == "" && c.Scope == "all" && c.BurnPerHour.Known {
			return c.BurnPerHour
		}
	}
	return d.burn
}

func addSum(into, s *store.Sum) {
	into.Calls, into.FailedCalls = into.Calls+s.Calls, into.FailedCalls+s.FailedCalls
	into.Attempts, into.FailedAttempts = into.Attempts+s.Attempts, into.FailedAttempts+s.FailedAttempts
	into.InputTokens, into.OutputTokens = into.InputTokens+s.InputTokens, into.OutputTokens+s.OutputTokens
	into.CachedInputTokens, into.CacheWriteTokens = into.CachedInputTokens+s.CachedInputTokens, into.CacheWriteTokens+s.CacheWriteTokens
	into.ReasoningTokens += s.ReasoningTokens
	into.Cost, into.Estimated = into.Cost+s.Cost, into.Estimated+s.Estimated
	into.Plan, into.Saved = into.Plan+s.Plan, into.Saved+s.Saved
	into.UnpricedCalls, into.CacheHits = into.UnpricedCalls+s.UnpricedCalls, into.CacheHits+s.CacheHits
}

func (s *spend) act(m *app, do action) tea.Cmd {
	d := m.snap.spend
	switch do {
	case doGroup:
		m.want.group = (m.want.group + 1) % spendGroup(len(spendGroups))
		s.cursor = 0
	case doWindow:
		m.want.period = (m.want.period + 1) % spendPeriod(len(spendPeriods))
		s.cursor = 0
	case doUp:
		s.cursor--
	case doDown:
		s.cursor++
	case doHalfUp, doPageUp:
		s.cursor -= max(m.h/4, 1)
	case doHalfDown, doPageDown:
		s.cursor += max(m.h/4, 1)
	case doFirst:
		s.cursor = 0
	case doLast:
		s.cursor = 1 << 40
	case doOpen:
		return s.open(m, d)
	case doCopy:
		if d == nil || len(d.rows) == 0 {
			return m.say("nothing to copy: nothing was spent")
		}
		return m.copy(d.csv(s.ordered(d)), "the table as CSV")
	case doSort:
		s.sort, s.reverse = (s.sort+1)%len(spendSorts), false
		return m.say("sorted by " + spendSorts[s.sort].name)
	case doReverse:
		s.reverse = !s.reverse
	}
	rows := 0
	if d != nil {
		rows = len(d.rows)
	}
	s.cursor = max(min(s.cursor, rows-1), 0)
	return nil
}

// open shows the calls behind a row.
func (s *spend) open(m *app, d *spendData) tea.Cmd {
	if d == nil || s.cursor >= len(d.rows) {
		return m.say("there is no row to open")
	}
	row := s.ordered(d)[s.cursor]
	name := row.name
	switch {
	case d.group.word() == "day":
		m.filterBy("since:" + name)
	case name == "":
		return m.say("these calls have no " + d.group.word() + " to filter by")
	default:
		m.filterBy(d.filter(&row) + " since:" + d.period.word())
	}
	return nil
}

// filter selects the calls behind a row: where it is of a place, those that
// were tried there, whoever served them in the end.
func (d *spendData) filter(r *spendRow) string {
	group := d.group.word()
	switch {
	case group == "provider" && r.sum.Attempts > 0:
		return "target:" + quoted(r.name+"/*")
	case group == "model" && r.sum.Attempts > 0:
		return "target:" + quoted("*/"+r.name)
	}
	return group + ":" + quoted(r.name)
}

// render is caps, the burn rate and a table; a strip leaves some of it out.
func (s *spend) render(a area, v view) []string {
	lines := s.above(a, v)
	if v.snapshot.spend == nil {
		return append(lines, "", " "+v.look.dim.paint("reading"+v.look.cut))
	}
	return append(lines, s.table(v, v.snapshot.spend, a.below(len(lines)))...)
}

// below is what is left of an area under so many lines.
func (a area) below(lines int) area {
	a.h -= lines
	return a
}

// above is what stands above the table.
func (s *spend) above(a area, v view) []string {
	k, d := v.look, v.snapshot.spend
	lines := v.capLines(a)
	switch {
	case d == nil:
	case a.h < tallPane && !a.strip:
		lines = append(lines, d.burnLine(v, a.w))
	case a.strip:
		lines = append(lines, "", d.burnLine(v, a.w), "")
	case a.w >= twoColumns && a.h >= paneHeight:
		lines = append(lines, k.dim.paint(strings.Repeat(k.rule, a.w)))
		lines = append(lines, d.burnChart(v, a.w)...)
		lines = append(lines, k.dim.paint(strings.Repeat(k.rule, a.w)))
	default:
		lines = append(lines, "")
		lines = append(lines, d.burnLines(v, a.w)...)
		lines = append(lines, "")
	}
	return lines
}

// click selects the row that was clicked, opens the selected one, or sorts by
// the column whose head was clicked.
func (s *spend) click(m *app, x, y int, a area) tea.Cmd {
	v := m.view()
	d := v.snapshot.spend
	if d == nil {
		return nil
	}
	above := len(s.above(a, v))
	if y == above {
		return s.clickHead(m, d.head(v.look, a, ""), x)
	}
	top, shown := s.span(v.look, d, a.below(above))
	switch to := top + y - above - 1; {
	case y < above || to >= top+shown:
	case to == s.at(d):
		return s.act(m, doOpen)
	default:
		s.cursor = to
	}
	return nil
}

func (s *spend) clickHead(m *app, line string, x int) tea.Cmd {
	for i, by := range spendSorts {
		if headAt(line, x, []string{by.head}) == "" {
			continue
		}
		if i == s.sort {
			return s.act(m, doReverse)
		}
		s.sort, s.reverse = i, false
		return m.say("sorted by " + by.name)
	}
	return nil
}
