package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"llmgw/providers/price"
)

// FindingKind is what two sides of an audit disagree about.
type FindingKind string

// The kinds of findings.
const (
	FindingAttempt FindingKind = "attempt" // usage × price is not the recorded cost
	FindingCall    FindingKind = "call"    // a call does not cost what its attempts do
	FindingRollup  FindingKind = "rollup"  // a rollup is not the sum of its rows
	FindingOverrun FindingKind = "overrun" // an attempt cost more than was held for it
	FindingCap     FindingKind = "cap"     // a cap has not spent what the record says
)

// Finding is one difference that an audit found. Amounts are unknown where the
// difference is not one of amounts.
type Finding struct {
	Kind     FindingKind
	Call     string // id, where it is about a call
	N        int    // number of the attempt, 0 for the whole call
	Text     string
	Recorded price.Amount
	Computed price.Amount
}

// Audit is what was looked at.
type Audit struct {
	Calls, Attempts int64     // that have ended; attempts that were charged
	Since           time.Time // arrival of the first of them; zero: there are none
}

// Audit recomputes the cost of every attempt held in rows that arrived from
// since until until (zero: no bound) from its stored usage and frozen price,
// adds up every call anew, and reports what differs.
func (r *Reader) Audit(ctx context.Context, since, until time.Time, report func(Finding) error) (Audit, error) {
	var done Audit
	q := Query{Since: since, Until: until, Limit: -1, Ascending: true}
	err := r.EachCall(ctx, q, func(c CallRow) error {
		if c.Running() {
			return nil
		}
		done.Calls++
		if done.Since.IsZero() {
			done.Since = c.StartedAt
		}
		for i := range c.Attempts {
			if c.Attempts[i].Charged() {
				done.Attempts++
			}
			for _, f := range c.Attempts[i].audit() {
				if err := report(f); err != nil {
					return err
				}
			}
		}
		if f, wrong := c.audit(); wrong {
			return report(f)
		}
		return nil
	})
	return done, err
}

// AuditRollups reports the rollups that are not the sum of their rows, for the
// time whose rows are all held.
func (r *Reader) AuditRollups(ctx context.Context, report func(Finding) error) error {
	problems, err := r.checkRollups(ctx)
	for _, p := range problems {
		err = errors.Join(err, report(Finding{Kind: FindingRollup, Text: p}))
	}
	return err
}

// PrunedBefore is the instant up to which calls may be gone for their age;
// zero when none is. Rollups stay.
func (r *Reader) PrunedBefore(ctx context.Context) (t time.Time, err error) {
	err = r.one(ctx, func(f *fields) error {
		if n := f.int(); n > 0 {
			t = time.UnixMicro(n).UTC()
		}
		return nil
	}, "SELECT value FROM meta WHERE name = 'pruned_before'")
	return t, err
}

// SpendSpan is the time that rollups cover, in whole quarters of an hour: from
// is zero when nothing is on record.
func (r *Reader) SpendSpan(ctx context.Context) (from, until time.Time, err error) {
	err = r.each(ctx, func(f *fields) error {
		from, until = f.time(), f.time()
		return nil
	}, "SELECT (SELECT min(bucket) FROM rollups), (SELECT max(bucket) FROM rollups)")
	if !from.IsZero() {
		until = until.Add(bucketWidth)
	}
	return from, until, err
}

// audit compares the call's cost with its attempts'.
func (c *CallRow) audit() (f Finding, wrong bool) {
	sum, charged := price.Of(0), false
	for i := range c.Attempts {
		a := &c.Attempts[i]
		if a.Outcome == OutcomeRunning || !a.Charged() {
			continue
		}
		charged = true
		sum.Known = sum.Known && a.Cost.Known
		sum.Money += a.Cost.Money
	}
	if !sum.Known {
		sum.Money = 0
	}
	if sum == c.Cost || !charged && c.Cost.Money == 0 {
		return f, false
	}
	return Finding{
		Kind: FindingCall, Call: c.ID, Recorded: c.Cost, Computed: sum,
		Text: fmt.Sprintf("costs %s, its attempts %s", words(c.Cost), words(sum)),
	}, true
}

