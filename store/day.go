package store

import (
	"sort"
	"time"
)

// DayStart is the first instant of the local day that shows the date of t, in
// t's zone. Clocks may skip midnight, show it twice or leave out a whole day,
// which [time.Date] does not define, so it is looked for among the seconds
// around it.
func DayStart(t time.Time) time.Time {
	const around = 30 * time.Hour
	day := dateOf(t)
	start := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, t.Location()).Add(-around)
	seconds := sort.Search(int(2*around/time.Second), func(i int) bool {
		return !dateOf(start.Add(time.Duration(i) * time.Second)).Before(day)
	})
	return start.Add(time.Duration(seconds) * time.Second)
}

// NextDay is the first instant after t's local day.
func NextDay(t time.Time) time.Time {
	start := DayStart(t)
	// Noon of the next date: no clock change reaches so far.
	day := dateOf(t).AddDate(0, 0, 1)
	for {
		next := DayStart(time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, t.Location()))
		if next.After(start) {
			return next
		}
		day = day.AddDate(0, 0, 1)
	}
}

// dateOf is t's calendar date as midnight in UTC, so that it can be counted
// with.
func dateOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
