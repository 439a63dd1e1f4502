package providers

import (
	"net/http"
	"testing"
	"time"
)

func TestWaitHint(t *testing.T) {
	const none = -1
	for _, tc := range []struct {
		name   string
		header map[string]string
		want   time.Duration
	}{
		{"nothing", nil, none},
		{"seconds", map[string]string{"Retry-After": "2"}, 2 * time.Second},
		{"fractions", map[string]string{"Retry-After": " 0.25 "}, 250 * time.Millisecond},
		{"zero", map[string]string{"Retry-After": "0"}, 0},
		{"a date", map[string]string{"Retry-After": "Sun, 22 Nov 2026 09:00:42 GMT"}, 42 * time.Second},
		{"a date that has passed", map[string]string{"Retry-After": "Sun, 22 Nov 2026 08:00:00 GMT"}, 0},
		{"18 days", map[string]string{"Retry-After": "1555200"}, 18 * 24 * time.Hour},
		{"absurd", map[string]string{"Retry-After": "1e300"}, 1<<63 - 1},
		{"negative", map[string]string{"Retry-After": "-5"}, none},
		{"not a number", map[string]string{"Retry-After": "NaN"}, none},
		{"words", map[string]string{"Retry-After": "soon"}, none},
		{"milliseconds", map[string]string{"Retry-After-Ms": "1500", "Retry-After": "2"}, 1500 * time.Millisecond},
		{"bad milliseconds", map[string]string{"Retry-After-Ms": "x", "Retry-After": "2"}, 2 * time.Second},
		{"retry-after before resets", map[string]string{"Retry-After": "2", "X-Ratelimit-Remaining-Tokens": "0", "X-Ratelimit-Reset-Tokens": "1m"}, 2 * time.Second},

		{"OpenAI, tokens spent", map[string]string{
			"X-Ratelimit-Remaining-Requests": "4999", "X-Ratelimit-Reset-Requests": "8.64s",
			"X-Ratelimit-Remaining-Tokens": "0", "X-Ratelimit-Reset-Tokens": "6m0s",
		}, 6 * time.Minute},
		{"OpenAI, both spent", map[string]string{
			"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "20ms",
			"X-Ratelimit-Remaining-Tokens": "0", "X-Ratelimit-Reset-Tokens": "1m2.5s",
		}, 62500 * time.Millisecond},
		{"OpenAI, none spent", map[string]string{
			"X-Ratelimit-Remaining-Requests": "1", "X-Ratelimit-Reset-Requests": "1s",
			"X-Ratelimit-Remaining-Tokens": "12", "X-Ratelimit-Reset-Tokens": "1s",
		}, none},
		{"a reset without a remaining", map[string]string{"X-Ratelimit-Reset-Tokens": "1s"}, none},
		{"Groq", map[string]string{"X-Ratelimit-Remaining-Tokens": "0", "X-Ratelimit-Reset-Tokens": "7.66s"}, 7660 * time.Millisecond},
		{"Cerebras", map[string]string{"X-Ratelimit-Remaining-Tokens-Minute": "0", "X-Ratelimit-Reset-Tokens-Minute": "11.382"}, 11382 * time.Millisecond},
		{"OpenRouter", map[string]string{"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "1795338030000"}, 30 * time.Second},
		{"seconds since 1970", map[string]string{"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "1795338030"}, 30 * time.Second},
		{"Anthropic", map[string]string{
			"Anthropic-Ratelimit-Requests-Remaining": "12", "Anthropic-Ratelimit-Requests-Reset": "2026-11-22T09:00:01Z",
			"Anthropic-Ratelimit-Input-Tokens-Remaining": "0", "Anthropic-Ratelimit-Input-Tokens-Reset": "2026-11-22T09:00:21Z",
		}, 21 * time.Second},
		{"a subscription", map[string]string{
			"Anthropic-Ratelimit-Unified-5h-Status": "rejected", "Anthropic-Ratelimit-Unified-5h-Reset": "1795341600",
			"Anthropic-Ratelimit-Unified-7d-Status": "allowed", "Anthropic-Ratelimit-Unified-7d-Reset": "1795900000",
		}, time.Hour},
		{"a reset in words", map[string]string{"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "soon"}, none},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := http.Header{}
			for name, value := range tc.header {
				h.Set(name, value)
			}
			wait, ok := WaitHint(h, now)
			if ok != (tc.want != none) || (ok && wait != tc.want) {
				t.Errorf("got %s, %v; want %s", wait, ok, tc.want)
			}
		})
	}
}
