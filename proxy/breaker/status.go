package breaker

import (
	"cmp"
	"slices"
	"time"
)

// Status is one target's breaker, to show and to keep over a restart.
type Status struct {
	Target      string        `json:"target"`
	State       State         `json:"state"`
	Since       time.Time     `json:"since"`       // when it closed, opened or was disabled
	Until       time.Time     `json:"until"`       // when an open one lets a probe pass; zero otherwise
	Reason      string        `json:"reason"`      // why it opened, "" for the other states
	Probing     bool          `json:"probing"`     // a probe is under way; not kept over a restart
	Consecutive int           `json:"consecutive"` // strikes in a row, the last ones before it opened
	Good        int           `json:"good"`        // calls in the window that ended well
	Bad         int           `json:"bad"`         // and badly
	Cooldown    time.Duration `json:"cooldown"`    // length of the present or next open time
}

// Snapshot returns every breaker, by target. One whose open time is over shows
// as half-open although no probe has passed yet.
func (s *Set) Snapshot(now time.Time) []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Status, 0, len(s.targets))
	for key, t := range s.targets {
		good, bad := t.window.sum()
		st := Status{
			Target: key, State: t.state, Since: t.since, Until: t.until,
			Reason: t.reason, Probing: t.probe != nil,
			Consecutive: t.consecutive, Good: good, Bad: bad, Cooldown: t.cooldown,
		}
		if st.State == Open && !now.Before(t.until) {
			st.State = HalfOpen
		}
		all = append(all, st)
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Target, b.Target) })
	return all
}

// Restore puts back what a Snapshot of an earlier run held. Nothing stays open
// longer than MaxCooldown from now, whatever the clock did in between; closed
// breakers start with empty counts.
func (s *Set) Restore(all []Status, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range all {
		if st.State == Closed {
			continue
		}
		t := s.target(st.Target, now)
		t.generation++
		t.state, t.since, t.until = st.State, st.Since, st.Until
		t.reason, t.consecutive = st.Reason, st.Consecutive
		t.cooldown = min(max(st.Cooldown, t.limits.Cooldown), t.limits.MaxCooldown)
		if latest := now.Add(t.limits.MaxCooldown); t.until.After(latest) {
			t.until = latest
		}
	}
}

// Reset closes the target's breaker and forgets what it counted. A disabled
// target stays disabled.
func (s *Set) Reset(key string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.targets[key]; ok && t.state != Disabled {
		t.change(Closed, now)
	}
}

// Disable takes the target out until [Set.Enable]. Calls under way go on.
func (s *Set) Disable(key string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.target(key, now)
	if t.state != Disabled {
		t.reason, t.until = "", time.Time{}
		t.change(Disabled, now)
	}
}

// Enable puts a disabled target back, closed.
func (s *Set) Enable(key string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.targets[key]; ok && t.state == Disabled {
		t.change(Closed, now)
	}
}
