package tui

import (
	"strconv"
	"time"

	"llmgw/store"
)

// columns is which columns there are and how wide: they go in a fixed order as
// room gets short, and who was asked, who served, how long it took and what it
// cost never do.
type columns struct {
	time, model, served                        int
	try, first, total, in, out, rate, cost, by int
	age                                        bool
}

const (
	minModel  = 17
	minServed = 24
)

// columnsFor lays the columns out in w cells.
func columnsFor(w int, age bool) columns {
	c := columns{time: 8, try: 4, first: 6, total: 7, in: 7, out: 7, rate: 6, cost: 8, by: 11, age: age}
	if w >= 100 {
		c.first, c.total, c.cost = 7, 8, 9 // air
	}
	for _, drop := range []*int{&c.by, &c.rate, &c.in, &c.out, &c.first, &c.try} {
		if c.spare(w) >= minModel+1+minServed {
			break
		}
		*drop = 0
	}
	spare := c.spare(w)
	if w >= 150 && spare > minModel+1+minServed+12 {
		c.time = len("14:02:31.214")
		spare = c.spare(w)
	}
	c.model = max(minModel, min(spare*2/5, 28))
	if spare < minModel+1+minServed {
		c.model = max(spare*2/5, 0)
	}
	c.served = max(spare-1-c.model, 0)
	return c
}

// spare is what is left for the two names.
func (c columns) spare(w int) int {
	return w - 2 - c.time - 3 - c.try - c.first - c.total - c.in - c.out - c.rate - c.cost - c.by
}

// head names the columns; the one that orders the list stands out.
func (c columns) head(k *look, by store.SortKey) string {
	name := "TIME"
	if c.age {
		name = "AGE"
	}
	var n line
	n.to(2)
	put := func(text string, pad, after int) {
		s := k.dim
		if sort, ok := sortHeads[text]; ok && sort == by {
			s = k.bold
		}
		n.to(n.w + pad)
		n.add(s, text)
		n.to(n.w + after)
	}
	left := func(text string, w int) { put(text, 0, w-len(text)) }
	right := func(text string, w int) {
		if w > 0 {
			put(text, w-len(text), 0)
		}
	}
	left(name, c.time+3)
	left("MODEL ASKED", c.model+1)
	left("SERVED BY", c.served)
	right("TRY", c.try)
	right("FIRST", c.first)
	right("TOTAL", c.total)
	right("IN", c.in)
	right("OUT", c.out)
	right("TOK/S", c.rate)
	right("COST", c.cost)
	if c.by > 0 {
		left(" CLIENT", c.by)
	}
	return n.String()
}

// sortHeads are the orders by the heads of their columns.
var sortHeads = map[string]store.SortKey{
	"TIME": store.SortTime, "AGE": store.SortTime, "MODEL ASKED": store.SortModel, "TRY": store.SortTries, "FIRST": store.SortFirst,
	"TOTAL": store.SortTook, "IN": store.SortIn, "OUT": store.SortOut, "COST": store.SortCost,
}

// row draws a call.
func (c columns) row(r *store.CallRow, selected bool, v *view) string {
	k := v.look
	o := v.judge(r)
	var n line
	paint := func(s style) style {
		if selected {
			return style{}
		}
		return s
	}
	cursor := " "
	if selected {
		cursor = k.cursor
	}
	n.add(style{}, cursor+" ")
	n.add(paint(k.dim), k.fitRight(c.clock(r, v), c.time)+" ")
	n.add(paint(o.style), o.glyph+" ")
	n.add(style{}, k.fit(k.outside(r.ModelRequested, c.model), c.model)+" ")
	k.served(&n, o, c.served, paint)
	c.numbers(&n, r, v)
	if c.by > 0 {
		n.add(paint(k.dim), " "+k.fit(k.outside(clientOf(r), c.by-1), c.by-1))
	}
	if selected {
		return k.selected.paint(n.String())
	}
	return n.String()
}

// served draws SERVED BY: what is not as wished in the colour of its state.
func (k *look) served(n *line, o outcome, w int, paint func(style) style) {
	start := n.w
	who, rest := o.words(w)
	main := style{}
	if rest == "" || o.glyph == k.failed {
		main = o.style
	}
	n.add(paint(main), k.outside(who, w))
	if left := w - (n.w - start); left > 1 {
		n.add(paint(o.style), k.outside(rest, left))
	}
	n.to(start + w)
}

