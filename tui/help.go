package tui

import (
	"fmt"
	"strings"
)

// helpGroups are the headings of the help, in two columns.
var helpGroups = [2][]string{{"MOVE", "FIND", "COPY"}, {"LIVE", "VIEW", "OTHER"}}

// help is the page of all keys, which scrolls where it does not fit.
type help struct {
	open bool
	top  int // lines scrolled by
}

// helpKey scrolls the help where there is more of it; any other key closes it.
func (m *app) helpKey(name string) {
	if !m.helpScroll(lookUp(name, m.screen)) {
		m.help = help{}
	}
}

// helpScroll scrolls the help; false where it need not, or the key moves
// nothing.
func (m *app) helpScroll(do action) bool {
	a := m.helpArea()
	most := len(m.helpLines(a)) - a.h
	if most <= 0 || do < doUp || do > doLast {
		return false
	}
	m.help.top = min(max(scrolled(do, m.help.top, a.h, most), 0), most)
	return true
}

func (m *app) helpArea() area { return area{w: m.w, h: m.h - 4} }

// scrolled is by how many lines a page of h lines is scrolled after a key.
func scrolled(do action, top, h, most int) int {
	switch do {
	case doUp:
		return top - 1
	case doDown:
		return top + 1
	case doHalfUp:
		return top - h/2
	case doHalfDown:
		return top + h/2
	case doPageUp:
		return top - max(h-1, 1)
	case doPageDown:
		return top + max(h-1, 1)
	case doFirst:
		return 0
	case doLast:
		return most
	}
	return top
}

// page is what of the lines fits after scrolling, with how many are left below.
func (k *look) page(lines []string, top, h int) []string {
	lines = lines[min(max(top, 0), max(len(lines)-h, 0)):]
	if len(lines) <= h || h <= 1 {
		return lines
	}
	left := len(lines) - h + 1
	return append(lines[:h-1:h-1], k.dim.paint(fmt.Sprintf(" %s %d more lines", k.down, left)))
}

// helpLines is the page of all keys, made from their table.
func (m *app) helpLines(a area) []string {
	left, right := m.helpColumn(helpGroups[0]), m.helpColumn(helpGroups[1])
	lines := append(left, right...)
	if a.w >= narrowWidth {
		lines = m.look.sideBySide(left, right, a.w)
	}
	var below []string
	for _, text := range []string{
		"Mouse: click a tab, a row (twice to open), a column's head; wheel scrolls.",
		"Read only: no key changes the server or the record.   llmgw " + m.opt.Program,
	} {
		for _, l := range wrap(text, a.w-2) {
			below = append(below, " "+l)
		}
	}
	legend := m.look.flow(m.legend(), a.w)
	if len(lines)+len(legend)+len(below)+2 <= a.h || len(lines) > a.h {
		legend, below = append([]string{""}, legend...), append([]string{""}, below...)
	}
	return append(append(lines, legend...), below...)
}

// sideBySide puts two columns of lines into w cells.
func (k *look) sideBySide(left, right []string, w int) []string {
	var lines []string
	for i := range max(len(left), len(right)) {
		var n line
		if i < len(left) {
			n.add(style{}, k.clip(left[i], w/2))
		}
		n.to(w / 2)
		if i < len(right) {
			n.add(style{}, right[i])
		}
		lines = append(lines, n.String())
	}
	return lines
}

func (m *app) helpColumn(groups []string) []string {
	k := m.look
	var lines []string
	for _, g := range groups {
		head := g
		for i := 0; i < len(bindings); i++ {
			b := bindings[i]
			if b.group != g {
				continue
			}
			shown, words := b.shown, b.words
			if b.pair != "" {
				i++
				shown, words = shown+", "+bindings[i].shown, b.pair
			}
			var n line
			n.add(k.bold, " "+k.fit(head, 6))
			n.add(style{}, k.fit(k.keyName(shown), 14)+" "+words)
			lines = append(lines, n.String())
			head = ""
		}
	}
	return lines
}

// keyName is a key as this terminal can show it.
func (k *look) keyName(shown string) string {
	return strings.NewReplacer("↑", k.up, "↓", k.down).Replace(shown)
}

// legend explains the glyphs.
func (m *app) legend() []string {
	k := m.look
	return []string{
		k.ok + " ok", k.active + " active", k.switched + " switched", k.slow + " slow", k.failed + " failed", k.gone + " client left",
		k.blocked + " cap", k.cached + " cache", k.lost + " lost", k.approx + " estimate", "? no price", k.from + " instead of", k.minus + "n dropped",
	}
}

// flow puts short texts side by side in as many lines as they need.
func (k *look) flow(list []string, w int) []string {
	var lines []string
	now := ""
	for _, entry := range list {
		switch {
		case now == "":
			now = " " + k.clip(entry, w-1)
		case width(now)+2+width(entry) <= w:
			now += "  " + entry
		default:
			lines, now = append(lines, now), " "+k.clip(entry, w-1)
		}
	}
	return append(lines, now)
}
