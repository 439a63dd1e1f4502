package store

import (
	"database/sql/driver"
	"errors"
	"slices"

	"llmgw/providers/price"
)

// entry is a call as the file has it, kept in memory while the call runs so
// that its end needs no read.
type entry struct {
	n        int64
	call     *Call // nil: not in the file yet
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
	highest  string // id: above it no call is on record
	lag      int64  // meta's attempt_lag, or less: then it is written once more

	calls, attempts                  rowWriter
	findCall, readCall, readAttempts *stmt
	raiseLag                         *stmt
}

// rowWriter writes the rows of a table in two parts.
type rowWriter struct {
	insert, updateHead, updateRest *stmt
	fresh                          []driver.Value // the rest as the schema sets it by itself
}

func newRowWriter(c *conn, table string, head, rest []string, extra string) (rowWriter, error) {
	var w rowWriter
	err := prepareAll(c, map[**stmt]string{
		&w.insert:     insertSQL(table, head),
		&w.updateHead: updateSQL(table, head[0], head[1:], ""),
		&w.updateRest: updateSQL(table, head[0], rest, extra),
	})
	return w, err
}

// isFresh tells whether the rest that is bound is what the schema sets anyway.
func (w *rowWriter) isFresh() bool {
	for i, v := range w.fresh {
		if w.updateRest.args[i].Value != v {
			return false
		}
	}
	return true
}

// keepFresh takes what is bound for what the schema sets by itself.
func (w *rowWriter) keepFresh() {
	for _, a := range w.updateRest.args[:w.updateRest.set] {
		w.fresh = append(w.fresh, a.Value)
	}
}

func newLedger(c *conn) (*ledger, error) {
	l := &ledger{c: c, open: map[string]*entry{}}
	var err error
	if l.calls, err = newRowWriter(c, "calls", callHead, callRest, ", change_seq = ?"); err != nil {
		return nil, err
	}
	if l.attempts, err = newRowWriter(c, "attempts", attemptHead, attemptRest, ""); err != nil {
		return nil, err
	}
	if err := l.learnFresh(); err != nil {
		return nil, err
	}
	err = prepareAll(c, map[**stmt]string{
		&l.findCall:     "SELECT n FROM calls WHERE id = ?",
		&l.readCall:     selectCalls + " WHERE n = ?",
		&l.readAttempts: selectAttempts,
		&l.raiseLag:     "UPDATE meta SET value = max(value, ?) WHERE name = 'attempt_lag'",
	})
	if err != nil {
		return nil, err
	}
	if l.rollups, err = newRollups(c); err != nil {
		return nil, err
	}
	if l.nextCall, err = c.number("SELECT coalesce(max(n), 0) + 1 FROM calls"); err != nil {
		return nil, err
	}
	highest, err := c.value("SELECT coalesce(max(id), '') FROM calls")
	l.highest, _ = highest.(string)
	return l, err
}

// learnFresh binds a call and an attempt that have just begun: with nothing
// more to say, the defaults of the schema say it.
func (l *ledger) learnFresh() error {
	if err := l.calls.updateRest.with().addCallRest(&Call{FirstToken: -1, Status: StatusRunning}); err != nil {
		return err
	}
	l.calls.keepFresh()
	a := Attempt{Duration: -1, FirstToken: -1, Outcome: OutcomeRunning, DNS: -1, Dial: -1, TLS: -1, Wait: -1}
	if err := l.attempts.updateRest.with().addAttemptRest(&a); err != nil {
		return err
	}
	l.attempts.keepFresh()
	return nil
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
	l.lag = 0
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
	p.n = e.n
	before := *e
	e.merge(p)
	if err := l.writeCall(e, before.call, seq); err != nil {
		return err
	}
	for _, a := range p.attempts {
		if err := l.writeAttempt(e.n, e.attempt(a.N), before.attempt(a.N)); err != nil {
			return err
		}
		if err := l.noteLag(micros(a.StartedAt) - micros(e.call.StartedAt)); err != nil {
			return err
		}
	}
	if p.final {
		delete(l.open, p.id)
	}
	return l.rollups.move(shares(e.call, e.attempts), 1)
}

