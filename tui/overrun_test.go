package tui

import (
	"strings"
	"testing"

	"llmgw/providers/price"
	"llmgw/store"
)

// A call that cost more than a cap held for it is marked in its row, and its
// detail says by how much.
func TestOverrunShows(t *testing.T) {
	k := newLook(Mono, true, false)
	v := &view{look: k, snapshot: &snapshot{}, now: testNow, zone: testZone}
	for _, over := range []bool{false, true} {
		a := store.Attempt{N: 1, Provider: "openai", Model: "gpt-5", Outcome: store.OutcomeOK, Cost: price.Of(25 * usd4), Held: price.Of(10 * usd4)}
		if over {
			a.Overrun = price.Of(15 * usd4)
		}
		c := &store.CallRow{Call: store.Call{ID: "x", StartedAt: testNow, Status: store.StatusOK, Cost: a.Cost, CostSource: store.CostReported}, Attempts: []store.Attempt{a}}
		if row := columnsFor(120, false).row(c, false, v); strings.Contains(row, "!") != over {
			t.Errorf("overrun %v: %s", over, row)
		}
		if held := heldFor(c); strings.Contains(held, "it cost $0.0015 more") != over {
			t.Errorf("overrun %v: HELD %s", over, held)
		}
	}
}
