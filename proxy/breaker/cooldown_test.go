package breaker

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"
)

const bound = 5 * time.Minute

func told(wait time.Duration) Wait {
	return Wait{For: wait, Told: true, Max: bound, Reason: "rate_limited"}
}

func untold() Wait { return Wait{Max: bound, Reason: "rate_limited"} }

func TestHold(t *testing.T) {
	type hold struct {
		at   time.Duration
		wait Wait
		want time.Duration // until, from start
	}
	for _, tc := range []struct {
		name  string
		holds []hold
	}{
		{"a told wait", []hold{{0, told(2 * time.Second), 2 * time.Second}}},
		{"growing waits count from each refusal", []hold{
			{0, told(time.Second), time.Second},
			{time.Second, told(2 * time.Second), 3 * time.Second},
			{3 * time.Second, told(4 * time.Second), 7 * time.Second},
		}},
		{"a longer wait replaces a shorter, not the other way round", []hold{
			{0, told(10 * time.Second), 10 * time.Second},
			{time.Second, told(2 * time.Second), 10 * time.Second},
			{2 * time.Second, told(60 * time.Second), 62 * time.Second},
		}},
		{"18 days are cut to the bound", []hold{{0, told(18 * 24 * time.Hour), bound}}},
		{"a burst without a told wait counts once", []hold{
			{0, untold(), time.Second},
			{time.Millisecond, untold(), time.Second},
			{2 * time.Millisecond, untold(), time.Second},
		}},
		{"without a told wait it doubles to 30 s", []hold{
			{0, untold(), time.Second},
			{1 * time.Second, untold(), 3 * time.Second},
			{3 * time.Second, untold(), 7 * time.Second},
			{7 * time.Second, untold(), 15 * time.Second},
			{15 * time.Second, untold(), 31 * time.Second},
			{31 * time.Second, untold(), 61 * time.Second},
			{61 * time.Second, untold(), 91 * time.Second},
		}},
		{"a bad key waits the bound", []hold{{0, Wait{Marked: true, Max: bound, Reason: "auth"}, bound}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := NewCooldowns()
			for i, h := range tc.holds {
				got := c.Hold("k", h.wait, start.Add(h.at))
				if d := got.Until.Sub(start); d != h.want {
					t.Fatalf("refusal %d: until +%s, want +%s", i+1, d, h.want)
				}
				if _, _, ok := c.Allow("k", got.Until.Add(-1)); ok {
					t.Fatal("allowed before the wait was over")
				}
			}
		})
	}
}

func TestSuccessStartsUntoldWaitsAnew(t *testing.T) {
	c := NewCooldowns()
	c.Hold("k", untold(), start)
	c.Hold("k", untold(), start.Add(time.Second))
	now := start.Add(3 * time.Second)
	trial, _, ok := c.Allow("k", now)
	if !ok {
		t.Fatal("not allowed after the wait")
	}
	trial.Done(true, now)
	if got := c.Hold("k", untold(), now).Until.Sub(now); got != time.Second {
		t.Errorf("waits %s after a success, want 1s", got)
	}
}

// A call sent before the refusal must not end the wait the refusal set.
func TestSuccessOfAnEarlierCallDoesNotEndAWait(t *testing.T) {
	c := NewCooldowns()
	c.Hold("k", untold(), start)
	early, _, _ := c.Allow("k", start.Add(time.Second))
	c.Hold("k", told(time.Minute), start.Add(time.Second))
	early.Done(true, start.Add(2*time.Second))
	if _, _, ok := c.Allow("k", start.Add(30*time.Second)); ok {
		t.Error("a wait was cut short")
	}
}

// After a wait that was cut to the bound, the provider gets one call, not all.
func TestOneCallTriesAfterTheBound(t *testing.T) {
	for name, w := range map[string]Wait{
		"told for longer": told(time.Hour),
		"bad key":         {Marked: true, Max: bound, Reason: "auth"},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCooldowns()
			c.Hold("k", w, start)
			now := start.Add(bound)
			first, _, ok := c.Allow("k", now)
			if !ok {
				t.Fatal("nobody may try after the bound")
			}
			if _, _, ok := c.Allow("k", now); ok {
				t.Fatal("two may try at once")
			}
			first.Done(false, now)
			second, _, ok := c.Allow("k", now)
			if !ok {
				t.Fatal("a trial that told nothing kept the slot")
			}
			second.Done(true, now)
			if len(c.Snapshot(now)) != 0 {
				t.Error("a success did not clear the mark")
			}
		})
	}
}

func TestUnknownKeyIsAllowed(t *testing.T) {
	trial, _, ok := NewCooldowns().Allow("k", start)
	if !ok {
		t.Error("not allowed")
	}
	trial.Done(true, start)
}

func TestCooldownsSurviveARestart(t *testing.T) {
	c := NewCooldowns()
	c.Hold("k", told(time.Hour), start)
	saved, err := json.Marshal(c.Snapshot(start))
	if err != nil {
		t.Fatal(err)
	}
	var all []Cooldown
	if err := json.Unmarshal(saved, &all); err != nil {
		t.Fatal(err)
	}
	again := NewCooldowns()
	again.Restore(all, bound, start)
	_, cd, ok := again.Allow("k", start.Add(bound-1))
	if ok || cd.Reason != "rate_limited" || !cd.Asked.Equal(start.Add(time.Hour)) {
		t.Errorf("after a restart: allowed %v, %+v", ok, cd)
	}
	again.Reset("k")
	if _, _, ok := again.Allow("k", start); !ok {
		t.Error("a reset key is not allowed")
	}
}

// TestRandomCooldowns checks against a plain model: the latest of all waits.
func TestRandomCooldowns(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		c, now := NewCooldowns(), start
		var until time.Time
		var single *Trial
		for range 300 {
			now = now.Add(time.Duration(r.IntN(5000)) * time.Millisecond)
			if r.IntN(3) > 0 {
				w := told(time.Duration(r.IntN(600)) * time.Second)
				got := c.Hold("k", w, now)
				until = later(until, now.Add(min(w.For, bound)))
				if !got.Until.Equal(until) {
					t.Fatalf("seed %d: until %s, want %s", seed, got.Until, until)
				}
				continue
			}
			trial, cd, ok := c.Allow("k", now)
			if ok && now.Before(until) {
				t.Fatalf("seed %d: allowed early", seed)
			}
			if ok && cd.Single {
				if single != nil {
					t.Fatalf("seed %d: two trials at once", seed)
				}
				single = trial
			}
			if r.IntN(2) == 0 {
				single.Done(false, now)
				single = nil
			}
		}
	}
}
