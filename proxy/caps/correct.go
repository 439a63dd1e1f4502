package caps

import (
	"time"

	"llmgw/providers/price"
)

// Correction is an attempt on record that costs something else than it was
// charged when it ended.
type Correction struct {
	Scope Scope
	At    time.Time   // when the attempt began
	Delta price.Money // what it costs now beyond what was charged; may be below zero
}

// Correct moves what the caps have spent along with the record. change corrects
// the record and returns what that changed. Meanwhile nothing is reserved,
// settled or read, so that the two never differ: change must not use the ledger.
// Thresholds that are reached by it count as reported.
func (l *Ledger) Correct(now time.Time, change func() ([]Correction, error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now = now.Round(0)
	all, err := change()
	if err != nil {
		return err
	}
	for i := range all {
		for _, c := range l.limits {
			if c.matches(&all[i].Scope) {
				c.correct(&all[i], now)
			}
		}
	}
	l.serve(now)
	return nil
}

// correct changes what was spent in the span that the attempt was counted in.
// What was read back from the record may stand in a later slot of a rolling
// window than it was spent in, up to a quarter of an hour: it is taken from
// where it is. What is not found in any span counts no more, or is forgotten
// too late, never too early.
func (l *limit) correct(c *Correction, now time.Time) {
	a := l.account(&c.Scope, now, now.UnixNano())
	if c.Delta > 0 {
		if !c.At.Before(l.since(now)) || a.has(c.At) {
			a.spend(a.spanAt(c.At), c.Delta)
		}
	} else {
		a.giveBack(c.At, -c.Delta)
	}
	a.level = l.reached(a.spent)
}

// restoredLate is how much later than it was spent money may stand that was
// read back from the record, which adds up quarters of an hour.
const restoredLate = 15 * time.Minute

// giveBack takes money out of the span that holds t, or of a rolling window's
// slots a little after it.
func (a *account) giveBack(t time.Time, amount price.Money) {
	last := t
	if a.cap.period.rolling() {
		last = t.Add(restoredLate)
	}
	for _, s := range a.spans {
		if !t.Before(s.until) || s.from.After(last) {
			continue
		}
		part := min(amount, s.spent)
		amount -= part
		s.spent -= part
		if s.counted {
			a.spent -= part
		}
	}
}

// has tells whether the account knows the span that holds t.
func (a *account) has(t time.Time) bool {
	for _, s := range a.spans {
		if !t.Before(s.from) && t.Before(s.until) {
			return true
		}
	}
	return false
}
