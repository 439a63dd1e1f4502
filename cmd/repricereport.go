package cmd

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/price"
	"llmgw/store"
)

// repriceReport is what attempts cost and would cost at today's prices, by
// provider and model.
type repriceReport struct {
	query     spendQuery
	rows      []*repriceRow
	total     repriceRow
	untouched map[string]int64 // attempts whose cost follows from no price, by basis
	earlier   []store.Correction
	applied   *appliedReprice // nil: nothing was changed

	byTarget map[[2]string]*repriceRow
	reasons  map[[2]string]string // by both prices
}

// repriceRow is one provider and model.
type repriceRow struct {
	provider, model   string
	attempts, changed int64
	was, is           repriceSum
	nowPriced         int64            // unpriced before
	gone              int64            // nobody knows the price today; they keep it
	reasons           map[string]int64 // why attempts change
}

// repriceSum adds up what is known.
type repriceSum struct {
	cost, plan price.Money
	unpriced   int64
}

// appliedReprice is what was changed.
type appliedReprice struct {
	Correction int64 `json:"correction"`
	Attempts   int64 `json:"attempts"`
}

func newRepriceReport(q spendQuery) *repriceReport {
	return &repriceReport{
		query: q, untouched: map[string]int64{}, total: repriceRow{reasons: map[string]int64{}},
		byTarget: map[[2]string]*repriceRow{}, reasons: map[[2]string]string{},
	}
}

func (r *repriceReport) add(v store.RepriceView) {
	if !v.Was.Repriceable() {
		r.untouched[v.Was.CostSource]++
		return
	}
	target := [2]string{v.Was.Provider, v.Was.Model}
	row := r.byTarget[target]
	if row == nil {
		row = &repriceRow{provider: target[0], model: target[1], reasons: map[string]int64{}}
		r.byTarget[target], r.rows = row, append(r.rows, row)
	}
	why := ""
	if v.Changes {
		why = r.why(v)
	}
	row.add(v, why)
	r.total.add(v, why)
}

func (r *repriceRow) add(v store.RepriceView, why string) {
	r.attempts++
	r.was.add(v.Was)
	r.is.add(v.Is)
	if v.Changes {
		r.changed++
		r.reasons[why]++
	}
	if !charged(v.Was).Known && charged(v.Is).Known {
		r.nowPriced++
	}
	if v.Gone {
		r.gone++
	}
}

// charged is the amount that a price decides: on a plan what it would have cost.
func charged(a *store.Attempt) price.Amount {
	if a.CostSource == store.CostPlan {
		return a.Worth
	}
	return a.Cost
}

func (s *repriceSum) add(a *store.Attempt) {
	switch amount := charged(a); {
	case !amount.Known:
		s.unpriced++
	case a.CostSource == store.CostPlan:
		s.plan += amount.Money
	default:
		s.cost += amount.Money
	}
}

// why says which price an attempt was charged at and which holds today.
func (r *repriceReport) why(v store.RepriceView) string {
	prices := [2]string{v.Was.Price, v.Is.Price}
	why, known := r.reasons[prices]
	if !known {
		why = priceChange(prices[0], prices[1], v.Was.StartedAt)
		r.reasons[prices] = why
	}
	return why
}

func priceChange(was, is string, at time.Time) string {
	old, errOld := price.ParsePrice(was)
	now, errNow := price.ParsePrice(is)
	if errOld != nil || errNow != nil {
		return "a price that cannot be read"
	}
	text := priceSource(old) + " → " + priceSource(now)
	var rates []string
	for k := price.Input; k <= price.Request; k++ {
		a, b := old.Rate(k, at, 0), now.Rate(k, at, 0)
		if old.Known() && now.Known() && a != b {
			rates = append(rates, fmt.Sprintf("%s %s → %s", k, rateWords(a), rateWords(b)))
		}
	}
	if len(rates) > 0 {
		text += ": " + strings.Join(rates, ", ")
	}
	return text
}

// priceSource names a price, who says it and when that was checked.
func priceSource(p price.Price) string {
	if !p.Known() {
		return "no price"
	}
	return joinWords(p.Provider+"/"+p.Model, "of", cmp.Or(p.Source, "no source"), p.Checked)
}

func rateWords(a price.Amount) string {
	if !a.Known {
		return "-"
	}
	return a.Money.String()
}

// order puts what changes most on top.
func (r *repriceReport) order() {
	size := func(row *repriceRow) price.Money { return max(row.difference(), -row.difference()) }
	slices.SortFunc(r.rows, func(a, b *repriceRow) int {
		return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(b.changed, a.changed), cmp.Compare(a.provider, b.provider), cmp.Compare(a.model, b.model))
	})
}

