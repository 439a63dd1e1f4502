package caps

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"llmgw/providers/price"
)

// State is how a cap stands.
type State string

// The states of a cap.
const (
	StateOK      State = "ok"
	StateWarn    State = "warn"    // the first of warn_at is reached
	StateBlocked State = "blocked" // all is spent: only free calls pass
)

// Status is one cap, or one value of its each, to show.
type Status struct {
	Name  string `json:"name"`
	Each  string `json:"each"` // the value, "" without each
	State State  `json:"state"`

	Limit  price.Money `json:"limit_pusd"`
	Spent  price.Money `json:"spent_pusd"`
	Held   price.Money `json:"held_pusd"`
	HeldBy []Holder    `json:"held_by"` // oldest first

	WindowStart time.Time `json:"window_start"` // zero for total
	ResetsAt    time.Time `json:"resets_at"`    // rolling: when money leaves next; zero: never
	Warned      []float64 `json:"warned"`       // those of warn_at that are reached

	// BurnPerHour is the rate of the last 15 minutes; unknown before money was
	// spent for 5 of them.
	BurnPerHour price.Amount `json:"burn_per_hour"`
	ExhaustedAt time.Time    `json:"exhausted_at"` // at that rate, within the window; zero: not
}

// Holder is an attempt that holds money.
type Holder struct {
	Call   string      `json:"call"`
	N      int         `json:"n"`
	Amount price.Money `json:"amount_pusd"`
	Since  time.Time   `json:"since"`
}

// Snapshot returns every cap in the order of the configuration, those with an
// each by value, as far as they were used.
func (l *Ledger) Snapshot(now time.Time) []Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	now = now.Round(0)
	all := []Status{}
	for _, c := range l.limits {
		if c.each == noField {
			c.account(&Scope{}, now, now.UnixNano())
		}
		for _, value := range slices.Sorted(maps.Keys(c.accounts)) {
			a := c.accounts[value]
			a.at(now, now.UnixNano())
			all = append(all, l.status(a, now))
		}
	}
	return all
}

func (l *Ledger) status(a *account, now time.Time) Status {
	s := Status{
		Name: a.cap.Name, Each: a.value, State: a.state(),
		Limit: a.cap.usd, Spent: a.spent, Held: a.held, HeldBy: []Holder{},
		WindowStart: a.here.from, ResetsAt: a.resets(math.MinInt64),
		Warned: []float64{}, BurnPerHour: a.burn.perHour(now),
	}
	s.HeldBy = append(s.HeldBy, l.holders(a)...)
	slices.SortFunc(s.HeldBy, func(x, y Holder) int {
		return cmp.Or(x.Since.Compare(y.Since), cmp.Compare(x.Call, y.Call), cmp.Compare(x.N, y.N))
	})
	if a.cap.period.rolling() {
		s.WindowStart = now.Add(-a.cap.period.length)
	}
	reached := min(a.cap.reached(a.spent), len(a.cap.WarnAt))
	s.Warned = append(s.Warned, a.cap.WarnAt[:reached]...)
	s.ExhaustedAt = a.exhausted(s.BurnPerHour, now)
	return s
}

func (a *account) state() State {
	switch {
	case a.spent >= a.cap.usd && a.cap.Action != ActionWarn:
		return StateBlocked
	case a.cap.reached(a.spent) > 0:
		return StateWarn
	}
	return StateOK
}

// exhausted is when the cap is spent at a rate per hour; zero if not before
// its window ends.
func (a *account) exhausted(rate price.Amount, now time.Time) time.Time {
	left := sub(a.cap.usd, a.spent)
	if !rate.Known || rate.Money <= 0 || left <= 0 {
		return time.Time{}
	}
	end := a.here.until
	if a.cap.period.rolling() {
		end = now.Add(a.cap.period.length)
	}
	hours := float64(left) / float64(rate.Money)
	if hours >= end.Sub(now).Hours() {
		return time.Time{}
	}
	return now.Add(time.Duration(hours * float64(time.Hour)))
}

// The burn rate covers burnMinutes, and is told from burnLeast on.
const (
	burnMinutes = 15
	burnLeast   = 5 * time.Minute
)

// burn is what was spent in each of the last minutes. Minutes are counted from
// 1970.
type burn struct {
	minute [burnMinutes]int64 // by remainder
	money  [burnMinutes]price.Money
	first  int64 // minute in which anything was spent at first
	any    bool
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

func (b *burn) add(minute int64, m price.Money) {
	if m == 0 {
		return
	}
	if !b.any || minute < b.first {
		b.first, b.any = minute, true
	}
	i := uint64(minute) % burnMinutes
	switch {
	case b.minute[i] < minute:
		b.minute[i], b.money[i] = minute, m
	case b.minute[i] == minute:
		b.money[i] = add(b.money[i], m)
	}
}

// perHour is the rate over the last minutes. It only predicts, so it may be
// worked out in floating point.
func (b *burn) perHour(now time.Time) price.Amount {
	known := now.Sub(time.Unix(b.first*60, 0))
	if !b.any || known < burnLeast {
		return price.Amount{}
	}
	minute := minuteOf(now)
	var sum float64
	for i, m := range b.money {
		if b.minute[i] <= minute && b.minute[i] > minute-burnMinutes {
			sum += float64(m)
		}
	}
	hours := min(known, burnMinutes*time.Minute).Hours()
	return price.Of(price.Money(sum / hours))
}
