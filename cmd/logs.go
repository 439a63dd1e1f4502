package cmd

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"llmgw/store"
)

// logsFlags are the flags of `llmgw logs`.
type logsFlags struct {
	follow              bool
	number              int
	where, since, until string
	format              string
}

func newLogsCommand(g *globals) *cobra.Command {
	var f logsFlags
	c := &cobra.Command{
		Use:   "logs",
		Short: "List recorded calls, oldest first",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return g.logs(c.Context(), f) },
	}
	flags := c.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with calls as they end, until interrupted")
	flags.IntVarP(&f.number, "number", "n", 50, "the last `N` calls, 0 for all")
	flags.StringVar(&f.where, "where", "", "only calls that match `FILTER`, such as \"provider:openai status:error\"")
	flags.StringVar(&f.since, "since", "", "only calls from `TIME` on: today, yesterday, 2026-11-01, 7d, 2h")
	flags.StringVar(&f.until, "until", "", "only calls before `TIME`")
	flags.StringVar(&f.format, "format", "table", "`FORMAT`: table, json, jsonl or csv")
	return c
}

func (g *globals) logs(ctx context.Context, f logsFlags) error {
	q, err := f.query(time.Now())
	if err != nil {
		return err
	}
	out, err := newCallWriter(g.stdout, f.format)
	if err != nil {
		return err
	}
	r, err := g.openReader()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it only read
	// Asked before the calls are read: what changes in between is then looked
	// at twice, not never.
	changes, err := r.Changed(ctx)
	if err != nil {
		return err
	}
	shown := &followed{}
	err = listCalls(ctx, r, q, func(calls []store.CallRow) error {
		return out.write(shown.unseen(calls, f.follow))
	})
	if err == nil && f.follow {
		r, err = g.follow(ctx, r, q, changes, shown, out)
	}
	return errors.Join(err, out.close())
}

// query is what the flags ask the store for.
func (f *logsFlags) query(now time.Time) (store.Query, error) {
	from, to, err := span(f.since, f.until, now)
	if err != nil {
		return store.Query{}, err
	}
	filter, err := store.ParseFilter(f.where)
	if err != nil {
		return store.Query{}, &usageError{err, hint(err)}
	}
	switch {
	case f.number < 0:
		return store.Query{}, usagef("0 lists all", "-n must not be negative")
	case f.follow && f.format == "json":
		return store.Query{}, usagef("use --format jsonl", "an array of JSON has an end, -f has none")
	}
	q := store.Query{Filter: filter, Since: from, Until: to, Limit: f.number, Now: now}
	if f.number == 0 {
		q.Limit, q.Ascending = -1, true
	}
	return q, nil
}

// listPage is how many calls are held while all are listed.
const listPage = 500

// listCalls passes on the calls of q, oldest first, a page at a time.
func listCalls(ctx context.Context, r *store.Reader, q store.Query, f func([]store.CallRow) error) error {
	var page []store.CallRow
	err := r.EachCall(ctx, q, func(c store.CallRow) error {
		page = append(page, c)
		if !q.Ascending || len(page) < listPage {
			return nil
		}
		full := page
		page = nil
		return f(full)
	})
	if err != nil {
		return err
	}
	if !q.Ascending { // the newest were asked for, newest first
		slices.Reverse(page)
	}
	return f(page)
}

// follow writes calls as they end, also of the file that takes the place of the
// one it reads; it returns the reader of that. An interrupt is its ordinary end.
func (g *globals) follow(ctx context.Context, r *store.Reader, q store.Query, changes int64, shown *followed, out callWriter) (*store.Reader, error) {
	q.Limit, q.Ascending = -1, true
	for looked := time.Now(); ; looked = time.Now() {
		now, err := r.Wait(ctx, changes)
		if errors.Is(err, store.ErrGone) || errors.Is(err, store.ErrReplaced) {
			g.say("%v", err)
			if r, err = reopen(ctx, r); err == nil {
				g.say("going on with the new %s", r.Path())
				changes, q.Since = -1, later(q.Since, looked)
				continue
			}
		}
		if err == nil {
			q.ChangedAfter, q.Now = max(changes, 0), time.Now()
			changes = now
			err = listCalls(ctx, r, q, func(calls []store.CallRow) error { return out.write(shown.unseen(calls, true)) })
		}
		if errors.Is(err, context.Canceled) {
			return r, nil
		}
		if err != nil {
			return r, err
		}
	}
}

// reopen waits until there is a record where r's was, and returns its reader.
func reopen(ctx context.Context, r *store.Reader) (*store.Reader, error) {
	path := r.Named()
	poll := time.NewTicker(time.Second)
	defer poll.Stop()
	for {
		again, err := store.OpenReader(path)
		if err == nil {
			return again, r.Close()
		}
		if !errors.Is(err, store.ErrNoDatabase) {
			return r, err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// followed remembers which of the latest calls were shown: a call's row may be
// written again after its end, when its bodies follow.
type followed struct {
	before, now map[string]bool // by id; now becomes before when it is full
}

// memory is how many calls followed remembers, at least.
const memory = 10_000

// unseen returns the calls to show; when following only those that have ended,
// and each once.
func (f *followed) unseen(calls []store.CallRow, following bool) []store.CallRow {
	if !following {
		return calls
	}
	var fresh []store.CallRow
	for _, c := range calls {
		if c.Running() || f.now[c.ID] || f.before[c.ID] {
			continue
		}
		if f.now == nil || len(f.now) == memory {
			f.before, f.now = f.now, map[string]bool{}
		}
		f.now[c.ID] = true
		fresh = append(fresh, c)
	}
	return fresh
}
