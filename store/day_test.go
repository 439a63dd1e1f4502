package store

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones of these tests, wherever they run
)

func TestDays(t *testing.T) {
	for _, tc := range []struct{ zone, within, start, next string }{
		{"UTC", "2026-11-01T12:00:00Z", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"},
		{"Asia/Kathmandu", "2026-11-01T12:00:00+05:45", "2026-11-01T00:00:00+05:45", "2026-11-02T00:00:00+05:45"},
		{"Europe/Berlin: 25 hours", "2026-10-25T12:00:00+01:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		{"Europe/Berlin: 23 hours", "2026-03-29T12:00:00+02:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		{"America/Sao_Paulo: no midnight", "2018-11-04T12:00:00-02:00", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"},
		{"America/Havana: two midnights", "2025-11-02T12:00:00-05:00", "2025-11-02T00:00:00-04:00", "2025-11-03T00:00:00-05:00"},
		{"Pacific/Apia: no 30th", "2011-12-29T12:00:00-10:00", "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00"},
	} {
		t.Run(tc.zone, func(t *testing.T) {
			zone, _, _ := strings.Cut(tc.zone, ":")
			loc, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			at := parseTime(t, tc.within).In(loc)
			if got := DayStart(at); !got.Equal(parseTime(t, tc.start)) {
				t.Errorf("the day began at %v, want %s", got, tc.start)
			}
			if got := NextDay(at); !got.Equal(parseTime(t, tc.next)) {
				t.Errorf("the next one at %v, want %s", got, tc.next)
			}
			if again := DayStart(DayStart(at)); !again.Equal(DayStart(at)) {
				t.Errorf("the first instant belongs to the day of %v", again)
			}
		})
	}
}

func parseTime(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
