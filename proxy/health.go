package proxy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"llmgw/providers"
	"llmgw/providers/llm"
	"llmgw/proxy/breaker"
	"llmgw/store"
)

// health is what earlier calls learned about targets and credentials, and
// what that allows the next one.
type health struct {
	breakers  *breaker.Set
	cooldowns *breaker.Cooldowns
	budget    *retryBudget
	learnt    *firstTokens
	limits    func(provider string) breaker.Config
	store     *store.Store

	mu      sync.Mutex
	failing map[string]int               // calls that failed at a target and wait to try it again
	faults  map[string]store.TargetFault // by target, until it answers a call
	reasons map[string]bool              // targets whose name hides that they are OpenAI's and reason

	noted atomic.Bool // the file holds something against a target or credential
}

// newHealth begins with what the last server on this database knew.
func newHealth(limits func(provider string) breaker.Config, st *store.Store) (*health, error) {
	h := &health{
		cooldowns: breaker.NewCooldowns(),
		budget:    new(retryBudget),
		learnt:    newFirstTokens(),
		failing:   make(map[string]int),
		faults:    make(map[string]store.TargetFault),
		reasons:   make(map[string]bool),
		limits:    limits,
		store:     st,
	}
	h.breakers = breaker.New(h.targetLimits)
	rd, err := store.OpenReader(st.Path())
	if err != nil {
		return nil, fmt.Errorf("reading the targets' health: %w", err)
	}
	defer rd.Close()
	kept, _, err := rd.Targets(context.Background())
	if err != nil {
		return nil, fmt.Errorf("reading the targets' health: %w", err)
	}
	h.restore(kept, time.Now())
	return h, nil
}

// targetLimits are the [breaker] values in force for a target.
func (h *health) targetLimits(key string) breaker.Config { return h.limits(providerOf(key)) }

// restore puts back a save.
func (h *health) restore(kept store.Targets, now time.Time) {
	for _, b := range kept.Breakers {
		h.breakers.Restore([]breaker.Status{{
			Target: b.Target, State: breaker.State(b.State), Since: b.Since, Until: b.Until,
			Reason: b.Reason, Consecutive: b.Consecutive, Cooldown: b.Cooldown,
		}}, now)
	}
	for _, cd := range kept.Cooldowns {
		h.cooldowns.Restore([]breaker.Cooldown{breaker.Cooldown(cd)}, h.limits(providerOf(cd.Target())).MaxCooldown, now)
	}
	for _, f := range kept.Faults {
		h.faults[f.Target] = f
	}
	h.noted.Store(!empty(kept))
}

func empty(h store.Targets) bool { return len(h.Breakers)+len(h.Cooldowns)+len(h.Faults) == 0 }

// save keeps what is known against targets and credentials, if that is
// anything or was until now. Good calls of a healthy gateway cost nothing.
func (h *health) save(now time.Time) {
	kept := h.snapshot(now)
	trouble := !empty(kept)
	if !h.noted.Swap(trouble) && !trouble {
		return
	}
	h.store.SetTargets(kept)
}

