package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// How often the feed looks. A commit is seen after 50 ms at the median; a
// terminal that nobody looks at is served more slowly.
const (
	pollEvery    = 100 * time.Millisecond
	pollUnseen   = time.Second
	serverEvery  = 2 * time.Second // whether a server lives, and which
	totalsEvery  = time.Second     // header figures and reports, while things change
	totalsAtRest = 30 * time.Second
	retryEvery   = 5 * time.Second
	countAtMost  = 150 * time.Millisecond // for counting what matches a filter
)

// feed is the only source of data: it waits for the next change, of the record
// or of what is wanted, and reads. One goroutine at a time runs next.
type feed struct {
	ctx context.Context
	opt Options

	mu     sync.Mutex // guards what follows
	asked  want
	stop   context.CancelFunc // ends the reading under way
	unseen bool
	kick   chan struct{}

	// Of the goroutine that reads.
	r        *store.Reader
	last     *snapshot
	read     bool      // last holds something
	serverAt time.Time // of the last look at the server
	totalsAt time.Time // of the last header figures
	detailAt time.Time // of the last detail of a call
	behind   bool      // some of that is older than the calls
	more     bool      // the search for calls goes on
	stride   int64     // searchRows, but for tests
}

func newFeed(ctx context.Context, o Options) *feed {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &feed{ctx: ctx, opt: o, kick: make(chan struct{}, 1), last: &snapshot{}, stride: searchRows}
}

// ask says what is wanted from now on. It waits for nothing.
func (f *feed) ask(w want) {
	f.mu.Lock()
	f.asked = w
	if f.stop != nil {
		f.stop()
	}
	f.mu.Unlock()
	f.wake()
}

func (f *feed) wake() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

func (f *feed) wanted() want {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// focused tells whether somebody looks.
func (f *feed) focused(yes bool) {
	f.mu.Lock()
	f.unseen = !yes
	f.mu.Unlock()
	f.wake()
}

// pause is how long nothing needs to be looked at.
func (f *feed) pause() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.more:
		return 0
	case f.unseen:
		return pollUnseen
	}
	return pollEvery
}

// next is the command that ends with the next snapshot.
func (f *feed) next() tea.Cmd {
	return guard(func() tea.Msg {
		timer := time.NewTimer(f.pause())
		defer timer.Stop()
		for {
			select {
			case <-f.ctx.Done():
				return nil
			case <-timer.C:
			case <-f.kick:
			}
			if s := f.look(); s != nil {
				return snapshotMsg(s)
			}
			timer.Reset(f.pause())
		}
	})
}

// look returns a new snapshot if there is anything new in it.
func (f *feed) look() *snapshot {
	ctx, w := f.begin()
	defer f.end()
	now := f.opt.Now()
	if f.r == nil && f.read && f.last.want == w && now.Before(f.last.retryAt) {
		return nil
	}
	changed, err := f.changed(ctx, now)
	if err == nil && !changed && !f.more && f.last.want == w && f.read {
		return nil
	}
	var s *snapshot
	if err == nil {
		s, err = f.snapshot(ctx, w, now)
	}
	if errors.Is(err, context.Canceled) {
		return nil // something else is wanted by now
	}
	if err != nil {
		s = f.failed(err, w, now)
	}
	f.last, f.read = s, true
	return s
}

// begin opens a span that ask can end.
func (f *feed) begin() (context.Context, want) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ctx, stop := context.WithCancel(f.ctx)
	f.stop = stop
	return ctx, f.asked
}

func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stop()
	f.stop = nil
}

// failed is the last snapshot with what went wrong. The file is opened anew
// the next time: it may have been replaced.
func (f *feed) failed(err error, w want, now time.Time) *snapshot {
	s := *f.last
	s.err, s.at, s.want, s.retryAt, f.more = err, now, w, now.Add(retryEvery), false
	if errors.Is(err, store.ErrNoDatabase) {
		s.retryAt = now.Add(totalsEvery) // nothing is wrong, nobody has called yet
	}
	f.close()
	return &s
}

func (f *feed) close() {
	if f.r != nil {
		_ = f.r.Close() // it only read
		f.r = nil
	}
}

// changed opens the record if need be and tells whether there is anything new
// to read in it.
func (f *feed) changed(ctx context.Context, now time.Time) (bool, error) {
	if f.r != nil && now.Sub(f.serverAt) >= serverEvery {
		moved, err := f.lookAround(ctx, now)
		if err != nil || moved {
			return true, err
		}
	}
	if f.r == nil {
		return true, f.open()
	}
	change, err := f.r.Changed(ctx)
	if err != nil {
		return false, err
	}
	age := now.Sub(f.totalsAt)
	return change != f.last.changed || f.behind && age >= totalsEvery || age >= totalsAtRest, nil
}

// open opens the record that is to be read now.
func (f *feed) open() error {
	path, _, err := f.opt.Record()
	if err != nil {
		return err
	}
	if path != f.last.path {
		f.last = &snapshot{path: path}
	}
	f.r, err = store.OpenReader(path)
	f.totalsAt, f.serverAt = time.Time{}, time.Time{}
	return err
}

// lookAround sees whether the server came, went or is another one, and
// whether there is by now a better record to read.
func (f *feed) lookAround(ctx context.Context, now time.Time) (moved bool, err error) {
	f.serverAt = now
	if _, err := os.Stat(f.last.path); err != nil {
		f.close()
		return true, f.open()
	}
	server, err := f.r.Server(ctx)
	if err != nil {
		return false, err
	}
	if !server.Alive {
		path, served, err := f.opt.Record()
		if err == nil && served && path != f.last.path {
			f.close()
			return true, f.open()
		}
	}
	old := f.last.server
	return server.Alive != old.Alive || server.Owner != old.Owner, nil
}

