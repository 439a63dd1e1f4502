package caps

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"llmgw/providers/price"
)

// made is an attempt as an upstream's own ledger would have it.
type made struct {
	n     int
	scope Scope
	at    time.Time
	hold  *Hold
	spent price.Money
	over  price.Money // above its hold
	ended bool
}

// world is a random run of calls beside a ledger, and what must be true of it.
type world struct {
	*testing.T
	rng  *rand.Rand
	caps []Config
	l    *Ledger
	now  time.Time
	all  []*made

	latest time.Time // that now was
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{T: t, rng: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 10, 24, 20, 0, 0, 0, time.UTC)}
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"}
	for i, per := range []string{PerHour, PerDay, PerWeek, PerMonth, PerTotal, PerDay, PerHour} {
		w.caps = append(w.caps, newCap(fmt.Sprint(per, i), price.Money(1+w.rng.Int64N(int64(20*dollar))), func(c *Config) {
			c.Per, c.Timezone = per, zones[w.rng.IntN(len(zones))]
			c.Each = []string{"", "", "project", "session", "key", "model"}[w.rng.IntN(6)]
			if w.rng.IntN(3) == 0 {
				c.Match.Model = "m1*"
			}
		}))
	}
	l, err := New(w.caps, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.l = l
	return w
}

func (w *world) scope() Scope {
	pick := func(p string, n int) string { return fmt.Sprint(p, w.rng.IntN(n)) }
	return Scope{Project: pick("p", 3), Model: pick("m", 3), Session: pick("s", 10), Key: pick("k", 2)}
}

// step lets one thing happen: time goes by, mostly forwards, or a call begins
// or ends.
func (w *world) step() {
	if w.now.After(w.latest) {
		w.latest = w.now
	}
	switch k := w.rng.IntN(20); {
	case k == 0:
		w.now = w.now.Add(time.Duration(w.rng.Int64N(int64(30 * time.Hour))))
	case k == 1:
		// Two hours back and more, an hour's window may be forgotten.
		back := w.latest.Add(-time.Duration(w.rng.Int64N(int64(50 * time.Minute))))
		if back.After(w.all[0].at) {
			w.now = back
		}
	case k < 5:
		w.now = w.now.Add(time.Duration(w.rng.Int64N(int64(10 * time.Minute))))
	case k < 13:
		w.begin()
	default:
		w.end()
	}
}

func (w *world) begin() {
	m := &made{n: len(w.all), scope: w.scope(), at: w.now}
	a := Ask{Call: fmt.Sprint(m.n), Bound: price.Of(price.Money(w.rng.Int64N(int64(2 * dollar))))}
	if w.rng.IntN(3) == 0 {
		a.Floor = price.Of(a.Bound.Money / 4)
	}
	h, r := w.l.Reserve(m.scope, a, w.now)
	if r != nil {
		if r.Room >= a.Bound.Money && r.Reason == ReasonRoom {
			w.Fatalf("refused although it fits: %v", r)
		}
		return
	}
	m.hold = h
	w.all = append(w.all, m)
}

func (w *world) end() {
	for range 5 {
		if len(w.all) == 0 {
			return
		}
		m := w.all[w.rng.IntN(len(w.all))]
		if m.ended {
			m.hold.Settle(price.Of(dollar), w.now) // a second end must not count
			continue
		}
		w.settle(m)
		return
	}
}

func (w *world) settle(m *made) {
	m.ended = true
	bound := m.hold.Bound.Money
	switch w.rng.IntN(10) {
	case 0:
		m.hold.Release(w.now)
	case 1:
		m.spent, m.over = m.hold.Held.Money, 0
		m.hold.Settle(price.Amount{}, w.now)
	case 2:
		m.over = price.Money(1 + w.rng.Int64N(int64(cent)))
		m.spent = bound + m.over
		w.overrun(m, m.hold.Settle(price.Of(m.spent), w.now))
	default:
		m.spent = price.Money(w.rng.Int64N(int64(bound) + 1))
		if got := m.hold.Settle(price.Of(m.spent), w.now); len(got.Overruns) != 0 {
			w.Fatalf("overrun %+v of a call within its bound", got)
		}
	}
}

func (w *world) overrun(m *made, got Settlement) {
	for _, o := range got.Overruns {
		if o.Actual-o.Held != m.over {
			w.Fatalf("overrun %+v, want %s more", o, m.over)
		}
	}
	if m.hold.Held.Known != (len(got.Overruns) > 0) {
		w.Fatalf("held %+v, overruns %+v", m.hold.Held, got.Overruns)
	}
}

