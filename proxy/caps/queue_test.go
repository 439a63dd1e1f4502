package caps

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/price"
)

// wait does what a call does: it tries, and waits where that can help.
func wait(l *Ledger, s Scope, a Ask, limit time.Duration) (*Hold, *Refusal) {
	h, r := l.Reserve(s, a, time.Now())
	if r == nil || !r.CanWait {
		return h, r
	}
	t := l.Queue(s, a, time.Now())
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-t.Ready():
	case <-timer.C:
	}
	return t.Leave(time.Now())
}

func bubbleLedger(t *testing.T, caps ...Config) *Ledger {
	t.Helper()
	l, err := New(caps, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWaitForRunningCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bubbleLedger(t, newCap("c", dollar))
		running, _ := l.Reserve(Scope{}, ask(dollar), time.Now())
		time.AfterFunc(3*time.Second, func() { running.Settle(price.Of(10*cent), time.Now()) })
		began := time.Now()
		h, r := wait(l, Scope{}, ask(90*cent), MaxWait)
		if r != nil || time.Since(began) != 3*time.Second {
			t.Errorf("refusal %v after %s, want the money after 3s", r, time.Since(began))
		}
		h.Release(time.Now())
		checkMoney(t, l, "c", time.Now(), 10*cent, 0)
	})
}

// Once the running calls have cost so much that waiting cannot help, nobody
// waits for the rest of the time.
func TestWaitEndsWhenItCannotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bubbleLedger(t, newCap("c", dollar))
		running, _ := l.Reserve(Scope{}, ask(dollar), time.Now())
		time.AfterFunc(3*time.Second, func() { running.Settle(price.Of(11*cent), time.Now()) })
		began := time.Now()
		_, r := wait(l, Scope{}, ask(90*cent), MaxWait)
		if r == nil || r.CanWait || r.Spent != 11*cent || time.Since(began) != 3*time.Second {
			t.Errorf("got %+v after %s", r, time.Since(began))
		}
	})
}

func TestWaitTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bubbleLedger(t, newCap("c", dollar))
		running, _ := l.Reserve(Scope{}, ask(dollar), time.Now())
		_, r := wait(l, Scope{}, ask(90*cent), MaxWait)
		if r == nil || r.Reason != ReasonRoom || r.Held != dollar {
			t.Errorf("got %+v", r)
		}
		running.Release(time.Now())
		checkMoney(t, l, "c", time.Now(), 0, 0) // who left gets nothing
		if h, r := l.Reserve(Scope{}, ask(dollar), time.Now()); h == nil {
			t.Errorf("who left still stands ahead: %v", r)
		}
	})
}

// A window that ends during the wait helps as well.
func TestWaitOverAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bubbleLedger(t, newCap("c", dollar, func(c *Config) { c.Per = PerHour }))
		_, until := period{per: PerHour, zone: time.UTC}.span(time.Now())
		time.Sleep(time.Until(until) - 4*time.Second)
		running, _ := l.Reserve(Scope{}, ask(dollar), time.Now())
		if _, r := wait(l, Scope{}, ask(dollar), MaxWait); r != nil {
			t.Errorf("refused: %v", r)
		}
		running.Release(time.Now())
	})
}

// Money that came just when the caller gave up is not lost.
func TestLeaveReturnsWhatCameMeanwhile(t *testing.T) {
	l := newLedger(t, newCap("c", dollar))
	running, _ := l.Reserve(Scope{}, ask(dollar), start)
	ticket := l.Queue(Scope{}, ask(dollar), start)
	running.Release(start)
	h, r := ticket.Leave(start)
	if h == nil {
		t.Fatalf("refused: %v", r)
	}
	if again, _ := ticket.Leave(start); again != h {
		t.Error("leaving twice returns another hold")
	}
	h.Release(start)
	checkMoney(t, l, "c", start, 0, 0)
}

func TestQueueOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bubbleLedger(t, newCap("c", dollar))
		running, _ := l.Reserve(Scope{}, ask(dollar), time.Now())
		var mu sync.Mutex
		var served []int
		for i := range 10 {
			go func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				h, r := wait(l, Scope{}, ask(dollar), MaxWait)
				if r != nil {
					t.Errorf("call %d: %v", i, r)
					return
				}
				mu.Lock()
				served = append(served, i)
				mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				h.Release(time.Now())
			}()
		}
		time.Sleep(time.Second)
		running.Release(time.Now())
		time.Sleep(5 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(served, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			t.Errorf("served in the order %v", served)
		}
	})
}

