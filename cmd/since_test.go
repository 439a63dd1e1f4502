package cmd

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	// Two days after the clocks went forward on 2026-03-29.
	now := time.Date(2026, 3, 31, 15, 4, 5, 0, berlin)
	at := func(d, h, m, s int) time.Time { return time.Date(2026, 3, d, h, m, s, 0, berlin) }
	for _, c := range []struct {
		since, until string
		from, to     time.Time
		refused      bool
	}{
		{},
		{since: "today", from: at(31, 0, 0, 0)},
		{since: "yesterday", until: "today", from: at(30, 0, 0, 0), to: at(31, 0, 0, 0)},
		{since: "2026-03-01", until: "2h", from: at(1, 0, 0, 0), to: at(31, 13, 4, 5)},
		// A span is exact: three days back are 72 hours, which the clock on
		// the wall makes one less.
		{since: "3d", from: at(28, 14, 4, 5)},
		{since: "tomorrow", refused: true},
		{until: "-2h", refused: true},
		{since: "2h", until: "1d", refused: true},
		{since: "today", until: "today", refused: true},
	} {
		from, to, err := span(c.since, c.until, now)
		if c.refused {
			if exitCode(err) != exitUsage {
				t.Errorf("%q to %q: %v, want a usage error", c.since, c.until, err)
			}
			continue
		}
		if err != nil || !from.Equal(c.from) || !to.Equal(c.to) {
			t.Errorf("%q to %q: %v to %v, %v, want %v to %v", c.since, c.until, from, to, err, c.from, c.to)
		}
	}
}
