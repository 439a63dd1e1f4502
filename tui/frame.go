package tui

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
)

// frame runs the screen without a terminal: after each key what it then wants
// is read at once.
func frame(ctx context.Context, o Options, keys string) (string, error) {
	if o.Width <= 0 || o.Height <= 0 {
		return "", fmt.Errorf("drawing a frame of %dx%d: both must be above 0", o.Width, o.Height)
	}
	f := newFeed(ctx, o)
	defer f.close()
	m := newApp(ctx, o, f)
	m.catchUp()
	for name := range strings.FieldsSeq(keys) {
		m.Update(keyNamed(name))
		m.catchUp()
	}
	return strings.Join(m.lines(), "\n") + "\n", m.snap.err
}

// catchUp reads what is wanted until nothing more is.
func (m *app) catchUp() {
	const enough = 500 // pages of a search
	for range enough {
		s := m.feed.look()
		if s == nil {
			return
		}
		m.readClock()
		m.show(s)
		m.settle()
	}
}

var keyTypes = map[string]tea.KeyType{
	"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
	"enter": tea.KeyEnter, "esc": tea.KeyEsc, "tab": tea.KeyTab, "shift+tab": tea.KeyShiftTab, "space": tea.KeySpace,
	"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd, "backspace": tea.KeyBackspace,
	"ctrl+a": tea.KeyCtrlA, "ctrl+c": tea.KeyCtrlC, "ctrl+d": tea.KeyCtrlD, "ctrl+e": tea.KeyCtrlE, "ctrl+k": tea.KeyCtrlK,
	"ctrl+l": tea.KeyCtrlL, "ctrl+u": tea.KeyCtrlU, "ctrl+w": tea.KeyCtrlW, "ctrl+z": tea.KeyCtrlZ,
}

// UnknownKey returns the first of the keys of [Frame] that is none, "" where
// all are.
func UnknownKey(keys string) string {
	for name := range strings.FieldsSeq(keys) {
		if _, ok := keyTypes[name]; !ok && utf8.RuneCountInString(name) != 1 {
			return name
		}
	}
	return ""
}

// keyNamed is a key as Bubble Tea would deliver it.
func keyNamed(name string) tea.KeyMsg {
	if t, ok := keyTypes[name]; ok {
		k := tea.KeyMsg{Type: t}
		if t == tea.KeySpace {
			k.Runes = []rune{' '}
		}
		return k
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}
