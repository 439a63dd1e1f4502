package store

import (
	"context"
	"time"

	"llmgw/providers/price"
)

// RepriceView is an attempt of an ended call as it is, and as it would be.
type RepriceView struct {
	Call    *CallRow
	Was, Is *Attempt
	Changes bool
	Gone    bool // nobody knows its price today, so that the first one holds
}

// EachAttempt calls f for each attempt that a query selects, oldest call first.
// Since and Until bound when the attempts began, not when their calls arrived.
func (r *Reader) EachAttempt(ctx context.Context, q Query, f func(*CallRow, *Attempt) error) error {
	since := q.Since
	var err error
	if q.Since, err = r.arrivedBefore(ctx, since); err != nil {
		return err
	}
	q.Limit, q.Ascending, q.parts = -1, true, true
	return r.EachCall(ctx, q, func(c CallRow) error {
		for i := range c.Attempts {
			a := &c.Attempts[i]
			if c.left[a.N] || a.StartedAt.Before(since) || !q.Until.IsZero() && !a.StartedAt.Before(q.Until) {
				continue
			}
			if err := f(&c, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// EachRepriced reports, for the ended calls of a query of [Reader.EachAttempt],
// how each attempt that was charged stands and would stand at the price that
// priceOf names for it, "" where nobody knows one. Nothing is changed.
func (r *Reader) EachRepriced(ctx context.Context, q Query, priceOf func(*Attempt) string, report func(RepriceView) error) error {
	return r.EachAttempt(ctx, q, func(c *CallRow, a *Attempt) error {
		if c.Running() || !a.Charged() || a.Outcome == OutcomeRunning {
			return nil
		}
		v := RepriceView{Call: c, Was: a, Is: a}
		if a.Repriceable() {
			text := priceOf(a)
			first, err := r.firstOf(ctx, a, text)
			if err != nil {
				return err
			}
			now, changes := a.at(text, first)
			v.Is, v.Changes, v.Gone = &now, changes, text == "" && first.price != ""
		}
		return report(v)
	})
}

// firstOf is how an attempt was charged before any correction, where that
// matters at a price.
func (r *Reader) firstOf(ctx context.Context, a *Attempt, text string) (origin, error) {
	first := origin{a.Price, a.CostSource}
	if text != "" && a.Outcome == OutcomeOK && a.CostSource != CostEstimated && a.CostSource != CostUnpriced {
		return first, nil
	}
	err := r.each(ctx, func(f *fields) error {
		first = origin{f.text(), f.text()}
		return nil
	}, "SELECT price, cost_source FROM repriced WHERE k = (SELECT n FROM calls WHERE id = ?) * 1024 + ? ORDER BY reprice LIMIT 1", a.CallID, a.N)
	return first, err
}

// Correction is a correction that was applied.
type Correction struct {
	N           int64
	At          time.Time
	Finished    time.Time // zero: it was cut short, or runs
	Who, What   string
	Attempts    int64
	Was, Became price.Money // of what is known of these attempts
}

// Corrections returns the latest corrections, newest first.
func (r *Reader) Corrections(ctx context.Context, limit int) (list []Correction, err error) {
	err = r.each(ctx, func(f *fields) error {
		list = append(list, Correction{
			N: f.int(), At: f.time(), Finished: f.time(), Who: f.text(), What: f.text(), Attempts: f.int(),
			Was: price.Money(f.int()), Became: price.Money(f.int()),
		})
		return nil
	}, "SELECT n, at, finished_at, who, what, attempts, was, became FROM reprices ORDER BY n DESC LIMIT ?", int64(limit))
	return list, err
}

// Before is what an attempt said of its cost until a correction.
type Before struct {
	N           int // of the attempt
	At          time.Time
	Who         string
	Price       string
	Cost, Worth price.Amount
	CostSource  string
}

// Before returns what the attempts of a call cost before they were corrected,
// oldest first.
func (r *Reader) Before(ctx context.Context, callID string) (list []Before, err error) {
	err = r.each(ctx, func(f *fields) error {
		list = append(list, Before{
			N: int(f.int()), At: f.time(), Who: f.text(), Price: f.text(), Cost: f.amount(), CostSource: f.text(), Worth: f.amount(),
		})
		return nil
	}, `SELECT p.k % 1024, r.at, r.who, p.price, p.cost, p.cost_source, p.worth FROM repriced p JOIN reprices r ON r.n = p.reprice
		WHERE p.k BETWEEN (SELECT n * 1024 FROM calls WHERE id = ?1) AND (SELECT n * 1024 + 1023 FROM calls WHERE id = ?1)
		ORDER BY p.reprice, p.k`, callID)
	return list, err
}
