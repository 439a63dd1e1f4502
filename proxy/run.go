package proxy

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/store"
)

// step is what follows from an attempt.
type step int

const (
	stepCommit step = iota // good: the answer goes to the client
	stepCaller             // the provider's own error answers the caller
	stepOnward             // another try, here or elsewhere: next decides
	stepGone               // the client left, or llmgw stops
)

// run is the only place that tries again.
func (c *call) run() {
	for {
		t := c.next()
		if t == nil {
			c.giveUp()
			return
		}
		worded, p := c.word(t)
		if p != nil {
			c.refuse(*p)
			return
		}
		if !worded || !c.fund(t) {
			continue
		}
		a, p := c.try(t)
		if p != nil {
			c.refuse(*p)
			return
		}
		switch c.judge(a) {
		case stepCommit:
			c.relay(a)
			return
		case stepCaller:
			c.passOn(c.answers[len(c.answers)-1])
			return
		case stepGone:
			c.refuse(*c.left())
			return
		}
	}
}

// next picks whom to try, waiting where a provider told a short wait and
// nobody else serves the same model. Those passed over are on record with the
// reason. It returns nil when nothing is left or no time for it is.
func (c *call) next() *candidate {
	for c.ctx.Err() == nil && time.Now().Before(c.by) {
		t, wait, why := c.choose()
		if t == nil {
			return nil
		}
		if wait > 0 && !c.pause(wait, why) {
			return nil
		}
		if t.failing && c.g.health.opened(c, t, time.Now()) {
			c.skipCandidate(t, "breaker", "opened while this call waited to try it again")
			c.g.health.left(c, t, time.Now())
			continue
		}
		if c.admit(t) {
			return t
		}
	}
	return nil
}

// choose returns the first candidate that may be tried now, or, with the time
// to wait first and what for, the one whose short told wait is worth it.
func (c *call) choose() (*candidate, time.Duration, string) {
	if t := c.again; t != nil {
		c.again = nil
		return t, c.againIn, "to try " + t.up.p.Name + " again"
	}
	for _, t := range c.plan.targets {
		if t.done {
			continue
		}
		now := time.Now()
		cd, cooling := c.g.health.cooling(c, t, now)
		if !cooling {
			return t, 0, ""
		}
		if other := c.sameModelReady(t); other != nil {
			if t.tries == 0 && !t.passed {
				t.passed = true
				c.note(t, skipWord(cd), coolingText(cd, now)+"; "+other.targetKey(c)+" with "+cmp.Or(other.cred.ID, "no key")+" is asked for the same model")
			}
			return other, 0, ""
		}
		if wait := cd.Until.Sub(now); c.worthWaiting(t, wait) {
			return t, wait, strings.ReplaceAll(cd.Reason, "_", " ") + " by " + t.up.p.Name
		}
		if t.tries > 0 || t.passed {
			t.done = true // a row of it says why
			continue
		}
		c.skipCandidate(t, skipWord(cd), coolingText(cd, now))
	}
	return nil, 0, ""
}

// worthWaiting tells whether a cooldown is short enough to stay on the asked
// model. A second try within this call comes out of the retry budget.
func (c *call) worthWaiting(t *candidate, wait time.Duration) bool {
	if wait <= 0 || wait > t.limits.RetryAfterWait || !time.Now().Add(wait).Before(c.by) {
		return false
	}
	return t.tries == 0 || c.g.health.budget.spend(t.limits.RetryBudget, time.Now())
}

// sameModelReady is another candidate that serves the very model and is not
// cooling: short waits stay on the asked model, but a second key is better.
func (c *call) sameModelReady(t *candidate) *candidate {
	now := time.Now()
	for _, o := range c.plan.targets {
		if o == t || o.done || o.modelFor(c) != t.modelFor(c) {
			continue
		}
		if c.g.health.ready(c, o, now) {
			return o
		}
	}
	return nil
}

// admit claims the candidate. A refusal takes it out of this call.
func (c *call) admit(t *candidate) bool {
	if skipped, why := c.g.health.allow(c, t, time.Now()); skipped != "" {
		c.skipCandidate(t, skipped, why)
		return false
	}
	t.tries++
	return true
}

