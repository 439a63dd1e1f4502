package caps

import (
	"slices"
	"time"

	"llmgw/providers/price"
)

// Ticket is a call's place among those that wait for money. Whoever got it
// must end it with [Ticket.Leave].
type Ticket struct {
	ledger *Ledger
	scope  Scope
	ask    Ask
	ready  chan struct{}
	short  verdict // why it still waits

	// Set before ready is closed.
	hold    *Hold
	refusal *Refusal
}

// Queue lets a call wait whose Refusal said that it can. Whatever room comes
// up is given in the order of arrival: a call is served before another only
// if that leaves what the other needs. So a large call is not starved by small
// ones, and calls that share no short cap do not wait for each other.
func (l *Ledger) Queue(s Scope, a Ask, now time.Time) *Ticket {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &Ticket{ledger: l, scope: s, ask: a.sane(), ready: make(chan struct{})}
	l.queue = append(l.queue, t)
	l.serve(now.Round(0))
	return t
}

// Ready is closed when the wait is over: the money is held, or waiting cannot
// help any more. [Ticket.Leave] tells.
func (t *Ticket) Ready() <-chan struct{} { return t.ready }

// Leave ends the wait and returns what came of it, also where the caller gave
// up: money may have been held in the meantime, and must then be released.
// Windows that ended during the wait count. Leaving twice returns the same.
func (t *Ticket) Leave(now time.Time) (*Hold, *Refusal) {
	l := t.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	now = now.Round(0)
	l.serve(now)
	if t.hold == nil && t.refusal == nil {
		i := slices.Index(l.queue, t)
		l.queue = slices.Delete(l.queue, i, i+1)
		t.decide(nil, l.refusal(t.short))
		l.serve(now)
	}
	return t.hold, t.refusal
}

func (t *Ticket) decide(h *Hold, r *Refusal) {
	t.hold, t.refusal = h, r
	close(t.ready)
}

// serve gives what there is to those who wait, in their order.
func (l *Ledger) serve(now time.Time) {
	l.pass++
	if len(l.queue) == 0 {
		return
	}
	waiting := l.queue[:0]
	for _, t := range l.queue {
		h, v := l.try(&t.scope, &t.ask, now)
		switch {
		case h != nil:
			t.decide(h, nil)
		case !v.canWait:
			t.decide(nil, l.refusal(v))
		default:
			t.short = v
			l.standAhead()
			waiting = append(waiting, t)
		}
	}
	clear(l.queue[len(waiting):])
	l.queue = waiting
}

// standAhead keeps what the call in l.parts needs from those behind it.
func (l *Ledger) standAhead() {
	for i := range l.parts {
		a := l.parts[i].account
		a.ahead = add(l.aheadIn(a), l.parts[i].least)
		a.aheadPass = l.pass
	}
}

// aheadIn is what calls need that wait ahead of the one being looked at.
func (l *Ledger) aheadIn(a *account) price.Money {
	if a.aheadPass != l.pass {
		return 0
	}
	return a.ahead
}
