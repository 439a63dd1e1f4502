package breaker

import (
	"testing"
	"time"
)

// Whoever looks must not take what it looks at: a peek at a half-open breaker
// leaves the probe to the call that comes next.
func TestPeekClaimsNothing(t *testing.T) {
	now := time.Unix(1000, 0)
	s := New(func(string) Config { return DefaultConfig() })
	for range DefaultConfig().Failures {
		p, _ := s.Allow("t", now)
		p.Done(Strike, now)
	}
	if d := s.Peek("t", now); d.Allowed || d.State != Open {
		t.Fatalf("after the strikes Peek says %+v, want open", d)
	}
	later := now.Add(DefaultConfig().Cooldown)
	for range 3 {
		if d := s.Peek("t", later); !d.Allowed || !d.Probe {
			t.Fatalf("after the cooldown Peek says %+v, want a probe allowed", d)
		}
	}
	probe, d := s.Allow("t", later)
	if !d.Allowed {
		t.Fatal("peeking took the probe's slot")
	}
	if d := s.Peek("t", later); d.Allowed {
		t.Error("Peek does not see the probe under way")
	}
	probe.Done(Success, later)
	if d := s.Peek("t", later); !d.Allowed || d.State != Closed {
		t.Errorf("after a good probe Peek says %+v, want closed", d)
	}
}

func TestPeekSeesCooldownsAndTrials(t *testing.T) {
	now := time.Unix(1000, 0)
	c := NewCooldowns()
	c.Hold("k", Wait{Marked: true, Max: time.Minute, Reason: "auth"}, now)
	if _, cooling := c.Peek("k", now); !cooling {
		t.Fatal("Peek does not see the cooldown")
	}
	later := now.Add(time.Minute)
	if _, cooling := c.Peek("k", later); cooling {
		t.Fatal("Peek still sees the cooldown that is over")
	}
	trial, _, _ := c.Allow("k", later)
	if _, cooling := c.Peek("k", later); !cooling {
		t.Error("Peek does not see that another call tries the marked key")
	}
	trial.Done(true, later)
	if _, cooling := c.Peek("k", later); cooling {
		t.Error("Peek sees a cooldown that a good call cleared")
	}
}