// snapshot reads what is wanted.
func (f *feed) snapshot(ctx context.Context, w want, now time.Time) (*snapshot, error) {
	s := *f.last
	s.at, s.want, s.err = now, w, nil
	again := !f.read || f.last.err != nil || f.last.want.fresh != w.fresh
	change, err := f.r.Changed(ctx)
	if err != nil {
		return nil, err
	}
	if s.server, err = f.r.Server(ctx); err != nil {
		return nil, err
	}
	f.serverAt = now
	if s.window, err = f.calls(ctx, w, again, now); err != nil {
		return nil, err
	}
	if s.live, err = f.readLive(ctx); err != nil {
		return nil, err
	}
	if err := f.totals(ctx, &s, again, now); err != nil {
		return nil, err
	}
	if err := f.screens(ctx, &s, now); err != nil {
		return nil, err
	}
	s.changed, s.searching = change, f.more
	return &s, nil
}

func (f *feed) readLive(ctx context.Context) (map[string]store.Live, error) {
	list, err := f.r.Live(ctx)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	live := make(map[string]store.Live, len(list))
	for _, l := range list {
		live[l.CallID] = l
	}
	return live, nil
}

// totals reads the header's figures, not more than once a second.
func (f *feed) totals(ctx context.Context, s *snapshot, again bool, now time.Time) (err error) {
	w, old := s.want, f.last.want
	sameCalls := w.filter == old.filter && w.faults == old.faults
	f.behind = true
	if !again && sameCalls && w.complete == old.complete && f.more == f.last.searching && now.Sub(f.totalsAt) < totalsEvery {
		return nil
	}
	if s.pulse, err = f.r.Pulse(ctx, now, pulseColumns); err != nil {
		return err
	}
	if s.today, err = f.spentToday(ctx, now); err != nil {
		return err
	}
	if err = f.states(ctx, s); err != nil {
		return err
	}
	if s.total, err = f.r.Count(ctx, store.Query{}); err != nil {
		return err
	}
	if s.matches, err = f.count(ctx, s, now); err != nil {
		return err
	}
	if w.complete {
		if s.known, err = f.r.Values(ctx, now); err != nil {
			return err
		}
	}
	f.totalsAt, f.behind = now, false
	return nil
}

// pulseColumns is how finely the hour is drawn.
const pulseColumns = 16

func (f *feed) states(ctx context.Context, s *snapshot) (err error) {
	if s.setup, _, err = f.r.Setup(ctx); err != nil {
		return err
	}
	if s.caps, s.capsAt, err = f.r.Caps(ctx); err != nil {
		return err
	}
	if s.targets, _, err = f.r.Targets(ctx); err != nil {
		return err
	}
	s.reload, err = f.r.Reloaded(ctx)
	return err
}

// local is now in the zone whose days are shown.
func (f *feed) local(now time.Time) time.Time {
	if f.opt.Zone == nil {
		return now
	}
	return now.In(f.opt.Zone)
}

func (f *feed) spentToday(ctx context.Context, now time.Time) (store.Sum, error) {
	list, err := f.r.Sums(ctx, store.SumQuery{Since: store.DayStart(f.local(now)), Now: now, WithoutLatency: true})
	if err != nil || len(list) == 0 {
		return store.Sum{}, err
	}
	return list[0], nil
}

// count counts the calls that match, if that does not take long: -1 when it
// does.
func (f *feed) count(ctx context.Context, s *snapshot, now time.Time) (int64, error) {
	w, old := s.want, f.last
	switch {
	case s.window.newest && s.window.oldest && !s.window.sorted:
		return int64(len(s.window.rows)), nil
	case f.more, old.matches < 0 && !old.searching && old.want.filter == w.filter && old.want.faults == w.faults:
		return -1, nil // it took too long a moment ago
	}
	q, err := w.query(now)
	if err != nil {
		return -1, err
	}
	limited, stop := context.WithTimeout(ctx, countAtMost)
	defer stop()
	n, err := f.r.Count(limited, q)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return -1, nil
	}
	return n, err
}

// screens reads what only the visible screens need.
func (f *feed) screens(ctx context.Context, s *snapshot, now time.Time) (err error) {
	w := s.want
	s.body = nil
	if err = f.detail(ctx, s, now); err != nil {
		return err
	}
	if w.body != "" {
		if s.body, err = readBody(ctx, f.r, w, f.last.body); err != nil {
			return err
		}
	}
	fresh := f.totalsAt.Equal(now) // reports go with the header
	if !w.providers {
		s.providers = nil
	} else if fresh || s.providers == nil || w.since != f.last.want.since || w.target != f.last.want.target {
		if s.providers, err = readProviders(ctx, f.r, w, now); err != nil {
			return err
		}
	}
	if !w.spend {
		s.spend = nil
	} else if fresh || s.spend == nil || w.period != f.last.want.period || w.group != f.last.want.group {
		if s.spend, err = readSpend(ctx, f.r, w, f.local(now)); err != nil {
			return err
		}
	}
	return nil
}

// detail reads what the list does not have of one call: at once when the user
// chose it, once a second while the newest call is shown whichever it is.
func (f *feed) detail(ctx context.Context, s *snapshot, now time.Time) (err error) {
	w, age := s.want, now.Sub(f.detailAt)
	chosen := w.around != "" && w.detail != f.last.want.detail
	switch {
	case w.detail == "":
		s.detail = nil
		return nil
	case !chosen && age < totalsEvery && s.detail != nil:
		f.behind = true
		return nil
	}
	s.detail, err = readDetail(ctx, f.r, w)
	f.detailAt = now
	return err
}

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