func (r *repriceRow) difference() price.Money { return r.is.cost - r.was.cost }

// writeTable shows the rows, why they change, and what stays as it is.
func (r *repriceReport) writeTable(w io.Writer, s screen) error {
	if len(r.rows) > 0 {
		if err := s.write(w, r.columns()); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return s.writeLines(w, r.summary())
}

func (r *repriceReport) columns() []column {
	columns := []column{
		{head: "PROVIDER", name: true, drop: 4}, {head: "MODEL", name: true}, {head: "TRIES", right: true, drop: 2}, {head: "CHANGE", right: true},
		{head: "WAS", right: true}, {head: "WOULD BE", right: true}, {head: "DIFFERENCE", right: true}, {head: "NOW PRICED", right: true, drop: 3},
		{head: "UNPRICED", right: true, drop: 1},
	}
	total := r.total
	total.provider = "total"
	for _, row := range append(r.rows[:len(r.rows):len(r.rows)], &total) {
		count := func(n int64) string { return strconv.FormatInt(n, 10) }
		for i, cell := range []string{
			row.provider, row.model, count(row.attempts), count(row.changed), row.was.words(), row.is.words(),
			signed(row.difference()), count(row.nowPriced), count(row.is.unpriced),
		} {
			columns[i].cells = append(columns[i].cells, cell)
		}
	}
	return columns
}

func (s *repriceSum) words() string {
	switch {
	case s.unpriced > 0 && s.cost == 0:
		return "?"
	case s.unpriced > 0:
		return usd(s.cost) + " + ?"
	}
	return usd(s.cost)
}

func signed(m price.Money) string {
	if m > 0 {
		return "+" + usd(m)
	}
	return usd(m)
}

// summary are the lines below the table.
func (r *repriceReport) summary() []string {
	t := &r.total
	lines := []string{fmt.Sprintf("%s would cost %s instead of %s: %s", count(t.attempts, "attempt"), t.is.words(), t.was.words(), count(t.changed, "change"))}
	add := func(is bool, format string, args ...any) {
		if is {
			lines = append(lines, fmt.Sprintf("  "+format, args...))
		}
	}
	add(t.was.plan != t.is.plan, "plan       calls on a subscription would have cost %s instead of %s", usd(t.is.plan), usd(t.was.plan))
	add(t.gone > 0, "kept       %s at the price they were first charged at: nobody knows one today", count(t.gone, "attempt"))
	for _, basis := range slices.Sorted(maps.Keys(r.untouched)) {
		lines = append(lines, "  untouched  "+count(r.untouched[basis], "attempt")+": "+untouchedWords(basis))
	}
	for _, row := range r.rows {
		for _, why := range slices.Sorted(maps.Keys(row.reasons)) {
			lines = append(lines, fmt.Sprintf("  why        %s, %s: %s", target(row.provider, row.model), count(row.reasons[why], "attempt"), why))
		}
	}
	for _, c := range r.earlier {
		lines = append(lines, "  before     "+correctionWords(c))
	}
	return lines
}

// untouchedWords say why a basis follows from no price.
func untouchedWords(basis string) string {
	switch basis {
	case store.CostProviderCost:
		return "the provider named the cost itself"
	case store.CostFree:
		return "at a free provider or endpoint"
	case store.CostEstimated:
		return "charged what was held, since nobody knows their usage"
	}
	return basis
}

func correctionWords(c store.Correction) string {
	text := fmt.Sprintf("correction %d of %s by %s: %s, %s instead of %s", c.N, c.At.Local().Format("2006-01-02 15:04"), orDash(c.Who),
		count(c.Attempts, "attempt"), usd(c.Became), usd(c.Was))
	if c.Finished.IsZero() {
		text += ", not finished"
	}
	return text
}

// writeBefore shows what attempts of a call cost before they were corrected.
func writeBefore(w io.Writer, list []store.Before) error {
	for _, b := range list {
		was := cost(b.Cost, b.CostSource)
		if b.CostSource == store.CostPlan {
			was += ", worth " + rateWords(b.Worth)
		}
		p, err := price.ParsePrice(b.Price)
		if err != nil {
			return err
		}
		line := fmt.Sprintf("repriced: try %d by %s on %s, before it cost %s at %s",
			b.N, orDash(b.Who), b.At.Local().Format("2006-01-02 15:04"), was, priceSource(p))
		if _, err := fmt.Fprintln(w, store.Clean(line)); err != nil {
			return err
		}
	}
	return nil
}
