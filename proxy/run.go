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

// answer is what a target said that was not good enough, kept for the case
// that nobody says better.
type answer struct {
	t      *candidate
	row    *store.Attempt
	status int // 0: no HTTP answer
	header http.Header
	body   []byte
	fault  llm.Fault
	text   string

	decoded    bool // body had a Content-Encoding that was removed
	translated bool // the target speaks another dialect than the client
}

// step is what follows from an attempt.
type step int

const (
	stepCommit step = iota // good: the answer goes to the client
	stepCaller             // the provider's own error answers the caller
	stepOnward             // another try, here or elsewhere: next decides
	stepGone               // the client left
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
			c.gone()
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
		StartedAt: time.Now(), FirstToken: -1, Outcome: store.OutcomeSkipped, Skipped: why, Error: text,
	})
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
	if fault == llm.ClientGone {
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
	switch fault {
	case llm.RefusedRequest:
		if t.words.reply == nil && t.words.dialect == llm.Anthropic && !t.thoughtless && dialect.RefusesThoughts(a.verdict.Text) {
			t.thoughtless = true
			c.again, c.againIn = t, 0
			return stepOnward
		}
		if (t.words.reply != nil || t.clamp.Known) && !t.reasons && dialect.RefusesAsReasoning(a.verdict.Text) {
			t.reasons = true
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

// keepAnswer remembers what a failed target said.
func (c *call) keepAnswer(a *attempt) {
	ans := answer{t: a.c, row: a.row, fault: a.fault(), text: a.verdict.Text}
	if c.handsOn(a) {
		ans.status, ans.header = a.resp.StatusCode, a.resp.Header
		ans.body = slices.Concat(a.head, a.end)
		ans.decoded = a.raw != nil
		ans.translated = a.c.words.reply != nil
	}
	c.answers = append(c.answers, ans)
}

// handsOn tells whether a failed target's own answer may reach the caller as
// it is: any error status, and a 200 whose body itself shows the caller that
// something is wrong. Not a redirect, which the caller would follow with its
// key, and nothing that a stream's reader would take for an empty answer.
func (c *call) handsOn(a *attempt) bool {
	if a.resp == nil || a.err != nil {
		return false
	}
	if a.resp.StatusCode >= 400 {
		return true
	}
	if a.resp.StatusCode >= 300 || a.c.words.reply != nil {
		return false // a translated 200 with an error in it: the error is all there is to say
	}
	switch a.fault() {
	case llm.ErrorInBody:
		return !c.facts.Stream || a.broken && strings.HasPrefix(a.resp.Header.Get("Content-Type"), "text/event-stream")
	case llm.Malformed:
		return !c.facts.Stream
	}
	return false
}

// tellingStatuses are the provider errors worth handing on when several
// targets failed.
var tellingStatuses = []int{400, 401, 403, 404, 413, 422, 429, 529}

// giveUp answers a call that no target served.
func (c *call) giveUp() {
	if n := len(c.attempts); n > 0 && c.attempts[n-1].Why == "" {
		c.attempts[n-1].Why = "nobody was left to try"
	}
	if c.ctx.Err() != nil {
		c.gone()
		return
	}
	if !time.Now().Before(c.by) {
		c.refuse(problem{code: codeDeadline, message: fmt.Sprintf("no answer within the deadline of %s; %s", c.by.Sub(c.rec.StartedAt), c.story())})
		return
	}
	if ans, ok := c.bestAnswer(); ok {
		c.passOn(ans)
		return
	}
	if len(c.answers) == 0 && (len(c.refusals) > 0 || c.unpriced != "") {
		c.refuse(c.capProblem())
		return
	}
	if !slices.ContainsFunc(c.attempts, func(a *store.Attempt) bool { return a.Skipped != "unsupported" }) {
		c.refuse(problem{code: codeUnsupported, message: c.story()})
		return
	}
	p := problem{code: codeAllFailed, message: c.story()}
	p.retryAfter, p.cooling = c.untilUsable()
	c.refuse(p)
}

// bestAnswer is the provider's own error to hand on: with one target tried its
// own, with several the first telling one.
func (c *call) bestAnswer() (answer, bool) {
	tried := make(map[string]bool)
	for _, a := range c.answers {
		tried[a.t.String()] = true
	}
	if len(tried) == 1 {
		last := c.answers[len(c.answers)-1]
		return last, last.status > 0
	}
	for _, a := range c.answers {
		ours := a.translated && a.fault == llm.RefusedRequest // it says nothing of the client's own words
		if slices.Contains(tellingStatuses, a.status) && !ours {
			return a, true
		}
	}
	return answer{}, false
}

// untilUsable is how long until the first target may be tried again, and
// whether all of them are cooling down or open.
func (c *call) untilUsable() (time.Duration, bool) {
	now := time.Now()
	var soonest time.Duration
	cooling := true
	for _, t := range c.plan.targets {
		until := c.g.health.usableAt(c, t, now)
		if !until.After(now) {
			cooling = false
			continue
		}
		if wait := until.Sub(now); soonest == 0 || wait < soonest {
			soonest = wait
		}
	}
	if !cooling {
		soonest = 0
	}
	return soonest, cooling
}

// story names every attempt and what came of it.
func (c *call) story() string {
	var parts []string
	for _, a := range c.attempts {
		what := a.Outcome
		if a.Outcome == store.OutcomeSkipped {
			what = "skipped (" + a.Skipped + ")"
		} else {
			what += fmt.Sprintf(" after %s", a.Duration.Round(time.Millisecond))
		}
		if a.HTTPStatus > 0 {
			what += fmt.Sprintf(", status %d", a.HTTPStatus)
		}
		if a.Error != "" {
			what += ": " + cut(a.Error, 200)
		}
		parts = append(parts, a.Provider+"/"+a.Model+": "+what)
	}
	return cmp.Or(strings.Join(parts, "; "), "no target was tried")
}
