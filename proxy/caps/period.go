package caps

import (
	"sort"
	"time"
)

// slots is how finely a rolling window is cut. What is summed up may be older
// than the window by two slots, under 1 % of it, and is never too little.
const slots = 240

// period says how a cap cuts time into spans. Every instant lies in exactly
// one span, whatever daylight saving does, and spans follow each other without
// a gap. A span is the cap's window, or a slot of it where the window rolls.
type period struct {
	per    string
	length time.Duration // of a rolling window
	zone   *time.Location
}

func (p period) rolling() bool { return p.per == PerRolling }

// slot is how long a slot of a rolling window is.
func (p period) slot() time.Duration {
	return max(p.length/slots, time.Millisecond)
}

// span returns the span that holds t; until is exclusive.
func (p period) span(t time.Time) (from, until time.Time) {
	switch p.per {
	case PerTotal:
		return time.Time{}, never()
	case PerRolling:
		from = t.Truncate(p.slot())
		return from, from.Add(p.slot())
	case PerHour:
		return p.hour(t)
	}
	return p.days(t)
}

// never is later than anything; zero times would have to be asked about
// wherever times are compared.
func never() time.Time { return time.Unix(1<<40, 0) }

// hour is the local clock hour around t. One that is shown twice in autumn is
// two spans; where clocks change by half an hour, one of the spans is short.
func (p period) hour(t time.Time) (from, until time.Time) {
	t = t.In(p.zone)
	from = t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	until = from.Add(time.Hour)
	changed, changes := t.ZoneBounds()
	if changed.After(from) {
		from = changed
	}
	if !changes.IsZero() && changes.Before(until) {
		until = changes
	}
	return from, until
}

// days is the local day, week or month around t.
func (p period) days(t time.Time) (from, until time.Time) {
	first := p.firstDay(date(t.In(p.zone)))
	from, until = p.midnight(first), p.midnight(p.after(first, 1))
	// Clocks set back over midnight show a date, the one before it and the
	// first again: then t's own date may not be that of the span.
	if t.Before(from) {
		return p.midnight(p.after(first, -1)), from
	}
	if !t.Before(until) {
		return until, p.midnight(p.after(first, 2))
	}
	return from, until
}

// date is t's calendar date, as midnight in UTC, so that it can be counted with.
func date(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// firstDay is the date of the first day of the span that holds day.
func (p period) firstDay(day time.Time) time.Time {
	switch p.per {
	case PerWeek:
		sinceMonday := (int(day.Weekday()) + 6) % 7
		return day.AddDate(0, 0, -sinceMonday)
	case PerMonth:
		return day.AddDate(0, 0, 1-day.Day())
	}
	return day
}

// after is the date of the first day n spans later.
func (p period) after(first time.Time, n int) time.Time {
	switch p.per {
	case PerWeek:
		return first.AddDate(0, 0, 7*n)
	case PerMonth:
		return first.AddDate(0, n, 0)
	}
	return first.AddDate(0, 0, n)
}

// midnight is the instant at which a local date begins. Clocks may skip
// midnight, show it twice or leave out the whole day, which [time.Date] does
// not define, so it is looked for among the seconds around it.
func (p period) midnight(day time.Time) time.Time {
	const around = 30 * time.Hour
	y, m, d := day.Date()
	start := time.Date(y, m, d, 0, 0, 0, 0, p.zone).Add(-around)
	seconds := sort.Search(int(2*around/time.Second), func(i int) bool {
		return !date(start.Add(time.Duration(i) * time.Second)).Before(day)
	})
	return start.Add(time.Duration(seconds) * time.Second)
}
