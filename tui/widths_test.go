package tui

import (
	"strings"
	"testing"
	"time"

	"llmgw/providers/price"
	"llmgw/store"
)

// No amount of a cap is cut, at any width that shows it.
func TestCapAmountsAreWhole(t *testing.T) {
	for _, c := range []store.Cap{
		{Name: "small", Limit: price.USD * 15 / 100, Spent: price.USD * 9 / 1000},
		{Name: "large", Limit: price.USD * 1234567 / 100, Spent: price.USD * 1234501 / 100},
		{Name: "usual", Limit: 20 * price.USD, Spent: price.USD * 418 / 100},
	} {
		v := view{snapshot: &snapshot{caps: []store.Cap{c}}, look: newLook(Mono, true, false), now: testNow, zone: time.UTC}
		for _, w := range []int{80, 100, 120, 160} {
			table := v.capTable(w)
			row := table.row(v, &c, nil)
			for _, amount := range []string{cents(c.Spent), strings.TrimPrefix(wholeUSD(c.Limit), "$"), cents(c.Left())} {
				if !strings.Contains(row, amount) || strings.Contains(row, v.look.cut) {
					t.Errorf("%d cells: %q lacks %s", w, row, amount)
				}
			}
		}
	}
	for m, want := range map[price.Money]string{
		20 * price.USD: "$20", price.USD * 15 / 100: "$0.15", price.USD * 3 / 2: "$1.50", price.USD * 1234567 / 100: "$12,345.67", price.USD / 1000: "$0.001",
	} {
		if got := wholeUSD(m); got != want {
			t.Errorf("%v: %s, want %s", m, got, want)
		}
	}
}
