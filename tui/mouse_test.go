package tui

import (
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// pointer is a mouse on a screen.
type pointer struct {
	t *testing.T
	m *app
}

func newPointer(t *testing.T, w, h int, keys string) pointer {
	t.Helper()
	s := fixture(t)
	f := newFeed(t.Context(), options(s.Path(), w, h))
	t.Cleanup(f.close)
	m := newApp(t.Context(), options(s.Path(), w, h), f)
	m.catchUp()
	press(m, keys)
	return pointer{t, m}
}

// on clicks the first place where a text is on the screen.
func (p pointer) on(text string) {
	p.t.Helper()
	for y, l := range strings.Split(frameOf(p.m), "\n") {
		if before, _, ok := strings.Cut(l, text); ok {
			p.m.Update(tea.MouseMsg{X: width(before) + width(text) - 1, Y: y, Button: tea.MouseButtonLeft, Action: tea.MouseActionPress})
			p.m.catchUp()
			return
		}
	}
	p.t.Fatalf("%q is not on the screen:\n%s", text, frameOf(p.m))
}

func (p pointer) wheel(button tea.MouseButton, x, y int) {
	p.m.Update(tea.MouseMsg{X: x, Y: y, Button: button})
	p.m.catchUp()
}

// A click on the head of a column sorts by it, another one the other way round.
func TestClickSortsCalls(t *testing.T) {
	p := newPointer(t, 120, 40, "")
	for _, c := range []struct {
		head string
		by   store.SortKey
	}{
		{"COST", store.SortCost}, {"OUT", store.SortOut}, {" IN", store.SortIn}, {"TOTAL", store.SortTook}, {"FIRST", store.SortFirst},
		{"TRY", store.SortTries}, {"MODEL ASKED", store.SortModel}, {"TIME", store.SortTime},
	} {
		p.on(c.head)
		if p.m.want.sort != c.by || p.m.want.reverse {
			t.Errorf("%s: sorted by %q, reversed %v", c.head, p.m.want.sort, p.m.want.reverse)
		}
		p.on(c.head)
		if p.m.want.sort != c.by || !p.m.want.reverse {
			t.Errorf("%s again: sorted by %q, reversed %v", c.head, p.m.want.sort, p.m.want.reverse)
		}
		p.on(c.head)
	}
	p.on("SERVED BY")
	if p.m.want.sort != store.SortTime || p.m.screen != screenCalls {
		t.Errorf("a click on a column without an order sorts by %q", p.m.want.sort)
	}
}

// The tables of providers and spending take clicks as the list does.
func TestClickReports(t *testing.T) {
	p := newPointer(t, 120, 40, "2")
	p.on("TRIES")
	if row := p.m.providers.rows(p.m.view())[0]; row.name != "openai" {
		t.Errorf("sorted by tries the first is %s", row.name)
	}
	p.on("TRIES")
	if row := p.m.providers.rows(p.m.view())[0]; row.name == "openai" {
		t.Error("a second click does not turn the order round")
	}
	p.on("  ● groq")
	if p.m.providers.cursor != "groq" || p.m.screen != screenProviders {
		t.Errorf("the cursor is on %q", p.m.providers.cursor)
	}
	p.on("▸ ● groq")
	if p.m.screen != screenCalls || p.m.want.filter != "provider:groq" {
		t.Errorf("opened screen %d with %q", p.m.screen, p.m.want.filter)
	}
	p = newPointer(t, 120, 40, "3")
	p.on("  gpt-5-mini")
	if got := p.m.spend.ordered(p.m.snap.spend)[p.m.spend.cursor].name; got != "gpt-5-mini" {
		t.Errorf("the cursor is on %s", got)
	}
	p.on("OUT")
	if first := p.m.spend.ordered(p.m.snap.spend)[0].name; first != "gpt-5" || p.m.spend.sort == 0 {
		t.Errorf("sorted by output %s is first", first)
	}
	p.on("OUT")
	if first := p.m.spend.ordered(p.m.snap.spend)[0].name; first == "gpt-5" {
		t.Error("a second click does not turn the order round")
	}
	p.on("claude-haiku-4-5")
	p.on("claude-haiku-4-5")
	if p.m.want.filter != "target:*/claude-haiku-4-5 since:today" {
		t.Errorf("opened %q", p.m.want.filter)
	}
}

// The wheel scrolls what is under the pointer and leaves the focus where it is.
func TestWheel(t *testing.T) {
	p := newPointer(t, 200, 50, "")
	p.wheel(tea.MouseButtonWheelDown, 10, 10)
	if i := p.m.snap.window.index(p.m.calls.cursor); i != wheelRows {
		t.Errorf("over the list the cursor is in row %d", i)
	}
	strip := p.m.layout.body.h + headerLines + 3
	p.wheel(tea.MouseButtonWheelDown, 120, strip)
	if p.m.spend.cursor != wheelRows || p.m.focus != paneList {
		t.Errorf("over the spending: row %d, focus %d", p.m.spend.cursor, p.m.focus)
	}
	before, _ := p.m.providers.target(p.m.view())
	p.wheel(tea.MouseButtonWheelUp, 10, strip)
	if after, _ := p.m.providers.target(p.m.view()); after == before {
		t.Errorf("over the providers the cursor stays on %s", after)
	}
	if i := p.m.snap.window.index(p.m.calls.cursor); i != wheelRows {
		t.Errorf("the list moved to row %d", i)
	}
	p = newPointer(t, 48, 16, "?")
	p.wheel(tea.MouseButtonWheelDown, 1, 5)
	if !p.m.help.open || p.m.help.top != wheelRows {
		t.Errorf("over the help: %+v", p.m.help)
	}
	p.on("COPY")
	if p.m.help.open {
		t.Error("a click leaves the help open")
	}
}
