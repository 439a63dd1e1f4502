package tui

import (
	"strings"
	"testing"
	"time"

	"llmgw/store"
)

// An axis has one unit, and each label is more than the one before.
func TestTicks(t *testing.T) {
	for _, tc := range []struct {
		total time.Duration
		want  string
	}{
		{312 * time.Millisecond, "0ms 50ms 100ms 150ms 200ms 250ms 312ms"},
		{134 * time.Millisecond, "0ms 20ms 40ms 60ms 80ms 100ms 134ms"},
		{1432 * time.Microsecond, "0ms 1ms 1.43ms"},
		{999 * time.Millisecond, "0ms 200ms 400ms 600ms 800ms 999ms"},
		{1234 * time.Millisecond, "0s 0.2s 0.4s 0.6s 0.8s 1s 1.23s"},
		{9410 * time.Millisecond, "0s 2s 4s 6s 8s 9.41s"},
		{95 * time.Second, "0s 20s 40s 60s 80s 95s"},
		{31*time.Minute + 400*time.Millisecond, "0s 500s 1000s 1500s 1860s"},
	} {
		ch := chart{start: testNow, total: tc.total, w: 70}
		if got := strings.Join(strings.Fields(ch.ticks()), " "); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.total, got, tc.want)
		}
	}
}

// A stream under way is drawn as one although its times are recorded at its end.
func TestRunningStream(t *testing.T) {
	k := newLook(Mono, true, false)
	c := &store.CallRow{Call: store.Call{ID: "x", StartedAt: testNow.Add(-4 * time.Second), FirstToken: -1, Stream: true, Status: store.StatusRunning},
		Attempts: []store.Attempt{{CallID: "x", N: 1, Provider: "openai", StartedAt: testNow.Add(-4 * time.Second), Duration: -1, FirstToken: -1,
			Outcome: store.OutcomeRunning, DNS: -1, Dial: -1, TLS: -1, Wait: -1}}}
	for phase, want := range map[string][]string{store.LiveStreaming: {"streaming", k.stream + k.stream}, store.LiveWaiting: {"running", k.wait + k.wait}} {
		v := view{look: k, now: testNow, zone: testZone, snapshot: &snapshot{
			live: map[string]store.Live{"x": {CallID: "x", Attempt: 1, Phase: phase, Bytes: 900}},
		}}
		text := strings.Join(waterfall(v, c, 80)[:2], "\n")
		v.server.Alive = true
		if got, streams := v.first(c), phase == store.LiveStreaming; (got == k.cut) != streams {
			t.Errorf("%s: the first content came after %q", phase, got)
		}
		for _, w := range want {
			if !contains(text, w) {
				t.Errorf("%s: no %q in\n%s", phase, w, text)
			}
		}
	}
}

// On the narrowest screen it is still said who was tried.
func TestNarrowAttempt(t *testing.T) {
	v := view{look: newLook(Mono, true, false), now: testNow, zone: testZone, snapshot: &snapshot{}}
	c := &store.CallRow{Call: store.Call{StartedAt: testNow, FinishedAt: testNow}, Attempts: []store.Attempt{
		{N: 1, Provider: "anthropic", Outcome: store.OutcomeSkipped, Skipped: "breaker", Duration: -1, StartedAt: testNow},
	}}
	for w := tinyWidth; w < 60; w++ {
		if text := waterfall(v, c, w)[1]; !contains(text, " 1 anthropic – skipped") || width(text) > w {
			t.Errorf("in %d cells: %q", w, text)
		}
	}
}