// snapshot is what is known against targets and credentials.
func (h *health) snapshot(now time.Time) store.Targets {
	kept := store.Targets{Breakers: []store.Breaker{}, Cooldowns: []store.Cooldown{}}
	for _, s := range h.breakers.Snapshot(now) {
		if s.State == breaker.Closed && s.Consecutive == 0 {
			continue
		}
		kept.Breakers = append(kept.Breakers, store.Breaker{
			Target: s.Target, State: string(s.State), Since: s.Since, Until: s.Until, Reason: s.Reason, Probing: s.Probing,
			Consecutive: s.Consecutive, Failures: h.targetLimits(s.Target).Failures, Good: s.Good, Bad: s.Bad, Cooldown: s.Cooldown,
		})
	}
	for _, cd := range h.cooldowns.Snapshot(now) {
		kept.Cooldowns = append(kept.Cooldowns, store.Cooldown(cd))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	kept.Faults = slices.SortedFunc(maps.Values(h.faults), func(a, b store.TargetFault) int { return cmp.Compare(a.Target, b.Target) })
	return kept
}

// faultsKept bounds the memory callers can take by asking for ever new models.
const faultsKept = 256

// blame keeps what a target did wrong, in its own words, until it answers.
func (h *health) blame(c *call, t *candidate, fault llm.Fault, row *store.Attempt, now time.Time) {
	if outcomeOf(fault) == breaker.Neutral && fault != llm.RateLimited && fault != llm.Quota && fault != llm.Auth {
		return // it says nothing about the target
	}
	f := store.TargetFault{Target: t.targetKey(c), At: now, Fault: string(fault), HTTPStatus: row.HTTPStatus, Said: row.Error, Call: c.rec.ID}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.faults[f.Target]; known || len(h.faults) < faultsKept {
		h.faults[f.Target] = f
	}
}

// acquit forgets what a target did wrong: it has answered.
func (h *health) acquit(target string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.faults, target)
}

// modelKey and credentialKey name what cools down: a credential at one model
// (a rate limit) or the whole credential (no credit, refused key).
func (t *candidate) modelKey(c *call) string {
	return t.cred.ID + " " + t.up.p.Name + "/" + t.modelFor(c)
}
func (t *candidate) credentialKey() string { return t.cred.ID + " " + t.up.p.Name }

// targetKey names the target's breaker.
func (t *candidate) targetKey(c *call) string { return t.up.p.Name + "/" + t.modelFor(c) }

// providerOf is the provider in a target's key.
func providerOf(key string) string {
	for i := range len(key) {
		if key[i] == '/' {
			return key[:i]
		}
	}
	return key
}

// cooling returns the cooldown that keeps the candidate from being called, if
// one does.
func (h *health) cooling(c *call, t *candidate, now time.Time) (breaker.Cooldown, bool) {
	if cd, ok := h.cooldowns.Peek(t.credentialKey(), now); ok {
		return cd, true
	}
	return h.cooldowns.Peek(t.modelKey(c), now)
}

// ready tells whether the candidate could be called now, without claiming
// anything.
func (h *health) ready(c *call, t *candidate, now time.Time) bool {
	if _, cooling := h.cooling(c, t, now); cooling {
		return false
	}
	return c.passes[t.targetKey(c)] != nil || h.open(t.targetKey(c), now)
}

// open tells whether the target's breaker lets a call pass, whatever the
// credential.
func (h *health) open(target string, now time.Time) bool {
	return h.breakers.Peek(providerOf(target), now).Allowed && h.breakers.Peek(target, now).Allowed
}

// usableAt is the instant from which the candidate may be called; now or
// earlier when it already may. ever is false for one that is disabled.
func (h *health) usableAt(c *call, t *candidate, now time.Time) (at time.Time, ever bool) {
	at = now
	if cd, ok := h.cooling(c, t, now); ok && cd.Until.After(at) {
		at = cd.Until
	}
	target, provider := h.breakers.Peek(t.targetKey(c), now), h.breakers.Peek(t.up.p.Name, now)
	if !target.Allowed && target.Until.After(at) {
		at = target.Until
	}
	return at, target.State != breaker.Disabled && provider.State != breaker.Disabled
}

// allow claims the candidate for one try. A refusal says which mechanism
// refused and why.
func (h *health) allow(c *call, t *candidate, now time.Time) (skipped, why string) {
	credential, cd, ok := h.cooldowns.Allow(t.credentialKey(), now)
	if !ok {
		return skipWord(cd), coolingText(cd, now)
	}
	model, cd, ok := h.cooldowns.Allow(t.modelKey(c), now)
	if !ok {
		credential.Done(false, now)
		return skipWord(cd), coolingText(cd, now)
	}
	key := t.targetKey(c)
	if c.passes[key] == nil {
		d := h.breakers.Peek(t.up.p.Name, now) // a whole provider can be disabled
		var pass *breaker.Pass
		if d.Allowed {
			pass, d = h.breakers.Allow(key, now)
		}
		if !d.Allowed {
			credential.Done(false, now)
			model.Done(false, now)
			return "breaker", breakerText(d, now)
		}
		c.passes[key] = pass
	}
	t.trials = [2]*breaker.Trial{credential, model}
	return "", ""
}

