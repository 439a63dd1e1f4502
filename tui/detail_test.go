package tui

import "testing"

// The detail of a call that failed over, of one that was cut, of one that is
// blocked, and its pane.
func TestDetailFrames(t *testing.T) {
	s := fixture(t)
	for _, f := range []struct {
		name, keys string
		w, h       int
	}{
		{"detail", "j enter", 80, 24},
		{"detail", "j enter", 120, 40},
		{"detail-none", "j j j j j enter", 80, 24},
		{"detail-cut", "j j j j j j j j j j enter", 80, 24},
		{"detail-blocked", "j j j j j j j j enter", 80, 24},
		{"detail-running", "enter", 80, 24},
		{"detail", "j enter", 48, 16},
		{"body", "j enter b", 80, 24},
		{"body-search", "j enter b / m a x enter", 80, 24},
		{"body-none", "j enter b b b", 80, 24},
	} {
		t.Run(f.name, func(t *testing.T) { golden(t, options(s.Path(), f.w, f.h), f.name, f.keys) })
	}
}
