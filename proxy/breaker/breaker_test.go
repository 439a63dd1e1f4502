package breaker

import (
	"encoding/json"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func newSet() *Set {
	return New(func(string) Config { return DefaultConfig() })
}

// call uses the target once and reports whether it was allowed.
func call(s *Set, o Outcome, now time.Time) bool {
	p, d := s.Allow("a", now)
	p.Done(o, now)
	return d.Allowed
}

func state(s *Set, now time.Time) Status {
	for _, st := range s.Snapshot(now) {
		if st.Target == "a" {
			return st
		}
	}
	return Status{}
}

func TestOpening(t *testing.T) {
	for _, tc := range []struct {
		name     string
		outcomes []Outcome
		want     State
	}{
		{"four strikes in a row", repeat(4, Strike), Closed},
		{"five strikes in a row", repeat(5, Strike), Open},
		{"silence is a strike", repeat(5, Silence), Open},
		{"a success between starts the row anew", []Outcome{Strike, Strike, Success, Strike, Strike, Strike, Strike}, Closed},
		{"bad requests and lost clients say nothing", repeat(100, Neutral), Closed},
		{"neutral ends don't interrupt a row", []Outcome{Strike, Neutral, Strike, Neutral, Strike, Strike, Strike}, Open},
		{"one failure of one call", []Outcome{Strike}, Closed},
		{"every second of ten", alternate(10), Open},
		{"every second of nine", alternate(9), Closed},
		{"a third of thirty", thirds(30), Closed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSet()
			for i, o := range tc.outcomes {
				call(s, o, start.Add(time.Duration(i)*time.Millisecond))
			}
			if got := state(s, start.Add(time.Second)).State; got != tc.want {
				t.Errorf("state %s, want %s", got, tc.want)
			}
		})
	}
}

func repeat(n int, o Outcome) []Outcome {
	all := make([]Outcome, n)
	for i := range all {
		all[i] = o
	}
	return all
}

func alternate(n int) []Outcome {
	all := repeat(n, Success)
	for i := 1; i < n; i += 2 {
		all[i] = Strike
	}
	return all
}

func thirds(n int) []Outcome {
	all := repeat(n, Success)
	for i := 2; i < n; i += 3 {
		all[i] = Strike
	}
	return all
}

func TestOldFailuresLeaveTheWindow(t *testing.T) {
	s := newSet()
	for i := range 9 {
		call(s, []Outcome{Success, Strike}[i%2], start)
	}
	later := start.Add(31 * time.Second)
	call(s, Success, later)
	call(s, Strike, later)
	if st := state(s, later); st.State != Closed || st.Good != 1 || st.Bad != 1 {
		t.Errorf("got %+v, want closed with one good and one bad call", st)
	}
}

func TestClockSetBackForgetsTheWindow(t *testing.T) {
	s := newSet()
	for range 4 {
		call(s, Strike, start)
	}
	earlier := start.Add(-time.Hour)
	call(s, Success, earlier)
	if st := state(s, earlier); st.Good != 1 || st.Bad != 0 {
		t.Errorf("got %d good, %d bad, want 1 and 0", st.Good, st.Bad)
	}
}

func opened(t *testing.T) (*Set, time.Time) {
	t.Helper()
	s := newSet()
	for range 5 {
		call(s, Strike, start)
	}
	if call(s, Success, start.Add(15*time.Second-1)) {
		t.Fatal("a call passed before the cooldown ended")
	}
	return s, start.Add(15 * time.Second)
}

