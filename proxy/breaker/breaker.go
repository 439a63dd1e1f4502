// Package breaker says whether a target is worth trying now. It is told
// outcomes and the time; it reads no clock, starts nothing and never blocks.
//
// Two different things keep a target from being tried: its breaker ([Set]),
// which opens on what llmgw saw, and a cooldown ([Cooldowns]) of the credential
// it would be called with, which a provider asked for.
package breaker

import (
	"fmt"
	"sync"
	"time"
)

// Outcome is how a call ended at a target, as far as the target's health goes.
type Outcome uint8

// The outcomes. Neutral says nothing about the target: the client left, the
// request was bad, a cap was spent. Silence is a strike that also makes the
// next cooldown twice as long, because probing a silent target costs a caller
// its whole share of the deadline.
const (
	Neutral Outcome = iota
	Success
	Strike
	Silence
)

// State is what a breaker is doing.
type State string

// The states, as records and JSON spell them.
const (
	Closed   State = "closed"    // calls pass
	Open     State = "open"      // no call passes before Until
	HalfOpen State = "half_open" // one call at a time passes, as a probe
	Disabled State = "disabled"  // an operator took the target out
)

// Decision is the answer to "may this target be tried now?" and why.
type Decision struct {
	Allowed bool
	Probe   bool      // the call is the one that finds out whether an open target is back
	State   State     // before this call
	Until   time.Time // when an open breaker lets a probe pass; zero otherwise
}

// maxTargets bounds the memory callers can take by asking for ever new models.
const maxTargets = 4096

// Set is the breakers of all targets. It is safe for concurrent use.
type Set struct {
	mu      sync.Mutex
	limits  func(target string) Config
	targets map[string]*target
}

// target is the breaker of one target, guarded by Set.mu.
type target struct {
	limits      Config
	state       State
	generation  uint64 // outcomes of passes from before the last change of state don't count
	consecutive int
	window      tally
	probe       *Pass // the probe under way in HalfOpen
	cooldown    time.Duration
	reason      string // why it opened
	since       time.Time
	until       time.Time
	used        time.Time
}

// New returns a Set with every breaker closed. limits gives the configuration
// in force for a target.
func New(limits func(target string) Config) *Set {
	return &Set{limits: limits, targets: make(map[string]*target)}
}

// SetLimits puts a new configuration in force, keeping every breaker's state.
func (s *Set) SetLimits(limits func(target string) Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = limits
	for key, t := range s.targets {
		t.limits = limits(key)
	}
}

// Pass is the permission of one call to use one target, for all its tries of
// it: a call that fails twice there is one strike. Whoever got it must end it
// with [Pass.Done]; deferring Done(Neutral, …) makes sure.
type Pass struct {
	set        *Set
	target     *target
	generation uint64
	proved     bool // a probe whose answer was committed
	done       bool
}

// Allow tells whether a call may use the target now. The Pass is nil when not.
func (s *Set) Allow(key string, now time.Time) (*Pass, Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.target(key, now)
	t.used = now
	d := t.decide(now)
	if !d.Allowed {
		return nil, d
	}
	if t.state == Open {
		t.change(HalfOpen, now)
	}
	p := &Pass{set: s, target: t, generation: t.generation}
	if d.Probe {
		t.probe = p
	}
	return p, d
}

// Peek answers as [Set.Allow] would, without claiming anything: a probe's slot
// stays free, an open breaker stays open.
func (s *Set) Peek(key string, now time.Time) Decision {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.targets[key]; ok {
		return t.decide(now)
	}
	return Decision{Allowed: true, State: Closed}
}

func (t *target) decide(now time.Time) Decision {
	d := Decision{State: t.state}
	switch t.state {
	case Closed:
		d.Allowed = true
	case Open:
		d.Until = t.until
		d.Allowed = !now.Before(t.until)
		d.Probe = d.Allowed
	case HalfOpen:
		d.Allowed = t.probe == nil
		d.Probe = d.Allowed
	}
	return d
}

