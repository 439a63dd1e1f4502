package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// pending is a change on its way to the file: a copy of what the caller gave.
type pending struct {
	id       string // of the call
	call     *Call
	attempts []*Attempt
	final    bool
	cached   *Cached // to keep, packed
	replayed *Cached // of which a hit is to be counted
	bytes    int64
	since    time.Time
	n        int64         // calls.n, once it was written
	done     chan struct{} // closed when committed or rejected
	err      error         // why it was rejected; read after done
}

// body is a body on its way to the file.
type body struct {
	Body
	part   int64    // its number, see partNumber
	packed bool     // Data is compressed
	of     *pending // the change it came with, nil: none
	after  uint64   // changes that must be written before it
}

// inbox is what waits for the writer. Changes wait without limit, since a row
// of the ledger must not be lost; bodies are bounded in bytes.
type inbox struct {
	mu         sync.Mutex
	closing    bool
	changes    []*pending
	pushed     uint64 // changes ever pushed
	bytes      int64  // of changes
	raw        []body // to be packed
	packing    int    // out of raw, not yet in packed
	packed     []body // to be written
	bodyBytes  int64  // of raw and packed
	bodyLimit  int64
	bodyLost   int64       // dropped, ever
	packedAt   time.Time   // when packed ceased to be empty
	packedDue  *time.Timer // wakes the writer for packed ones that no change took along
	live       []Live
	liveSet    bool
	states     map[string][]byte
	answers    []answer
	errands    []*errand
	wakeWriter chan struct{}
	wakePacker chan struct{}
}

func newInbox(bodyLimit int64) *inbox {
	q := &inbox{
		bodyLimit: bodyLimit, states: map[string][]byte{},
		wakeWriter: make(chan struct{}, 1), wakePacker: make(chan struct{}, 1),
	}
	q.packedDue = time.AfterFunc(time.Hour, func() { wake(q.wakeWriter) })
	q.packedDue.Stop()
	return q
}

// wake makes a loop that waits on ch look again; a wake already due suffices.
func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func (q *inbox) push(p *pending, bodies []body) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		return ErrClosed
	}
	if p != nil {
		q.changes = append(q.changes, p)
		q.pushed++
		q.bytes += p.bytes
	}
	for i := range bodies {
		bodies[i].of, bodies[i].after = p, q.pushed
		q.pushBody(bodies[i])
	}
	return nil
}

// pushBody queues a body for the packer, or for the writer when it is packed
// and would not overtake another.
func (q *inbox) pushBody(b body) {
	q.bodyBytes += int64(len(b.Data))
	if b.packed && len(q.raw) == 0 && q.packing == 0 {
		q.addPacked(b)
	} else {
		q.raw = append(q.raw, b)
		wake(q.wakePacker)
	}
	q.dropBodies()
}

// dropBodies keeps the bodies that wait within their limit, oldest out first.
func (q *inbox) dropBodies() {
	for q.bodyBytes > q.bodyLimit {
		from := &q.packed
		if len(*from) == 0 {
			from = &q.raw
		}
		if len(*from) == 0 {
			return
		}
		q.bodyBytes -= int64(len((*from)[0].Data))
		*from = slices.Delete(*from, 0, 1)
		q.bodyLost++
	}
}

// take returns the next changes to commit, in order, without removing them:
// they stay counted as waiting until done is told of them.
func (q *inbox) take(limit int) []*pending {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.changes[:min(limit, len(q.changes))])
}

// finish removes the first n changes and releases who waits for them.
func (q *inbox) finish(n int) {
	q.mu.Lock()
	released := slices.Clone(q.changes[:n])
	q.changes = slices.Delete(q.changes, 0, n)
	for _, p := range released {
		q.bytes -= p.bytes
	}
	q.mu.Unlock()
	for _, p := range released {
		close(p.done)
	}
}

// takeRaw removes the oldest body that is to be packed.
func (q *inbox) takeRaw() (body, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.raw) == 0 {
		return body{}, false
	}
	b := q.raw[0]
	q.raw = slices.Delete(q.raw, 0, 1)
	q.packing++
	return b, true
}

// giveBack takes back what takeRaw gave out, rawBytes long then.
func (q *inbox) giveBack(b body, rawBytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.packing--
	q.bodyBytes += int64(len(b.Data)) - int64(rawBytes)
	q.addPacked(b)
	q.dropBodies()
}

func (q *inbox) addPacked(b body) {
	if len(q.packed) == 0 {
		q.packedAt = time.Now()
		q.packedDue.Reset(bodyPatience)
	}
	q.packed = append(q.packed, b)
	if q.closing {
		wake(q.wakeWriter)
	}
}

