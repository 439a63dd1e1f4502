package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"llmgw/providers/llm"
	"llmgw/store"
)

// liveEvery is how often the live rows of running calls are written.
const liveEvery = 500 * time.Millisecond

// liveCall is what others may see of a running call.
type liveCall struct {
	stop    context.CancelCauseFunc // ends the call
	id      string
	started time.Time
	phase   atomic.Pointer[store.Live] // Phase, Note and Until are set
	attempt atomic.Pointer[store.Live] // whom it is tried at; Provider, Model and Attempt are set
	bytes   atomic.Int64
	output  atomic.Int64 // bytes of the answer's own words so far
}

func (l *liveCall) setPhase(phase string) { l.phase.Store(&store.Live{Phase: phase}) }

// waiting notes what the call waits for, and until when at the latest.
func (l *liveCall) waiting(note string, until time.Time) {
	l.phase.Store(&store.Live{Phase: store.LiveWaiting, Note: note, Until: until})
}

// trying notes whom the call is waiting for.
func (l *liveCall) trying(a *store.Attempt) {
	l.attempt.Store(&store.Live{Provider: a.Provider, Model: a.Model, Attempt: a.N})
	l.setPhase(store.LiveAsking)
}

func (l *liveCall) moved(n int64) { l.bytes.Add(n) }

func (l *liveCall) row() store.Live {
	phase := l.phase.Load()
	row := store.Live{CallID: l.id, Phase: phase.Phase, Note: phase.Note, Until: phase.Until, Bytes: l.bytes.Load(), UpdatedAt: time.Now()}
	if n := l.output.Load(); n > 0 {
		row.Tokens = llm.Tokens((n + bytesPerToken - 1) / bytesPerToken)
	}
	if t := l.attempt.Load(); t != nil {
		row.Provider, row.Model, row.Attempt = t.Provider, t.Model, t.Attempt
	}
	return row
}

// running is the set of calls under way.
type running struct {
	mu    sync.Mutex
	calls map[string]*liveCall
	wake  chan struct{}
	ended bool // calls that are added are stopped at once
}

func (r *running) init() {
	r.calls = make(map[string]*liveCall)
	r.wake = make(chan struct{}, 1)
}

func (r *running) add(c *call, stop context.CancelCauseFunc) *liveCall {
	l := &liveCall{stop: stop, id: c.rec.ID, started: c.rec.StartedAt}
	l.setPhase(store.LiveReading)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls[l.id] = l
	if r.ended {
		stop(errStopping)
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return l
}

// stop ends all calls, and those that come after them.
func (r *running) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	for _, l := range r.calls {
		l.stop(errStopping)
	}
}

func (r *running) remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.calls, id)
}

func (r *running) rows() []store.Live {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows := make([]store.Live, 0, len(r.calls))
	for _, l := range r.calls {
		rows = append(rows, l.row())
	}
	return rows
}

func (r *running) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls)
}

// watch writes live rows while calls run and sleeps while none do: an idle
// gateway does nothing.
func (g *Gateway) watch(ctx context.Context) {
	ticker := time.NewTicker(liveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.running.wake:
		}
		ticker.Reset(liveEvery)
		for written := true; written; {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			rows := g.running.rows()
			g.store.SetLive(rows)
			if len(g.set.Load().cfg.Caps) > 0 {
				g.saveCaps()
			}
			written = len(rows) > 0
		}
		ticker.Stop()
	}
}
