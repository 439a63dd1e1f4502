package tui

import "testing"

// Every screen fits every size, whatever its keys did before.
func TestReportsFitEverySize(t *testing.T) {
	s := fixture(t)
	for _, keys := range []string{"j enter", "j j j j j enter G", "j enter b", "2 x j j", "3 j", "3 a a a a a w", "tab + G"} {
		t.Run(keys, func(t *testing.T) {
			f := newFeed(t.Context(), options(s.Path(), 200, 50))
			defer f.close()
			m := newApp(t.Context(), options(s.Path(), 200, 50), f)
			m.catchUp()
			press(m, keys)
			for w := 1; w <= 250; w += 7 {
				for h := 1 + w%7; h <= 80; h += 7 {
					m.w, m.h = w, h
					m.settle()
					checkLines(t, m.lines(), w, h)
				}
			}
		})
	}
}
