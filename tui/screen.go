package tui

import (
	"strings"
)

// View draws everything anew; whatever did not change comes from the cache of
// rows. It changes nothing.
func (m *app) View() string {
	return strings.Join(m.lines(), "\n")
}

// lines is the frame: exactly m.h lines, none wider than m.w.
func (m *app) lines() []string {
	if m.h <= 0 || m.w <= 0 {
		return nil
	}
	if m.layout.tiny {
		return m.look.box(m.tiny(), area{w: m.w, h: m.h})
	}
	rule := m.look.dim.paint(strings.Repeat(m.look.rule, m.w))
	lines := []string{m.header(), rule}
	lines = append(lines, m.middle()...)
	lines = append(lines, rule, m.footer())
	return m.look.box(lines, area{w: m.w, h: m.h})
}

// middle is what is between the rules.
func (m *app) middle() []string {
	whole := area{w: m.w, h: m.h - 4, focused: true}
	v := m.view()
	switch {
	case m.help.open:
		return m.look.box(m.look.page(m.helpLines(whole), m.help.top, whole.h), whole)
	case m.screen == screenDetail:
		return m.look.box(m.detail.render(whole, v), whole)
	case m.screen == screenBody:
		return m.look.box(m.body.render(whole, v), whole)
	case m.snap.err != nil && m.snap.empty():
		return m.look.box(m.blank(whole), whole)
	case m.screen == screenProviders:
		return m.look.box(m.providers.render(whole, v), whole)
	case m.screen == screenSpend:
		return m.look.box(m.spend.render(whole, v), whole)
	}
	if m.snap.empty() {
		return m.look.box(m.blank(whole), whole)
	}
	return m.panes(v)
}

// panes is the list of calls with whatever is beside and below it.
func (m *app) panes(v view) []string {
	at := &m.layout
	var out []string
	if at.body.h > 0 {
		out = m.list(v)
	}
	if at.detail.h > 0 {
		pane := m.look.box(m.detail.render(at.detail, v), at.detail)
		switch {
		case at.beside:
			out = m.look.beside(out, at.body.w, pane)
		case at.body.h > 0:
			out = append(append(out, m.ruleFor(at.detail)), pane...)
		default:
			out = pane
		}
	}
	if at.providers.h > 0 || at.spend.h > 0 {
		out = m.strips(v, out)
	}
	return out
}

// strips puts the providers and the spending below everything else.
func (m *app) strips(v view, above []string) []string {
	at := &m.layout
	var strip []string
	if at.providers.h > 0 {
		strip = m.look.box(m.providers.render(at.providers, v), at.providers)
	}
	if at.spend.h > 0 {
		right := m.look.box(m.spend.render(at.spend, v), at.spend)
		if strip == nil {
			strip = right
		} else {
			strip = m.look.beside(strip, at.providers.w, right)
		}
	}
	if above == nil {
		return strip
	}
	return append(append(above, m.ruleFor(area{focused: at.providers.focused || at.spend.focused})), strip...)
}

// ruleFor is the line above a pane, brighter above the one with the focus.
func (m *app) ruleFor(a area) string {
	s := m.look.dim
	if a.focused {
		s = m.look.activeStyle
	}
	return s.paint(strings.Repeat(m.look.rule, m.w))
}

// beside joins two blocks of lines, the left one w cells wide.
func (k *look) beside(left []string, w int, right []string) []string {
	bar := k.dim.paint(k.bar)
	out := make([]string, len(left))
	for i := range left {
		out[i] = left[i] + spaces(w-width(left[i])) + bar
		if i < len(right) {
			out[i] += right[i]
		}
	}
	return out
}

// list is the pane of calls, with its notices and the line of its status.
func (m *app) list(v view) []string {
	a := m.layout.body
	notices := m.notices(a.w)
	rows := m.calls.render(a, v, m.layout.narrow)
	lines := append(append(notices, rows...), m.nothing()...)
	room := a.h - statusLines - m.prompt.extra()
	lines = m.look.box(lines, area{w: a.w, h: max(room, 0)})
	return m.look.box(append(lines, m.below(a.w)...), a)
}

// below is the status, or the filter while it is typed.
func (m *app) below(w int) []string {
	if m.prompt.open {
		return m.prompt.render(m, w)
	}
	return []string{m.status()}
}
