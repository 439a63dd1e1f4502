package caps

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"llmgw/providers/price"
)

// limit is one configured cap with its accounts.
type limit struct {
	conditions []condition
	latest     *account // the one asked for last: calls come in runs
	usd        price.Money
	each       field // noField: one account for all
	hard       bool  // holds bounds, not likely costs
	warns      bool  // refuses nothing

	thresholds []price.Money // of shares
	shares     []float64     // WarnAt, and 1
	period     period

	accounts map[string]*account // by value of each
	floor    time.Time           // what accounts made from now on know of
	sweepAt  int                 // number of accounts at which idle ones are dropped

	Config
}

// sweepFrom is how many accounts a cap has before idle ones are dropped: every
// session may be one, and they come and go.
const sweepFrom = 1024

// newLimits checks the caps and prepares them, without any money in them.
func newLimits(caps []Config, now time.Time) ([]*limit, error) {
	var all []*limit
	var errs []error
	names := make(map[string]bool)
	for i, c := range caps {
		l, err := newLimit(c, now)
		if err != nil {
			errs = append(errs, fmt.Errorf("cap %d %q: %w", i+1, c.Name, err))
			continue
		}
		if names[c.Name] {
			errs = append(errs, fmt.Errorf("cap %d %q: name: another cap has it", i+1, c.Name))
		}
		names[c.Name] = true
		all = append(all, l)
	}
	return all, errors.Join(errs...)
}

func newLimit(c Config, now time.Time) (*limit, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return nil, fmt.Errorf("timezone: %w", err)
	}
	l := &limit{
		Config: c, usd: c.USD.Money, conditions: c.Match.conditions(), each: eachField(c.Each),
		hard: c.Enforce == EnforceHard, warns: c.Action == ActionWarn,
		period:   period{per: c.Per, length: c.Window, zone: zone},
		accounts: make(map[string]*account), sweepAt: sweepFrom,
	}
	for _, share := range append(slices.Clone(c.WarnAt), 1) {
		l.shares = append(l.shares, share)
		l.thresholds = append(l.thresholds, price.Money(math.Round(share*float64(l.usd))))
	}
	l.thresholds[len(c.WarnAt)] = l.usd
	l.floor = l.knows(now)
	return l, nil
}

// money is what decides which money a cap counts. Caps that agree in it can
// take over each other's accounts.
type money struct {
	name, per, timezone, each string
	window                    time.Duration
	match                     Match
}

func (l *limit) money() money {
	return money{l.Name, l.Per, l.Timezone, l.Each, l.Window, l.Match}
}

// since is from when attempts must be known for a window that holds now. The
// zero time stands for all there ever were.
func (l *limit) since(now time.Time) time.Time {
	from, _ := l.period.span(now)
	if l.period.rolling() {
		return from.Add(-l.period.length - l.period.slot())
	}
	return from
}

// knows is the earliest instant whose window is known when everything after
// since(now) is.
func (l *limit) knows(now time.Time) time.Time {
	from, _ := l.period.span(now)
	return from
}

func (l *limit) matches(s *Scope) bool {
	for i := range l.conditions {
		if c := &l.conditions[i]; !c.holds(s.get(c.field)) {
			return false
		}
	}
	return true
}

// account returns the account that s counts in, as of now.
func (l *limit) account(s *Scope, now time.Time, ns int64) *account {
	value := s.get(l.each)
	if l.latest == nil || l.latest.value != value {
		l.latest = l.lookUp(value, now)
	}
	l.latest.at(now, ns)
	return l.latest
}

// lookUp returns the account of a value, opening it where there is none.
func (l *limit) lookUp(value string, now time.Time) *account {
	if a := l.accounts[value]; a != nil {
		return a
	}
	if len(l.accounts) >= l.sweepAt {
		l.sweep(now)
	}
	a := &account{cap: l, value: value, floor: l.floor}
	l.accounts[value] = a
	return a
}

// sweep drops accounts in which nothing counts any more. With them goes what
// they knew of the past, so new ones start to know now.
func (l *limit) sweep(now time.Time) {
	for value, a := range l.accounts {
		a.at(now, now.UnixNano())
		if a.idle() {
			a.dropped = true
			delete(l.accounts, value)
		}
	}
	l.latest = nil
	if floor := l.knows(now); floor.After(l.floor) {
		l.floor = floor
	}
	l.sweepAt = max(sweepFrom, 2*len(l.accounts))
}

// reached is how many thresholds spent has reached. Nothing is none, also
// where the cap is 0.
func (l *limit) reached(spent price.Money) int {
	n := 0
	for l.crossed(n, spent) {
		n++
	}
	return n
}

// crossed tells whether spent has reached threshold n.
func (l *limit) crossed(n int, spent price.Money) bool {
	return n < len(l.thresholds) && spent > 0 && spent >= l.thresholds[n]
}

// amount is what the cap sets aside for a call that can cost up to bound.
func (l *limit) amount(a *Ask, bound price.Amount) price.Money {
	if !l.hard && a.Likely.Known && (!bound.Known || a.Likely.Money < bound.Money) {
		return max(a.Likely.Money, 0)
	}
	if !bound.Known {
		return 0
	}
	return bound.Money
}

// need is the room without which the cap refuses. A call that is not free
// needs some, even where nothing is known about its cost.
func (l *limit) need(a *Ask, bound price.Amount) price.Money {
	return max(l.amount(a, bound), 1)
}

// most is what the call can cost for this cap, which may put an output limit in.
func (l *limit) most(a *Ask) price.Amount {
	if l.hard && l.Clamp {
		return a.Bound
	}
	return a.bound()
}

// unmeasured tells why the cap cannot hold anything for the call, "" if it can.
func (l *limit) unmeasured(a *Ask, most price.Amount) Reason {
	switch {
	case !l.hard:
		return ""
	case a.Unbounded && (l.Unbounded == UnboundedRefuse || !most.Known):
		return ReasonUnbounded
	case !most.Known && a.Open:
		return ReasonOutput
	case !most.Known && a.Unserved:
		return ReasonService
	case !most.Known && a.Unmetered:
		return ReasonUnmetered
	case !most.Known:
		return ReasonUnpriced
	}
	return ""
}
