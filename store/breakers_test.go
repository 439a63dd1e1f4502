package store

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestBreakerChanges tells from attempts alone how a breaker went.
func TestBreakerChanges(t *testing.T) {
	type seen struct {
		at, took int // seconds
		outcome  string
	}
	for name, c := range map[string]struct {
		attempts []seen
		want     string
	}{
		"nothing":                     {nil, ""},
		"failures that open nothing":  {[]seen{{0, 1, "timeout"}, {5, 1, "ok"}}, ""},
		"it opened":                   {[]seen{{0, 1, "timeout"}, {5, 2, "overloaded"}, {9, 0, "breaker"}, {12, 0, "breaker"}}, "7 open"},
		"at a time nobody saw":        {[]seen{{5, 0, "breaker"}}, "5 open"},
		"a good probe closes it":      {[]seen{{0, 1, "timeout"}, {2, 0, "breaker"}, {30, 3, "ok"}, {40, 1, "ok"}}, "1 open, 30 half_open, 33 closed"},
		"a bad one does not":          {[]seen{{0, 1, "timeout"}, {2, 0, "breaker"}, {30, 3, "timeout"}, {35, 0, "breaker"}}, "1 open, 30 half_open, 33 open"},
		"one under way":               {[]seen{{0, 1, "timeout"}, {2, 0, "breaker"}, {30, -1, "running"}}, "1 open, 30 half_open"},
		"the client left the probe":   {[]seen{{0, 1, "timeout"}, {2, 0, "breaker"}, {30, 1, "client_gone"}, {40, 1, "ok"}}, "1 open, 30 half_open, 41 closed"},
		"other reasons for skipping":  {[]seen{{0, 1, "timeout"}, {2, 0, "cooldown"}, {3, 0, "cap"}}, ""},
		"it opens again":              {[]seen{{2, 0, "breaker"}, {30, 1, "ok"}, {40, 1, "reset"}, {45, 0, "breaker"}}, "2 open, 30 half_open, 31 closed, 41 open"},
		"a failure outlives the skip": {[]seen{{0, 9, "timeout"}, {2, 0, "breaker"}}, "2 open"},
	} {
		s := openStore(t, Options{})
		for _, a := range c.attempts {
			call, attempt := begun(a.at)
			attempt.Outcome = a.outcome
			attempt.Duration = time.Duration(a.took) * time.Second
			if a.outcome == "breaker" || a.outcome == "cooldown" || a.outcome == "cap" {
				attempt.Outcome, attempt.Skipped = OutcomeSkipped, a.outcome
			}
			other := *attempt
			other.N, other.Provider, other.Outcome, other.Skipped = 2, "another", OutcomeSkipped, "breaker"
			commit(t, s, Change{Call: call, Attempts: []*Attempt{attempt, &other}})
		}
		_, a := begun(0)
		list, err := openReader(t, s.Path()).BreakerChanges(t.Context(), a.Provider, a.Model, epoch)
		var got []string
		for _, l := range list {
			got = append(got, fmt.Sprint(int(l.At.Sub(epoch).Seconds()), " ", l.State))
		}
		if text := strings.Join(got, ", "); err != nil || text != c.want {
			t.Errorf("%s: %q, %v; want %q", name, text, err, c.want)
		}
	}
}
