package cache

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Ask is what a caller wants of the cache for one call.
type Ask struct {
	NoStore      bool // neither an answer from the cache nor this one into it
	NoCache      bool // no answer from the cache; this one may go into it
	OnlyIfCached bool // an answer from the cache or none

	// MaxAge is the age from which on an answer is too old; below zero: the
	// caller does not say.
	MaxAge time.Duration
}

// UnknownAsk is a value of x-llmgw-cache that means nothing.
type UnknownAsk struct{ Value string }

// Error names the value and those that would do.
func (e *UnknownAsk) Error() string {
	return fmt.Sprintf("x-llmgw-cache is %.40q, not one of no-store, no-cache, only-if-cached", e.Value)
}

// ReadAsk reads the Cache-Control headers of a request (RFC 9111 section 5.2.1)
// and those of x-llmgw-cache, which is stricter: a value it does not know is an
// [*UnknownAsk]. Directives of Cache-Control that say nothing to this cache are
// passed over, as the RFC asks.
func ReadAsk(cacheControl, own []string) (Ask, error) {
	a := Ask{MaxAge: -1}
	for d := range directives(cacheControl) {
		a.take(d)
	}
	for d := range directives(own) {
		if strings.Contains(d, "=") || !a.take(d) {
			return a, &UnknownAsk{d}
		}
	}
	return a, nil
}

// directives are the items of header values that are lists, in lower case.
func directives(values []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range values {
			for d := range strings.SplitSeq(v, ",") {
				if d = strings.ToLower(strings.TrimSpace(d)); d != "" && !yield(d) {
					return
				}
			}
		}
	}
}

// take notes a directive; false for one that says nothing here.
func (a *Ask) take(directive string) bool {
	name, value, _ := strings.Cut(directive, "=")
	switch name {
	case "no-store":
		a.NoStore = true
	case "no-cache":
		a.NoCache = true
	case "only-if-cached":
		a.OnlyIfCached = true
	case "max-age":
		if age := seconds(value); a.MaxAge < 0 || age < a.MaxAge {
			a.MaxAge = age
		}
	default:
		return false
	}
	return true
}

// seconds reads a number of seconds, quoted or not. What is no number is 0:
// a limit that cannot be read is kept to its strictest.
func seconds(value string) time.Duration {
	n, err := strconv.ParseUint(strings.Trim(value, `" `), 10, 64)
	switch {
	case err != nil && !strings.Contains(err.Error(), strconv.ErrRange.Error()):
		return 0
	case err != nil, n > uint64(math.MaxInt64/time.Second):
		return math.MaxInt64
	}
	return time.Duration(n) * time.Second
}

// Reads tells whether an answer from the cache would do at all.
func (a Ask) Reads() bool { return !a.NoStore && !a.NoCache && a.MaxAge != 0 }

// clockSlack is how far an answer may lie in the future and still be taken for
// new: clocks are set back by a little now and then.
const clockSlack = time.Minute

// Age is how old an answer from that time is now. The second result is false
// where nobody can tell, the clock having been set back since.
func Age(at, now time.Time) (time.Duration, bool) {
	age := now.Sub(at)
	return max(age, 0), age > -clockSlack
}

// Reasons why an answer that is there is not given.
const (
	WhyExpired = "expired"
	WhyTooOld  = "older than the max-age asked for"
)

// Stale says why an answer that came at one instant and may be given until
// another is not given now, "" where it is. ttl is the one in force now: the
// shorter life counts.
func (a Ask) Stale(at, until, now time.Time, ttl time.Duration) string {
	age, known := Age(at, now)
	switch {
	case !known, age >= ttl, !now.Before(until):
		return WhyExpired
	case a.MaxAge >= 0 && age > a.MaxAge:
		return WhyTooOld
	}
	return ""
}