// check compares every cap with what the calls themselves add up to.
func (w *world) check() {
	w.Helper()
	byName := make(map[string]*limit)
	for _, c := range w.l.limits {
		byName[c.Name] = c
	}
	for _, s := range w.l.Snapshot(w.now) {
		c := byName[s.Name]
		from, until := c.period.span(w.now)
		var spent, held, over price.Money
		for _, m := range w.all {
			if m.at.Before(from) || !m.at.Before(until) || !c.matches(&m.scope) || m.scope.get(c.each) != s.Each {
				continue
			}
			if m.ended {
				spent += m.spent
				over += m.over
			} else {
				held += m.hold.Bound.Money
			}
		}
		if s.Spent != spent || s.Held != held {
			w.Fatalf("%s %q at %s: spent %s, held %s, want %s, %s", s.Name, s.Each, w.now, s.Spent, s.Held, spent, held)
		}
		if s.Spent+s.Held > s.Limit+over {
			w.Fatalf("%s %q: %s + %s above %s with overruns of %s", s.Name, s.Each, s.Spent, s.Held, s.Limit, over)
		}
	}
}

// entries is what the record would say: ended attempts with their cost,
// running ones with their hold.
func (w *world) entries(since time.Time) (all []Entry) {
	sums := make(map[Scope]price.Money)
	for _, m := range w.all {
		e := Entry{Scope: m.scope, At: m.at, Amount: m.spent}
		if !m.ended {
			e.Amount, e.Call = m.hold.Held.Money, fmt.Sprint(m.n)
		}
		if m.at.Before(since) {
			sums[m.scope] += e.Amount
			continue
		}
		all = append(all, e)
	}
	for s, m := range sums {
		all = append(all, Entry{Scope: s, Amount: m})
	}
	return all
}

// After a crash, what was running is charged its hold: all caps must show what
// they had spent and held.
func (w *world) checkRestored() {
	w.Helper()
	l, err := New(w.caps, w.now)
	if err != nil {
		w.Fatal(err)
	}
	since, _ := l.Since(w.now)
	l.Restore(w.entries(since), w.now)
	restored := make(map[string]Status)
	for _, s := range l.Snapshot(w.now) {
		restored[s.Name+" "+s.Each] = s
	}
	for _, s := range w.l.Snapshot(w.now) {
		if got := restored[s.Name+" "+s.Each]; got.Spent != s.Spent+s.Held || got.Held != 0 {
			w.Fatalf("%s %q at %s: restored %s, held %s, want %s", s.Name, s.Each, w.now, got.Spent, got.Held, s.Spent+s.Held)
		}
	}
}

func TestRandomRuns(t *testing.T) {
	for seed := range uint64(30) {
		w := newWorld(t, seed)
		w.begin()
		for len(w.all) == 0 {
			w.begin()
		}
		for i := range 600 {
			w.step()
			w.check()
			if i%100 == 99 {
				w.checkRestored()
			}
		}
		for _, m := range w.all {
			if !m.ended {
				w.settle(m)
			}
		}
		w.check()
		w.checkRestored()
		for _, c := range w.l.limits {
			for _, a := range c.accounts {
				for _, s := range a.spans {
					if s.held != 0 || a.holds != 0 {
						t.Fatalf("%s still holds %s of %d", c.Name, s.held, a.holds)
					}
				}
			}
		}
	}
}

// With everything at once: reserving, waiting, settling, looking, reloading.
func TestConcurrentRuns(t *testing.T) {
	caps := []Config{
		newCap("total", 50*dollar, func(c *Config) { c.Per = PerTotal }),
		newCap("day", 10*dollar, func(c *Config) { c.Each = "model" }),
		newCap("roll", 20*dollar, func(c *Config) { c.Per, c.Window = PerRolling, time.Hour }),
	}
	l := newLedger(t, caps...)
	var mu sync.Mutex
	var charged price.Money
	clock := start
	tick := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		clock = clock.Add(rand.N(time.Second))
		return clock
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				a := Ask{Call: fmt.Sprint(g), N: i, Bound: price.Of(price.Money(rand.Int64N(int64(dollar))))}
				s := Scope{Model: fmt.Sprint(rand.IntN(3))}
				h, r := l.Reserve(s, a, tick())
				if r != nil && r.CanWait {
					h, _ = l.Queue(s, a, tick()).Leave(tick())
				}
				if h == nil {
					continue
				}
				done := h.Settle(price.Of(price.Money(rand.Int64N(int64(h.Bound.Money)+1))/20), tick())
				mu.Lock()
				charged += done.Charged
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		for range 300 {
			for _, s := range l.Snapshot(tick()) {
				if s.Spent+s.Held > s.Limit {
					t.Errorf("%s: %s + %s above %s", s.Name, s.Spent, s.Held, s.Limit)
				}
			}
		}
	})
	wg.Go(func() {
		for range 50 {
			if err := l.Reconfigure(caps, tick(), nil); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if s := status(t, l, "total", clock); s.Spent != charged || s.Held != 0 {
		t.Errorf("spent %s, held %s, want %s and nothing", s.Spent, s.Held, charged)
	}
}
