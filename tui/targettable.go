package tui

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"llmgw/providers/price"
	"llmgw/store"
)

// targetTable is the widths of the table's columns.
type targetTable struct {
	w                    int
	name, breaker, spark int
	money                bool
	latency              bool
}

func tableFor(v view, a area) targetTable {
	t := targetTable{w: a.w, name: 22, breaker: 16, latency: a.w >= narrowWidth}
	switch {
	case a.w >= twoColumns:
		t.name, t.breaker, t.money = 28, 20, true
	case a.w < narrowWidth:
		t.name, t.breaker = max(min(a.w-32, 30), 8), 14
	}
	left := a.w - 4 - t.name - t.breaker - 2 - 6*4 - 2
	if t.money {
		left -= 18
	}
	for _, n := range []int{60, 30, 20, 15, 12, 10} {
		if n <= left {
			t.spark = n
			break
		}
	}
	return t
}

// head names the columns; the one that orders the table stands out.
func (t *targetTable) head(v view, sorted string) string {
	k := v.look
	text := "    " + k.fit("TARGET", t.name) + " " + k.fit("BREAKER", t.breaker) + " TRIES FAULT"
	if t.latency {
		text += "   P50   P95"
	}
	if t.money {
		text += "  TOK/S       COST"
	}
	if t.spark > 0 {
		last := "LAST " + strings.ToUpper(v.snapshot.providers.span.words())
		if legend := "  " + k.held + " most failed"; width(last+legend) <= t.spark {
			last += legend
		}
		text += "  " + last
	}
	return k.heads(text, sorted)
}

func (t *targetTable) row(v view, r *targetRow, selected bool) string {
	k := v.look
	n := line{}
	mark := " "
	paint := func(s style) style { return s }
	if selected {
		mark, paint = k.cursor, func(style) style { return style{} }
	}
	n.add(style{}, mark+" ")
	n.add(paint(r.standing.style), r.standing.glyph)
	n.add(style{}, " "+k.fit(k.outside(r.shown, t.name), t.name)+" ")
	n.add(paint(r.standing.style), k.fit(k.outside(r.standing.word, t.breaker), t.breaker))
	n.add(style{}, t.figures(k, r))
	if t.spark > 0 && r.use.Attempts > 0 {
		n.add(style{}, "  ")
		t.sparks(k, &n, &r.use, paint)
	}
	if !selected {
		return n.String()
	}
	n.to(t.w)
	return k.selected.paint(n.String())
}

func (t *targetTable) figures(k *look, r *targetRow) string {
	u := &r.use
	if u.Attempts == 0 {
		return k.fitRight(k.none, 6)
	}
	text := k.fitRight(short(u.Attempts), 6) + k.fitRight(k.percent(u.Faults, u.Attempts-u.Running), 6)
	if !t.latency {
		return text
	}
	for _, q := range []float64{0.5, 0.95} {
		d, ok := u.Took.Quantile(q)
		if !ok {
			d = -1
		}
		text += k.fitRight(k.seconds(d), 6)
	}
	if !t.money {
		return text
	}
	speed := k.none
	if n, ok := u.TokensPerSecond(); ok {
		speed = short(n)
	}
	cost := usd(u.Cost)
	if u.Unpriced > 0 {
		cost += "+?"
	}
	return text + k.fitRight(speed, 7) + k.fitRight(cost, 11)
}

// sparks draws attempts over time; where most of them failed, as such.
func (t *targetTable) sparks(k *look, n *line, u *store.TargetUse, paint func(style) style) {
	per := useSlices / t.spark
	ok, bad := make([]int64, t.spark), make([]int64, t.spark)
	var most int64
	for i := range u.OK {
		ok[i/per] += u.OK[i]
		bad[i/per] += u.Failed[i]
	}
	for i := range ok {
		most = max(most, ok[i]+bad[i])
	}
	for i := range ok {
		switch all := ok[i] + bad[i]; {
		case all == 0:
			n.add(paint(k.dim), k.spark[0])
		case bad[i]*2 >= all:
			n.add(paint(k.failedStyle), k.held)
		default:
			n.add(style{}, k.spark[max(1, all*int64(len(k.spark)-1)/most)])
		}
	}
}

func targetsCSV(rows []targetRow) string {
	lines := [][]string{{"target", "state", "tries", "faults", "p50_ms", "p95_ms", "cost_usd", "unpriced"}}
	for i := range rows {
		r := &rows[i]
		quantile := func(q float64) string {
			if d, ok := r.use.Took.Quantile(q); ok {
				return strconv.FormatInt(d.Milliseconds(), 10)
			}
			return ""
		}
		lines = append(lines, []string{
			store.Clean(r.name), r.standing.state, fmt.Sprint(r.use.Attempts), fmt.Sprint(r.use.Faults),
			quantile(0.5), quantile(0.95), price.Money(r.use.Cost).String(), fmt.Sprint(r.use.Unpriced),
		})
	}
	var b strings.Builder
	_ = csv.NewWriter(&b).WriteAll(lines) // a Builder takes everything
	return b.String()
}
