package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/store"
)

// detail is the screen and the pane of one call.
type detail struct {
	of  string // id of the call that was scrolled
	top int    // lines scrolled by
}

// detailData is what is shown of a call beyond its row.
type detailData struct {
	id      string
	bodies  []store.Body // without their data
	session sessionSums
}

// sessionSums is what the session of a call did so far.
type sessionSums struct {
	known bool
	more  bool // there are more calls than were added up
	calls int
	cost  price.Money
}

const (
	sessionSpan  = 24 * time.Hour         // how long before a call its session is looked for
	sessionCalls = 500                    // how many calls of it are added up
	sessionTime  = 200 * time.Millisecond // how long that may take; else nothing is said
)

func readDetail(ctx context.Context, r *store.Reader, w want) (*detailData, error) {
	d := &detailData{id: w.detail}
	if d.id == "" {
		return d, nil
	}
	var err error
	if d.bodies, err = r.Bodies(ctx, d.id); err != nil {
		return nil, err
	}
	c, err := r.Find(ctx, d.id)
	if err != nil || c.Session == "" {
		return d, nil // it is past retention, or was pruned a moment ago
	}
	limited, stop := context.WithTimeout(ctx, sessionTime)
	defer stop()
	filter, err := store.ParseFilter("session:" + quoted(c.Session))
	if err != nil {
		return nil, fmt.Errorf("looking for the calls of a session: %w", err)
	}
	list, err := r.Calls(limited, store.Query{Filter: filter, Since: c.StartedAt.Add(-sessionSpan), Limit: sessionCalls})
	if err != nil {
		return d, ctx.Err() // too slow to be worth it
	}
	d.session = sessionSums{known: true, more: len(list) == sessionCalls, calls: len(list)}
	for i := range list {
		d.session.cost += list[i].Cost.Money
	}
	return d, nil
}

func (d *detail) act(m *app, do action) tea.Cmd {
	c := m.calls.selected(m.snap)
	if c == nil {
		return nil
	}
	if d.of != c.ID {
		d.of, d.top = c.ID, 0
	}
	a := area{w: m.w, h: m.h - 4}
	if m.screen != screenDetail {
		a = m.layout.detail
	}
	most := max(len(d.lines(a, m.view()))-a.h, 0)
	switch do {
	case doOpen:
		return m.openCall()
	case doCopy:
		return m.copyRecord(c)
	}
	d.top = min(max(scrolled(do, d.top, a.h, most), 0), most)
	return nil
}

func (d *detail) render(a area, v view) []string {
	if v.call == nil {
		return []string{"", "  " + v.look.dim.paint("no call is selected")}
	}
	top := 0
	if d.of == v.call.ID {
		top = d.top
	}
	return v.look.page(d.lines(a, v), top, a.h)
}

// twoColumns is the width from which on facts are put side by side.
const twoColumns = 110

// lines is all there is to say about the call, however high the area is.
func (d *detail) lines(a area, v view) []string {
	c, k := v.call, v.look
	lines := []string{v.title(a.w), ""}
	about, rest := v.about(c), v.rest(c)
	chart := waterfall(v, c, a.w)
	switch {
	case a.w >= twoColumns:
		lines = append(lines, chart...)
		lines = append(lines, "")
		lines = append(lines, k.columns(append(about, rest...), a.w)...)
	default:
		lines = append(lines, k.facts(about, a.w)...)
		lines = append(lines, "")
		lines = append(lines, chart...)
		lines = append(lines, "")
		lines = append(lines, k.facts(rest, a.w)...)
	}
	for _, f := range v.spoken(c) {
		lines = append(lines, k.paragraph(f, a.w)...)
	}
	return lines
}

// title names the call and says in a sentence how it went.
func (v view) title(w int) string {
	c, k := v.call, v.look
	o := v.judge(c)
	left := " call " + c.ID[:min(6, len(c.ID))] + k.cut + lastFour(c.ID) + "   " + c.StartedAt.In(v.zone).Format(time.TimeOnly) + "   "
	right := ""
	if c.HTTPStatus > 0 {
		right = fmt.Sprintf("status %d ", c.HTTPStatus)
	}
	room := w - width(left)
	if w >= twoColumns {
		room -= width(right)
	} else {
		right = ""
	}
	return k.ends(left+o.style.paint(k.outside(o.glyph+" "+v.sentence(c, o), room-1)), k.dim.paint(right), w)
}

