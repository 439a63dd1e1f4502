package tui

import "testing"

// Who is ill and when it is tried again; what was spent and what is left.
func TestReportFrames(t *testing.T) {
	s := fixture(t)
	for _, f := range []struct {
		name, keys string
		w, h       int
	}{
		{"providers", "2", 80, 24},
		{"providers", "2", 120, 40},
		{"providers-day", "2 w x j", 120, 40},
		{"providers-models", "2 g x", 80, 24},
		{"providers", "2", 48, 16},
		{"spend", "3", 80, 24},
		{"spend", "3", 120, 40},
		{"spend-days", "3 w a a a a a", 80, 24},
		{"spend", "3", 48, 16},
	} {
		t.Run(f.name, func(t *testing.T) { golden(t, options(s.Path(), f.w, f.h), f.name, f.keys) })
	}
}