// skipWord tells a credential that was refused from one that must wait.
func skipWord(cd breaker.Cooldown) string {
	if cd.Reason == string(llm.Auth) {
		return "auth"
	}
	return "cooldown"
}

func coolingText(cd breaker.Cooldown, now time.Time) string {
	if !cd.Until.After(now) {
		return fmt.Sprintf("another call is trying whether %s has passed", cd.Reason)
	}
	if cd.Reason == string(llm.Auth) {
		key, _, _ := strings.Cut(cd.Key, " ")
		return fmt.Sprintf("the provider refused the key %s at %s; it is tried again in %s, after a reload, or by llmgw targets reset", key, cd.Since.UTC().Format(time.TimeOnly), cd.Until.Sub(now).Round(time.Second))
	}
	return fmt.Sprintf("%s since %s, not called for another %s", cd.Reason, cd.Since.UTC().Format(time.TimeOnly), cd.Until.Sub(now).Round(time.Millisecond))
}

func breakerText(d breaker.Decision, now time.Time) string {
	switch {
	case d.State == breaker.Disabled:
		return "disabled by llmgw targets disable"
	case d.State == breaker.HalfOpen:
		return "half-open: another call is the probe"
	}
	return fmt.Sprintf("open for another %s", d.Until.Sub(now).Round(time.Millisecond))
}

// served notes that the candidate's answer is good enough to commit.
func (h *health) served(c *call, t *candidate, now time.Time) {
	t.release(true, now)
	h.settled(c, t)
	if pass := c.passes[t.targetKey(c)]; pass != nil {
		pass.Committed(now)
	}
	if h.noted.Load() {
		h.save(now)
	}
}

// finished notes that the answer was read to its end.
func (h *health) finished(c *call, t *candidate, now time.Time) {
	key := t.targetKey(c)
	c.passes[key].Done(breaker.Success, now)
	delete(c.passes, key)
	if h.noted.Load() {
		h.acquit(key)
		h.save(now)
	}
}

// faulted notes a failed attempt. final says that the call leaves the target:
// tries of one call at one target are one strike.
func (h *health) faulted(c *call, a *attempt, final bool, now time.Time) {
	t := a.c
	h.hold(c, t, a.verdict, now)
	h.blame(c, t, a.verdict.Fault, a.row, now)
	t.release(false, now)
	if final {
		t.fault = a.verdict.Fault
		h.left(c, t, now)
	}
	h.save(now)
}

// unclaim gives back what allow claimed for an attempt that is not made.
func (h *health) unclaim(c *call, t *candidate) {
	now := time.Now()
	t.release(false, now)
	key := t.targetKey(c)
	c.passes[key].Done(breaker.Neutral, now)
	delete(c.passes, key)
}

// forgive ends the marks of refused keys: a new configuration may have
// brought new ones, or the user mended the account.
func (h *health) forgive(now time.Time) {
	for _, cd := range h.cooldowns.Snapshot(now) {
		if cd.Reason == string(llm.Auth) {
			h.cooldowns.Reset(cd.Key)
		}
	}
	h.save(now)
}

// left notes that the call is through with the candidate's target, which
// failed it.
func (h *health) left(c *call, t *candidate, now time.Time) {
	h.settled(c, t)
	key := t.targetKey(c)
	c.passes[key].Done(outcomeOf(t.fault), now)
	delete(c.passes, key)
}

