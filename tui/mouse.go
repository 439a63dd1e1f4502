package tui

import tea "github.com/charmbracelet/bubbletea"

// wheelRows is how far one notch of the wheel goes.
const wheelRows = 3

// mouse takes a click on a tab or a row, and the wheel.
func (m *app) mouse(msg tea.MouseMsg) tea.Cmd {
	if m.layout.tiny {
		return nil
	}
	switch {
	case msg.Button == tea.MouseButtonWheelUp:
		return m.wheel(doUp)
	case msg.Button == tea.MouseButtonWheelDown:
		return m.wheel(doDown)
	case msg.Button != tea.MouseButtonLeft || msg.Action != tea.MouseActionPress:
		return nil
	case msg.Y == 0:
		m.clickTab(msg.X)
	case m.screen == screenCalls:
		return m.clickCalls(msg.X, msg.Y)
	}
	return nil
}

func (m *app) wheel(do action) tea.Cmd {
	var cmd tea.Cmd
	for range wheelRows {
		cmd = m.act(do)
	}
	return cmd
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

// clickCalls selects the row that was clicked; the selected one opens. A click elsewhere
// gives the focus to that pane.
func (m *app) clickCalls(x, y int) tea.Cmd {
	at := &m.layout
	y -= 2
	switch {
	case y >= at.body.h+1 && at.detail.h > 0 && !at.beside:
		m.focus = paneDetail
	case y >= at.body.h+1 && at.providers.h > 0:
		m.focus = paneProviders
		if x > at.providers.w {
			m.focus = paneSpend
		}
	case x > at.body.w && at.beside:
		m.focus = paneDetail
	case y < at.body.h && x < at.body.w:
		m.focus = paneList
		return m.clickRow(y)
	}
	return nil
}

func (m *app) clickRow(y int) tea.Cmd {
	y -= len(m.notices(m.layout.body.w))
	row := y - 1
	if m.layout.narrow {
		row = y / 2
	}
	if row < 0 || row >= len(m.calls.visible(m.snap)) {
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
