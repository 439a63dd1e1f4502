package tui

import tea "github.com/charmbracelet/bubbletea"

// frozen is a screen that stands still, its clock too.
type frozen struct {
	on     bool
	want   want      // what was wanted when it began
	latest *snapshot // what came since
}

// freeze holds the screen as it is, or shows what came meanwhile.
func (m *app) freeze() {
	if m.frozen.on {
		m.thaw()
		return
	}
	m.frozen = frozen{on: true, want: m.want, latest: m.snap}
}

func (m *app) thaw() {
	m.snap, m.frozen = m.frozen.latest, frozen{}
	m.readClock()
}

// readClock takes the time, unless the screen stands still.
func (m *app) readClock() {
	if !m.frozen.on {
		m.now = m.opt.Now()
	}
}

// resume ends freezing for a key that needs other calls than the frozen ones.
func (m *app) resume() tea.Cmd {
	m.thaw()
	m.settle()
	return m.say("resumed")
}

// beyondFrozen tells whether something is wanted that the frozen screen has
// not: other calls, or other sums. Reading more about its calls is no reason.
func (m *app) beyondFrozen() bool {
	if !m.frozen.on {
		return false
	}
	w, was := m.want, m.frozen.want
	if w.around != was.around && (m.calls.end || m.calls.atEdge(m.snap)) || w.complete && !was.complete {
		return true
	}
	w.around, w.complete, w.detail, w.body, w.width = was.around, was.complete, was.detail, was.body, was.width
	w.providers, w.target, w.breaker, w.spend = was.providers, was.target, was.breaker, was.spend
	return w != was
}

// with is s with what it lacks of what is looked at, as a later snapshot has it.
func (s *snapshot) with(later *snapshot) *snapshot {
	out := *s
	if d := later.detail; d != nil && (s.detail == nil || s.detail.id != d.id) {
		out.detail = d
	}
	if b := later.body; b != nil && (s.body == nil || s.body.id != b.id || s.body.part != b.part || s.body.width != b.width) {
		out.body = b
	}
	if out.spend == nil {
		out.spend = later.spend
	}
	if p := later.providers; s.providers == nil {
		out.providers = p
	} else if p != nil && (p.of != s.providers.of || p.breaker != s.providers.breaker) {
		mixed := *s.providers
		mixed.of, mixed.faults, mixed.breaker, mixed.changes = p.of, p.faults, p.breaker, p.changes
		out.providers = &mixed
	}
	return &out
}