// hold starts or extends the cooldowns that the fault asks for.
func (h *health) hold(c *call, t *candidate, v providers.Verdict, now time.Time) {
	w := breaker.Wait{For: v.RetryAfter, Told: v.Told, Reason: string(v.Fault), Max: h.limits(t.up.p.Name).MaxCooldown}
	switch v.Fault {
	case llm.RateLimited:
		h.cooldowns.Hold(t.modelKey(c), w, now)
	case llm.Overloaded:
		if v.Told {
			h.cooldowns.Hold(t.modelKey(c), w, now)
		}
	case llm.Quota:
		w.Marked = !v.Told
		h.cooldowns.Hold(t.credentialKey(), w, now)
	case llm.Auth:
		if !t.cred.Client {
			w.Marked = true
			h.cooldowns.Hold(t.credentialKey(), w, now)
		}
	}
}

// release ends the candidate's claims on its credential.
func (t *candidate) release(ok bool, now time.Time) {
	for i, trial := range t.trials {
		trial.Done(ok, now)
		t.trials[i] = nil
	}
}

// outcomeOf says what a fault means for the target's breaker (docs/failover.md,
// strikes).
func outcomeOf(f llm.Fault) breaker.Outcome {
	switch f {
	case "":
		return breaker.Success
	case llm.Timeout:
		return breaker.Silence
	case llm.Connect, llm.Reset, llm.ServerError, llm.Overloaded, llm.ErrorInBody, llm.Malformed, llm.Empty, llm.Truncated:
		return breaker.Strike
	}
	return breaker.Neutral
}

// The retry budget: same-target retries within budgetWindow may be a share of
// the calls in it, with a floor that lets a quiet gateway retry at all.
const (
	budgetWindow = 10 * time.Second
	budgetFloor  = 3
)

// mayRetry decides on one more try of a target that has just failed this call.
// It costs budget, and it is refused while as many other calls as open the
// breaker have failed there and wait for their own retry: their strikes count
// only when they end, and until then a dead target would get twice the calls.
func (h *health) mayRetry(c *call, t *candidate, now time.Time) bool {
	key := t.targetKey(c)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.breakers.Peek(key, now).State == breaker.Open || h.failing[key] >= h.limits(t.up.p.Name).Failures {
		return false
	}
	if !h.budget.spend(t.limits.RetryBudget, now) {
		return false
	}
	if !t.failing {
		t.failing = true
		h.failing[key]++
	}
	return true
}

// settled ends the candidate's time as one that failed and is tried again.
func (h *health) settled(c *call, t *candidate) {
	if !t.failing {
		return
	}
	key := t.targetKey(c)
	h.mu.Lock()
	defer h.mu.Unlock()
	t.failing = false
	if h.failing[key]--; h.failing[key] <= 0 {
		delete(h.failing, key)
	}
}

// opened tells whether the candidate's breaker opened while this call waited
// to try it again.
func (h *health) opened(c *call, t *candidate, now time.Time) bool {
	return h.breakers.Peek(t.targetKey(c), now).State == breaker.Open
}

// retryBudget counts calls and retries in one-second buckets.
type retryBudget struct {
	mu      sync.Mutex
	second  int64
	calls   [budgetWindow / time.Second]int
	retries [budgetWindow / time.Second]int
}

// call counts a call.
func (b *retryBudget) call(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[b.bucket(now)]++
}

// spend takes one retry out of the budget, if it holds one.
func (b *retryBudget) spend(share float64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.bucket(now)
	var calls, retries int
	for j := range b.calls {
		calls += b.calls[j]
		retries += b.retries[j]
	}
	if retries >= max(budgetFloor, int(share*float64(calls))) {
		return false
	}
	b.retries[i]++
	return true
}

// bucket returns the bucket of now's second, after emptying those that the
// window has left behind.
func (b *retryBudget) bucket(now time.Time) int {
	n := int64(len(b.calls))
	s := now.Unix()
	if s > b.second {
		for t := max(b.second+1, s-n+1); t <= s; t++ {
			b.calls[t%n], b.retries[t%n] = 0, 0
		}
		b.second = s
	}
	return int(b.second % n)
}
