package proxy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// scope is whose money an attempt at t spends.
func (c *call) scope(t *candidate) caps.Scope {
	return caps.Scope{
		Project: c.rec.Project, Provider: t.up.p.Name, Model: t.modelFor(c), Route: c.plan.route,
		Client: c.rec.Client, Key: c.rec.Key, Session: c.rec.Session,
	}
}

// fund holds the money for the next attempt at t in every cap that matches,
// waiting where running calls may give some back. Without it the candidate is
// skipped, with the cap's words on record.
func (c *call) fund(t *candidate) bool {
	l := c.g.ledger
	if len(c.set.cfg.Caps) == 0 && !c.set.cfg.BlockUnpriced {
		return true
	}
	ask := c.ask(t)
	if c.set.cfg.BlockUnpriced && !c.priced(t) {
		c.unpriced = fmt.Sprintf("no price is known for %s, and prices.unknown = \"block\"; give it one under [prices.model.%q]", t.targetKey(c), t.targetKey(c))
		if !c.bodyIsCall() {
			c.unpriced = c.unmeteredWords() + ", so nobody knows what it costs, and prices.unknown = \"block\""
		}
		c.skipCandidate(t, "cap", c.unpriced)
		c.g.health.unclaim(c, t)
		return false
	}
	hold, refusal := l.Reserve(c.scope(t), ask, time.Now())
	if refusal != nil && refusal.CanWait {
		if c.putOff(t, refusal) {
			return false
		}
		hold, refusal = c.waitForMoney(t, ask, refusal)
	}
	if refusal != nil {
		refusal.Why = c.unmeasured(t, refusal.Reason)
		c.refusals = append(c.refusals, refusal)
		c.skipCandidate(t, "cap", refusal.Error())
		c.g.health.unclaim(c, t)
		c.substitute(refusal)
		return false
	}
	t.hold = hold
	for _, w := range hold.Warnings {
		c.warn(w)
	}
	t.clamp = c.clampTo(t, ask, hold)
	return true
}

// putOff moves a candidate that a cap has no room for behind the others, where
// one of those may take the call now: nobody waits for what another can do at
// once. Its turn comes again when they could not.
func (c *call) putOff(t *candidate, r *caps.Refusal) bool {
	now := time.Now()
	other := slices.ContainsFunc(c.plan.targets, func(o *candidate) bool {
		return o != t && !o.done && c.g.health.ready(c, o, now)
	})
	if t.putOff || !other {
		return false
	}
	t.putOff = true
	t.tries--
	c.note(t, "cap", r.Error()+"; others are asked before it is waited for")
	c.g.health.unclaim(c, t)
	i := slices.Index(c.plan.targets, t)
	c.plan.targets = append(slices.Delete(c.plan.targets, i, i+1), t)
	return true
}

// unmeasured says what of the call a cap cannot hold anything for.
func (c *call) unmeasured(t *candidate, why caps.Reason) string {
	b := t.words.size().For(t.modelFor(c))
	switch why {
	case caps.ReasonUnpriced:
		return t.targetKey(c)
	case caps.ReasonUnmetered:
		return c.unmeteredWords()
	case caps.ReasonService:
		return strings.Join(b.Services, ", ") + " of " + t.targetKey(c)
	case caps.ReasonUnbounded:
		return cmp.Or(b.Cause(t.words.body), t.targetKey(c)+" charges more than tokens")
	}
	return ""
}

// unmeteredWords say why nobody knows what the call uses.
func (c *call) unmeteredWords() string {
	if c.ep.Dialect == llm.OpenAIResponses {
		return fmt.Sprintf("%s %s: the usage of Responses is not read yet", c.r.Method, quoteShort(c.r.URL.Path))
	}
	return fmt.Sprintf("%s %s passes through unread", c.r.Method, quoteShort(c.r.URL.Path))
}

