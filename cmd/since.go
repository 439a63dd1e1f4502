package cmd

import (
	"time"

	"llmgw/store"
)

// span is the time between --since and --until, zero where it is open.
func span(since, until string, now time.Time) (from, to time.Time, err error) {
	if since != "" {
		if from, err = store.ParseSince(since, now); err != nil {
			return from, to, usagef("", "--since: %w", err)
		}
	}
	if until != "" {
		if to, err = store.ParseSince(until, now); err != nil {
			return from, to, usagef("", "--until: %w", err)
		}
	}
	if since != "" && until != "" && !from.Before(to) {
		return from, to, usagef("--until is exclusive", "--since %s is not before --until %s", since, until)
	}
	return from, to, nil
}
