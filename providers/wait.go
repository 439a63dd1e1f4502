package providers

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// WaitHint returns how long a refusal's headers ask to wait, as they say it: the
// caller bounds it. Retry-After-Ms (OpenAI, Azure) and Retry-After come first;
// without them, the reset of every rate limit whose remaining is 0 counts, the
// latest one. ok is false when the headers don't say.
func WaitHint(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		if wait, ok := span(ms, time.Millisecond); ok {
			return wait, true
		}
	}
	if v := h.Get("Retry-After"); v != "" {
		if wait, ok := readRetryAfter(v, now); ok {
			return wait, true
		}
	}
	for name, values := range h {
		lower := strings.ToLower(name)
		if len(values) == 0 || !strings.Contains(lower, "ratelimit") || !spent(h, lower) {
			continue
		}
		if d, known := readReset(values[0], now); known {
			wait, ok = max(wait, d), true
		}
	}
	return wait, ok
}

// readRetryAfter reads seconds, whole or not, or an HTTP date (RFC 9110 section
// 10.2.3).
func readRetryAfter(v string, now time.Time) (time.Duration, bool) {
	v = strings.TrimSpace(v)
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return span(s, time.Second)
	}
	if at, err := http.ParseTime(v); err == nil {
		return until(at, now), true
	}
	return 0, false
}

// spent tells whether a header is the reset of a limit that is used up: the
// header of the same name with "remaining" says 0, or, for Anthropic's
// subscriptions, with "status" says rejected. OpenAI and Groq write
// x-ratelimit-reset-tokens, Cerebras x-ratelimit-reset-tokens-minute, OpenRouter
// x-ratelimit-reset, Anthropic anthropic-ratelimit-tokens-reset and
// anthropic-ratelimit-unified-5h-reset.
func spent(h http.Header, reset string) bool {
	if !strings.Contains(reset, "reset") {
		return false
	}
	left := h.Get(strings.Replace(reset, "reset", "remaining", 1))
	if n, err := strconv.ParseFloat(strings.TrimSpace(left), 64); err == nil {
		return n <= 0
	}
	return h.Get(strings.Replace(reset, "reset", "status", 1)) == "rejected"
}

// readReset reads the forms a reset comes in: a Go-like duration ("6m0s",
// "20ms", "7.66s"), an RFC 3339 instant, seconds, or seconds or milliseconds
// since 1970.
func readReset(v string, now time.Time) (time.Duration, bool) {
	v = strings.TrimSpace(v)
	if at, err := time.Parse(time.RFC3339, v); err == nil {
		return until(at, now), true
	}
	if d, err := time.ParseDuration(v); err == nil && v != "0" {
		return max(d, 0), true
	}
	n, err := strconv.ParseFloat(v, 64)
	switch {
	case err != nil, math.IsNaN(n), n < 0:
		return 0, false
	case n > 1e11: // milliseconds since 1970; as seconds, the year 5138
		return until(time.UnixMilli(int64(min(n, 1e15))), now), true
	case n > 1e9: // seconds since 1970; as a wait, 31 years
		return until(time.Unix(int64(n), 0), now), true
	}
	return span(n, time.Second)
}

// span returns n units, or the longest duration there is. A negative or
// impossible number is no hint.
func span(n float64, unit time.Duration) (time.Duration, bool) {
	switch {
	case math.IsNaN(n) || n < 0:
		return 0, false
	case n > float64(math.MaxInt64/unit):
		return math.MaxInt64, true
	}
	return time.Duration(n * float64(unit)), true
}

// until is the time from now to at, 0 when that has passed.
func until(at, now time.Time) time.Duration {
	return max(at.Sub(now), 0)
}
