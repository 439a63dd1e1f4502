package tui

import (
	"context"
	"errors"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// How often the feed looks. With the frames of the renderer a commit is on the
// screen after 110 ms at the median and 230 at most, and a little later where
// commits come all the time; a terminal that nobody looks at is served more
// slowly. Each look wakes threads, which is what an idle screen costs.
const (
	pollEvery    = 150 * time.Millisecond
	pollBusy     = 180 * time.Millisecond // after something new
	pollUnseen   = time.Second
	serverEvery  = time.Second // whether a server lives, and which, and whether the file is the same
	totalsEvery  = time.Second // header figures and reports, while things change
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
	opened   string    // path that was read before
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

// pause is how long nothing needs to be looked at, where one looks again after
// such a time.
func (f *feed) pause(after time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.more:
		return 0
	case f.unseen:
		return pollUnseen
	}
	return after
}

// next is the command that ends with the next snapshot.
func (f *feed) next() tea.Cmd {
	return guard(func() tea.Msg {
		timer := time.NewTimer(f.pause(pollBusy))
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
			timer.Reset(f.pause(pollEvery))
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
	if errors.Is(err, store.ErrNoDatabase) || errors.Is(err, store.ErrGone) {
		s.retryAt = now.Add(totalsEvery) // nobody has called yet, or somebody moves files
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

// open opens the record that is to be read now: the one that was read before
// until a server lives on another.
func (f *feed) open() error {
	path, served, err := f.opt.Record()
	if err != nil {
		return err
	}
	if f.opened != "" && !served {
		path = f.opened
	}
	if path != f.last.path {
		f.begun(path)
	}
	f.totalsAt, f.serverAt = time.Time{}, time.Time{}
	if f.r, err = store.OpenReader(path); err == nil {
		f.opened = path
	} else if errors.Is(err, store.ErrNoDatabase) && path == f.opened {
		err = &store.FileError{Op: "reading", Path: path, Err: store.ErrGone}
	}
	return err
}

// begun forgets what was read of another file.
func (f *feed) begun(path string) {
	f.last, f.read = &snapshot{path: path, file: f.last.file + 1}, false
}

// lookAround sees whether the server came, went or is another one, and
// whether there is by now a better record to read.
func (f *feed) lookAround(ctx context.Context, now time.Time) (moved bool, err error) {
	f.serverAt = now
	if err := f.r.Present(); err != nil {
		f.close()
		f.begun(f.last.path)
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
