package proxy

import (
	"context"
	"fmt"
	"time"

	"llmgw/proxy/caps"
	"llmgw/store"
)

// newLedger makes the ledger of the configured caps and counts what the record
// says was spent in their present windows.
func newLedger(cfg []caps.Config, st *store.Store, now time.Time) (*caps.Ledger, error) {
	l, err := caps.New(cfg, now)
	if err != nil || len(cfg) == 0 {
		return l, err
	}
	entries, err := spentSince(st, cfg, now)(l.Since(now))
	if err != nil {
		return nil, fmt.Errorf("reading what was spent: %w", err)
	}
	l.Restore(entries, now)
	return l, nil
}

// spentSince returns a function that reads the record's attempts from an
// instant on, and with total everything before it as one more entry each.
func spentSince(st *store.Store, cfg []caps.Config, now time.Time) func(since time.Time, total bool) ([]caps.Entry, error) {
	by := []string{"bucket", "project", "provider", "model", "route", "client", "key"}
	for _, c := range cfg {
		if c.Match.Session != "" || c.Each == "session" {
			by = append(by, "session") // from the rows: slower, so only where it matters
			break
		}
	}
	return func(since time.Time, total bool) ([]caps.Entry, error) {
		rd, err := store.OpenReader(st.Path())
		if err != nil {
			return nil, err
		}
		defer rd.Close()
		exact, err := exactSince(rd, cfg, since, now)
		if err != nil {
			return nil, err
		}
		recent, err := entriesOf(rd, store.SumQuery{Since: since, Until: exact, By: by}, now)
		if err == nil && !exact.IsZero() {
			recent, err = addCharges(rd, exact, recent)
		}
		if err != nil || !total {
			return recent, err
		}
		old, err := entriesOf(rd, store.SumQuery{Until: since, By: by[1:]}, now)
		return append(recent, old...), err
	}
}

// longWindow is the length from which on a rolling window may forget what was
// spent a quarter of an hour late, which is 1 % of it.
const longWindow = 25 * time.Hour

// quarter is what the record adds sums up by.
const quarter = 15 * time.Minute

// exactSince is from when on the record is read attempt by attempt, for the
// rolling windows that would count a quarter of an hour far too long; zero for
// never. What is held in sums only is read from those.
func exactSince(rd *store.Reader, cfg []caps.Config, since, now time.Time) (from time.Time, err error) {
	for _, c := range cfg {
		if c.Per != caps.PerRolling || c.Window >= longWindow {
			continue
		}
		if first := now.Add(-c.Window - c.Window/100 - time.Second); from.IsZero() || first.Before(from) {
			from = first
		}
	}
	if from.IsZero() {
		return from, nil
	}
	pruned, err := rd.PrunedBefore(context.Background())
	if err != nil {
		return from, err
	}
	if from.Before(pruned) {
		from = pruned.Add(quarter)
	}
	if from = from.Truncate(quarter); from.Before(since) {
		from = since
	}
	return from, nil
}

// addCharges adds the attempts that began from since on.
func addCharges(rd *store.Reader, since time.Time, all []caps.Entry) ([]caps.Entry, error) {
	err := rd.EachCharge(context.Background(), since, func(c store.Charge) error {
		all = append(all, caps.Entry{At: c.At, Amount: c.Amount.Money, Scope: caps.Scope{
			Project: c.Project, Provider: c.Provider, Model: c.Model, Route: c.Route, Client: c.Client, Key: c.Key, Session: c.Session,
		}})
		return nil
	})
	return all, err
}

func entriesOf(rd *store.Reader, q store.SumQuery, now time.Time) ([]caps.Entry, error) {
	sums, err := rd.Sums(context.Background(), q)
	if err != nil {
		return nil, err
	}
	var all []caps.Entry
	for _, s := range sums {
		if s.Cost == 0 {
			continue
		}
		e := caps.Entry{Amount: s.Cost}
		for i, dim := range q.By {
			v := s.By[i]
			switch dim {
			case "bucket":
				start, err := time.Parse(time.RFC3339, v)
				if err != nil {
					return nil, fmt.Errorf("reading a quarter of an hour: %w", err)
				}
				// The quarter's last instant, so that no rolling window forgets
				// it early; not in the future.
				if e.At = start.Add(quarter - time.Microsecond); e.At.After(now) {
					e.At = now
				}
			case "project":
				e.Scope.Project = v
			case "provider":
				e.Scope.Provider = v
			case "model":
				e.Scope.Model = v
			case "route":
				e.Scope.Route = v
			case "client":
				e.Scope.Client = v
			case "key":
				e.Scope.Key = v
			case "session":
				e.Scope.Session = v
			}
		}
		all = append(all, e)
	}
	return all, nil
}