// takePacked removes bodies of about limit bytes whose calls are written,
// given that the first written changes are. It leaves them to gather for a
// while: together they cost half of what they cost alone. riding tells that
// there will be a transaction anyway.
func (q *inbox) takePacked(limit int, written uint64, riding bool) []body {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.packed) == 0 {
		return nil
	}
	wait := bodyPatience
	if riding {
		wait = bodyLinger
	}
	if age := time.Since(q.packedAt); !q.closing && age < wait {
		return nil
	}
	n, size := 0, 0
	for n < len(q.packed) && size < limit && q.packed[n].after <= written {
		size += len(q.packed[n].Data)
		n++
	}
	taken := slices.Clone(q.packed[:n])
	q.packed = slices.Delete(q.packed, 0, n)
	q.bodyBytes -= int64(size)
	if len(q.packed) == 0 {
		q.packedDue.Stop()
	}
	return taken
}

// putBack returns bodies that could not be written to the front.
func (q *inbox) putBack(bodies []body) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.packed = slices.Concat(bodies, q.packed)
	for _, b := range bodies {
		q.bodyBytes += int64(len(b.Data))
	}
	q.dropBodies()
}

// lostBodies counts bodies that were dropped elsewhere than for the limit.
func (q *inbox) lostBodies(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bodyLost += int64(n)
}

// extras is what rides along with a transaction: coalesced, never awaited.
type extras struct {
	live    []Live
	liveSet bool
	states  map[string][]byte
	answers []answer
}

func (e *extras) empty() bool { return !e.liveSet && len(e.states) == 0 && len(e.answers) == 0 }

func (q *inbox) takeExtras() extras {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := extras{q.live, q.liveSet, q.states, q.answers}
	q.live, q.liveSet, q.states, q.answers = nil, false, map[string][]byte{}, nil
	return e
}

// putBackExtras returns extras that could not be written; newer ones win.
func (q *inbox) putBackExtras(e extras) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.liveSet {
		q.live, q.liveSet = e.live, e.liveSet
	}
	maps.Copy(e.states, q.states)
	q.states = e.states
	q.answers = append(e.answers, q.answers...)
}

// close refuses further changes and makes both loops run dry.
func (q *inbox) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closing = true
	wake(q.wakeWriter)
	wake(q.wakePacker)
}

func (q *inbox) closed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closing
}

// drained tells whether the inbox is closed and nothing waits any more.
func (q *inbox) drained() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closing && q.packing == 0 && len(q.changes) == 0 && len(q.raw) == 0 && len(q.packed) == 0 &&
		!q.liveSet && len(q.states) == 0 && len(q.answers) == 0 && len(q.errands) == 0
}

// newPending checks a change and copies what the caller may go on to alter.
func newPending(c Change, now time.Time) (*pending, error) {
	p := &pending{final: c.Final, replayed: c.Replayed, since: now, done: make(chan struct{})}
	if c.Call != nil {
		p.id = c.Call.ID
		p.call = cloneCall(c.Call)
		p.final = p.final || !c.Call.Running()
	}
	for _, a := range c.Attempts {
		if p.id == "" {
			p.id = a.CallID
		}
		if a.N < 1 || a.N > MaxAttempts {
			return nil, fmt.Errorf("recording attempt %d of call %s: its number is not within 1 to %d", a.N, p.id, MaxAttempts)
		}
		if a.CallID != "" && a.CallID != p.id {
			return nil, fmt.Errorf("recording call %s: an attempt names call %s", p.id, a.CallID)
		}
		p.attempts = append(p.attempts, cloneAttempt(a))
	}
	if err := checkPending(p); err != nil {
		return nil, fmt.Errorf("recording call %q: %w", p.id, err)
	}
	p.bytes = p.size()
	return p, nil
}

func checkPending(p *pending) error {
	if _, err := ulid.ParseStrict(p.id); err != nil {
		return fmt.Errorf("its id is no ULID: %w", err)
	}
	if p.call == nil {
		return nil
	}
	switch p.call.Status {
	case StatusOK, StatusError, StatusTruncated, StatusClientGone, StatusBlocked, StatusInterrupted:
		return nil
	case StatusRunning:
		if p.final {
			return errors.New("it is still running in its last change")
		}
		return nil
	}
	return fmt.Errorf("unknown status %q", p.call.Status)
}

func cloneCall(c *Call) *Call {
	d := *c
	d.Dropped, d.Edits, d.Tags = slices.Clone(c.Dropped), slices.Clone(c.Edits), maps.Clone(c.Tags)
	d.Usage.Raw = nil // the attempts keep the provider's words
	return &d
}

func cloneAttempt(a *Attempt) *Attempt {
	b := *a
	b.Usage.Raw = bytes.Clone(a.Usage.Raw)
	return &b
}

// size estimates the memory a pending change holds, in bytes.
func (p *pending) size() int64 {
	const fixedCall, fixedAttempt = 1200, 700 // the structs themselves, rounded up
	n := int64(len(p.attempts)) * fixedAttempt
	for _, a := range p.attempts {
		n += int64(len(a.Error) + len(a.Usage.Raw) + len(a.Price) + len(a.Why))
	}
	if p.call != nil {
		n += fixedCall + int64(len(p.call.Path)+len(p.call.ErrorText)+len(p.call.UserAgent))
	}
	return n
}
