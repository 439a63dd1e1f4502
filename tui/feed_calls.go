package tui

import (
	"context"
	"fmt"
	"time"

	"llmgw/store"
)

// query is the calls that are wanted.
func (w want) query(now time.Time) (store.Query, error) {
	filter, err := store.ParseFilter(w.filter)
	if err != nil {
		return store.Query{}, fmt.Errorf("filtering calls: %w", err)
	}
	return store.Query{Filter: filter, Faults: w.faults, Now: now}, nil
}

// calls reads the calls of the list: all of them anew, or what changed in
// those that were read.
func (f *feed) calls(ctx context.Context, w want, again bool, now time.Time) (window, error) {
	q, err := w.query(now)
	if err != nil {
		return window{}, err
	}
	old := f.last.want
	same := !again && w.filter == old.filter && w.faults == old.faults && w.sort == old.sort && w.reverse == old.reverse
	if w.sort != store.SortTime || w.reverse {
		if same && now.Sub(f.totalsAt) < totalsEvery {
			return f.last.window, nil
		}
		q.Limit = pageRows
		list, err := f.r.TopCalls(ctx, q, w.sort, w.reverse)
		return window{rows: pointers(list), newest: true, oldest: true, sorted: true}, err
	}
	win := f.last.window
	if !same {
		win = window{}
	} else if win, err = f.update(ctx, win, q); err != nil {
		return window{}, err
	}
	return f.extend(ctx, win, w, q)
}

// update takes over what changed since the last snapshot.
func (f *feed) update(ctx context.Context, win window, q store.Query) (window, error) {
	q.ChangedAfter, q.Limit = f.last.changed, windowRows
	changed, err := f.r.Calls(ctx, q)
	if err != nil || len(changed) == windowRows {
		return window{}, err // too much: as if for the first time
	}
	var gone map[string]bool
	if !q.Filter.Empty() || q.Faults {
		all, err := f.r.Calls(ctx, store.Query{ChangedAfter: q.ChangedAfter, Limit: windowRows})
		if err != nil {
			return window{}, err
		}
		gone = map[string]bool{}
		for i := range all {
			gone[all[i].ID] = true
		}
		for i := range changed {
			delete(gone, changed[i].ID)
		}
	}
	return win.merge(changed, gone), nil
}

// extend reads further pages where the cursor is near the window's edge, or
// the window where the cursor is elsewhere.
func (f *feed) extend(ctx context.Context, win window, w want, q store.Query) (window, error) {
	f.more = false
	at, enough := 0, firstRows
	q.Limit = pageRows
	switch {
	case w.around == oldest && win.oldest:
		return win, nil
	case w.around == oldest:
		return f.tail(ctx, q)
	case w.around != "" && len(win.rows) == 0 && !win.newest:
		return f.middle(ctx, w.around, q)
	case w.around != "":
		at, enough = win.place(w.around), nearEdge
	case !win.newest:
		win = window{newest: true}
	}
	switch {
	case at < nearEdge && !win.newest:
		q.After, q.Ascending = win.rows[0].ID, true
		list, err := f.r.Calls(ctx, q)
		return win.newer(reversed(list), len(list) < q.Limit), err
	case len(win.rows)-at < enough && !win.oldest:
		if at == 0 {
			q.Limit = firstRows
		}
		win, err := f.older(ctx, win, q)
		f.more = err == nil && len(win.rows)-at < enough && !win.oldest
		return win, err
	}
	return win, nil
}

// searchRows is among how many calls is searched at a time: what is found is
// shown, and keys are heard, before the search goes on.
const searchRows = 20_000

// older reads the calls below the window. A filter may have to look at many for each that it
// finds; then it looks at a part of them.
func (f *feed) older(ctx context.Context, win window, q store.Query) (window, error) {
	q.Before = win.down
	if !q.Filter.Empty() || q.Faults {
		id, err := f.r.Older(ctx, q.Before, f.stride)
		if err != nil {
			return win, err
		}
		q.After = id[:max(len(id)-1, 0)] // what begins with it comes after it: the call itself is looked at too
	}
	list, err := f.r.Calls(ctx, q)
	if err != nil {
		return win, err
	}
	down := q.After
	if len(list) == q.Limit {
		down = list[len(list)-1].ID
	}
	return win.older(list, down), nil
}

// tail reads the oldest calls.
func (f *feed) tail(ctx context.Context, q store.Query) (window, error) {
	q.Ascending = true
	list, err := f.r.Calls(ctx, q)
	return window{rows: pointers(reversed(list)), newest: len(list) < q.Limit, oldest: true}, err
}

// middle reads calls on both sides of one.
func (f *feed) middle(ctx context.Context, id string, q store.Query) (window, error) {
	win, err := f.older(ctx, window{down: id + "~"}, q) // with the call itself: no id has that character
	if err != nil {
		return win, err
	}
	q.After, q.Ascending = id, true
	list, err := f.r.Calls(ctx, q)
	return win.newer(reversed(list), len(list) < q.Limit), err
}

func reversed(list []store.CallRow) []store.CallRow {
	out := make([]store.CallRow, len(list))
	for i := range list {
		out[len(list)-1-i] = list[i]
	}
	return out
}