// audit recomputes what the attempt costs.
func (a *Attempt) audit() (found []Finding) {
	if a.Outcome == OutcomeRunning {
		return nil
	}
	add := func(kind FindingKind, recorded, computed price.Amount, format string, args ...any) {
		found = append(found, Finding{
			Kind: kind, Call: a.CallID, N: a.N, Recorded: recorded, Computed: computed, Text: fmt.Sprintf(format, args...),
		})
	}
	if a.Overrun.Known { // of what it cost then
		cost := price.Of(a.Held.Money + a.Overrun.Money)
		add(FindingOverrun, cost, a.Held, "cost %s, only %s was held for it", words(cost), words(a.Held))
	}
	if fixed, ok := a.fixedCost(); ok {
		if a.Cost != fixed && (a.Cost.Known || fixed.Money != 0) {
			add(FindingAttempt, a.Cost, fixed, "cost %s, as %s it is %s", words(a.Cost), a.basisWords(), words(fixed))
		}
		return found
	}
	recorded, name := a.Cost, "cost"
	if a.CostSource == CostPlan {
		recorded, name = a.Worth, "worth on a plan"
		if a.Cost != price.Of(0) {
			add(FindingAttempt, a.Cost, price.Of(0), "cost %s, on a plan it is 0", words(a.Cost))
		}
	}
	b, err := a.recompute()
	switch {
	case err != nil:
		add(FindingAttempt, recorded, price.Amount{}, "%v", err)
	case b.Amount != recorded:
		add(FindingAttempt, recorded, b.Amount, "%s %s, by usage and price it is %s: %s", name, words(recorded), words(b.Amount), b)
	case !sameBasis(a.CostSource, b.Basis):
		add(FindingAttempt, recorded, b.Amount, "is called %s, by usage and price it is %s", a.CostSource, b.Basis)
	}
	return found
}

// fixedCost is what the attempt must cost whatever its usage is.
func (a *Attempt) fixedCost() (price.Amount, bool) {
	switch {
	case !a.Sent() || a.CostSource == "" || a.CostSource == CostCache || a.CostSource == CostFree:
		return price.Of(0), true
	case a.CostSource == CostEstimated && !a.Usage.Known():
		return a.Held, true // what was held is charged where the end is not known
	}
	return price.Amount{}, false
}

func (a *Attempt) basisWords() string {
	switch {
	case !a.Sent():
		return OutcomeSkipped
	case a.CostSource == "":
		return "not charged"
	case a.CostSource == CostEstimated:
		return "the hold that was charged"
	}
	return a.CostSource
}

// recompute is the attempt's cost by its stored usage and frozen price.
func (a *Attempt) recompute() (price.Breakdown, error) {
	p, err := price.ParsePrice(a.Price)
	if err != nil {
		return price.Breakdown{}, err
	}
	return p.Cost(a.Usage, a.StartedAt)
}

// sameBasis tells whether a recorded basis may stand for a computed one: usage
// may have been estimated and a call be on a plan, whatever its price says.
func sameBasis(recorded string, computed price.Basis) bool {
	return recorded == CostEstimated || recorded == CostPlan || recorded == string(computed)
}

// words is an amount for people.
func words(a price.Amount) string {
	if !a.Known {
		return "unknown"
	}
	return "$" + a.Money.String()
}

// Charge is the money of one attempt, as caps count it.
type Charge struct {
	Call string
	N    int
	At   time.Time // when the attempt began

	Project, Client, Session string
	Key                      string // the caller's
	Provider, Model, Route   string

	// Amount is the attempt's cost, or where that is unknown what was held for
	// it; unknown where nothing was.
	Amount price.Amount
}

// EachCharge calls f for each attempt that began from since on, has ended and
// is charged something, in the order of their calls.
func (r *Reader) EachCharge(ctx context.Context, since time.Time, f func(Charge) error) error {
	arrived, err := r.arrivedBefore(ctx, since)
	if err != nil {
		return err
	}
	return r.eachCounted(ctx, arrived, time.Time{}, func(c *Call, attempts []*Attempt) error {
		for _, a := range attempts {
			if a.Outcome == OutcomeRunning || !a.Charged() || a.StartedAt.Before(since) {
				continue
			}
			if err := f(chargeOf(c, a)); err != nil {
				return err
			}
		}
		return nil
	})
}

// chargeOf is the money of an attempt of c.
func chargeOf(c *Call, a *Attempt) Charge {
	charge := Charge{
		Call: c.ID, N: a.N, At: a.StartedAt, Project: c.Project, Client: c.Client, Session: c.Session, Key: c.Key,
		Provider: a.Provider, Model: a.Model, Route: c.Route, Amount: a.Cost,
	}
	if !charge.Amount.Known {
		charge.Amount = a.Held
	}
	return charge
}