func (c columns) numbers(n *line, r *store.CallRow, v *view) {
	k := v.look
	cell := func(text string, w int) {
		if w > 0 {
			n.add(style{}, " "+k.fitRight(text, w-1))
		}
	}
	cell(strconv.Itoa(tries(r)), c.try)
	cell(v.first(r), c.first)
	cell(v.total(r), c.total)
	cell(k.tokens(r.Usage.Input), c.in)
	cell(v.output(r), c.out)
	cell(rate(r), c.rate)
	if r.Overrun().Known && c.cost > 0 {
		n.add(style{}, "!"+k.fitRight(k.cost(r.Cost, r.CostSource), c.cost-1))
		return
	}
	cell(k.cost(r.Cost, r.CostSource), c.cost)
}

// clock is when a call came: the time of day, the date for another day.
func (c columns) clock(r *store.CallRow, v *view) string {
	if c.age {
		return age(v.now.Sub(r.StartedAt))
	}
	at, now := r.StartedAt.In(v.zone), v.now.In(v.zone)
	switch {
	case day(at, now) == "today" && c.time > 8:
		return at.Format("15:04:05.000")
	case day(at, now) == "today":
		return at.Format("15:04:05")
	case now.Sub(at) < 28*24*time.Hour:
		return at.Format("02 15:04")
	}
	return at.Format("06-01-02")
}

// day is "today" for a time of now's day, for the cache of rows.
func day(at, now time.Time) string {
	if at.YearDay() == now.YearDay() && at.Year() == now.Year() {
		return "today"
	}
	return now.Format(time.DateOnly)
}

// age is how long ago something was.
func age(d time.Duration) string { return span(d) }

// first is how long the first content took. Of a stream under way that is
// recorded at its end.
func (v *view) first(c *store.CallRow) string {
	if l := v.live[c.ID]; c.FirstToken < 0 && v.running(c) && l.Phase == store.LiveStreaming && l.Bytes > 0 {
		return v.look.cut
	}
	return v.look.seconds(c.FirstToken)
}

// total is how long a call took, or takes so far.
func (v *view) total(c *store.CallRow) string {
	switch {
	case v.running(c):
		return v.look.seconds(max(v.now.Sub(c.StartedAt), 0)) + v.look.cut
	case c.FinishedAt.IsZero():
		return v.look.none
	}
	return v.look.seconds(max(c.FinishedAt.Sub(c.StartedAt), 0))
}

// output is the tokens of the answer; of a running call what is guessed so far.
func (v *view) output(c *store.CallRow) string {
	if l, ok := v.live[c.ID]; ok && v.running(c) && l.Tokens.Known {
		return v.look.tokens(l.Tokens) + v.look.approx
	}
	return v.look.tokens(c.Usage.Output)
}

// rate is how fast the answer came, in tokens a second after its first content.
func rate(c *store.CallRow) string {
	took := c.FinishedAt.Sub(c.StartedAt) - c.FirstToken
	if c.FinishedAt.IsZero() || c.FirstToken < 0 || !c.Usage.Output.Known || took < 50*time.Millisecond || !c.Stream {
		return ""
	}
	return strconv.FormatFloat(float64(c.Usage.Output.N)/took.Seconds(), 'f', 0, 64)
}

// clientOf is who called: the client's name, else the key it showed.
func clientOf(c *store.CallRow) string {
	if c.Client != "" {
		return c.Client
	}
	return c.Key
}

// tries counts the attempts that were sent.
func tries(c *store.CallRow) int {
	n := 0
	for i := range c.Attempts {
		if c.Attempts[i].Sent() {
			n++
		}
	}
	return n
}

// twoLines draws a call on a narrow screen: nothing that matters is cut.
func (l *calls) twoLines(c *store.CallRow, w int, v *view) []string {
	k := v.look
	o := v.judge(c)
	selected := c.ID == l.cursor
	paint := func(s style) style {
		if selected {
			return style{}
		}
		return s
	}
	cursor := " "
	if selected {
		cursor = k.cursor
	}
	var one, two line
	one.add(style{}, cursor+" ")
	one.add(paint(k.dim), columns{time: 8, age: l.age}.clock(c, v))
	one.to(11)
	one.add(paint(o.style), o.glyph+" ")
	total, cost := v.total(c), k.cost(c.Cost, c.CostSource)
	room := w - one.w - width(total) - 1
	one.add(style{}, k.fit(k.outside(c.ModelRequested, room), room)+" "+total)
	two.add(style{}, "    ")
	room = w - two.w - width(cost) - 1
	k.served(&two, o, room, paint)
	two.add(style{}, " "+cost)
	lines := []string{one.String(), two.String()}
	if selected {
		return []string{k.selected.paint(lines[0]), k.selected.paint(lines[1])}
	}
	return lines
}