// lastFour is the end of an id, by which commands find a call.
func lastFour(id string) string { return id[max(0, len(id)-4):] }

// sentence says how a call went.
func (v view) sentence(c *store.CallRow, o outcome) string {
	notes := strings.Join(o.notes, "  ")
	switch {
	case c.Status == store.StatusOK && c.Cache == store.CacheHit:
		return strings.TrimSpace("answered from the cache  " + notes)
	case c.Status == store.StatusOK && o.from != "":
		return "served by " + c.Provider + " after " + strings.TrimPrefix(o.from, v.look.from+" ") + "  " + notes
	case c.Status == store.StatusOK:
		return "served by " + c.Provider + "  " + notes
	case c.Status == store.StatusTruncated:
		return "the answer of " + c.Provider + " was cut off: " + c.ErrorText
	case c.Status == store.StatusInterrupted:
		return "lost: llmgw ended before this call did"
	}
	who, rest := o.words(1 << 10)
	return who + rest
}

// fact is a line of the detail: text is made safe already.
type fact struct {
	label, text string
	style       style
}

// about is what was asked and what came back.
func (v view) about(c *store.CallRow) []fact {
	k := v.look
	const long = 400 // cells; cut to the line later
	how := []string{string(c.Dialect)}
	if c.Endpoint != "" {
		how = append(how, spaced(c.Endpoint))
	}
	if c.Stream {
		how = append(how, "stream")
	}
	asked := k.outside(orNone(k, c.ModelRequested), 60) + "   " + strings.Join(how, ", ")
	list := []fact{{label: "ASKED", text: asked}, {label: "GOT", text: k.outside(got(c), long)}}
	if c.RouteReason != "" {
		text := c.RouteReason
		if c.Route != "" {
			text = c.Route + ": " + text
		}
		list = append(list, fact{label: "ROUTE", text: k.outside(text, long)})
	}
	usage := usageWords(&c.Usage)
	if l, known := v.live[c.ID]; known && l.Tokens.Known {
		usage += " (" + k.approx + grouped(l.Tokens.N) + " so far)"
	}
	return append(list, fact{label: "USAGE", text: usage}, fact{label: "COST", text: v.money(c)})
}

func orNone(k *look, s string) string {
	if s == "" {
		return k.none
	}
	return s
}

// got is what answered.
func got(c *store.CallRow) string {
	if c.Cache == store.CacheHit {
		return "the answer of call " + shortID(c.CachedFrom) + ", replayed"
	}
	if c.Provider == "" {
		return "nothing"
	}
	text := c.Model + " from " + c.Provider
	if c.Status != store.StatusRunning && (c.Status == store.StatusError || !c.Answered()) {
		text = "no answer; last tried " + c.Provider + "/" + c.Model
	}
	if c.ModelReported != "" && c.ModelReported != c.Model {
		text += ", which calls itself " + c.ModelReported
	}
	if c.FinishReason != "" {
		text += "   finish " + c.FinishReason
	}
	return text
}

// usageWords are the counts that are known.
func usageWords(u *llm.Usage) string {
	var in, out string
	part := func(into *string, name string, n llm.Count) {
		if n.Known && n.N > 0 {
			*into += ", " + name + " " + grouped(n.N)
		}
	}
	part(&in, "cache read", u.CachedInput)
	part(&in, "write", u.CacheWrite)
	part(&out, "reasoning", u.Reasoning)
	count := func(name string, n llm.Count, parts string) string {
		if !n.Known {
			return name + " ?"
		}
		if parts != "" {
			parts = " (" + strings.TrimPrefix(parts, ", ") + ")"
		}
		return name + " " + grouped(n.N) + parts
	}
	return count("in", u.Input, in) + "  " + count("out", u.Output, out)
}

// money is what the call cost and what that rests on.
func (v view) money(c *store.CallRow) string {
	if c.CostSource == "" {
		if c.Running() {
			return "known when it ends"
		}
		return "nothing was charged"
	}
	text := "?"
	if c.Cost.Known {
		text = "$" + c.Cost.Money.String()
	}
	text += " " + costWords[c.CostSource]
	if c.Worth.Known && (c.CostSource == store.CostPlan || c.Cache == store.CacheHit) {
		text += ", worth $" + c.Worth.Money.String()
	}
	return text
}

