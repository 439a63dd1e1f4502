package cmd

import (
	"fmt"
	"math"
	"slices"
	"time"

	"llmgw/providers/llm"
)

// tolerance is how far apart, in per cent of what the export says, two sums may
// be before they count as different.
const tolerance = 1

// differs tells whether two counts are apart by more than the tolerance. What
// one side does not know cannot be compared.
func differs(recorded, exported llm.Count) bool {
	if !recorded.Known || !exported.Known {
		return false
	}
	apart, ok := minus(recorded.N, exported.N)
	return !ok || max(apart, -apart) > max(exported.N, -exported.N)/100*tolerance
}

// minus is a - b; false where that cannot be expressed.
func minus(a, b int64) (int64, bool) {
	d := a - b
	return d, (d > 0) == (a > b) && d != math.MinInt64
}

// judge finds out what of that which is measured is apart. Of what the export
// has nothing, nothing may have been used.
func (r *reconcileRow) judge(measured []measure) {
	r.apart = [measureCount]bool{}
	for _, m := range measured {
		if r.inExport {
			r.apart[m] = differs(r.recorded[m], r.exported[m])
		} else {
			r.apart[m] = r.recorded[m].N != 0
		}
	}
}

// off tells whether the row does not hold.
func (r *reconcileRow) off() bool { return slices.Contains(r.apart[:], true) }

// more tells whether the record has more of what is apart: of money last, which
// follows from the rest.
func (r *reconcileRow) more() bool {
	for m := range measureCount {
		if r.apart[m] {
			return r.recorded[m].N > r.exported[m].N
		}
	}
	return true
}

// onlyCost tells whether all that is counted agrees but for the money.
func (r *reconcileRow) onlyCost() bool {
	counted := false
	for m := range costUSD {
		if r.apart[m] {
			return false
		}
		counted = counted || r.exported[m].Known && r.recorded[m].Known
	}
	return r.apart[costUSD] && counted
}

// explain says the likeliest cause of a row that is off, by what the record
// knows of it.
func (c *reconciliation) explain(r *reconcileRow) string {
	f := &r.facts
	start, _ := time.Parse(time.DateOnly, r.day) // it was written with that form
	costed := r.apart[costUSD] || !r.inExport
	switch {
	case start.Before(c.pruned):
		return "calls of that day are past retention"
	case start.AddDate(0, 0, 1).After(c.query.now):
		return "the day is not over"
	case c.shifted(r):
		return "calls around midnight: the provider counts them on the other day"
	case !r.inExport:
		return "the export has none of it: billed to another account, key or project"
	case !r.inRecord && f.batch:
		return "batch calls, which do not go through the gateway"
	case !r.inRecord:
		return "calls made outside the gateway"
	case !r.more() && f.running > 0:
		return count(f.running, "call") + " still running"
	case !r.more() && costed && f.unpriced > 0:
		return count(f.unpriced, "attempt") + " unpriced: `llmgw spend --reprice` once there is a price"
	case !r.more() && f.uncounted > 0:
		return count(f.uncounted, "attempt") + " whose tokens nobody reported"
	case !r.more() && f.plan > 0:
		return fmt.Sprintf("%s on a plan left out; or calls made outside the gateway", count(f.plan, "call"))
	case f.estimated > 0 && !r.apart[requests]:
		return count(f.estimated, "attempt") + " estimated: answers that were cut or abandoned"
	case f.batch:
		return "batch calls, at half the price and not through the gateway"
	case r.onlyCost():
		return "another price: see `llmgw prices diff`, then `llmgw spend --reprice`; or a discount"
	case !r.more():
		return "calls made outside the gateway"
	case f.overMidnight > 0:
		return count(f.overMidnight, "call") + " over midnight"
	}
	return "calls billed to another account, key or project, or not at all; or a discount"
}

// shifted tells whether the row agrees once the day before or after it is
// counted in, which does not agree alone either.
func (c *reconciliation) shifted(r *reconcileRow) bool {
	day, err := time.Parse(time.DateOnly, r.day)
	if err != nil {
		return false
	}
	for _, days := range []int{-1, 1} {
		next := c.rows[dayModel{day.AddDate(0, 0, days).Format(time.DateOnly), r.model}]
		if next == nil || !next.off() {
			continue
		}
		recorded, exported := r.recorded, r.exported
		if recorded.add(&next.recorded) != nil || exported.add(&next.exported) != nil {
			continue
		}
		both := reconcileRow{recorded: recorded, exported: exported, inExport: true}
		if both.judge(c.measured); !both.off() {
			return true
		}
	}
	return false
}