func TestProbeEnds(t *testing.T) {
	for _, tc := range []struct {
		name    string
		outcome Outcome
		want    State
		wait    time.Duration // until the next probe may pass
	}{
		{"well", Success, Closed, 0},
		{"badly: the same cooldown again", Strike, Open, 15 * time.Second},
		{"in silence: twice the cooldown", Silence, Open, 30 * time.Second},
		{"without telling: the slot is free at once", Neutral, HalfOpen, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, now := opened(t)
			p, d := s.Allow("a", now)
			if !d.Allowed || !d.Probe {
				t.Fatalf("no probe: %+v", d)
			}
			if _, d := s.Allow("a", now); d.Allowed || d.State != HalfOpen {
				t.Fatalf("a second call passed during the probe: %+v", d)
			}
			p.Done(tc.outcome, now)
			if got := state(s, now); got.State != tc.want || got.Probing {
				t.Errorf("got %+v, want %s", got, tc.want)
			}
			if tc.wait > 0 && call(s, Neutral, now.Add(tc.wait-1)) {
				t.Error("a call passed too early")
			}
			if !call(s, Neutral, now.Add(tc.wait)) {
				t.Error("no call passed in time")
			}
		})
	}
}

func TestSilenceDoublesUpToTheBoundAndSuccessResets(t *testing.T) {
	s, now := opened(t)
	for _, want := range []time.Duration{30, 60, 120, 240, 300, 300} {
		if !call(s, Silence, now) {
			t.Fatalf("no probe at %s", now)
		}
		if got := state(s, now).Until.Sub(now); got != want*time.Second {
			t.Fatalf("open for %s, want %s", got, want*time.Second)
		}
		now = state(s, now).Until
	}
	call(s, Success, now)
	for range 5 {
		call(s, Strike, now)
	}
	if got := state(s, now).Until.Sub(now); got != 15*time.Second {
		t.Errorf("after a recovery it opens for %s, want 15s", got)
	}
}

// A stream may run for an hour; as a probe it has proved its point with the
// first content.
func TestCommittedProbeLetsOthersPass(t *testing.T) {
	s, now := opened(t)
	probe, _ := s.Allow("a", now)
	probe.Committed(now)
	if !call(s, Success, now) {
		t.Fatal("still one at a time after the probe's answer began")
	}
	probe.Done(Strike, now)
	if got := state(s, now).State; got != Open {
		t.Errorf("the probe's stream broke and the target is %s, want open", got)
	}
}

func TestLateOutcomesDontCount(t *testing.T) {
	s := newSet()
	slow, _ := s.Allow("a", start)
	bad, _ := s.Allow("a", start)
	for range 5 {
		call(s, Strike, start)
	}
	slow.Done(Success, start)
	bad.Done(Strike, start.Add(time.Second))
	if st := state(s, start.Add(time.Second)); st.State != Open || !st.Until.Equal(start.Add(15*time.Second)) {
		t.Errorf("calls from before it opened changed it: %+v", st)
	}
}

func TestDoneTwice(t *testing.T) {
	s := newSet()
	p, _ := s.Allow("a", start)
	p.Done(Strike, start)
	p.Done(Strike, start)
	if got := state(s, start).Consecutive; got != 1 {
		t.Errorf("%d strikes, want 1", got)
	}
	var none *Pass
	none.Done(Strike, start)
	none.Committed(start)
}

func TestResetAndDisable(t *testing.T) {
	s, now := opened(t)
	probe, _ := s.Allow("a", now)
	s.Reset("a", now)
	probe.Done(Silence, now)
	if st := state(s, now); st.State != Closed {
		t.Errorf("after a reset: %+v", st)
	}
	s.Disable("a", now)
	s.Reset("a", now)
	if _, d := s.Allow("a", now.Add(time.Hour)); d.Allowed || d.State != Disabled {
		t.Errorf("a disabled target: %+v", d)
	}
	s.Enable("a", now)
	if !call(s, Success, now) {
		t.Error("an enabled target is not tried")
	}
}

func TestHealthSurvivesARestart(t *testing.T) {
	s, _ := opened(t)
	s.Disable("b", start)
	s.Allow("c", start)
	saved, err := json.Marshal(s.Snapshot(start))
	if err != nil {
		t.Fatal(err)
	}
	var all []Status
	if err := json.Unmarshal(saved, &all); err != nil {
		t.Fatal(err)
	}
	again := newSet()
	again.Restore(all, start)
	if _, d := again.Allow("a", start.Add(14*time.Second)); d.Allowed {
		t.Error("an open target was tried early after a restart")
	}
	if got := state(again, start).Reason; got != "5 calls failed in a row" {
		t.Errorf("reason %q", got)
	}
	if !call(again, Success, start.Add(15*time.Second)) {
		t.Error("an open target was not tried in time after a restart")
	}
	if _, d := again.Allow("b", start); d.State != Disabled {
		t.Errorf("b is %s, want disabled", d.State)
	}
}