// Committed says that the answer has begun to reach the client. A probe has
// then shown what it was for, so the breaker closes at once instead of keeping
// every other call away until a long stream ends; how the stream ends still
// counts.
func (p *Pass) Committed(now time.Time) {
	if p == nil {
		return
	}
	p.set.mu.Lock()
	defer p.set.mu.Unlock()
	if p.done || p.target.probe != p {
		return
	}
	p.target.change(Closed, now)
	p.generation = p.target.generation
	p.proved = true
}

// Done ends the call's use of the target. Only the first Done of a Pass counts,
// and it does nothing on a nil Pass.
func (p *Pass) Done(o Outcome, now time.Time) {
	if p == nil {
		return
	}
	p.set.mu.Lock()
	defer p.set.mu.Unlock()
	if p.done {
		return
	}
	p.done = true
	t := p.target
	switch {
	case t.probe == p:
		t.probed(o, now)
	case t.generation != p.generation:
	case p.proved && (o == Strike || o == Silence):
		t.open("the probe's answer broke off", now)
	default:
		t.count(o, now)
	}
}

// probed settles a probe. One that ended without telling anything leaves the
// slot to the next call.
func (t *target) probed(o Outcome, now time.Time) {
	t.probe = nil
	switch o {
	case Success:
		t.change(Closed, now)
	case Silence:
		t.cooldown = min(2*t.cooldown, t.limits.MaxCooldown)
		t.open("the probe got no answer in time", now)
	case Strike:
		t.open("the probe failed", now)
	}
}

// count takes the outcome of an ordinary call into account.
func (t *target) count(o Outcome, now time.Time) {
	if o == Neutral || t.state != Closed {
		return
	}
	failed := o != Success
	t.window.add(failed, t.limits.Window, now)
	if !failed {
		t.consecutive = 0
		return
	}
	t.consecutive++
	if reason := t.tooMany(); reason != "" {
		t.cooldown = t.limits.Cooldown
		t.open(reason, now)
	}
}

// tooMany says which limit the counts have reached, "" for none.
func (t *target) tooMany() string {
	good, bad := t.window.sum()
	total := good + bad
	switch l := t.limits; {
	case l.Failures > 0 && t.consecutive >= l.Failures:
		return fmt.Sprintf("%d calls failed in a row", t.consecutive)
	case l.ErrorRate > 0 && total >= l.MinCalls && float64(bad) >= l.ErrorRate*float64(total):
		return fmt.Sprintf("%d of %d calls failed within %s", bad, total, l.Window)
	}
	return ""
}

// open keeps the target's counts to show them.
func (t *target) open(reason string, now time.Time) {
	t.reason = reason
	t.until = now.Add(t.cooldown)
	t.change(Open, now)
}

// change moves to another state. Passes given out before it no longer count.
func (t *target) change(to State, now time.Time) {
	t.generation++
	t.state = to
	t.probe = nil
	if to != HalfOpen {
		t.since = now
	}
	if to == Closed {
		t.consecutive = 0
		t.cooldown = t.limits.Cooldown
		t.reason, t.until = "", time.Time{}
		t.window = tally{}
	}
}

// target returns the breaker of key, making a closed one when there is none.
func (s *Set) target(key string, now time.Time) *target {
	if t, ok := s.targets[key]; ok {
		return t
	}
	if len(s.targets) >= maxTargets {
		s.forget(now)
	}
	limits := s.limits(key)
	t := &target{limits: limits, state: Closed, cooldown: limits.Cooldown, since: now}
	s.targets[key] = t
	return t
}

// forget drops closed breakers that have nothing left to remember. A Pass that
// still refers to one keeps working on the dropped copy.
func (s *Set) forget(now time.Time) {
	for key, t := range s.targets {
		if t.state == Closed && now.Sub(t.used) > t.limits.Window {
			delete(s.targets, key)
		}
	}
}
