package price

import (
	"math"
	"time"
)

// Difference is a price on which a foreign table and the book disagree.
type Difference struct {
	Provider, Model string
	Kind            Kind
	InputTokens     int64 // for calls of more input tokens than this
	Ours, Theirs    Money
}

// Percent is by how much theirs is higher, of ours; lower is negative. It is
// infinite where ours is 0.
func (d Difference) Percent() float64 {
	if d.Ours == 0 {
		return math.Inf(1)
	}
	return 100 * float64(d.Theirs-d.Ours) / float64(d.Ours)
}

// Diff returns where a foreign table and the book disagree by more than 1 %
// about models that both know, and how many those are. Kinds that the foreign
// table does not name are no disagreement. Both are taken around a time.
func (f *Foreign) Diff(b *Book, at time.Time) (diffs []Difference, common int) {
	for _, e := range f.entries {
		ours, ok := b.Lookup(e.Provider, e.Model, at)
		if !ok {
			continue
		}
		common++
		theirs := e.frozen(at)
		for k := range kinds {
			diffs = append(diffs, differences(&ours, &theirs, k, at)...)
		}
	}
	return diffs, common
}

// differences compares one kind for small calls and beyond each step of either.
func differences(ours, theirs *Price, k Kind, at time.Time) (diffs []Difference) {
	a, b := ours.at(at), theirs.at(at)
	if !b.of[k].set {
		return nil
	}
	above := []int64{0}
	for _, s := range b.of[k].above {
		above = append(above, s.tokens)
	}
	if r := a.find(k); r != nil {
		for _, s := range r.above {
			above = append(above, s.tokens)
		}
	}
	seen := map[int64]bool{}
	for _, n := range above {
		x, y := a.at(k, n+1), b.at(k, n+1)
		if apart := max(x-y, y-x); apart > max(x, y)/100 && !seen[n] {
			diffs = append(diffs, Difference{ours.Provider, theirs.Model, k, n, x, y})
		}
		seen[n] = true
	}
	return diffs
}
