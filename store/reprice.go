package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"iter"

	"llmgw/providers/price"
)

// Reprice is a part of a correction: attempts that are to be charged at other
// prices than those frozen on them. As JSON it goes to a running server.
type Reprice struct {
	N        int64           `json:"n"`    // number of the correction; 0: this is its first part
	Who      string          `json:"who"`  // who confirmed it
	What     string          `json:"what"` // the command: span and filter
	Prices   []string        `json:"prices"`
	Attempts []RepriceTarget `json:"attempts"`
	Last     bool            `json:"last"` // nothing follows
}

// RepriceTarget is an attempt and the index of its price in Reprice.Prices.
type RepriceTarget struct {
	Call  string `json:"call"`
	N     int    `json:"n"`
	Price int    `json:"price"`
}

// repriceAttempts is how many attempts one transaction corrects: calls that
// are under way wait for it, a few milliseconds.
const repriceAttempts = 64

// Parts cuts r into what [Store.Reprice] takes at once. Each part is to be
// given the number that the first one got.
func (r Reprice) Parts() iter.Seq[Reprice] {
	return func(yield func(Reprice) bool) {
		all := r.Attempts
		for {
			part := r
			part.Attempts = all[:min(len(all), repriceAttempts)]
			all = all[len(part.Attempts):]
			part.Last = r.Last && len(all) == 0
			if !yield(part) || len(all) == 0 {
				return
			}
		}
	}
}

// Repriced is what a part of a correction changed.
type Repriced struct {
	N       int64
	Changes []ChargeChange
}

// ChargeChange is an attempt that costs something else than before, as caps
// count it.
type ChargeChange struct {
	Charge              // with what it is charged now
	Was    price.Amount // charged before
}

var errRepriceIndex = errors.New("an attempt names a price that is not there")

// Reprice charges attempts at other prices, in one transaction with their
// calls, the rollups and a note of what they said before. What the record no
// longer has, what still runs, and what costs the same either way is left
// alone: done twice it changes nothing the second time.
func (s *Store) Reprice(ctx context.Context, r Reprice) (Repriced, error) {
	if err := r.check(); err != nil {
		return Repriced{}, fmt.Errorf("repricing: %w", err)
	}
	var done Repriced
	err := s.in.errand(ctx, func(seq int64) (err error) {
		done, err = s.writer.reprice(r, seq)
		return err
	})
	if err != nil {
		return Repriced{}, fmt.Errorf("repricing: %w", err)
	}
	return done, nil
}

func (r *Reprice) check() error {
	for _, text := range r.Prices {
		if _, err := price.ParsePrice(text); err != nil {
			return err
		}
	}
	for _, t := range r.Attempts {
		if t.Price < 0 || t.Price >= len(r.Prices) {
			return errRepriceIndex
		}
	}
	return nil
}

// repriceTable writes what corrections did and what was before them.
type repriceTable struct {
	begin, add, end, keep, first, drop *stmt
}

func newRepriceTable(c *conn) (*repriceTable, error) {
	t := &repriceTable{}
	return t, prepareAll(c, map[**stmt]string{
		&t.begin: "INSERT INTO reprices(at, who, what) VALUES (?, ?, ?) RETURNING n",
		&t.add:   "UPDATE reprices SET attempts = attempts + ?, was = was + ?, became = became + ? WHERE n = ?",
		&t.end:   "UPDATE reprices SET finished_at = ? WHERE n = ?",
		&t.keep:  "INSERT INTO repriced(k, reprice, price, cost, cost_source, worth) VALUES (?, ?, ?, ?, ?, ?)",
		&t.first: "SELECT price, cost_source FROM repriced WHERE k = ? ORDER BY reprice LIMIT 1",
		&t.drop:  "DELETE FROM repriced WHERE k BETWEEN ? AND ?",
	})
}

// reprice does a part of a correction within a transaction.
func (w *writer) reprice(r Reprice, seq int64) (Repriced, error) {
	done := Repriced{N: r.N}
	now := micros(w.opt.Now())
	if r.N == 0 {
		err := w.reprices.begin.with(now, r.Who, r.What).each(func(row []driver.Value) error {
			done.N, _ = row[0].(int64)
			return nil
		})
		if err != nil {
			return done, err
		}
	}
	for _, one := range r.byCall() {
		changes, err := w.repriceCall(one, done.N, seq)
		if err != nil {
			return done, fmt.Errorf("call %s: %w", one[0].call, err)
		}
		done.Changes = append(done.Changes, changes...)
	}
	if err := w.ledger.rollups.flush(); err != nil {
		return done, err
	}
	if r.Last {
		return done, w.reprices.end.with(now, done.N).exec()
	}
	return done, nil
}

// frozenAt is an attempt of a call and the price it is to have.
type frozenAt struct {
	call, price string
	n           int
}

// byCall gathers the attempts of each call.
func (r *Reprice) byCall() [][]frozenAt {
	var list [][]frozenAt
	at := map[string]int{}
	for _, t := range r.Attempts {
		i, known := at[t.Call]
		if !known {
			i = len(list)
			at[t.Call], list = i, append(list, nil)
		}
		list[i] = append(list[i], frozenAt{t.Call, r.Prices[t.Price], t.N})
	}
	return list
}

// repriceCall charges some attempts of one call anew, and the call with them.
func (w *writer) repriceCall(targets []frozenAt, reprice, seq int64) ([]ChargeChange, error) {
	l := w.ledger
	n, recorded, err := l.number(targets[0].call)
	if err != nil || !recorded {
		return nil, err
	}
	e, err := l.load(n)
	if err != nil || e.call.Running() {
		return nil, err
	}
	var changes []ChargeChange
	p := &pending{id: e.call.ID, final: true}
	for _, t := range targets {
		old := e.attempt(t.n)
		if old == nil {
			continue
		}
		first, err := w.reprices.firstOf(attemptKey(n, t.n), old)
		if err != nil {
			return nil, err
		}
		now, changed := old.at(t.price, first)
		if !changed {
			continue
		}
		p.attempts = append(p.attempts, &now)
		changes = append(changes, ChargeChange{chargeOf(e.call, &now), chargeOf(e.call, old).Amount})
		if err := w.reprices.note(attemptKey(n, t.n), reprice, old, &now); err != nil {
			return nil, err
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	merged := *e
	merged.merge(p)
	p.call = merged.recost()
	return changes, l.record(p, seq)
}

// firstOf is how an attempt was charged before any correction.
func (t *repriceTable) firstOf(k int64, a *Attempt) (origin, error) {
	first := origin{a.Price, a.CostSource}
	err := t.first.with(k).each(func(row []driver.Value) error {
		r := fields{row: row}
		first = origin{r.text(), r.text()}
		return r.err
	})
	return first, err
}

// note keeps what an attempt said before, and adds it to the correction.
func (t *repriceTable) note(k, reprice int64, old, now *Attempt) error {
	return errors.Join(
		t.keep.with(k, reprice, old.Price, orNull(int64(old.Cost.Money), !old.Cost.Known), old.CostSource,
			orNull(int64(old.Worth.Money), !old.Worth.Known)).exec(),
		t.add.with(int64(1), known(old.Cost), known(now.Cost), reprice).exec())
}
