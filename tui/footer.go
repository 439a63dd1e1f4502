package tui

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/store"
)

// footer is the last line: the keys that matter now, from the table of keys.
// A passing message takes its place.
func (m *app) footer() string {
	if m.toast != "" {
		return m.look.fit(" "+m.look.outside(m.toast, m.w-2), m.w)
	}
	if m.opt.once {
		return m.look.dim.paint(m.look.fit(" "+m.look.outside(m.taken(), m.w-2), m.w))
	}
	right := "? help  q quit "
	room := m.w - len(right) - 2
	left := ""
	for _, h := range m.hints() {
		next := left + " " + h + " "
		if width(next) > room {
			break
		}
		left = next
	}
	return m.look.dim.paint(m.look.ends(left, right, m.w))
}

// taken says of what a single frame is, and when it was drawn.
func (m *app) taken() string {
	return "one frame of " + orNone(m.look, m.snap.path) + ", " + m.now.In(m.opt.Zone).Format(time.DateTime)
}

// hints are the footer's keys with a word each.
func (m *app) hints() []string {
	if m.help.open {
		if a := m.helpArea(); len(m.helpLines(a)) > a.h {
			return []string{m.look.up + m.look.down + " scroll", "other keys close"}
		}
		return []string{"any key closes"}
	}
	if m.prompt.open {
		return []string{"enter keep", "esc clear", "tab complete", m.look.up + " history"}
	}
	if s := m.snap; m.screen == screenCalls && s.empty() {
		if s.err != nil && !waiting(s.err) {
			return []string{"r retry", "y copy message"}
		}
		return []string{"y copy first line", "2 providers", "3 spend"}
	}
	var out []string
	if m.frozen.on && m.screen != screenCalls { // where no status says so
		out = append(out, "FROZEN (space)")
	}
	for _, b := range bindings {
		if b.footer != "" && b.screens&m.screen != 0 && b.group != "OTHER" && m.possible(b.does) {
			out = append(out, b.keys[0]+" "+b.footer)
		}
	}
	return out
}

// possible tells whether a key has anything to act on here.
func (m *app) possible(do action) bool {
	switch do {
	case doNextPane:
		return len(m.layout.panes()) > 1
	case doOpen, doCopy, doBody, doCurl:
		return m.screen != screenCalls || m.calls.cursor != ""
	}
	return true
}

// status is the line below the list: following, the filter, the order, how
// many.
func (m *app) status() string {
	s, k, l := m.snap, m.look, &m.calls
	var parts []string
	switch newer := l.newer(s); {
	case m.opt.once:
	case m.frozen.on:
		parts = append(parts, k.switchedStyle.paint("FROZEN")+" (space)")
	case l.follow:
		parts = append(parts, "FOLLOW")
	case newer > 0:
		more := ""
		if !s.window.newest {
			more = "+"
		}
		parts = append(parts, "FOLLOW off", fmt.Sprintf("%d%s newer %s (f)", newer, more, k.up))
	default:
		parts = append(parts, "FOLLOW off")
	}
	if !m.frozen.on && s.err == nil && (m.want != s.want || s.searching) {
		parts = append(parts, k.activeStyle.paint("searching"+k.cut))
	}
	if m.want.faults {
		parts = append(parts, k.switchedStyle.paint("faults only"+m.byKey("e")))
	}
	if f := m.want.filter; f != "" {
		parts = append(parts, "filter: "+k.outside(f, max(m.layout.body.w/2, 10)))
	}
	if m.want.sort != store.SortTime || m.want.reverse {
		parts = append(parts, "sort: "+m.sortWords())
	}
	parts = append(parts, m.counted())
	left, w := " "+strings.Join(kept(parts), "   "), m.layout.body.w
	return k.clip(k.ends(left, m.lately(w-width(left)-3), w), w)
}

// lately is how the last hour went, as far as the header does not say so: as
// much as fits into w cells.
func (m *app) lately(w int) string {
	p, k := &m.snap.pulse, m.look
	if p.Sample == 0 {
		return ""
	}
	room := m.w - width(m.tabs()) - 2 // of the header
	running := m.active()
	active := strconv.FormatInt(running, 10) + " active"
	if running > 0 {
		active = k.activeStyle.paint(active)
	}
	var rate, bars, shares string
	if room < rateRoom {
		rate, bars = "  "+short(p.Calls)+"/h", " "+k.sparkline(p.Columns)
	}
	if room < sharesRoom {
		shares = "  " + m.shares()
	}
	failed := "  failed " + k.percent(p.Failed, p.Sample)
	for _, text := range []string{active + rate + bars + shares, active + rate + shares, active + shares, active + failed, active} {
		if width(text)+1 <= w {
			return text + " "
		}
	}
	return ""
}

// active is how many calls are under way: as the list shows it where it shows
// all, so that the two never differ.
func (m *app) active() (n int64) {
	s := m.snap
	if w := &s.want; w.filter != "" || w.faults || s.window.sorted || !s.window.newest {
		return s.pulse.Running
	}
	for _, c := range s.window.rows {
		if s.running(c) {
			n++
		}
	}
	return n
}

// byKey names the key that ends a state; a single frame has none.
func (m *app) byKey(key string) string {
	if m.opt.once {
		return ""
	}
	return " (" + key + ")"
}

// counted is how many calls are shown of how many.
func (m *app) counted() string {
	s := m.snap
	total := grouped(s.total)
	switch {
	case m.want.filter == "" && !m.want.faults:
		if s.total == 1 {
			return "1 call"
		}
		return total + " calls"
	case s.matches >= 0:
		return grouped(s.matches) + " of " + total
	}
	return grouped(int64(len(s.window.rows))) + "+ of " + total
}

// sortWords says what the list is ordered by.
func (m *app) sortWords() string {
	arrow := m.look.down
	if m.want.reverse {
		arrow = m.look.up
	}
	name := string(m.want.sort)
	if m.want.sort == store.SortTime {
		return "time " + arrow
	}
	text := strings.ToUpper(name) + " " + arrow
	if m.snap.total > store.SortedAmong {
		text += " of the newest " + grouped(store.SortedAmong)
	}
	return text
}

// sortOrder is the order in which s goes through the columns.
var sortOrder = []store.SortKey{
	store.SortTime, store.SortCost, store.SortTook, store.SortFirst, store.SortOut, store.SortIn, store.SortTries, store.SortModel,
}

func nextSort(s store.SortKey) store.SortKey {
	return sortOrder[(slices.Index(sortOrder, s)+1)%len(sortOrder)]
}