// A stream of small calls, any of which would fit, does not starve a large one.
func TestLargeCallIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bubbleLedger(t, newCap("c", dollar))
		stop := time.Now().Add(time.Minute)
		for i := range 10 {
			go func() {
				time.Sleep(time.Duration(i) * 50 * time.Millisecond)
				for time.Now().Before(stop) {
					h, r := wait(l, Scope{}, ask(10*cent), MaxWait)
					if r != nil {
						t.Errorf("a small call was refused: %v", r)
						return
					}
					time.Sleep(500 * time.Millisecond)
					h.Release(time.Now())
				}
			}()
		}
		for range 5 {
			time.Sleep(5 * time.Second)
			began := time.Now()
			h, r := wait(l, Scope{}, ask(dollar), MaxWait)
			if r != nil {
				t.Fatalf("starved: %v", r)
			}
			if waited := time.Since(began); waited > 500*time.Millisecond {
				t.Errorf("waited %s, longer than the calls that were running", waited)
			}
			h.Release(time.Now())
		}
		time.Sleep(time.Until(stop) + time.Second)
		checkMoney(t, l, "c", time.Now(), 0, 0)
	})
}

// One session's full cap does not make the others wait, although all share
// another cap with room for both.
func TestWaitersKeepOnlyWhatTheyNeed(t *testing.T) {
	l := newLedger(t, newCap("all", 10*dollar), newCap("session", dollar, func(c *Config) { c.Each = "session" }))
	a := Scope{Session: "a"}
	running, _ := l.Reserve(a, ask(dollar), start)
	ticket := l.Queue(a, ask(dollar), start)
	if _, r := l.Reserve(Scope{Session: "b"}, ask(dollar), start); r != nil {
		t.Errorf("session b waits for session a: %v", r)
	}
	// Room for one more in "all" is kept for the call that came first.
	big := Scope{Session: "c"}
	for i := range 7 {
		big.Session = string(rune('c' + i))
		if _, r := l.Reserve(big, ask(dollar), start); r != nil {
			t.Fatal(r)
		}
	}
	_, r := l.Reserve(Scope{Session: "z"}, ask(dollar), start)
	if r == nil || r.Cap != "all" || r.Reason != ReasonQueue || !r.CanWait || r.Room != dollar {
		t.Errorf("got %+v, want the last dollar kept", r)
	}
	running.Release(start)
	if h, r := ticket.Leave(start); h == nil {
		t.Errorf("the first in the queue: %v", r)
	}
}

// At random: nothing stays held, no cap is exceeded, and of calls with the
// same scope none is served after a later one that needs as much.
func TestQueueAtRandom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bubbleLedger(t, newCap("all", dollar), newCap("model", 60*cent, func(c *Config) { c.Each = "model" }))
		models := []string{"a", "b"}
		began := time.Now()
		var mu sync.Mutex
		lastServed := make(map[string]time.Time) // arrival of the newest served call of full size, by model
		for i := range 400 {
			arrival := time.Duration(i)*20*time.Millisecond + rand.N(20*time.Millisecond)
			model := models[rand.IntN(2)]
			full := rand.IntN(3) == 0
			go func() {
				time.Sleep(arrival)
				a := ask(price.Money(1 + rand.Int64N(int64(30*cent))))
				if full {
					a = ask(60 * cent)
				}
				h, r := wait(l, Scope{Model: model}, a, MaxWait)
				if r != nil {
					if r.CanWait && time.Since(began)-arrival < MaxWait {
						t.Errorf("gave up early: %v", r)
					}
					return
				}
				at := began.Add(arrival)
				mu.Lock()
				if full && at.Before(lastServed[model]) {
					t.Errorf("a later call was served first")
				}
				if full {
					lastServed[model] = at
				}
				mu.Unlock()
				time.Sleep(rand.N(300 * time.Millisecond))
				for _, s := range l.Snapshot(time.Now()) {
					if s.Spent+s.Held > s.Limit {
						t.Errorf("%s: %s + %s above %s", s.Name, s.Spent, s.Held, s.Limit)
					}
				}
				h.Settle(price.Of(price.Money(rand.Int64N(10))), time.Now())
			}()
		}
		time.Sleep(time.Minute)
		for _, s := range l.Snapshot(time.Now()) {
			if s.Held != 0 {
				t.Errorf("%s %s still holds %s", s.Name, s.Each, s.Held)
			}
		}
		if len(l.queue) != 0 || len(l.active) != 0 {
			t.Errorf("%d wait, %d run", len(l.queue), len(l.active))
		}
	})
}
