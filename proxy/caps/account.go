package caps

import (
	"math"
	"slices"
	"time"

	"llmgw/providers/price"
)

// account is the money of one cap, or of one value of its each. What every
// hold looks at comes first, together in memory; so it is in limit and span.
type account struct {
	cap   *limit
	value string // of each
	here  *span  // where what is held now belongs

	// What counts in here, and its bounds in Unix nanoseconds.
	spent, held price.Money
	from, until int64

	holds     int         // running ones with a share here, of whatever amount
	dropped   bool        // its cap forgot it, since nothing in it counted
	level     int         // how many thresholds were reported
	ahead     price.Money // what calls that wait need, valid in aheadPass
	aheadPass uint64

	burn       burn
	spans      []*span   // oldest first
	levelUntil time.Time // of a rolling window: until when thresholds are not reported again

	// floor is since when everything spent is in spans. A clock set back
	// before it counts as standing at it: what was spent then is not known,
	// and must not look like nothing.
	floor time.Time
}

// span is the money of attempts that began between from and until.
type span struct {
	spent, held price.Money
	counted     bool // spent is part of account.spent
	from, until time.Time
}

// keptSpans is how many spans an account remembers, so that a clock set back
// finds what was spent there. A rolling window needs its slots twice: those of
// the window, and those that a clock set back makes part of it again.
func (a *account) keptSpans() int {
	if a.cap.period.rolling() {
		return 3 * slots
	}
	return 3
}

// at makes the account show what counts at now; ns is now in Unix nanoseconds,
// so that a look at many accounts asks for it once. Within a span it is two
// comparisons.
func (a *account) at(now time.Time, ns int64) {
	if ns < a.from || ns >= a.until {
		a.move(now)
	}
}

// move goes to the span that holds now.
func (a *account) move(now time.Time) {
	if now.Before(a.floor) {
		now = a.floor
	}
	a.here = a.spanAt(now)
	a.from, a.until = nano(a.here.from), nano(a.here.until)
	a.count()
	a.forget()
	if !a.cap.period.rolling() || !now.Before(a.levelUntil) {
		a.level = a.cap.reached(a.spent)
	}
}

// spanAt returns the span that holds t, adding it where there is none.
func (a *account) spanAt(t time.Time) *span {
	i := len(a.spans)
	for i > 0 && t.Before(a.spans[i-1].from) {
		i--
	}
	if i > 0 && t.Before(a.spans[i-1].until) {
		return a.spans[i-1]
	}
	s := new(span)
	s.from, s.until = a.cap.period.span(t)
	s.counted = a.here != nil && a.counts(s)
	a.spans = slices.Insert(a.spans, i, s)
	return s
}

// count adds up what counts in the present span. All that is held in a rolling
// window counts, however long ago it was: it may still be spent.
func (a *account) count() {
	a.spent, a.held = 0, 0
	for _, s := range a.spans {
		s.counted = a.counts(s)
		if s.counted {
			a.spent = add(a.spent, s.spent)
		}
		if s.counted || a.cap.period.rolling() {
			a.held += s.held
		}
	}
}

// counts tells whether what was spent in s counts in the present span. In a
// rolling window it does for as long as any instant of the two may be less
// than the window apart, in either direction: with a clock set back, money of
// the hours to come was spent already.
func (a *account) counts(s *span) bool {
	if !a.cap.period.rolling() {
		return s == a.here
	}
	length := a.cap.period.length
	return s.until.Add(length).After(a.here.from) && s.from.Before(a.here.until.Add(length))
}

// forget drops the oldest spans above what is kept. Spans with running calls stay.
func (a *account) forget() {
	for len(a.spans) > a.keptSpans() {
		oldest := a.spans[0]
		if oldest.held > 0 || oldest.counted {
			return
		}
		a.spans = slices.Delete(a.spans, 0, 1)
		floor := oldest.until
		if a.cap.period.rolling() {
			floor = floor.Add(a.cap.period.length)
		}
		if floor.After(a.floor) {
			a.floor = floor
		}
	}
}

// room is what may still be held; below zero after an overrun.
func (a *account) room() price.Money {
	return sub(sub(a.cap.usd, a.spent), a.held)
}

// hold sets amount aside in the present span and returns what was, which is
// less only where sums would overflow.
func (a *account) hold(s *span, amount price.Money) price.Money {
	a.holds++
	amount = min(amount, math.MaxInt64-a.held, math.MaxInt64-s.held)
	s.held += amount
	if s.counted || a.cap.period.rolling() {
		a.held += amount
	}
	return amount
}

// take holds the account's share in an attempt that began in s.
func (a *account) take(s *span, ask *Ask, bound price.Amount) share {
	return share{account: a, span: s, amount: a.hold(s, a.cap.amount(ask, bound))}
}

// settle replaces what is held in s by what was spent.
func (a *account) settle(s *span, held, spent price.Money) {
	a.holds--
	s.held -= held
	if s.counted || a.cap.period.rolling() {
		a.held -= held
	}
	a.spend(s, spent)
}

// spend counts what was spent in s.
func (a *account) spend(s *span, spent price.Money) {
	s.spent = add(s.spent, spent)
	if s.counted {
		a.spent = add(a.spent, spent)
	}
}

// crossings reports the thresholds that were passed and not reported yet.
func (a *account) crossings(now time.Time) []Warning {
	var all []Warning
	for ; a.cap.crossed(a.level, a.spent); a.level++ {
		all = append(all, a.warning(a.cap.shares[a.level]))
	}
	a.levelUntil = now.Add(a.cap.period.length)
	return all
}

func (a *account) warning(share float64) Warning {
	return Warning{Cap: a.cap.Name, Each: a.value, Share: share, Limit: a.cap.usd, Spent: a.spent, Held: a.held}
}

// resets is when the window ends; zero for never. A rolling window never ends:
// then it is when enough has left it for want, or the first money has where want is below it.
func (a *account) resets(want price.Money) time.Time {
	switch {
	case a.cap.period.per == PerTotal:
		return time.Time{}
	case !a.cap.period.rolling():
		return a.here.until
	}
	room := a.room()
	for _, s := range a.spans {
		if !s.counted || s.spent == 0 {
			continue
		}
		room = add(room, s.spent)
		if room >= want {
			return a.leaves(s)
		}
	}
	return time.Time{}
}

// leaves is when what was spent in a slot stops counting.
func (a *account) leaves(s *span) time.Time {
	t := s.until.Add(a.cap.period.length)
	from, until := a.cap.period.span(t)
	if from.Before(t) {
		return until
	}
	return from
}

// idle tells whether nothing in the account counts now or will.
func (a *account) idle() bool {
	if a.spent != 0 || a.holds != 0 {
		return false
	}
	return !slices.ContainsFunc(a.spans, func(s *span) bool {
		return s.spent != 0 && s.from.After(a.here.from)
	})
}

// nano is t in Unix nanoseconds, as far as they reach.
func nano(t time.Time) int64 {
	switch {
	case t.IsZero():
		return math.MinInt64
	case t.Equal(never()):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// add is a + b for a b of at least 0. It stops at the largest Money: that is
// above every cap, while an overflow would look like money left.
func add(a, b price.Money) price.Money {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// sub is a - b for a b of at least 0, stopping at the lowest Money.
func sub(a, b price.Money) price.Money {
	if a < math.MinInt64+b {
		return math.MinInt64
	}
	return a - b
}
