package breaker

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// The first wait after a refusal that did not say for how long, doubled by
// every further one up to the second.
const (
	firstUntoldWait = time.Second
	maxUntoldWait   = 30 * time.Second
)

// Wait is what a provider's refusal asks for.
type Wait struct {
	For    time.Duration // how long, when Told
	Told   bool          // the provider said For; else the wait doubles from 1 s to 30 s
	Marked bool          // it will not mend by itself (a bad key, spent credit): wait Max, then let one call try
	Max    time.Duration // no wait is longer: [Config.MaxCooldown]
	Reason string        // the fault, for the record
}

// Cooldown is a key that must not be used, to show and to keep over a restart.
type Cooldown struct {
	Key    string        `json:"key"`
	Since  time.Time     `json:"since"`  // when the first refusal of this row of them came
	Until  time.Time     `json:"until"`  // no call passes before
	Asked  time.Time     `json:"asked"`  // until when the provider asked to wait; zero when it did not say
	Reason string        `json:"reason"` // of the last refusal
	Count  int           `json:"count"`  // refusals in this row
	Single bool          `json:"single"` // after Until one call at a time passes, until one succeeds
	Step   time.Duration `json:"step"`   // the last untold wait
}

// Cooldowns keeps the credentials that providers asked to leave alone. A key is
// whatever the caller cools down as one: a credential and a model, or a whole
// credential. It is safe for concurrent use.
type Cooldowns struct {
	mu   sync.Mutex
	keys map[string]*cooling
}

type cooling struct {
	Cooldown
	trial *Trial
}

// NewCooldowns returns a Cooldowns with nothing cooling.
func NewCooldowns() *Cooldowns {
	return &Cooldowns{keys: make(map[string]*cooling)}
}

// Trial is the permission to use a key. End it with [Trial.Done].
type Trial struct {
	set *Cooldowns
	key string
}

// Allow tells whether the key may be used now; if not, the Cooldown says until
// when and why. The Trial is nil when it may not, and when nothing is known
// against the key; both kinds may be ended with Done all the same.
func (c *Cooldowns) Allow(key string, now time.Time) (*Trial, Cooldown, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.keys[key]
	switch {
	case !ok:
		return nil, Cooldown{}, true
	case k.refuses(now):
		return nil, k.Cooldown, false
	}
	t := &Trial{set: c, key: key}
	if k.Single {
		k.trial = t
	}
	return t, k.Cooldown, true
}

// Peek returns the cooldown that [Cooldowns.Allow] would refuse the key for,
// without claiming a trial.
func (c *Cooldowns) Peek(key string, now time.Time) (Cooldown, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.keys[key]; ok && k.refuses(now) {
		return k.Cooldown, true
	}
	return Cooldown{}, false
}

func (k *cooling) refuses(now time.Time) bool {
	return now.Before(k.Until) || k.Single && k.trial != nil
}

// Done ends the use of the key. ok says that the provider accepted the
// credential, which clears a wait that is over; it does not shorten one that a
// refusal of another call set meanwhile. Done may be called more than once.
func (t *Trial) Done(ok bool, now time.Time) {
	if t == nil {
		return
	}
	c := t.set
	c.mu.Lock()
	defer c.mu.Unlock()
	k, known := c.keys[t.key]
	if !known {
		return
	}
	if k.trial == t {
		k.trial = nil
	}
	if ok && !now.Before(k.Until) {
		delete(c.keys, t.key)
	}
}

// Hold keeps the key from being used for as long as w asks, and returns what is
// now in force. A wait is only ever extended. Refusals without a told wait that
// arrive while one runs (calls sent before it began) change nothing, so that a
// burst of them does not jump to the longest wait.
func (c *Cooldowns) Hold(key string, w Wait, now time.Time) Cooldown {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.keys[key]
	if !ok {
		if len(c.keys) >= maxTargets {
			c.prune(now)
		}
		k = &cooling{Cooldown: Cooldown{Key: key, Since: now}}
		c.keys[key] = k
	}
	k.Count++
	k.Reason = w.Reason
	wait := w.For
	switch {
	case w.Told:
		k.Asked = later(k.Asked, now.Add(w.For))
	case w.Marked:
		wait = w.Max
	case now.Before(k.Until):
		return k.Cooldown
	default:
		k.Step = min(max(2*k.Step, firstUntoldWait), maxUntoldWait)
		wait = k.Step
	}
	k.Single = k.Single || w.Marked || wait > w.Max
	k.Until = later(k.Until, now.Add(min(wait, w.Max)))
	return k.Cooldown
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Reset forgets the key's cooldown.
func (c *Cooldowns) Reset(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.keys, key)
}

// prune forgets the keys whose waits ended long enough ago to mean nothing: the
// next untold wait is the first one again.
func (c *Cooldowns) prune(now time.Time) {
	for key, k := range c.keys {
		if !k.Single && now.Sub(k.Until) > maxUntoldWait {
			delete(c.keys, key)
		}
	}
}

// Snapshot returns every key that is cooling or must be tried singly, by key.
func (c *Cooldowns) Snapshot(now time.Time) []Cooldown {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prune(now)
	all := make([]Cooldown, 0, len(c.keys))
	for _, k := range c.keys {
		all = append(all, k.Cooldown)
	}
	slices.SortFunc(all, func(a, b Cooldown) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

// Restore puts back what a Snapshot of an earlier run held. No key waits longer
// than maxWait from now, whatever the clock did in between.
func (c *Cooldowns) Restore(all []Cooldown, maxWait time.Duration, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, old := range all {
		if latest := now.Add(maxWait); old.Until.After(latest) {
			old.Until = latest
		}
		c.keys[old.Key] = &cooling{Cooldown: old}
	}
}
