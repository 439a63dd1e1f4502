package caps

import (
	"sync"
	"time"

	"llmgw/providers/price"
)

// MaxWait is how long a call should wait, at most, for running calls to settle.
const MaxWait = 10 * time.Second

// Ledger knows what every cap has spent and holds. Settled and held money
// together never exceed a cap, except where an attempt cost more than its hold
// or the configuration was changed under running calls. It reads no clock,
// starts nothing and never blocks; it is safe for concurrent use.
//
// Money belongs to the window in which its attempt began, by the clock as it
// was read then. A hold that outlives its window stays in it and settles there;
// the next window begins empty. Windows remember what was spent in them, so a
// clock set back finds it again and nothing is refunded or reset twice.
type Ledger struct {
	mu     sync.Mutex
	limits []*limit
	active []*Hold // in no order; Hold.index is the place
	queue  []*Ticket
	pass   uint64 // of serving the queue; account.ahead belongs to one

	parts []part    // of the call being looked at
	asked Scope     // whose parts they are: the next call is often of the same
	known bool      // they still are
	spare [][]share // of holds that ended, for new ones: most of what a hold allocates

	recent     [1024]settled // ring of the last ends
	recentNext int
}

// part is one cap's part in the decision about a call.
type part struct {
	account *account
	least   price.Money // room without which the cap refuses; 0: it does not
}

// share is what one cap holds for an attempt.
type share struct {
	account *account
	span    *span // that the attempt began in
	amount  price.Money
}

// New returns a ledger in which nothing has been spent. The error joins what
// is wrong with the caps. Where there is a past, [Ledger.Restore] follows.
func New(caps []Config, now time.Time) (*Ledger, error) {
	limits, err := newLimits(caps, now.Round(0))
	if err != nil {
		return nil, err
	}
	return &Ledger{limits: limits}, nil
}

// Reserve holds what an attempt may cost in every cap that matches, or in none
// of them: then the Refusal says which cap refuses and why. Calls that wait in
// [Ledger.Queue] come first; what they need is not given to others.
func (l *Ledger) Reserve(s Scope, a Ask, now time.Time) (*Hold, *Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now = now.Round(0) // wall time: the monotonic clock stands still while a laptop sleeps
	a = a.sane()
	l.serve(now)
	h, v := l.try(&s, &a, now)
	if h == nil {
		return nil, l.refusal(v)
	}
	return h, nil
}

// Fits returns the most that an attempt could hold now, and whether any cap
// limits it at all. It may be below zero. Caps with action = "warn" limit
// nothing.
func (l *Ledger) Fits(s Scope, now time.Time) (room price.Money, limited bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.match(&s, now.Round(0))
	for i := range l.parts {
		a := l.parts[i].account
		if a.cap.warns {
			continue
		}
		if r := a.room(); !limited || r < room {
			room, limited = r, true
		}
	}
	return room, limited
}

// match fills l.parts with the accounts that s counts in.
func (l *Ledger) match(s *Scope, now time.Time) {
	ns := now.UnixNano()
	if l.known && l.asked == *s && l.refresh(now, ns) {
		return
	}
	l.parts, l.asked, l.known = l.parts[:0], *s, true
	for _, c := range l.limits {
		if c.matches(s) {
			l.parts = append(l.parts, part{account: c.account(s, now, ns)})
		}
	}
}

// refresh makes l.parts, found for an earlier call, show what counts now;
// false when one of the accounts is gone.
func (l *Ledger) refresh(now time.Time, ns int64) bool {
	for i := range l.parts {
		p := &l.parts[i]
		if p.account.dropped {
			return false
		}
		p.account.at(now, ns)
	}
	return true
}

// decision is what the caps say to one call.
type decision struct {
	bound price.Amount // what the call may cost for all of them to agree
	no    verdict      // of the cap that refuses
	warns bool         // some only warn
}

// try holds what a asks for in every matching cap, or in none.
func (l *Ledger) try(s *Scope, a *Ask, now time.Time) (*Hold, verdict) {
	l.match(s, now)
	d := decision{bound: a.bound()}
	if !a.free() {
		for i := range l.parts {
			l.judge(&l.parts[i], a, &d)
		}
	}
	if d.no.account != nil {
		return nil, d.no
	}
	h := l.hold(s, a, d.bound, now)
	if d.warns {
		h.warn()
	}
	return h, verdict{}
}

// judge lets one cap agree, lower the bound, or refuse.
func (l *Ledger) judge(p *part, a *Ask, d *decision) {
	c := p.account.cap
	if c.warns {
		d.warns = true
		return
	}
	bound := c.most(a)
	if why := c.unmeasured(a, bound); why != "" {
		d.refuse(verdict{account: p.account, reason: why})
		return
	}
	full := c.need(a, bound)
	p.least = full
	if c.Clamp && a.Floor.Known {
		p.least = c.need(a, a.Floor)
	}
	room := sub(p.account.room(), l.aheadIn(p.account))
	if full <= room {
		d.lower(bound)
		return
	}
	if p.least <= room {
		d.lower(price.Of(room))
		return
	}
	v := verdict{account: p.account, reason: ReasonRoom, need: price.Of(p.least)}
	if p.least <= p.account.room() {
		v.reason = ReasonQueue
	}
	v.canWait = p.least <= sub(c.usd, p.account.spent)
	d.refuse(v)
}

// lower makes the call cost no more than most.
func (d *decision) lower(most price.Amount) {
	if most.Known && (!d.bound.Known || most.Money < d.bound.Money) {
		d.bound = most
	}
}

// refuse notes a refusal: the first, or the first that waiting cannot help.
func (d *decision) refuse(v verdict) {
	if d.no.account == nil || d.no.canWait && !v.canWait {
		d.no = v
	}
}

// hold sets money aside in l.parts. bound is what the call may cost after
// clamping.
func (l *Ledger) hold(s *Scope, a *Ask, bound price.Amount, now time.Time) *Hold {
	h := &Hold{Bound: bound, ledger: l, scope: *s, ask: *a, at: now, shares: l.spareShares(), index: len(l.active)}
	for i := range l.parts {
		account := l.parts[i].account
		s := account.take(account.here, a, bound)
		h.shares = append(h.shares, s)
		h.noteHeld(s.amount)
	}
	l.active = append(l.active, h)
	return h
}

// spareShares returns room for a hold's shares.
func (l *Ledger) spareShares() []share {
	last := len(l.spare) - 1
	if last < 0 {
		return make([]share, 0, len(l.limits))
	}
	shares := l.spare[last]
	l.spare = l.spare[:last]
	return shares
}