// noteLag keeps the longest time from a call's arrival to an attempt of it: so
// far back must be looked for what was done in a span of time.
func (l *ledger) noteLag(lag int64) error {
	if lag <= l.lag {
		return nil
	}
	l.lag = lag
	return l.raiseLag.with(lag).exec()
}

// writeCall writes the call of e over what the file has; nil: nothing.
func (l *ledger) writeCall(e *entry, old *Call, seq int64) error {
	head := e.call.head()
	var err error
	switch {
	case old == nil:
		s := l.calls.insert.with(e.n)
		s.addCallHead(&head)
		s.add(seq)
		err = s.exec()
	case old.head() != head:
		s := l.calls.updateHead.with()
		s.addCallHead(&head)
		s.add(seq)
		s.add(e.n)
		err = s.exec()
	}
	if err != nil {
		return err
	}
	rest := l.calls.updateRest.with()
	if err := rest.addCallRest(e.call); err != nil {
		return err
	}
	if old == nil && l.calls.isFresh() {
		return nil
	}
	rest.add(seq)
	rest.add(e.n)
	return rest.exec()
}

// writeAttempt is writeCall for an attempt of call number n.
func (l *ledger) writeAttempt(n int64, a, old *Attempt) error {
	key, head := attemptKey(n, a.N), a.head()
	var err error
	switch {
	case old == nil:
		s := l.attempts.insert.with(key)
		s.addAttemptHead(&head)
		err = s.exec()
	case old.head() != head:
		s := l.attempts.updateHead.with()
		s.addAttemptHead(&head)
		s.add(key)
		err = s.exec()
	}
	if err != nil {
		return err
	}
	rest := l.attempts.updateRest.with()
	if err := rest.addAttemptRest(a); err != nil {
		return err
	}
	if old == nil && l.attempts.isFresh() {
		return nil
	}
	rest.add(key)
	return rest.exec()
}

// entry finds the call a change is about: in memory, in the file, or new.
func (l *ledger) entry(p *pending) (*entry, error) {
	if e, ok := l.open[p.id]; ok {
		return e, nil
	}
	n, recorded, err := l.number(p.id)
	if err != nil {
		return nil, err
	}
	var e *entry
	switch {
	case recorded:
		if e, err = l.load(n); err != nil {
			return nil, err
		}
	case p.call == nil:
		return nil, errUnknownCall
	default:
		e = &entry{n: l.nextCall}
		l.nextCall++
		l.highest = max(l.highest, p.id)
	}
	l.open[p.id] = e
	return e, nil
}

// load reads call number n and its attempts from the file.
func (l *ledger) load(n int64) (*entry, error) {
	e := &entry{n: n}
	err := l.readCall.with(n).each(func(row []driver.Value) error {
		_, c, err := readCall(row)
		e.call = &c
		return err
	})
	if err != nil {
		return nil, err
	}
	err = l.readAttempts.with(attemptKey(e.n, 0), attemptKey(e.n, MaxAttempts)).each(func(row []driver.Value) error {
		_, a, err := readAttempt(row)
		a.CallID = e.call.ID
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
	if id > l.highest {
		return 0, false, nil // most new calls, without a look
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
	e.attempts = slices.Clone(e.attempts) // the old ones are still to be compared with
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

// firstRunning is where to begin looking for calls that run.
const firstRunning = "(SELECT value FROM meta WHERE name = 'first_running')"

// interrupt ends every call that a dead server left running: an attempt that
// was out is charged its hold, as an estimate, since it may have been billed.
func (l *ledger) interrupt(seq int64) error {
	list, err := l.c.prepare("SELECT n FROM calls WHERE status = 'running' AND n >= " + firstRunning)
	if err != nil {
		return err
	}
	defer list.close()
	var numbers []int64
	err = list.each(func(row []driver.Value) error {
		r := fields{row: row}
		numbers = append(numbers, r.int())
		return r.err
	})
	if err != nil {
		return err
	}
	for _, n := range numbers {
		e, err := l.load(n)
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
	case !a.Charged():
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
