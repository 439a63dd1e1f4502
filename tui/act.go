package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// typed takes what was typed. Keys that arrive together, as they do over a slow
// line, are one message; what is pasted is text and no keys.
func (m *app) typed(msg tea.KeyMsg) tea.Cmd {
	if msg.Type != tea.KeyRunes || len(msg.Runes) < 2 || msg.Paste && (m.prompt.open || m.body.search.open) {
		return m.key(msg)
	}
	if msg.Paste {
		return m.say("open the filter (/) to paste into it")
	}
	var cmds []tea.Cmd
	for _, r := range msg.Runes {
		cmds = append(cmds, m.key(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt}))
		m.settle()
	}
	return tea.Batch(cmds...)
}

// key takes a key: for the help, the prompt, or by the table.
func (m *app) key(msg tea.KeyMsg) tea.Cmd {
	name := msg.String()
	switch {
	case name == "ctrl+c":
		return m.quit()
	case m.help.open:
		m.helpKey(name)
		return nil
	case m.prompt.open:
		m.promptKey(msg)
		return nil
	case m.screen == screenBody && m.body.search.open:
		return m.body.typed(m, msg)
	}
	if m.toast != "" {
		m.toast = ""
	}
	do := lookUp(name, m.screen)
	if do == doNothing {
		if b, ok := elsewhere(name); ok {
			return m.say(b.shown + " (" + b.words + ") does nothing here")
		}
		return nil
	}
	return m.act(do)
}

// act does what a key stands for.
func (m *app) act(do action) tea.Cmd {
	switch do {
	case doCalls:
		m.tab(screenCalls)
	case doProviders:
		m.tab(screenProviders)
	case doSpend:
		m.tab(screenSpend)
	case doNextPane:
		m.turn(1)
	case doPreviousPane:
		m.turn(-1)
	case doZoom:
		m.zoomed = true
	case doUnzoom:
		m.zoomed = false
	case doBack:
		m.back()
	case doBackOrQuit:
		if !m.back() {
			return m.quit()
		}
	case doQuit:
		return m.quit()
	case doHelp:
		m.help.open = true
	case doRedraw:
		return tea.ClearScreen
	case doSuspend:
		return tea.Suspend
	case doAgain:
		m.want.fresh++
	case doFreeze:
		m.freeze()
	default:
		return m.onScreen(do)
	}
	return nil
}

// onScreen passes an action to the screen or pane that has the focus.
func (m *app) onScreen(do action) tea.Cmd {
	switch m.screen {
	case screenProviders:
		return m.providers.act(m, do)
	case screenSpend:
		return m.spend.act(m, do)
	case screenDetail:
		return m.onDetail(do)
	case screenBody:
		return m.body.act(m, do)
	}
	if moves(do) {
		switch m.focus {
		case paneDetail:
			return m.detail.act(m, do)
		case paneProviders:
			return m.providers.act(m, do)
		case paneSpend:
			return m.spend.act(m, do)
		}
	}
	return m.onCalls(do)
}

// moves tells whether an action is for the pane that has the focus.
func moves(do action) bool {
	return do >= doUp && do <= doOpen || do == doSort || do == doReverse
}

// onDetail is what the detail's keys do beyond scrolling in it.
func (m *app) onDetail(do action) tea.Cmd {
	switch do {
	case doNextCall:
		m.calls.move(m.snap, 1)
	case doPreviousCall:
		m.calls.move(m.snap, -1)
	case doCurl:
		return m.copyCurl()
	case doBody:
		return m.openBody()
	default:
		return m.detail.act(m, do)
	}
	return nil
}

// onCalls is what the list's keys do.
func (m *app) onCalls(do action) tea.Cmd {
	l, s := &m.calls, m.snap
	switch do {
	case doUp:
		l.move(s, -1)
	case doDown:
		l.move(s, 1)
	case doHalfUp:
		l.move(s, -max(l.slots/2, 1))
	case doHalfDown:
		l.move(s, max(l.slots/2, 1))
	case doPageUp:
		l.move(s, -l.slots)
	case doPageDown:
		l.move(s, l.slots)
	case doFirst:
		l.first(s)
	case doLast:
		l.last(s)
	case doOpen:
		return m.openCall()
	case doFollow:
		return m.follow()
	case doFaults:
		m.want.faults = !m.want.faults
		m.restart()
	case doFilter:
		m.prompt.start(m.want.filter)
	case doSort:
		m.want.sort, m.want.reverse = nextSort(m.want.sort), false
		m.restart()
	case doReverse:
		m.want.reverse = !m.want.reverse
		m.restart()
	case doClock:
		l.age = !l.age
	case doLike:
		return m.like()
	case doCopy:
		return m.copyID()
	case doCurl:
		return m.copyCurl()
	case doBody:
		return m.openBody()
	}
	return nil
}

