package tui

import (
	"context"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// app is the one model: all state of the screen.
type app struct {
	ctx  context.Context
	opt  Options
	look *look
	feed *feed

	w, h   int // of the terminal
	layout layout
	screen screen
	under  []screen // screens below this one, the last is next

	came struct { // how the calls were filtered from another screen
		from   screen
		filter string
	}
	focus  pane
	zoomed bool
	help   help

	snap   *snapshot // what is shown
	file   int       // of what was shown before
	frozen frozen
	now    time.Time // of what is shown
	want   want

	calls     calls
	detail    detail
	body      body
	providers providers
	spend     spend
	prompt    prompt

	toast   string // a passing message
	toasted int    // counts them, so that an old timer ends no new one
	ticking bool
}

// view is what a screen draws from, besides its own state.
type view struct {
	*snapshot
	look *look
	now  time.Time
	zone *time.Location
	call *store.CallRow // under the cursor, nil when there is none
}

type (
	snapshotMsg *snapshot
	tickMsg     time.Time
	toastMsg    int // the toast to end
)

// tick is how often running calls are redrawn.
const tick = 250 * time.Millisecond

// toastTime is how long a passing message stays.
const toastTime = 4 * time.Second

func newApp(ctx context.Context, o Options, f *feed) *app {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	m := &app{
		ctx: ctx, opt: o, look: newLook(o.Colours, !o.Light, o.ASCII), feed: f,
		w: o.Width, h: o.Height, screen: screenCalls, snap: &snapshot{}, now: o.Now(),
	}
	m.calls.follow = true
	m.calls.cache = map[rowKey]string{}
	m.settle()
	return m
}

// Init starts the feed.
func (m *app) Init() tea.Cmd { return m.feed.next() }

// Update takes one message; it is the only place where state changes, and it
// waits for nothing.
func (m *app) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.readClock()
	cmd := m.take(msg)
	m.settle()
	if m.beyondFrozen() {
		cmd = tea.Batch(cmd, m.resume())
	}
	return m, tea.Batch(cmd, m.startTicking())
}

func (m *app) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		if m.w, m.h = msg.Width, msg.Height; m.w == 0 || m.h == 0 {
			m.w, m.h = 80, 24 // a terminal that does not know its size
		}
	case tea.KeyMsg:
		return m.typed(msg)
	case tea.MouseMsg:
		return m.mouse(msg)
	case snapshotMsg:
		said := m.moved(msg)
		m.show(msg)
		return tea.Batch(said, m.feed.next())
	case tickMsg:
		m.ticking = false
	case toastMsg:
		if int(msg) == m.toasted {
			m.toast = ""
		}
	case crashMsg:
		panic(msg.err) // in the goroutine that can restore the terminal
	case curlMsg:
		if msg.problem != "" {
			return m.say(msg.problem)
		}
		return m.copy(msg.text, "a curl command")
	case copiedMsg:
		return m.say(string(msg))
	case tea.FocusMsg:
		m.feed.focused(true)
	case tea.BlurMsg:
		m.feed.focused(false)
	}
	return nil
}

// moved says which file is read from now on, where that is another one.
func (m *app) moved(s *snapshot) tea.Cmd {
	if m.frozen.on || m.snap.path == "" || s.file == m.snap.file || s.err != nil {
		return nil
	}
	return m.say("now reading " + m.look.outside(s.path, m.w))
}

// show takes a snapshot, or keeps it for later while the screen is frozen and
// takes only what that lacks.
func (m *app) show(s *snapshot) {
	if m.frozen.on {
		m.frozen.latest, m.snap = s, m.snap.with(s)
		return
	}
	m.snap = s
}

// settle makes everything fit after a change: the layout, the cursor, and what
// the feed is asked for.
func (m *app) settle() {
	if !slices.Contains(arrangePanes(m.w, m.h), m.focus) {
		m.focus, m.zoomed = paneList, false // the terminal became too small for that pane
	}
	m.layout = arrange(m.w, m.h, m.screen, m.focus, m.zoomed)
	if before := m.file; before != m.snap.file {
		if m.file = m.snap.file; before > 0 {
			m.restart()
		}
	}
	m.calls.settle(m.snap, m.layout, len(m.notices(m.layout.body.w))+m.prompt.extra())
	m.wish()
	if m.want != m.feed.wanted() {
		m.feed.ask(m.want)
	}
}

// wish works out what the feed is to read.
func (m *app) wish() {
	w := &m.want
	w.around = m.calls.around()
	w.detail, w.body, w.width = "", "", 0
	if m.screen == screenDetail || m.screen == screenBody || m.layout.detail.h > 0 {
		w.detail = m.calls.cursor
	}
	if m.screen == screenBody {
		w.body, w.width = m.body.part, m.w
	}
	if w.providers = m.screen == screenProviders || m.layout.providers.h > 0; m.screen == screenProviders {
		w.target, w.breaker = m.providers.target(m.view())
	}
	w.spend = m.screen == screenSpend || m.layout.spend.h > 0
	w.complete = m.prompt.open
}

// startTicking makes the clock of running calls, of waits, and of how long no
// server lives, go while one can be seen.
func (m *app) startTicking() tea.Cmd {
	every := tick
	switch {
	case m.ticking || m.frozen.on:
		return nil
	case m.calls.running(m.snap, m.layout) || m.counting():
	case m.aging():
		every = time.Second
	default:
		return nil
	}
	m.ticking = true
	return tea.Tick(every, func(t time.Time) tea.Msg { return tickMsg(t) })
}

// say shows a passing message.
func (m *app) say(text string) tea.Cmd {
	m.toast = text
	m.toasted++
	n := m.toasted
	return tea.Tick(toastTime, func(time.Time) tea.Msg { return toastMsg(n) })
}

// view is what screens draw from.
func (m *app) view() view {
	return view{snapshot: m.snap, look: m.look, now: m.now, zone: m.opt.Zone, call: m.calls.selected(m.snap)}
}