// waitForMoney waits in the queue of the caps: as long as they say it makes
// sense, once for all targets no longer than MaxWait, and not past the deadline
// or the client's leaving. Meanwhile the call is on record.
func (c *call) waitForMoney(t *candidate, ask caps.Ask, r *caps.Refusal) (*caps.Hold, *caps.Refusal) {
	most := caps.MaxWait - c.waitedForMoney
	if most <= 0 {
		return nil, r
	}
	start := time.Now()
	c.live.waiting("cap "+r.Cap, start.Add(most))
	c.announce()
	ticket := c.g.ledger.Queue(c.scope(t), ask, start)
	ctx, cancel := context.WithDeadline(c.ctx, c.by)
	defer cancel()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ticket.Ready():
	case <-timer.C:
	case <-ctx.Done():
	}
	hold, refusal := ticket.Leave(time.Now())
	spent := time.Since(start)
	c.lastWait += spent
	c.waited += spent
	c.waitedForMoney += spent
	return hold, refusal
}

// announce puts a call on record that waits, as it stands.
func (c *call) announce() {
	if err := c.g.store.Queue(store.Change{Call: &c.rec, Attempts: c.attempts}); err != nil {
		c.g.log.Error("a call that waits is not on record", "call", c.rec.ID, "err", err)
	}
}

// substitute adds the target that a cap names instead of those it refuses.
func (c *call) substitute(r *caps.Refusal) {
	if r.Action != caps.ActionSubstitute {
		return
	}
	sub, err := c.set.router.target(r.Substitute)
	if err != nil || c.planned(sub) || !c.speaks(sub.up) {
		return
	}
	creds, err := sub.up.p.Credentials(c.brought)
	if err != nil {
		c.skip(sub, "auth", err.Error())
		return
	}
	c.plan.reason += ", substituted by cap " + r.Cap
	c.rec.RouteReason = c.plan.reason
	for _, cred := range creds {
		c.plan.targets = append(c.plan.targets, &candidate{target: sub, cred: cred, limits: c.set.router.limits(c.plan.route, sub.up.p.Name)})
	}
}

func (c *call) planned(t target) bool {
	for _, o := range c.plan.targets {
		if o.target == t {
			return true
		}
	}
	return false
}

// payInOrder ends the hold of an attempt that failed while its call goes on. Its
// outcome is in line before: whoever is given what it held is recorded later,
// so that no crash finds both holds.
func (c *call) payInOrder(a *attempt) {
	if a.c.hold == nil {
		return
	}
	change := store.Change{Call: &c.rec, Attempts: c.attempts, Queued: func() { c.pay(a.c, a.row) }}
	if err := c.g.store.Queue(change); err != nil {
		c.g.log.Error("the outcome of an attempt is not on record", "call", c.rec.ID, "attempt", a.row.N, "err", err)
	}
}

// payUp ends the hold of a call's last attempt once the outcome is in line.
func (c *call) payUp() {
	if c.charged != nil {
		c.pay(c.charged.c, c.charged.row)
	}
	c.g.saveSpent()
}

// pay ends the attempt's hold: by what it cost, or by what was held where that
// is not known. What nobody charges for is given back.
func (c *call) pay(t *candidate, a *store.Attempt) {
	if t.hold == nil {
		return
	}
	hold := t.hold
	t.hold = nil
	if a.CostSource == "" || a.CostSource == store.CostPlan {
		hold.Release(time.Now())
		return
	}
	s := hold.Settle(a.Cost, time.Now())
	for _, o := range s.Overruns {
		c.g.log.Warn("a call cost more than could be held for it", "call", c.rec.ID, "cap", o.Cap, "held", o.Held.String(), "cost", o.Actual.String())
	}
	for _, w := range s.Warnings {
		c.warn(w)
	}
}

func (c *call) warn(w caps.Warning) {
	c.g.log.Warn("a cap is filling", "cap", w.Cap, "each", w.Each, "share", w.Share, "passed", w.Passed,
		"limit_usd", w.Limit.String(), "spent_usd", w.Spent.String(), "held_usd", w.Held.String())
}

// capProblem is the error of a call that no cap let pass anywhere.
func (c *call) capProblem() problem {
	if len(c.refusals) == 0 {
		return problem{code: dialect.CodeCapExceeded, message: c.unpriced}
	}
	r := c.refusals[0]
	return problem{code: dialect.CodeCapExceeded, message: r.Error() + ". " + r.Hint()}
}
