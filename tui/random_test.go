package tui

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
)

// Whatever is pressed, wherever, and however the terminal is resized between:
// nothing panics, and each frame is exactly as large as the terminal.
func TestRandomKeysAndSizes(t *testing.T) {
	full, empty := fixture(t), openFixture(t)
	for i, c := range []struct{ name, path, keys string }{
		{"calls", full.Path(), ""},
		{"no match", full.Path(), "/ q q q q q q enter"},
		{"no calls", empty.Path(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(c.path, 120, 40)
			f := newFeed(t.Context(), o)
			defer f.close()
			m := newApp(t.Context(), o, f)
			m.catchUp()
			press(m, c.keys)
			wander(t, m, rand.New(rand.NewPCG(uint64(i), 7)))
		})
	}
}

// wander takes steps at random and looks at the frame after each.
func wander(t *testing.T, m *app, random *rand.Rand) {
	keys := everyKey()
	var done []string
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("at %dx%d after %s: %v\n%s", m.w, m.h, strings.Join(done[max(0, len(done)-30):], " "), p, debug.Stack())
		}
	}()
	const steps = 500
	for range steps {
		if random.IntN(8) == 0 {
			w, h := randomSize(random)
			done = append(done, fmt.Sprintf("%dx%d", w, h))
			m.Update(tea.WindowSizeMsg{Width: w, Height: h})
		} else {
			key := keys[random.IntN(len(keys))]
			done = append(done, key)
			m.Update(keyNamed(key))
		}
		if random.IntN(8) == 0 { // what is read comes after some keys
			m.catchUp()
		}
		checkLines(t, m.lines(), m.w, m.h)
		if m.focus != paneList && !slices.Contains(arrangePanes(m.w, m.h), m.focus) {
			t.Fatalf("at %dx%d after %s: the focus is on pane %d, which is not there", m.w, m.h, done, m.focus)
		}
	}
}

// randomSize is any size, often one of each shape.
func randomSize(random *rand.Rand) (w, h int) {
	if random.IntN(2) == 0 {
		s := [][2]int{{100, 10}, {80, 24}, {120, 40}, {200, 50}, {60, 30}, {30, 5}}[random.IntN(6)]
		return s[0], s[1]
	}
	return 1 + random.IntN(250), 1 + random.IntN(80)
}

// everyKey is all of the table, but for those that leave.
func everyKey() []string {
	var keys []string
	for _, b := range bindings {
		if b.does != doQuit && b.does != doSuspend {
			keys = append(keys, b.keys...)
		}
	}
	keys[slices.Index(keys, " ")] = "space"
	return keys
}

// A filter that finds nothing has no last call to go to.
func TestLastOfNone(t *testing.T) {
	s := fixture(t)
	for _, key := range []string{"G", "end", "g", "j", "pgdown", "enter", "b", "y", "m"} {
		text, err := Frame(t.Context(), options(s.Path(), 80, 24), "/ q q q q q q enter "+key)
		if err != nil {
			t.Fatal(err)
		}
		checkFrame(t, text, 80, 24)
	}
}

// A pane that no longer fits loses the focus to the list.
func TestFocusOfAPaneThatVanishes(t *testing.T) {
	s := fixture(t)
	for _, size := range [][2]int{{100, 10}, {80, 24}, {30, 5}} {
		for _, key := range []string{"j", "pgdown", "S", "G"} {
			o := options(s.Path(), 120, 40)
			f := newFeed(t.Context(), o)
			defer f.close()
			m := newApp(t.Context(), o, f)
			m.catchUp()
			press(m, "tab")
			if m.focus != paneDetail {
				t.Fatalf("the focus is on pane %d", m.focus)
			}
			m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			press(m, key)
			if m.focus != paneList {
				t.Errorf("%v: the focus is on pane %d", size, m.focus)
			}
		}
	}
}
