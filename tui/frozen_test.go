package tui

import (
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// frozenApp is the screen after the keys, frozen; a call came since.
func frozenApp(t *testing.T, w, h int, keys string) (m *app, clock *time.Time) {
	t.Helper()
	s := openFixture(t)
	for i := len(specs) - 1; i >= 0; i-- {
		c := specs[i].change(i)
		c.Bodies = []store.Body{{Part: "request", Data: []byte(`{"question":"of ` + c.Call.ID + `"}`)}}
		commit(t, s, c)
	}
	closeStore(t, s) // by then the bodies are in the file
	s = openFixtureAt(t, s.Path())
	fillState(t, s)
	now := testNow
	o := options(s.Path(), w, h)
	o.Now = func() time.Time { return now }
	f := newFeed(t.Context(), o)
	t.Cleanup(f.close)
	m = newApp(t.Context(), o, f)
	m.catchUp()
	press(m, keys+" space")
	p := specs[2]
	p.ago = -time.Second
	commit(t, s, p.change(5000))
	m.catchUp()
	return m, &now
}

// A frozen screen stands still: its clock too, so that no server seems to have
// fallen silent only because nobody looks at what it writes.
func TestFrozenClockStandsStill(t *testing.T) {
	for _, keys := range []string{"", "t", "2", "3", "enter"} {
		m, now := frozenApp(t, 200, 50, keys)
		before := frameOf(m)
		*now = now.Add(44 * time.Second)
		m.Update(tickMsg(*now))
		m.catchUp()
		if after := frameOf(m); after != before {
			t.Errorf("after %q the frozen screen moved:\n%s\nwas\n%s", keys, after, before)
		}
		press(m, "space")
		if !m.now.Equal(*now) {
			t.Errorf("after %q the clock did not go on", keys)
		}
	}
}

// What can be seen of the frozen calls is shown without ending it; a key that
// needs others ends it and says so.
func TestKeysWhileFrozen(t *testing.T) {
	for _, c := range []struct {
		before, keys string
		resumes      bool
	}{
		{"", "j", false}, {"", "G", false}, {"", "pgdown g", false}, {"", "t", false}, {"", "?", false}, {"", "enter", false},
		{"", "j enter n n esc", false}, {"", "j b b esc", false}, {"", "2", false}, {"2", "j j", false}, {"", "3 1", false}, {"2", "s", false},
		{"", "e", true}, {"", "m", true}, {"", "s", true}, {"", "S", true}, {"", "/", true}, {"", "f", true}, {"j", "f", true}, {"", "r", true},
		{"e", "esc", true}, {"2", "w", true}, {"3", "a", true}, {"3", "enter", true},
	} {
		m, _ := frozenApp(t, 80, 24, c.before)
		press(m, c.keys)
		if resumed := !m.frozen.on; resumed != c.resumes || resumed != contains(frameOf(m), "resumed") {
			t.Errorf("%q, frozen, then %q: resumed: %v\n%s", c.before, c.keys, resumed, frameOf(m))
		}
		if c.resumes && m.snap.want != m.want {
			t.Errorf("%q, frozen, then %q: what is shown is not what is wanted", c.before, c.keys)
		}
	}
}

// Where not all calls were read, going to what was not ends freezing.
func TestFrozenBeyondWhatWasRead(t *testing.T) {
	for _, key := range []string{"G", "pgdown pgdown", "j j j j j j j j j j j j j j j j"} {
		m, _ := frozenApp(t, 80, 24, "")
		cut := *m.snap
		cut.window.rows, cut.window.oldest = cut.window.rows[:12], false
		m.snap = &cut
		press(m, key)
		if m.frozen.on {
			t.Errorf("after %q the screen is still frozen", key)
		}
	}
}

// Following is on after f, whether it was before or not.
func TestFollowEndsFreezing(t *testing.T) {
	for _, keys := range []string{"", "j j"} {
		m, _ := frozenApp(t, 80, 24, keys)
		press(m, "f")
		if newest := m.snap.window.rows[0].ID; !m.calls.follow || m.calls.cursor != newest || len(m.snap.window.rows) != len(specs)+1 {
			t.Errorf("after %q: following: %v, of %d calls", keys, m.calls.follow, len(m.snap.window.rows))
		}
	}
}

// Bodies and details of the frozen calls are read.
func TestReadingWhileFrozen(t *testing.T) {
	m, _ := frozenApp(t, 80, 24, "j")
	press(m, "j b")
	if text := frameOf(m); !m.frozen.on || !contains(text, `"of `+m.calls.cursor) || contains(text, "reading") {
		t.Errorf("the body is not shown:\n%s", text)
	}
	press(m, "b b esc enter n")
	if d := m.snap.detail; d == nil || d.id != m.calls.cursor || len(d.bodies) != 1 || !m.frozen.on {
		t.Errorf("the detail of %s is not read: %+v", m.calls.cursor, d)
	}
	if !contains(frameOf(m), "FROZEN") {
		t.Errorf("the screen does not say that it is frozen:\n%s", frameOf(m))
	}
	m.Update(tea.WindowSizeMsg{Width: 60, Height: 20})
	press(m, "b")
	if !contains(frameOf(m), "of "+m.calls.cursor[:20]) {
		t.Errorf("the body is not shown:\n%s", frameOf(m))
	}
}

// Copying a body that is still being read says that it is.
func TestCopyOfABodyNotYetRead(t *testing.T) {
	s := fixture(t)
	f := newFeed(t.Context(), options(s.Path(), 80, 24))
	defer f.close()
	m := newApp(t.Context(), options(s.Path(), 80, 24), f)
	m.catchUp()
	m.Update(keyNamed("b"))
	m.Update(keyNamed("y"))
	if !contains(frameOf(m), "still being read") {
		t.Errorf("%s", frameOf(m))
	}
}