func TestRestoreAfterAClockStepStaysBounded(t *testing.T) {
	s, _ := opened(t)
	saved := s.Snapshot(start)
	back := start.Add(-365 * 24 * time.Hour)
	again := newSet()
	again.Restore(saved, back)
	if !call(again, Success, back.Add(DefaultConfig().MaxCooldown)) {
		t.Error("a target is closed off for longer than max_cooldown")
	}
}

func TestNewLimitsApplyToKnownTargets(t *testing.T) {
	s := newSet()
	call(s, Strike, start)
	s.SetLimits(func(string) Config {
		c := DefaultConfig()
		c.Failures = 2
		return c
	})
	call(s, Strike, start)
	if got := state(s, start).State; got != Open {
		t.Errorf("state %s, want open", got)
	}
}

func TestTargetsAreForgottenNotHoarded(t *testing.T) {
	s := newSet()
	for range 5 {
		call(s, Strike, start)
	}
	for i := range 3 * maxTargets {
		now := start.Add(time.Duration(i) * 100 * time.Millisecond)
		p, _ := s.Allow(time.Duration(i).String(), now)
		p.Done(Success, now)
	}
	if n := len(s.targets); n > maxTargets {
		t.Errorf("%d targets kept, want at most %d", n, maxTargets)
	}
	if state(s, start).State != Open {
		t.Error("an open target was forgotten")
	}
}

// TestRandomInterleavings drives one target with many overlapping calls that
// end in any way and order, some of them twice.
func TestRandomInterleavings(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		s, now := newSet(), start
		var running []*Pass
		probes := map[*Pass]bool{}
		for range 500 {
			now = now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
			before := state(s, now)
			if r.IntN(2) == 0 {
				p, d := s.Allow("a", now)
				if d.Allowed != (p != nil) {
					t.Fatalf("seed %d: allowed %v with pass %v", seed, d.Allowed, p)
				}
				if d.Allowed && now.Before(before.Until) {
					t.Fatalf("seed %d: allowed %s before until", seed, before.Until.Sub(now))
				}
				if d.Probe {
					probes[p] = true
				}
				if len(probes) > 1 {
					t.Fatalf("seed %d: two probes at once", seed)
				}
				if p != nil {
					running = append(running, p)
				}
				continue
			}
			if len(running) == 0 {
				continue
			}
			i := r.IntN(len(running))
			p := running[i]
			if r.IntN(4) == 0 {
				p.Committed(now)
				delete(probes, p)
				continue
			}
			p.Done(Outcome(r.IntN(4)), now)
			p.Done(Outcome(r.IntN(4)), now)
			delete(probes, p)
			running = append(running[:i], running[i+1:]...)
		}
		for _, p := range running {
			p.Done(Neutral, now)
		}
		now = now.Add(DefaultConfig().MaxCooldown)
		if !call(s, Success, now) {
			t.Fatalf("seed %d: a slot leaked: %+v", seed, state(s, now))
		}
	}
}

func TestConcurrentProbes(t *testing.T) {
	s, now := opened(t)
	var mu sync.Mutex
	probes, most := 0, 0
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 50 {
				p, d := s.Allow("a", now)
				if !d.Allowed {
					continue
				}
				mu.Lock()
				probes++
				most = max(most, probes)
				mu.Unlock()
				mu.Lock()
				probes--
				mu.Unlock()
				p.Done(Neutral, now)
			}
		})
	}
	wg.Wait()
	if most != 1 {
		t.Errorf("%d probes at once, want 1", most)
	}
}

func BenchmarkAllowDone(b *testing.B) {
	s := newSet()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now := start.Add(time.Duration(i) * time.Microsecond)
		p, _ := s.Allow("openai/gpt-4o", now)
		p.Done(Success, now)
	}
}
