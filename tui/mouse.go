package tui

import (
	"maps"
	"slices"

	tea "github.com/charmbracelet/bubbletea"
)

// wheelRows is how far one notch of the wheel goes.
const wheelRows = 3

// mouse takes a click on a tab, a row or the head of a column, and the wheel.
func (m *app) mouse(msg tea.MouseMsg) tea.Cmd {
	if m.layout.tiny {
		return nil
	}
	y := msg.Y - headerLines
	switch {
	case msg.Button == tea.MouseButtonWheelUp:
		return m.wheel(doUp, msg.X, y)
	case msg.Button == tea.MouseButtonWheelDown:
		return m.wheel(doDown, msg.X, y)
	case msg.Button != tea.MouseButtonLeft || msg.Action != tea.MouseActionPress:
		return nil
	case m.help.open:
		m.help = help{}
	case msg.Y == 0:
		m.clickTab(msg.X)
	default:
		return m.click(msg.X, y)
	}
	return nil
}

// headerLines are the lines above the screens.
const headerLines = 2

// wheel scrolls what is under the pointer, wherever the focus is.
func (m *app) wheel(do action, x, y int) tea.Cmd {
	if m.help.open {
		for range wheelRows {
			m.helpScroll(do)
		}
		return nil
	}
	focus := m.focus
	m.focus, _, _ = m.paneAt(x, y)
	var cmd tea.Cmd
	for range wheelRows {
		cmd = m.act(do)
	}
	m.focus = focus
	return cmd
}

// paneAt is the pane that lies at a cell below the header, and the cell within
// it.
func (m *app) paneAt(x, y int) (p pane, px, py int) {
	at := &m.layout
	strips := y - at.body.h - 1 // below the list and its rule
	switch {
	case at.detail.h > 0 && at.beside && x > at.body.w && y < at.detail.h:
		return paneDetail, x - at.body.w - 1, y
	case at.providers.h > 0 && at.body.h > 0 && strips >= 0:
		if x > at.providers.w {
			return paneSpend, x - at.providers.w - 1, strips
		}
		return paneProviders, x, strips
	case at.detail.h > 0 && at.body.h > 0 && strips >= 0:
		return paneDetail, x, strips
	case at.body.h == 0:
		return m.focus, x, y // zoomed
	}
	return paneList, x, y
}

// click selects what was clicked; the selected one opens.
func (m *app) click(x, y int) tea.Cmd {
	whole := area{w: m.w, h: m.h - 4, focused: true}
	switch m.screen {
	case screenProviders:
		return m.providers.click(m, x, y, whole)
	case screenSpend:
		return m.spend.click(m, x, y, whole)
	case screenCalls:
	default:
		return nil
	}
	was := m.focus
	m.focus, x, y = m.paneAt(x, y)
	switch {
	case m.focus == paneList:
		return m.clickList(x, y)
	case m.focus == paneDetail, m.focus != was:
	case m.focus == paneProviders:
		return m.providers.click(m, x, y, m.layout.providers)
	case m.focus == paneSpend:
		return m.spend.click(m, x, y, m.layout.spend)
	}
	return nil
}

// clickTab goes to the screen whose name was clicked.
func (m *app) clickTab(x int) {
	at := len(" llmgw ")
	for i, t := range tabs {
		w := len(t.name) + 4
		if m.layout.narrow {
			w = 3
		}
		if x >= at && x < at+w {
			m.act(doCalls + action(i))
			return
		}
		at += w
	}
}

// clickList selects the call that was clicked, opens the selected one, or sorts
// by the column whose head was clicked.
func (m *app) clickList(x, y int) tea.Cmd {
	if m.snap.empty() {
		return nil
	}
	y -= len(m.notices(m.layout.body.w))
	row := y - 1
	if m.layout.narrow {
		row = y / 2
	} else if y == 0 {
		m.clickHead(x)
		return nil
	}
	if row < 0 || y < 0 || row >= len(m.calls.visible(m.snap)) {
		return nil
	}
	by := row - m.calls.line
	if by == 0 {
		return m.openCall()
	}
	m.calls.unfollow(m.snap)
	m.calls.move(m.snap, by)
	return nil
}

// clickHead orders the calls by a column, or turns the order round.
func (m *app) clickHead(x int) {
	heads := slices.Collect(maps.Keys(sortHeads))
	head := headAt(columnsFor(m.layout.body.w, m.calls.age).head(m.look, ""), x, heads)
	if head == "" {
		return
	}
	if by := sortHeads[head]; by == m.want.sort {
		m.want.reverse = !m.want.reverse
	} else {
		m.want.sort, m.want.reverse = by, false
	}
	m.restart()
}
