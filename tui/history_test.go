package tui

import (
	"strings"
	"testing"
	"time"

	"llmgw/store"
)

// A breaker's way is drawn as steps: what is worst in a cell, and at the end how
// it stands now, by what the server says.
func TestBreakerHistory(t *testing.T) {
	at := func(seconds int, state string) store.BreakerChange {
		return store.BreakerChange{At: testNow.Add(-15*time.Minute + time.Duration(seconds)*time.Second), State: state}
	}
	const a, b, c = store.BreakerClosed, store.BreakerHalfOpen, store.BreakerOpen
	for name, tc := range map[string]struct {
		changes []store.BreakerChange
		known   []store.Breaker
		want    string
		words   string
	}{
		"it opened and closed again": {[]store.BreakerChange{at(300, c), at(420, b), at(421, a)}, nil, `
────┐   ┌──────
    │  ┌┘
    └──┘`, "opened once in 15m00s, for 2m00s"},
		"a probe for some time": {[]store.BreakerChange{at(290, c), at(420, b), at(590, a)}, nil, `
────┐     ┌────
    │  ┌──┘
    └──┘`, "opened once in 15m00s, for 2m10s"},
		"open now": {nil, []store.Breaker{{State: c, Since: testNow.Add(-5 * time.Minute), Until: testNow.Add(time.Minute)}}, `
─────────┐
         │
         └─────`, "opened once in 15m00s, for 5m00s"},
		"its time is over": {[]store.BreakerChange{at(600, c)}, []store.Breaker{{State: c, Since: testNow.Add(-5 * time.Minute), Until: testNow.Add(-2 * time.Minute)}}, `
─────────┐
         │   ┌─
         └───┘`, "opened once in 15m00s, for 3m00s"},
		"nobody called since":   {[]store.BreakerChange{at(120, c)}, nil, "\n─┐            ┌\n │            │\n └────────────┘", "opened once in 15m00s, for 13m00s"},
		"shorter than a cell":   {[]store.BreakerChange{at(305, c), at(310, a), at(311, c), at(312, a)}, nil, "\n─────┐┌────────\n     ││\n     └┘", "opened 2 times in 15m00s, for 6s in all"},
		"nothing ever happened": {nil, nil, "", ""},
	} {
		for i := range tc.known {
			tc.known[i].Target = "p/m"
		}
		d := &providersData{span: lastQuarter, from: testNow.Add(-15 * time.Minute), breaker: "p/m", changes: tc.changes}
		v := view{snapshot: &snapshot{providers: d, targets: store.Targets{Breakers: tc.known}}, look: newLook(Plain, true, false), now: testNow, zone: testZone}
		got, words := "", ""
		lines := v.historyLines(&targetRow{breaker: "p/m"}, area{w: 28, h: paneHeight})
		for i, l := range lines {
			switch {
			case i == len(lines)-1:
				words = strings.TrimSpace(v.historyLines(&targetRow{breaker: "p/m"}, area{w: 80, h: tallPane})[0])
			case i > 1:
				got += "\n" + strings.TrimRight(string([]rune(l)[11:]), " ")
			}
		}
		if got != tc.want || words != strings.TrimSpace("breaker "+tc.words) && tc.words != "" {
			t.Errorf("%s: %q\ngot%s\nwant%s", name, words, got, tc.want)
		}
	}
}
