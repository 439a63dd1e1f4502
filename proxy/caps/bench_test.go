package caps

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"llmgw/providers/price"
)

// BenchmarkReserveSettle is a hold and its settling in 20 matching caps of
// every kind, beside the least there could be: a lock and 20 additions, twice.
// It is to stay below 1 µs. Calls come in runs of one client; where two take
// turns, their accounts must be looked up each time.
func BenchmarkReserveSettle(b *testing.B) {
	one := Scope{Project: "shop", Provider: "openai", Model: "gpt-4o", Session: "s", Key: "k_1"}
	other := Scope{Project: "shop", Provider: "openai", Model: "gpt-4o-mini", Session: "t", Key: "k_1"}
	ledger := func(b *testing.B, scopes [2]Scope) {
		l := newLedger(b, twentyCaps()...)
		a := Ask{Call: "01JD", N: 1, Bound: price.Of(cent), Likely: price.Of(1)}
		now := start
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			now = now.Add(time.Microsecond)
			h, r := l.Reserve(scopes[i%2], a, now)
			if r != nil {
				b.Fatal(r)
			}
			h.Settle(price.Of(1), now)
		}
	}
	b.Run("ledger", func(b *testing.B) { ledger(b, [2]Scope{one, one}) })
	b.Run("taking turns", func(b *testing.B) { ledger(b, [2]Scope{one, other}) })
	b.Run("baseline", func(b *testing.B) {
		var mu sync.Mutex
		var spent, held [20]price.Money
		for b.Loop() {
			mu.Lock()
			for i := range held {
				held[i] += cent
			}
			mu.Unlock()
			mu.Lock()
			for i := range held {
				held[i] -= cent
				spent[i]++
			}
			mu.Unlock()
		}
	})
}

func twentyCaps() (all []Config) {
	for i := range 20 {
		all = append(all, newCap(fmt.Sprint(i), 1000*dollar, func(c *Config) {
			c.Per = []string{PerDay, PerMonth, PerTotal, PerRolling}[i%4]
			if c.Per == PerRolling {
				c.Window = 6 * time.Hour
			}
			c.Each = []string{"", "session", "model"}[i%3]
			if i%5 == 0 {
				c.Match = Match{Project: "shop", Model: "gpt-*"}
			}
			if i%7 == 0 {
				c.Enforce = EnforceExpected
			}
		}))
	}
	return all
}