// costWords say what an amount rests on.
var costWords = map[string]string{
	store.CostReported:     "exact, by reported usage",
	store.CostProviderCost: "as the provider charges",
	store.CostEstimated:    "estimated",
	store.CostUnpriced:     "no price is known",
	store.CostCache:        "from the cache",
	store.CostFree:         "a free provider",
	store.CostPlan:         "on the client's subscription",
}

// rest is who called, with what bytes, and what was held for it.
func (v view) rest(c *store.CallRow) []fact {
	k := v.look
	who := []string{k.outside(orNone(k, c.Client), 40)}
	if c.RemoteAddr != "" {
		who = append(who, "via "+k.outside(c.RemoteAddr, 50))
	}
	if c.Project != "" {
		who = append(who, "project "+k.outside(c.Project, 40))
	}
	if c.Key != "" {
		who = append(who, "key "+k.outside(c.Key, 12))
	}
	list := append(v.breakers(c), fact{label: "CLIENT", text: strings.Join(who, "  ")})
	if c.Session != "" {
		list = append(list, fact{label: "SESSION", text: v.session(c)})
	}
	list = append(list, fact{label: "BYTES", text: v.bytes(c)})
	if len(c.Dropped) > 0 {
		list = append(list, fact{label: "DROPPED", text: k.outside(strings.Join(c.Dropped, ", "), 400), style: k.switchedStyle})
	}
	if held := heldFor(c); held != "" {
		list = append(list, fact{label: "HELD", text: held})
	}
	if c.UpstreamRequestID != "" {
		list = append(list, fact{label: "PROOF", text: "request id " + k.outside(c.UpstreamRequestID, 100)})
	}
	return append(list, fact{label: "ID", text: k.outside(c.ID, 40)})
}

func (v view) session(c *store.CallRow) string {
	text := v.look.outside(c.Session, 24)
	if d := v.detail; d != nil && d.id == c.ID && d.session.known {
		more := ""
		if d.session.more {
			more = "+"
		}
		text += fmt.Sprintf("   %d%s calls, %s", d.session.calls, more, usd(d.session.cost))
	}
	return text
}

func (v view) bytes(c *store.CallRow) string {
	text := "request " + size(c.RequestBytes)
	if len(c.Edits) == 0 {
		text += " as sent"
	} else {
		text += ", edited: " + v.look.outside(strings.Join(c.Edits, ", "), 100)
	}
	if c.ResponseBytes > 0 {
		text += "   answer " + size(c.ResponseBytes)
	}
	if c.Redactions > 0 {
		text += fmt.Sprintf("   %d credentials replaced", c.Redactions)
	}
	if d := v.detail; d != nil && d.id == c.ID && len(d.bodies) == 0 && !c.Running() {
		text += "   (bodies are not kept)"
	}
	return text
}

// heldFor is what was set aside for the attempts of a call.
func heldFor(c *store.CallRow) string {
	var sum price.Money
	held := false
	for i := range c.Attempts {
		a := &c.Attempts[i]
		held = held || a.Held.Known
		sum = max(sum, a.Held.Money)
	}
	switch {
	case !held:
		return ""
	case c.Running():
		return usd(sum) + " while it runs"
	case c.Overrun().Known:
		return usd(sum) + " was not enough: it cost " + exactly(c.Overrun().Money) + " more than a cap held for it (overrun, !)"
	}
	return usd(sum) + ", released"
}

// spoken are the longer texts: what went wrong, in the words of who said it.
// Those that the chart has room for are not said again.
func (v view) spoken(c *store.CallRow) []fact {
	const short = 60
	var list []fact
	said := ""
	for i := range c.Attempts {
		a := &c.Attempts[i]
		if a.Sent() && len(a.Error) > short {
			list = append(list, fact{label: fmt.Sprintf("FAULT %d", a.N), text: a.Error, style: v.look.failedStyle})
		}
		said = a.Error
	}
	if c.ErrorText != "" && c.ErrorText != said && c.Status != store.StatusOK {
		list = append(list, fact{label: "ERROR", text: c.Error + ": " + c.ErrorText, style: v.look.failedStyle})
	}
	return list
}
