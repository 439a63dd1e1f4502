package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"llmgw/providers/price"
	"llmgw/store"
)

// almostFull is the share of a cap from which on it is marked.
const almostFull = 0.8

// capLines are the caps as bars, with what is left of each and where the rate
// of the last minutes leads.
func (v view) capLines(a area) []string {
	k := v.look
	if len(v.caps) == 0 {
		if len(v.setup.Caps) > 0 || a.h < tallPane || a.strip {
			return []string{" " + k.dim.paint("CAPS") + "  none are known"}
		}
		return []string{" " + k.dim.paint("CAPS") + "  none: nothing limits what is spent. In llmgw.toml:",
			`         [[cap]]  name = "daily"  usd = "10.00"  per = "day"`}
	}
	list, blocked := v.capList()
	room := len(list)
	if most := max(a.h/3, 2); room > most {
		room = most - 1
		slices.SortStableFunc(list, func(x, y store.Cap) int { return capWeight(&y, blocked) - capWeight(&x, blocked) })
	}
	t := v.capTable(a.w)
	lines := []string{k.dim.paint(t.head(k))}
	for i := range room {
		lines = append(lines, t.row(v, &list[i], blocked[capKey(&list[i])]))
	}
	if room < len(list) {
		lines = append(lines, k.dim.paint(fmt.Sprintf("   %d more: llmgw spend --caps", len(list)-room)))
	}
	lines = append(lines, v.blockageLines(a.w, max(a.h/8, 1))...)
	if !v.server.Alive && !v.capsAt.IsZero() {
		lines = append(lines, " "+k.dim.paint("as saved "+v.clock(v.capsAt)+", when llmgw last ran"))
	}
	return lines
}

// capKey tells caps apart: the name, and the value of its each.
func capKey(c *store.Cap) [2]string { return [2]string{c.Name, c.Each} }

// capList is the caps as of now, and which of them block.
func (v view) capList() ([]store.Cap, map[[2]string]*blockage) {
	list := make([]store.Cap, len(v.caps))
	for i := range v.caps {
		list[i] = v.caps[i].At(v.now)
	}
	blocked := map[[2]string]*blockage{}
	for _, b := range v.blocking(v.now) {
		blocked[capKey(&b.cap)] = &b
	}
	return list, blocked
}

// capWeight is how much a cap matters where not all fit.
func capWeight(c *store.Cap, blocked map[[2]string]*blockage) int {
	switch {
	case blocked[capKey(c)] != nil:
		return 2
	case c.State == store.CapWarn:
		return 1
	}
	return 0
}

// capTable is the widths of the columns.
type capTable struct {
	name, scope, bar, rate int
	money, pair            int  // an amount; what is spent of a limit
	wide                   bool // spent, held and limit apart
}

func (v view) capTable(w int) capTable {
	t := capTable{name: 6, scope: 5, money: 9, pair: 13, wide: w >= twoColumns}
	most := 12
	if w >= 100 {
		most = 20
	}
	for i := range v.caps {
		c := v.caps[i].At(v.now)
		for _, text := range []string{cents(c.Spent), cents(c.Held), wholeUSD(c.Limit), cents(c.Left())} {
			t.money = max(t.money, 2+width(text))
		}
		t.pair = max(t.pair, 1+width(ofLimit(&c)))
		t.name = min(max(t.name, width(v.caps[i].Name)), most)
		t.scope = min(max(t.scope, width(capScope(&v.caps[i]))), most)
	}
	fixed := 1 + t.name + 1 + t.scope + 1 + 2 // and the bar
	figures := t.pair + t.money + 7
	if t.wide {
		figures = 4*t.money + 8
	}
	t.rate = 17
	t.bar = w - fixed - figures - t.rate - 2
	if t.bar < 8 {
		t.bar += t.rate + 1
		t.rate = 0
	}
	if t.bar < 6 {
		t.bar += t.scope + 1
		t.scope = 0
	}
	t.bar = min(max(t.bar, 4), 40)
	return t
}

func capScope(c *store.Cap) string {
	if c.Each != "" {
		return c.Each
	}
	return c.Scope
}

func (t *capTable) head(k *look) string {
	text := " " + k.fit("CAP", t.name) + " "
	if t.scope > 0 {
		text += k.fit("SCOPE", t.scope) + " "
	}
	legend := k.full + " spent " + k.held + " held"
	if width(legend) > t.bar+2 {
		legend = ""
	}
	text += k.fit(legend, t.bar+2)
	if t.wide {
		for _, head := range []string{"SPENT", "HELD", "LIMIT", "LEFT"} {
			text += k.fitRight(head, t.money)
		}
		text += "  RESETS"
	} else {
		text += k.fitRight("OF LIMIT", t.pair) + k.fitRight("LEFT", t.money) + " RESETS"
	}
	if t.rate > 0 {
		text += "  AT THIS RATE"
	}
	return text
}

func (t *capTable) row(v view, c *store.Cap, b *blockage) string {
	k := v.look
	n := line{}
	n.add(k.text, " "+k.fit(k.outside(c.Name, t.name), t.name)+" ")
	if t.scope > 0 {
		n.add(k.dim, k.fit(k.outside(capScope(c), t.scope), t.scope)+" ")
	}
	st := v.capStyle(c)
	if b != nil {
		st = k.blockedStyle
	}
	n.add(st, k.meter(c.Spent, c.Held, c.Limit, t.bar))
	resets := "never"
	if !c.ResetsAt.IsZero() {
		resets = span(c.ResetsAt.Sub(v.now))
	}
	if t.wide {
		n.add(k.text, k.fitRight(cents(c.Spent), t.money)+k.fitRight(cents(c.Held), t.money)+k.fitRight(wholeUSD(c.Limit), t.money)+k.fitRight(cents(c.Left()), t.money)+k.fitRight(resets, 8))
	} else {
		n.add(k.text, k.fitRight(ofLimit(c), t.pair)+k.fitRight(cents(c.Left()), t.money)+k.fitRight(resets, 7))
	}
	if t.rate > 0 {
		n.add(st, "  "+v.projection(c, b))
	}
	return n.String()
}