// restart puts the cursor at the top of a list that will be another one.
func (m *app) restart() {
	m.calls.first(m.snap)
	m.calls.follow = m.want.sort == store.SortTime && !m.want.reverse
	m.calls.end = false
}

// follow stays on the newest call, or ends that; a frozen screen goes on.
func (m *app) follow() tea.Cmd {
	if m.calls.follow && !m.frozen.on {
		m.calls.unfollow(m.snap)
		return nil
	}
	m.want.sort, m.want.reverse = store.SortTime, false
	m.calls.follow = true
	if m.frozen.on {
		return m.resume()
	}
	return nil
}

// tab goes to one of the main screens.
func (m *app) tab(s screen) {
	m.screen, m.under = s, nil
	if s != screenCalls {
		m.zoomed = false
	}
}

// open goes to a screen from which back leads here.
func (m *app) open(s screen) {
	m.under = append(m.under, m.screen)
	m.screen = s
}

// back undoes one step: a screen, zooming, a pane's focus, the filter. False when there
// is nothing to go back from.
func (m *app) back() bool {
	switch n := len(m.under); {
	case n > 0:
		m.screen, m.under = m.under[n-1], m.under[:n-1]
	case m.zoomed:
		m.zoomed = false
	case m.focus != paneList:
		m.focus = paneList
	case m.screen == screenCalls && (m.want.filter != "" || m.want.faults):
		if m.want.filter == m.came.filter && m.came.from != 0 {
			m.tab(m.came.from)
		}
		m.want.filter, m.want.faults, m.came.from = "", false, 0
		m.restart()
	case m.screen != screenCalls:
		m.screen = screenCalls
	default:
		return false
	}
	return true
}

// turn gives the focus to the next pane.
func (m *app) turn(by int) {
	panes := m.layout.panes()
	if m.zoomed {
		panes = arrangePanes(m.w, m.h)
	}
	for i, p := range panes {
		if p == m.focus {
			m.focus = panes[(i+by+len(panes))%len(panes)]
			return
		}
	}
	m.focus = paneList
}

// arrangePanes are the panes there would be without zoom.
func arrangePanes(w, h int) []pane {
	l := arrange(w, h, screenCalls, paneList, false)
	return l.panes()
}

func (m *app) quit() tea.Cmd { return tea.Quit }

// openCall shows all of the call under the cursor.
func (m *app) openCall() tea.Cmd {
	if m.calls.cursor == "" {
		return m.say("there is no call to open")
	}
	m.calls.unfollow(m.snap)
	m.detail = detail{}
	m.open(screenDetail)
	return nil
}

// openBody shows what was sent and received.
func (m *app) openBody() tea.Cmd {
	if m.calls.cursor == "" {
		return m.say("there is no call whose body could be shown")
	}
	m.calls.unfollow(m.snap)
	m.body = body{part: "request", hit: -1}
	m.open(screenBody)
	return nil
}

// filterBy shows the calls that a filter selects.
func (m *app) filterBy(filter string) {
	from := m.screen
	m.tab(screenCalls)
	m.came.from, m.came.filter = from, filter
	m.focus, m.zoomed = paneList, false
	m.want.filter, m.want.faults = filter, false
	m.prompt.text = filter
	m.prompt.remember()
	m.restart()
}

// like shows the calls that are like the one under the cursor: of its route,
// else of the model that was asked for.
func (m *app) like() tea.Cmd {
	c := m.calls.selected(m.snap)
	switch {
	case c == nil:
		return m.say("there is no call to be like")
	case c.Route != "":
		m.filterBy("route:" + quoted(c.Route))
	case c.ModelRequested != "":
		m.filterBy("model:" + quoted(c.ModelRequested))
	default:
		return m.say("the call names no model")
	}
	return nil
}

// promptKey takes a key while the filter is typed.
func (m *app) promptKey(msg tea.KeyMsg) {
	p := &m.prompt
	switch msg.String() {
	case "enter":
		if p.wrong != nil {
			p.insist()
			return
		}
		p.remember()
		p.open = false
	case "esc":
		p.open = false
		if m.want.filter != "" {
			m.want.filter = ""
			m.restart()
		}
		return
	case "tab":
		p.complete(m.snap.known)
	case "up", "ctrl+p":
		p.older()
	case "down", "ctrl+n":
		p.newer()
	default:
		p.edit(msg)
	}
	if p.check() && p.text != m.want.filter && !p.unfinished() {
		m.want.filter = p.text
		m.restart()
	}
}
