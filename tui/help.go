package tui

import "strings"

// helpGroups are the headings of the help, in two columns.
var helpGroups = [2][]string{{"MOVE", "FIND"}, {"LIVE", "VIEW", "COPY", "OTHER"}}

// helpLines is the page of all keys, made from their table.
func (m *app) helpLines(a area) []string {
	k := m.look
	left, right := m.helpColumn(helpGroups[0]), m.helpColumn(helpGroups[1])
	var lines []string
	if a.w < narrowWidth {
		lines = append(left, right...)
	} else {
		for i := range max(len(left), len(right)) {
			var n line
			if i < len(left) {
				n.add(style{}, k.clip(left[i], a.w/2))
			}
			n.to(a.w / 2)
			if i < len(right) {
				n.add(style{}, right[i])
			}
			lines = append(lines, n.String())
		}
	}
	if len(lines)+4 <= a.h {
		lines = append(lines, "")
	}
	lines = append(lines, m.legend(a.w)...)
	return append(lines, " Read only: no key changes the server or the record.   llmgw "+m.opt.Program)
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
func (m *app) legend(w int) []string {
	k := m.look
	var lines []string
	now := ""
	for _, entry := range []string{
		k.ok + " ok", k.active + " active", k.switched + " switched", k.slow + " slow", k.failed + " failed", k.gone + " client left",
		k.blocked + " cap", k.cached + " cache", k.lost + " lost", k.approx + " estimate", "? no price", k.from + " instead of", k.minus + "n dropped",
	} {
		if now != "" && width(now)+2+width(entry) > w {
			lines, now = append(lines, now), ""
		}
		if now == "" {
			now = " " + entry
		} else {
			now += "  " + entry
		}
	}
	return append(lines, now)
}
