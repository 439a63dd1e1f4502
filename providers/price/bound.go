package price

import (
	"math"
	"math/big"
	"slices"
	"strings"
)

// Write is what a call may write to the provider's prompt cache.
type Write uint8

// What a call asks to have written. Some providers write unasked; a [Price]
// knows.
const (
	WriteNone Write = iota
	Write5m
	Write1h
)

// Bound returns the most that a call can cost with up to input prompt tokens
// (cached and written ones included), up to output generated tokens over all
// choices, and calls requests: whatever is cached, whichever context tier,
// service tier and time of day applies. Searches, and the citations and passes
// of other models that a provider bills apart, are not in it: see
// [Price.Bounded]. What is beyond [Money] is the largest Money, which fits in
// no cap. The price must be known.
func (p Price) Bound(input int64, w Write, output int64, calls int) Money {
	most := new(big.Int)
	for i := range p.rates {
		if n := p.boundAt(&p.rates[i], input, w, output, calls); n.Cmp(most) > 0 {
			most = n
		}
	}
	m, err := rounded(most, denominator, false)
	if err != nil {
		return math.MaxInt64
	}
	return m
}

// boundAt is the bound under one set of rates, in 1e-9 pico-dollars.
func (p Price) boundAt(r *rates, input int64, w Write, output int64, calls int) *big.Int {
	in := r.most(input, inputKinds...)
	if w != WriteNone || p.autoWrite {
		in = max(in, r.most(input, CacheWrite))
	}
	if w == Write1h {
		in = max(in, r.most(input, CacheWrite1h))
	}
	factor := p.dearest()
	sum := new(big.Int)
	for _, l := range []Line{
		{Kind: Input, N: input, Rate: in, Permille: factor},
		{Kind: Output, N: output, Rate: r.most(input, outputKinds...), Permille: factor},
		{Kind: Request, N: int64(calls), Rate: r.most(input, Request), Permille: 1000},
	} {
		l.N = max(l.N, 0)
		sum.Add(sum, l.numerator())
	}
	return sum
}

// dearest is the factor of the dearest service in thousandths: a tier, a speed
// and a place can come together.
func (p Price) dearest() int64 {
	most := int64(1000)
	for _, t := range p.tiers {
		if t.permille > 1000 {
			most = (most*t.permille + 999) / 1000
		}
	}
	return most
}

// Serves tells whether it is known what a service costs that a call asks for by
// name ("priority", "fast", "geo-us"): the standard one, one of the price's own,
// or one that nobody sells above the standard (flex: OpenAI half, Groq the same;
// batch: half; 2026-11).
func (p Price) Serves(name string) bool {
	name = strings.ToLower(name)
	if p.Free() || slices.Contains(standard, name) || slices.Contains([]string{"standard_only", "flex", "batch"}, name) {
		return true
	}
	return slices.ContainsFunc(p.tiers, func(t serviceTier) bool { return t.name == name })
}

// Bounded tells whether tokens and calls bound what this model charges. Deep
// research also charges for what it chooses to read.
func (p Price) Bounded() bool {
	for i := range p.rates {
		if p.rates[i].of[Citation].set {
			return false
		}
	}
	return p.Known()
}
