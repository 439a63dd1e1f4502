package caps

import (
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // the zones below, wherever the tests run
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestSpans(t *testing.T) {
	for _, tc := range []struct {
		name, zone, per, at string // all instants as RFC 3339
		from, until         string
		length              time.Duration
	}{
		{"a day", "Europe/Berlin", PerDay, "2026-11-22T15:04:05+01:00", "2026-11-22T00:00:00+01:00", "2026-11-23T00:00:00+01:00", 24 * time.Hour},
		{"a day's first instant", "Europe/Berlin", PerDay, "2026-11-22T00:00:00+01:00", "2026-11-22T00:00:00+01:00", "2026-11-23T00:00:00+01:00", 24 * time.Hour},
		{"a day's last instant", "Europe/Berlin", PerDay, "2026-11-22T23:59:59+01:00", "2026-11-22T00:00:00+01:00", "2026-11-23T00:00:00+01:00", 24 * time.Hour},
		{"Berlin springs forward: 23 h", "Europe/Berlin", PerDay, "2026-03-29T12:00:00+02:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", 23 * time.Hour},
		{"Berlin falls back: 25 h", "Europe/Berlin", PerDay, "2026-10-25T02:30:00+01:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 25 * time.Hour},
		{"New York springs forward", "America/New_York", PerDay, "2026-03-08T12:00:00-04:00", "2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00", 23 * time.Hour},
		{"New York falls back", "America/New_York", PerDay, "2026-11-01T12:00:00-05:00", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00", 25 * time.Hour},
		{"Lord Howe changes by half an hour", "Australia/Lord_Howe", PerDay, "2026-04-05T12:00:00+10:30", "2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30", 24*time.Hour + 30*time.Minute},
		{"Lord Howe springs forward", "Australia/Lord_Howe", PerDay, "2026-10-04T12:00:00+11:00", "2026-10-04T00:00:00+10:30", "2026-10-05T00:00:00+11:00", 23*time.Hour + 30*time.Minute},
		{"Kolkata has no such changes", "Asia/Kolkata", PerDay, "2026-11-22T03:00:00Z", "2026-11-22T00:00:00+05:30", "2026-11-23T00:00:00+05:30", 24 * time.Hour},
		{"Santiago skips midnight", "America/Santiago", PerDay, "2026-09-06T12:00:00-03:00", "2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00", 23 * time.Hour},
		{"Havana shows midnight twice", "America/Havana", PerDay, "2026-11-01T12:00:00-05:00", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00", 25 * time.Hour},
		{"Samoa left out a day", "Pacific/Apia", PerDay, "2011-12-31T12:00:00+14:00", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00", 24 * time.Hour},
		{"a week begins on Monday", "Europe/Berlin", PerWeek, "2026-11-22T23:00:00+01:00", "2026-11-16T00:00:00+01:00", "2026-11-23T00:00:00+01:00", 7 * 24 * time.Hour},
		{"a week's Monday", "Europe/Berlin", PerWeek, "2026-11-23T00:00:00+01:00", "2026-11-23T00:00:00+01:00", "2026-11-30T00:00:00+01:00", 7 * 24 * time.Hour},
		{"a week over New Year with DST elsewhere", "America/New_York", PerWeek, "2027-01-01T12:00:00-05:00", "2026-12-28T00:00:00-05:00", "2027-01-04T00:00:00-05:00", 7 * 24 * time.Hour},
		{"a month of 28 days that loses an hour later", "Europe/Berlin", PerMonth, "2026-02-28T23:59:59+01:00", "2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00", 28 * 24 * time.Hour},
		{"a month that loses an hour", "Europe/Berlin", PerMonth, "2026-03-31T12:00:00+02:00", "2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", 31*24*time.Hour - time.Hour},
		{"an hour", "Europe/Berlin", PerHour, "2026-11-22T15:59:59+01:00", "2026-11-22T15:00:00+01:00", "2026-11-22T16:00:00+01:00", time.Hour},
		{"an hour at half past, in UTC", "Asia/Kolkata", PerHour, "2026-11-22T15:29:00Z", "2026-11-22T20:00:00+05:30", "2026-11-22T21:00:00+05:30", time.Hour},
		{"an hour shown twice, first", "Europe/Berlin", PerHour, "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", time.Hour},
		{"an hour shown twice, second", "Europe/Berlin", PerHour, "2026-10-25T02:30:00+01:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00", time.Hour},
		{"half an hour shown twice, first", "Australia/Lord_Howe", PerHour, "2026-04-05T01:45:00+11:00", "2026-04-05T01:00:00+11:00", "2026-04-05T01:30:00+10:30", time.Hour},
		{"half an hour shown twice, second", "Australia/Lord_Howe", PerHour, "2026-04-05T01:45:00+10:30", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30", 30 * time.Minute},
		{"half an hour left out", "Australia/Lord_Howe", PerHour, "2026-10-04T02:45:00+11:00", "2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00", 30 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := period{per: tc.per, zone: zone(t, tc.zone)}
			from, until := p.span(instant(t, tc.at))
			if !from.Equal(instant(t, tc.from)) || !until.Equal(instant(t, tc.until)) {
				t.Errorf("from %s until %s, want %s until %s", from, until, tc.from, tc.until)
			}
			if got := until.Sub(from); got != tc.length {
				t.Errorf("%s long, want %s", got, tc.length)
			}
		})
	}
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Every instant lies in one span, of which every instant says the same, and
// the next span begins where it ends: also in zones that change clocks around
// midnight, back over it (St. John's until 2011) or left out a day.
func TestSpansLeaveNoGap(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Asia/Kathmandu",
		"America/Havana", "America/Santiago", "Africa/Cairo", "America/St_Johns", "Pacific/Apia", "America/Sao_Paulo", "Africa/Casablanca"}
	start := time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range zones {
		for _, per := range []string{PerHour, PerDay, PerWeek, PerMonth, PerRolling, PerTotal} {
			p := period{per: per, zone: zone(t, name), length: 7 * time.Hour}
			for range 300 {
				at := start.Add(rand.N(25 * 365 * 24 * time.Hour))
				if _, changes := at.In(p.zone).ZoneBounds(); !changes.IsZero() && rand.IntN(3) > 0 {
					at = changes.Add(rand.N(4*time.Hour) - 2*time.Hour)
				}
				checkSpan(t, p, at)
			}
		}
	}
}

func checkSpan(t *testing.T, p period, at time.Time) {
	t.Helper()
	from, until := p.span(at)
	if at.Before(from) || !at.Before(until) {
		t.Fatalf("%s %s: %s is not within %s until %s", p.zone, p.per, at.In(p.zone), from, until)
	}
	if p.per == PerTotal {
		return
	}
	for _, other := range []time.Time{from, until.Add(-1), from.Add(rand.N(until.Sub(from)))} {
		if f, u := p.span(other); !f.Equal(from) || !u.Equal(until) {
			t.Fatalf("%s %s: %s is in %s until %s, %s in %s until %s", p.zone, p.per, at.In(p.zone), from, until, other, f, u)
		}
	}
	if next, _ := p.span(until); !next.Equal(until) {
		t.Fatalf("%s %s: the span after %s begins at %s", p.zone, p.per, until, next)
	}
}