// ofLimit is what is spent of a cap: "$4.18/20".
func ofLimit(c *store.Cap) string {
	return cents(c.Spent) + "/" + strings.TrimPrefix(wholeUSD(c.Limit), "$")
}

// capStyle marks caps that are almost or wholly spent.
func (v view) capStyle(c *store.Cap) style {
	switch {
	case filled(c) >= almostFull || !c.ExhaustedAt.IsZero():
		return v.look.slowStyle
	}
	return v.look.text
}

func filled(c *store.Cap) float64 {
	if c.Limit <= 0 {
		return 1
	}
	return float64(c.Spent+c.Held) / float64(c.Limit)
}

// projection is where the rate of the last minutes leads. It is told only while
// a server runs, and of 5 minutes of spending at least.
func (v view) projection(c *store.Cap, b *blockage) string {
	k := v.look
	mark := ""
	if filled(c) >= almostFull {
		mark = k.slow + " "
	}
	switch {
	case b != nil:
		return b.short(k)
	case !v.server.Alive || !c.BurnPerHour.Known:
		if mark != "" {
			return mark + "almost full"
		}
		return ""
	case !c.ExhaustedAt.IsZero() && c.ExhaustedAt.After(v.now):
		return k.slow + " full in " + span(c.ExhaustedAt.Sub(v.now))
	case c.ResetsAt.IsZero() || c.Per == "rolling":
		return mark + cents(c.BurnPerHour.Money) + "/h"
	}
	left := c.ResetsAt.Sub(v.now).Hours()
	return mark + "ends at " + cents(c.Spent+price.Money(float64(c.BurnPerHour.Money)*left))
}

// burnLine is what was spent today and how fast, with the hours as bars.
func (d *spendData) burnLine(v view, w int) string {
	k := v.look
	text := " " + k.dim.paint("TODAY") + " " + cents(d.today) + "   burn " + d.burnWords(v) + "   "
	if room := w - width(text) - 1; room >= 24 {
		text += k.sparkline(d.hours(24))
	}
	return text
}

func (d *spendData) burnWords(v view) string {
	now := "not known yet"
	switch burn := v.burning(d); {
	case !v.server.Alive:
		now = "none, llmgw is not running"
	case burn.Known:
		now = cents(burn.Money) + "/h now"
	}
	if hours := float64(len(d.quarters)) / 4; hours > 0 {
		now += ", " + cents(price.Money(float64(d.today)/hours)) + "/h mean"
	}
	return now
}

// hours are today's spending in n parts of a whole day; what is to come is 0.
func (d *spendData) hours(n int) []int64 {
	out := make([]int64, n)
	day := max(96, len(d.quarters)) // 100 when clocks are put back
	for i, m := range d.quarters {
		out[i*n/day] += int64(m)
	}
	return out
}

// burnLines is the burn rate with a scale below.
func (d *spendData) burnLines(v view, w int) []string {
	line := d.burnLine(v, w)
	if !strings.Contains(line, v.look.spark[0]) {
		return []string{line}
	}
	return []string{line, spaces(width(line)-24) + v.look.dim.paint("00    06    12    18    ")}
}

// burnChart is today's spending by the half-hour, as high as four lines.
func (d *spendData) burnChart(v view, w int) []string {
	k := v.look
	const height, columns = 4, 48
	parts := d.hours(columns)
	var most int64
	peak := 0
	for i, n := range parts {
		if n > most {
			most, peak = n, i
		}
	}
	head := " " + k.dim.paint("TODAY") + " " + cents(d.today) + "   burn " + d.burnWords(v)
	if most > 0 {
		at := store.DayStart(v.now.In(v.zone)).Add(time.Duration(peak) * 30 * time.Minute)
		head += fmt.Sprintf("   peak %s/h at %s", cents(price.Money(2*most)), at.Format("15:04"))
	}
	lines := []string{k.clip(head, w)}
	for y := height - 1; y >= 0; y-- {
		scale := ""
		if y == height-1 && most > 0 {
			scale = cents(price.Money(2*most)) + "/h"
		}
		lines = append(lines, " "+k.dim.paint(k.fitRight(scale, 10))+" "+k.activeStyle.paint(chartRow(k, parts, most, y, height)))
	}
	return append(lines, spaces(12)+k.dim.paint("00:00       06:00       12:00       18:00       24:00"))
}

// chartRow is line y, counted from below, of bars of a height.
func chartRow(k *look, parts []int64, most int64, y, height int) string {
	var b strings.Builder
	steps := int64(len(k.spark))
	for _, n := range parts {
		level := int64(0)
		if most > 0 && n > 0 {
			level = max(n*int64(height)*steps/most, 1)
		}
		switch rest := level - int64(y)*steps; {
		case rest <= 0:
			b.WriteByte(' ')
		case rest >= steps:
			b.WriteString(k.spark[steps-1])
		default:
			b.WriteString(k.spark[rest-1])
		}
	}
	return b.String()
}
