package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseSince reads what --since, --until and since: take: a span back from now
// ("90m", "2h", "7d", "2w": exact, a day is 24 hours), "today" or "yesterday"
// or a date ("2026-11-01": midnight in now's zone), or an RFC 3339 time.
func ParseSince(text string, now time.Time) (time.Time, error) {
	switch strings.ToLower(text) {
	case "today":
		return DayStart(now), nil
	case "yesterday":
		return DayStart(DayStart(now).Add(-time.Second)), nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return DayStart(time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, now.Location())), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	span, err := parseSpan(text)
	if err != nil {
		return time.Time{}, fmt.Errorf(`%q is neither a span such as "2h" or "7d", nor "today", nor a date such as "2026-11-01"`, text)
	}
	return now.Add(-span), nil
}

// parseSpan is time.ParseDuration for spans that are not negative, with whole
// days and weeks.
func parseSpan(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	for suffix, unit := range map[string]time.Duration{"d": day, "w": 7 * day} {
		number, ok := strings.CutSuffix(text, suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || n > uint64(1<<62/unit) {
			return 0, fmt.Errorf("%q is no number of days or weeks", text)
		}
		return time.Duration(n) * unit, nil
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = fmt.Errorf("%q is negative", text)
	}
	return d, err
}
