package caps

import (
	"time"

	"llmgw/providers/price"
)

// Ask is what an attempt wants to be held for it.
type Ask struct {
	Call string // id of the call, shown as the holder
	N    int    // number of the attempt

	// Bound is the most that the attempt can cost. A known zero (a free
	// provider, a subscription) passes every cap; unknown is a model without a
	// price, or an unbounded call whose model has no known context window.
	Bound price.Amount

	// Likely is what it will probably cost; unknown: Bound stands for it.
	Likely price.Amount

	// Floor is Bound with the output limit lowered as far as it may be.
	// Unknown: it cannot be lowered. Caps with clamp = true hold anything
	// between the two.
	Floor price.Amount

	// Unbounded says that the body does not bound the cost. Bound is then that
	// of the model's whole context window.
	Unbounded bool

	// Open says that nothing bounds the output. Bound is then what the attempt
	// costs at most with an output limit put in: hard caps with clamp = true hold
	// that, others know of no bound.
	Open bool

	// Unserved says that Bound is unknown for the service that is asked for.
	Unserved bool

	// Unmetered says that Bound is unknown since nothing of the call is read.
	Unmetered bool
}

// bound is what the attempt can cost as it is.
func (a *Ask) bound() price.Amount {
	if a.Open {
		return price.Amount{}
	}
	return a.Bound
}

// free tells whether the attempt costs nothing for certain.
func (a *Ask) free() bool { return a.Bound.Known && a.Bound.Money == 0 }

// sane treats amounts that cannot be as unknown, so that an arithmetic mistake
// elsewhere is refused instead of making room.
func (a Ask) sane() Ask {
	for _, m := range []*price.Amount{&a.Bound, &a.Likely, &a.Floor} {
		if m.Money < 0 {
			*m = price.Amount{}
		}
	}
	if a.Floor.Known && (!a.Bound.Known || a.Floor.Money >= a.Bound.Money) {
		a.Floor = price.Amount{}
	}
	return a
}

// Hold is money set aside for one attempt. Whoever got it must end it, by
// [Hold.Settle] or [Hold.Release]; deferring Release makes sure. Only the
// first end counts.
type Hold struct {
	// Bound is what the attempt may cost: Ask.Bound, or less where only that
	// fits; then, and where the ask was Open, an output limit must be set that
	// keeps it.
	Bound price.Amount

	// Held is what was set aside, at most, in any cap: what a call is charged
	// whose end is never known. Unknown: no cap matches, or no price is known.
	Held price.Amount

	// Warnings are the caps with action = "warn" that the attempt did not fit.
	Warnings []Warning

	ledger *Ledger
	scope  Scope
	ask    Ask
	at     time.Time
	shares []share
	index  int // in Ledger.active; below zero once ended
}

// noteHeld raises Held to what one cap holds.
func (h *Hold) noteHeld(amount price.Money) {
	if h.Bound.Known || h.ask.Likely.Known {
		h.Held = price.Of(max(h.Held.Money, amount))
	}
}

// warn notes the caps that only warn and that the attempt does not fit.
func (h *Hold) warn() {
	for i := range h.shares {
		a := h.shares[i].account
		if need := a.cap.need(&h.ask, h.Bound); a.cap.warns && add(a.room(), h.shares[i].amount) < need {
			w := a.warning(1)
			w.Held -= h.shares[i].amount
			w.Passed = true
			h.Warnings = append(h.Warnings, w)
		}
	}
}

// Settlement is what came of a Hold.
type Settlement struct {
	Charged  price.Money // what caps were charged
	Overruns []Overrun   // hard caps in which the attempt cost more than was held
	Warnings []Warning   // thresholds reached by it, once per window
}

// Overrun is an attempt that cost more than a hard cap held for it: the
// provider charged more than its published bounds allow.
type Overrun struct {
	Cap, Each    string
	Held, Actual price.Money
}

// Warning is a threshold that a cap's spending reached.
type Warning struct {
	Cap, Each          string
	Share              float64 // of Limit; 1: all of it
	Passed             bool    // instead: a cap that only warns let a call pass that did not fit
	Limit, Spent, Held price.Money
}

// Settle replaces the hold by what the attempt cost, in the windows in which
// it was made, and lets calls that wait have the rest. An unknown amount
// charges what was held. A second end, and a nil Hold, do nothing.
func (h *Hold) Settle(actual price.Amount, now time.Time) Settlement {
	if h == nil {
		return Settlement{}
	}
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	return h.end(actual, now.Round(0))
}

// Over is by how much an amount is more than a hard cap holds; unknown where it
// is not, and after the end.
func (h *Hold) Over(actual price.Amount) (over price.Amount) {
	if h == nil || !actual.Known || !h.Held.Known {
		return over
	}
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	for i := range h.shares {
		s := &h.shares[i]
		if more := actual.Money - s.amount; s.account.cap.hard && more > over.Money {
			over = price.Of(more)
		}
	}
	return over
}

// Release gives everything back: the attempt cost nothing.
func (h *Hold) Release(now time.Time) { h.Settle(price.Of(0), now) }

func (h *Hold) end(actual price.Amount, now time.Time) (done Settlement) {
	l := h.ledger
	if h.index < 0 {
		return Settlement{}
	}
	l.drop(h)
	if !actual.Known || actual.Money < 0 {
		actual = h.Held
	}
	done.Charged = actual.Money
	minute, ns := minuteOf(now), now.UnixNano()
	for i := range h.shares {
		p := &h.shares[i]
		p.account.at(now, ns)
		p.account.settle(p.span, p.amount, actual.Money)
		p.account.burn.add(minute, actual.Money)
		c := p.account.cap
		if c.crossed(p.account.level, p.account.spent) {
			done.Warnings = append(done.Warnings, p.account.crossings(now)...)
		}
		if c.hard && actual.Money > p.amount {
			done.Overruns = append(done.Overruns, Overrun{Cap: c.Name, Each: p.account.value, Held: p.amount, Actual: actual.Money})
		}
	}
	l.remember(h, actual.Money)
	l.spare = append(l.spare, h.shares[:0])
	h.shares = nil
	l.serve(now)
	return done
}

// drop takes h out of the running holds.
func (l *Ledger) drop(h *Hold) {
	last := len(l.active) - 1
	l.active[h.index] = l.active[last]
	l.active[h.index].index = h.index
	l.active[last] = nil
	l.active = l.active[:last]
	h.index = -1
}
