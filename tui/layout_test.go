package tui

import (
	"slices"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
)

// What is where at the sizes at which the shape changes.
func TestArrange(t *testing.T) {
	for _, c := range []struct {
		name   string
		w, h   int
		screen screen
		focus  pane
		zoom   bool
		want   string
	}{
		{"tiny in width", 39, 30, screenCalls, paneList, false, "tiny"},
		{"tiny in height", 200, 9, screenCalls, paneList, false, "tiny"},
		{"two lines a call", 71, 24, screenCalls, paneList, false, "narrow list"},
		{"a table", 72, 24, screenCalls, paneList, false, "list"},
		{"too narrow for a pane", 109, 40, screenCalls, paneList, false, "list"},
		{"too low for a pane", 120, 27, screenCalls, paneList, false, "list"},
		{"a pane below", 110, 28, screenCalls, paneList, false, "list detail"},
		{"all", 180, 40, screenCalls, paneList, false, "list detail-beside providers spend"},
		{"wide but low", 200, 39, screenCalls, paneList, false, "list detail"},
		{"another screen", 200, 50, screenSpend, paneList, false, "list"},
		{"zoomed list", 200, 50, screenCalls, paneList, true, "list"},
		{"zoomed detail", 120, 40, screenCalls, paneDetail, true, "detail"},
		{"zoomed spend", 200, 50, screenCalls, paneSpend, true, "spend"},
	} {
		if got := describe(arrange(c.w, c.h, c.screen, c.focus, c.zoom)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func describe(l layout) string {
	text := ""
	add := func(yes bool, word string) {
		if yes {
			text += " " + word
		}
	}
	add(l.tiny, "tiny")
	add(l.narrow, "narrow")
	add(l.body.h > 0, "list")
	add(l.detail.h > 0 && !l.beside, "detail")
	add(l.detail.h > 0 && l.beside, "detail-beside")
	add(l.providers.h > 0, "providers")
	add(l.spend.h > 0, "spend")
	return text[1:]
}

// Columns go in a fixed order as room gets short; four never do.
func TestColumnsDropInOrder(t *testing.T) {
	var before columns
	for w := 240; w >= narrowWidth; w-- {
		c := columnsFor(w, false)
		if used := w - c.spare(w) + c.model + 1 + c.served; used != w {
			t.Fatalf("%d: the columns take %d", w, used)
		}
		there := []bool{c.by > 0, c.rate > 0, c.in > 0, c.out > 0, c.first > 0, c.try > 0}
		if first := slices.Index(there, true); first >= 0 && slices.Contains(there[first:], false) {
			t.Errorf("%d: columns are missing out of order: %v", w, there)
		}
		if c.model < 1 || c.served < 1 || c.total == 0 || c.cost == 0 || c.time == 0 {
			t.Errorf("%d: %+v", w, c)
		}
		if w < 240 && before.by == 0 && c.by > 0 {
			t.Errorf("%d: a column came back in less room", w)
		}
		before = c
	}
}

// The mouse selects rows, panes and screens.
func TestMouse(t *testing.T) {
	s := fixture(t)
	f := newFeed(t.Context(), options(s.Path(), 120, 40))
	defer f.close()
	m := newApp(t.Context(), options(s.Path(), 120, 40), f)
	m.catchUp()
	click := func(x, y int) {
		m.Update(tea.MouseMsg{X: x, Y: y, Button: tea.MouseButtonLeft, Action: tea.MouseActionPress})
		m.catchUp()
	}
	click(20, 5) // below two lines of head and one of the table's
	if i := m.snap.window.index(m.calls.cursor); i != 2 || m.calls.follow {
		t.Errorf("the click selected row %d", i)
	}
	click(20, 5)
	if m.screen != screenDetail {
		t.Errorf("the second click opened screen %d", m.screen)
	}
	click(20, 0)
	if m.screen != screenProviders {
		t.Errorf("the tab leads to screen %d", m.screen)
	}
	click(9, 0)
	m.Update(tea.MouseMsg{Button: tea.MouseButtonWheelDown})
	if i := m.snap.window.index(m.calls.cursor); m.screen != screenCalls || i != 2+wheelRows {
		t.Errorf("after the wheel: screen %d, row %d", m.screen, i)
	}
	click(20, 36)
	if m.focus != paneDetail {
		t.Errorf("the click below gave the focus to pane %d", m.focus)
	}
	press(m, "tab")
	if m.focus != paneList {
		t.Errorf("tab gave the focus to pane %d", m.focus)
	}
}