// pause waits without holding anything; false when the client left or the
// deadline came first.
func (c *call) pause(d time.Duration, why string) bool {
	start := time.Now()
	c.live.waiting(why, start.Add(d))
	c.announce()
	ctx, cancel := context.WithDeadline(c.ctx, c.by)
	defer cancel()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	spent := time.Since(start)
	c.lastWait += spent
	c.waited += spent
	return ctx.Err() == nil
}

// skipCandidate records that a candidate was passed over without a call, and
// takes it out of this one.
func (c *call) skipCandidate(t *candidate, why, text string) {
	t.done = true
	c.note(t, why, text)
}

// note adds the row of a candidate that is passed over.
func (c *call) note(t *candidate, why, text string) {
	c.skip(t.target, why, text)
	row := c.attempts[len(c.attempts)-1]
	row.Key, row.Model = t.cred.ID, t.modelFor(c)
}

// skip adds the row of a target that was not called.
func (c *call) skip(t target, why, text string) {
	model := t.model
	if model == "" {
		model = cut(c.facts.Model, 256)
	}
	if n := len(c.attempts); n > 0 && c.attempts[n-1].Why == "" {
		c.attempts[n-1].Why = "looked at " + t.up.p.Name + "/" + model
	}
	c.attempts = append(c.attempts, &store.Attempt{
		CallID: c.rec.ID, N: len(c.attempts) + 1, Provider: t.up.p.Name, Model: model,
		StartedAt: time.Now(), FirstToken: -1, Outcome: store.OutcomeSkipped, Skipped: why, Error: text, Waited: c.lastWait,
	})
	c.lastWait = 0
}

// usable counts the targets that could still be tried, this one included.
// Several credentials of one target are one chance, not several shares.
func (c *call) usable(now *candidate) int {
	seen := []string{now.String()}
	at := time.Now()
	for _, t := range c.plan.targets {
		if t.done || slices.Contains(seen, t.String()) {
			continue
		}
		if !c.g.health.ready(c, t, at) {
			continue
		}
		seen = append(seen, t.String())
	}
	return len(seen)
}

// judge decides what may still be done after an attempt whose head was read,
// and tells health what the attempt means for others.
func (c *call) judge(a *attempt) step {
	fault := a.fault()
	if fault == "" {
		c.g.health.served(c, a.c, time.Now())
		return stepCommit
	}
	c.closeAttempt(a)
	if fault == llm.ClientGone || fault == interrupted {
		return stepGone
	}
	a.c.fault = fault
	// "Come back in 0 s" with a refusal says nothing about when.
	a.verdict.Told = a.verdict.Told && a.verdict.RetryAfter > 0
	c.keepAnswer(a)
	switch {
	case fault == llm.Timeout, fault == llm.Reset:
		a.c.up.retire()
	case fault == llm.Auth && !a.c.cred.Client:
		c.g.log.Warn("a provider refuses a configured key; it rests until one real call tries it again", "call", c.rec.ID,
			"provider", a.row.Provider, "key", a.row.Key, "status", a.row.HTTPStatus, "err", a.row.Error)
	}
	next := c.afterFault(a, fault)
	c.g.health.faulted(c, a, c.leaves(a.c, next), time.Now())
	a.row.Why = c.whyNext(a, next)
	return next
}

// leaves tells whether the call is through with the candidate's target.
func (c *call) leaves(t *candidate, next step) bool {
	if next != stepOnward {
		return true
	}
	return !slices.ContainsFunc(c.plan.targets, func(o *candidate) bool { return !o.done && o.target == t.target })
}

// afterFault is docs/failover.md's table: what a fault means for this call.
func (c *call) afterFault(a *attempt, fault llm.Fault) step {
	t := a.c
	if !c.repeatable(a) {
		c.leave(t.target)
		return stepOnward
	}
	switch fault {
	case llm.RefusedRequest:
		if c.learns(a) {
			c.again, c.againIn = t, 0
			return stepOnward
		}
		if a.edited && !t.unedited {
			t.unedited = true // our own edit may be what it refuses
			c.again, c.againIn = t, 0
			return stepOnward
		}
		if t.words.reply == nil {
			return stepCaller
		}
		// What it refuses are llmgw's words: others may take the client's.
	case llm.Refused:
		if !c.routesAroundRefusals() {
			return stepCaller
		}
	case llm.ContextLength:
		return c.largerWindow(t)
	case llm.Auth, llm.Quota:
		if fault == llm.Auth && t.cred.Client {
			return stepCaller
		}
		t.done = true // another credential may do
		return stepOnward
	case llm.Reset:
		return c.sameAgain(t, 0)
	case llm.ServerError:
		return c.sameAgain(t, jitter())
	case llm.Overloaded:
		if !a.verdict.Told {
			return c.sameAgain(t, jitter())
		}
		t.done = t.tries > t.limits.Retries // as after 429
		return stepOnward
	case llm.RateLimited:
		// choose waits out a short cooldown, prefers the same model elsewhere,
		// or leaves it.
		t.done = t.tries > t.limits.Retries
		return stepOnward
	}
	c.leave(t.target)
	return stepOnward
}

