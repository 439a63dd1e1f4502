package caps

import (
	"slices"
	"time"

	"llmgw/providers/price"
)

// Entry is money spent before the ledger existed, as the record has it.
type Entry struct {
	Scope Scope

	// At is when the attempt began. For a sum over a span of time it is the
	// span's last instant, so that a rolling window does not forget it early.
	// Zero stands for everything before [Ledger.Since]: it counts in caps with
	// per = "total" only.
	At time.Time

	Amount price.Money

	// Call and N name an attempt whose end is not on record; Amount is then
	// its hold. One that this ledger knows is not counted twice, and at what it
	// settled for.
	Call string
	N    int
}

// attempt names an attempt.
type attempt struct {
	call string
	n    int
}

// settled is an attempt that ended, possibly before its end was on record.
type settled struct {
	attempt
	amount price.Money
}

func (l *Ledger) remember(h *Hold, amount price.Money) {
	l.recent[l.recentNext] = settled{attempt{h.ask.Call, h.ask.N}, amount}
	l.recentNext = (l.recentNext + 1) % len(l.recent)
}

// Since says from when the caps need entries, and whether one also needs the
// sum of everything before.
func (l *Ledger) Since(now time.Time) (since time.Time, total bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return earliest(l.limits, now.Round(0))
}

// earliest is when the first window of limits began that holds now.
func earliest(limits []*limit, now time.Time) (from time.Time, total bool) {
	from = now
	for _, c := range limits {
		if c.Per == PerTotal {
			total = true
			continue
		}
		if f := c.since(now); f.Before(from) {
			from = f
		}
	}
	return from, total
}

// Restore forgets all that was spent and counts entries instead: everything on
// record from [Ledger.Since] on. Running holds stay. Thresholds that are
// reached by then count as reported.
func (l *Ledger) Restore(entries []Entry, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now = now.Round(0)
	for _, c := range l.limits {
		c.accounts, c.latest = make(map[string]*account), nil
		c.floor = c.knows(now)
	}
	l.fill(l.limits, entries, now)
	l.attach(nil, now)
	l.serve(now)
}

// Reconfigure puts other caps in force. Running holds move to them, whether
// they fit or not. A cap that still counts the same money keeps what it knows;
// for the others load is asked for the record since then, as for
// [Ledger.Restore]. Meanwhile nothing is reserved or settled, so that no call
// is missed or counted twice: load must not use the ledger. On an error
// everything stays as it was.
func (l *Ledger) Reconfigure(caps []Config, now time.Time, load func(since time.Time, total bool) ([]Entry, error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now = now.Round(0)
	limits, err := newLimits(caps, now)
	if err != nil {
		return err
	}
	before := make(map[money]*limit)
	for _, c := range l.limits {
		before[c.money()] = c
	}
	var unknown []*limit
	kept := make(map[*limit]*limit)
	for _, c := range limits {
		if old := before[c.money()]; old != nil {
			kept[c] = old
		} else {
			unknown = append(unknown, c)
		}
	}
	if len(unknown) > 0 {
		entries, err := load(earliest(unknown, now))
		if err != nil {
			return err
		}
		l.fill(unknown, entries, now)
	}
	for c, old := range kept {
		c.takeOver(old)
	}
	l.limits, l.known = limits, false
	l.attach(kept, now)
	l.serve(now)
	return nil
}

// takeOver continues another cap's accounts under the new settings. What is
// already above a new threshold is no news.
func (l *limit) takeOver(old *limit) {
	l.accounts, l.floor, l.sweepAt = old.accounts, old.floor, old.sweepAt
	for _, a := range l.accounts {
		a.cap = l
		a.level = l.reached(a.spent)
	}
}

// fill counts entries in caps that know nothing yet.
func (l *Ledger) fill(limits []*limit, entries []Entry, now time.Time) {
	running := make(map[attempt]bool)
	for _, h := range l.active {
		running[attempt{h.ask.Call, h.ask.N}] = true
	}
	ended := make(map[attempt]price.Money)
	for _, s := range l.recent {
		ended[s.attempt] = s.amount
	}
	for _, c := range limits {
		from := c.since(now)
		for i := range entries {
			e := entries[i]
			if e.Call != "" {
				id := attempt{e.Call, e.N}
				if running[id] {
					continue
				}
				if amount, ok := ended[id]; ok {
					e.Amount = amount
				}
			}
			if !e.At.Before(from) && c.matches(&e.Scope) {
				c.enter(&e, now)
			}
		}
	}
}

// enter counts an entry without reporting thresholds.
func (l *limit) enter(e *Entry, now time.Time) {
	a := l.account(&e.Scope, now, now.UnixNano())
	a.spend(a.spanAt(e.At), max(e.Amount, 0))
	if !e.At.IsZero() {
		a.burn.add(minuteOf(e.At), max(e.Amount, 0))
	}
	a.level = l.reached(a.spent)
}

// attach moves the running holds to the caps in force. Their shares in those
// that were kept stay as they are.
func (l *Ledger) attach(kept map[*limit]*limit, now time.Time) {
	for _, h := range l.active {
		old := h.shares
		h.shares = nil
		for _, c := range l.limits {
			if !c.matches(&h.scope) {
				continue
			}
			if kept[c] != nil {
				h.shares = append(h.shares, shareIn(old, c))
				continue
			}
			a := c.account(&h.scope, now, now.UnixNano())
			h.shares = append(h.shares, a.take(a.spanAt(h.at), &h.ask, h.Bound))
		}
	}
}

// shareIn finds a cap's share. There is one: the cap matched then as it does now.
func shareIn(shares []share, c *limit) share {
	i := slices.IndexFunc(shares, func(s share) bool { return s.account.cap == c })
	return shares[i]
}
