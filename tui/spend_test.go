package tui

import (
	"slices"
	"testing"
	"time"

	"llmgw/providers/price"
	"llmgw/store"
)

// The rate is over 15 minutes unless money has been spent for less, and is not
// told of fewer than 5.
func TestBurnOf(t *testing.T) {
	for _, tc := range []struct {
		minutes []int // of the last 15, in which $1 each was spent
		before  bool
		want    price.Amount
	}{
		{nil, false, price.Amount{}},
		{nil, true, price.Of(0)},
		{[]int{11, 12}, false, price.Amount{}},
		{[]int{11, 12}, true, price.Of(8 * price.USD)},
		{[]int{5, 14}, false, price.Of(12 * price.USD)},
		{[]int{0, 14}, false, price.Of(8 * price.USD)},
	} {
		use := store.TargetUse{OK: make([]int64, 15), Failed: make([]int64, 15)}
		for _, at := range tc.minutes {
			use.OK[at]++
			use.Cost += price.USD
		}
		free := store.TargetUse{OK: make([]int64, 15), Failed: make([]int64, 15)}
		free.OK[0] = 1
		if got := burnOf([]store.TargetUse{use, free}, quarter, tc.before); got != tc.want {
			t.Errorf("minutes %v, before %v: %v, want %v", tc.minutes, tc.before, got, tc.want)
		}
	}
}

// Spending counts as before a time of day once its quarter of an hour is over.
func TestSpentBefore(t *testing.T) {
	d := spendData{quarters: []price.Money{0, price.USD, 0}}
	for at, want := range map[time.Duration]bool{0: false, quarter: false, 2*quarter - 1: false, 2 * quarter: true, 3 * quarter: true} {
		if got := d.spentBefore(at); got != want {
			t.Errorf("before %s: %v, want %v", at, got, want)
		}
	}
}

// The rate beside a cap that counts everything is the cap's.
func TestBurnIsThatOfTheCap(t *testing.T) {
	d := &spendData{burn: price.Of(18 * price.USD)}
	one := store.Cap{Scope: "route opus", BurnPerHour: price.Of(price.USD)}
	all := store.Cap{Scope: "all", BurnPerHour: price.Of(21 * price.USD)}
	for _, tc := range []struct {
		caps []store.Cap
		want price.Money
	}{{nil, 18}, {[]store.Cap{one}, 18}, {[]store.Cap{one, all}, 21}, {[]store.Cap{{Scope: "all"}}, 18}} {
		v := view{snapshot: &snapshot{caps: tc.caps}}
		if got := v.burning(d); got != price.Of(tc.want*price.USD) {
			t.Errorf("%v: %v, want $%d", tc.caps, got, tc.want)
		}
	}
}

// Opening a row shows the calls whose money is in it, also those that another
// target served in the end.
func TestSpendRowOpensItsCalls(t *testing.T) {
	for _, tc := range []struct {
		group, name string
		attempts    int64
		want        string
	}{
		{"provider", "openai", 2, "target:openai/*"},
		{"provider", "my own", 2, `target:"my own/*"`},
		{"provider", "cache", 0, "provider:cache"},
		{"model", "gpt-5", 1, "target:*/gpt-5"},
		{"project", "blog", 1, "project:blog"},
	} {
		d := &spendData{group: spendGroup(slices.Index(spendGroups[:], tc.group))}
		if got := d.filter(&spendRow{tc.name, store.Sum{Attempts: tc.attempts}}); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.group, tc.name, got, tc.want)
		}
	}
}