// learns tells whether a refusal says how the target wants to be asked instead,
// which it did not know before.
func (c *call) learns(a *attempt) bool {
	t, text, before := a.c, a.verdict.Text, a.c.lessons
	translated := t.words.reply != nil
	switch {
	case t.words.dialect == llm.Anthropic && dialect.RefusesThoughts(text):
		t.thoughtless = true
	case (translated || t.clamp.Known) && dialect.RefusesAsReasoning(text):
		t.reasons = true
		c.g.health.noteReasons(t.targetKey(c))
	case translated && !t.most.Known:
		t.most = dialect.NamedLimit(text)
	}
	return t.lessons != before
}

// repeatable tells whether the target may be asked for the same again. What a
// call on a path that llmgw does not know has done by the time that it fails
// nobody can say: a second POST may make a second batch. Unless the provider
// said that it refused this one, and when to come back.
func (c *call) repeatable(a *attempt) bool {
	if c.bodyIsCall() || c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		return true
	}
	switch a.fault() {
	case llm.Reset, llm.ServerError:
		return false
	case llm.RateLimited, llm.Overloaded:
		return a.verdict.Told
	}
	return true
}

// leave takes a target out of this call, whichever credentials it has left:
// what is wrong with it is not the credential.
func (c *call) leave(t target) {
	for _, o := range c.plan.targets {
		o.done = o.done || o.target == t
	}
}

// sameAgain tries the same candidate once more after a pause, if it has tries
// left, the budget allows it and there is time; else it is done.
func (c *call) sameAgain(t *candidate, pause time.Duration) step {
	if t.tries <= t.limits.Retries && time.Now().Add(pause).Before(c.by) && c.g.health.mayRetry(c, t, time.Now()) {
		c.again, c.againIn = t, pause
		return stepOnward
	}
	c.leave(t.target)
	return stepOnward
}

// largerWindow moves on to targets of another model, whose window is unknown
// and so may be larger; the same model elsewhere has the same window.
func (c *call) largerWindow(t *candidate) step {
	for _, o := range c.plan.targets {
		if o.modelFor(c) == t.modelFor(c) {
			o.done = true
		}
	}
	if slices.ContainsFunc(c.plan.targets, func(o *candidate) bool { return !o.done }) {
		return stepOnward
	}
	return stepCaller
}

// routesAroundRefusals tells whether the route lists "refused" in on.
func (c *call) routesAroundRefusals() bool {
	rt, _ := c.set.router.routeFor(c.facts.Model)
	return rt != nil && slices.Contains(rt.On, string(llm.Refused))
}

// whyNext words what happened after an attempt, for llmgw show.
func (c *call) whyNext(a *attempt, next step) string {
	switch {
	case next == stepCaller:
		return "answered to the caller as it is"
	case c.again == a.c && c.againIn > 0:
		return fmt.Sprintf("tried again after %s", c.againIn.Round(time.Millisecond))
	case c.again == a.c && a.c.thoughtless:
		return "tried again without the thoughts of earlier turns"
	case c.again == a.c && a.c.reasons:
		return "tried again as one of OpenAI's models that reason"
	case c.again == a.c && a.c.most.Known:
		return "tried again with the output limit that it named"
	case c.again == a.c && a.c.unedited:
		return "tried again without llmgw's own edit"
	case c.again == a.c:
		return "tried again on a fresh connection"
	}
	return ""
}

// jitter is a pause of 100 to 500 ms, so that calls that failed together do
// not come back together.
func jitter() time.Duration {
	return 100*time.Millisecond + rand.N(400*time.Millisecond)
}
