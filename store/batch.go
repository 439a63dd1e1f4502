package store

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"llmgw/providers/price"
)

// entry is a call as the file has it, kept in memory while the call runs so
// that its end needs no read.
type entry struct {
	n        int64
	call     *Call
	attempts []*Attempt
}

// ledger turns changes into rows within a transaction that its user begins
// and ends. After a transaction that failed, forget makes it read the file
// again, so that nothing it remembers can differ from what is there.
type ledger struct {
	c        *conn
	open     map[string]*entry
	rollups  *rollups
	nextCall int64

	writeCall, writeAttempt, findCall, readCall, readAttempts *stmt
}

func newLedger(c *conn) (*ledger, error) {
	l := &ledger{c: c, open: map[string]*entry{}}
	err := prepareAll(c, map[**stmt]string{
		&l.writeCall:    upsert("calls", callColumns, 2),
		&l.writeAttempt: upsert("attempts", attemptColumns, 1),
		&l.findCall:     "SELECT n FROM calls WHERE id = ?",
		&l.readCall:     "SELECT " + strings.Join(callColumns, ", ") + " FROM calls WHERE id = ?",
		&l.readAttempts: "SELECT " + strings.Join(attemptColumns, ", ") + " FROM attempts WHERE k BETWEEN ? AND ? ORDER BY k",
	})
	if err != nil {
		return nil, err
	}
	if l.rollups, err = newRollups(c); err != nil {
		return nil, err
	}
	l.nextCall, err = c.number("SELECT coalesce(max(n), 0) + 1 FROM calls")
	return l, err
}

func prepareAll(c *conn, statements map[**stmt]string) error {
	for s, query := range statements {
		var err error
		if *s, err = c.prepare(query); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) forget() {
	clear(l.open)
	l.rollups.forget()
}

// errUnknownCall is an attempt of a call that was never recorded.
var errUnknownCall = errors.New("the call is not on record")

// record writes one change.
func (l *ledger) record(p *pending, seq int64) error {
	e, err := l.entry(p)
	if err != nil {
		return err
	}
	if err := l.rollups.move(shares(e.call, e.attempts), -1); err != nil {
		return err
	}
	e.merge(p)
	if err := bindCall(l.writeCall, e.n, seq, e.call); err != nil {
		return err
	}
	if err := l.writeCall.exec(); err != nil {
		return err
	}
	for _, a := range p.attempts {
		if err := bindAttempt(l.writeAttempt, e.n, e.attempt(a.N)); err != nil {
			return err
		}
		if err := l.writeAttempt.exec(); err != nil {
			return err
		}
	}
	if p.final {
		delete(l.open, p.id)
	}
	return l.rollups.move(shares(e.call, e.attempts), 1)
}

// entry finds the call a change is about: in memory, in the file, or new.
func (l *ledger) entry(p *pending) (*entry, error) {
	if e, ok := l.open[p.id]; ok {
		return e, nil
	}
	e, err := l.load(p.id)
	if err != nil {
		return nil, err
	}
	if e == nil {
		if p.call == nil {
			return nil, errUnknownCall
		}
		e = &entry{n: l.nextCall}
		l.nextCall++
	}
	l.open[p.id] = e
	return e, nil
}

// load reads a call and its attempts from the file; nil when it is not there.
func (l *ledger) load(id string) (*entry, error) {
	var e *entry
	err := l.readCall.with(id).each(func(row []driver.Value) error {
		n, c, err := readCall(row)
		e = &entry{n: n, call: &c}
		return err
	})
	if err != nil || e == nil {
		return nil, err
	}
	err = l.readAttempts.with(attemptKey(e.n, 0), attemptKey(e.n, MaxAttempts)).each(func(row []driver.Value) error {
		_, a, err := readAttempt(row)
		a.CallID = id
		e.attempts = append(e.attempts, &a)
		return err
	})
	return e, err
}

// number returns the n of a call; false when it is not on record.
func (l *ledger) number(id string) (n int64, ok bool, err error) {
	if e, known := l.open[id]; known {
		return e.n, true, nil
	}
	err = l.findCall.with(id).each(func(row []driver.Value) error {
		n, ok = row[0].(int64)
		return nil
	})
	return n, ok, err
}

// merge puts the new values of p over the old ones. What has ended stays
// ended: a begin that is replayed late must not revive it.
func (e *entry) merge(p *pending) {
	if p.call != nil && (e.call == nil || e.call.Running() || !p.call.Running()) {
		e.call = p.call
	}
	for _, a := range p.attempts {
		old := e.attempt(a.N)
		switch {
		case old == nil:
			e.attempts = append(e.attempts, a)
		case a.Outcome != OutcomeRunning || old.Outcome == OutcomeRunning:
			e.attempts[slices.Index(e.attempts, old)] = a
		}
	}
}

// attempt returns attempt number n, nil when there is none.
func (e *entry) attempt(n int) *Attempt {
	for _, a := range e.attempts {
		if a.N == n {
			return a
		}
	}
	return nil
}

// interrupt ends every call that a dead server left running: an attempt that
// was out is charged its hold, as an estimate, since it may have been billed.
func (l *ledger) interrupt(seq int64) error {
	list, err := l.c.prepare("SELECT id FROM calls WHERE status = 'running'")
	if err != nil {
		return err
	}
	defer list.close()
	var ids []string
	err = list.each(func(row []driver.Value) error {
		id, ok := row[0].(string)
		if !ok {
			return fmt.Errorf("reading an id: %T", row[0])
		}
		ids = append(ids, id)
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		e, err := l.load(id)
		if err != nil {
			return err
		}
		if err := l.record(e.interrupted(), seq); err != nil {
			return err
		}
	}
	return nil
}

// interrupted is the last change of a call whose server died.
func (e *entry) interrupted() *pending {
	c := *e.call
	c.Status, c.Cost, c.CostSource = StatusInterrupted, price.Of(0), ""
	for i, a := range e.attempts {
		b := *a
		if b.Outcome == OutcomeRunning {
			b.Outcome, b.Duration = OutcomeInterrupted, -1
			if !b.Cost.Known {
				b.Cost, b.CostSource = b.Held, CostEstimated
			}
			if !b.Cost.Known {
				b.CostSource = CostUnpriced
			}
		}
		e.attempts[i] = &b
		c.addCost(&b)
	}
	return &pending{id: c.ID, call: &c, attempts: e.attempts, final: true}
}

// addCost adds an attempt's cost to a call's; the weakest basis names the sum.
func (c *Call) addCost(a *Attempt) {
	switch {
	case !a.Sent():
		return
	case !a.Cost.Known:
		c.Cost, c.CostSource = price.Amount{}, CostUnpriced
	case c.Cost.Known:
		c.Cost.Money += a.Cost.Money
		if c.CostSource == "" || a.CostSource == CostEstimated {
			c.CostSource = a.CostSource
		}
	}
}
