package proxy

import (
	"time"

	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/proxy/caps"
)

// priced tells whether it is known what a call at t costs.
func (c *call) priced(t *candidate) bool {
	return c.free() || t.up.p.Free || t.cred.Plan || c.set.prices.of(t.up, t.modelFor(c), time.Now()).known
}

// ask is what an attempt at t wants held.
func (c *call) ask(t *candidate) caps.Ask {
	ask := caps.Ask{Call: c.rec.ID, N: len(c.attempts) + 1}
	p := c.set.prices.of(t.up, t.modelFor(c), time.Now())
	switch {
	case c.free() || t.up.p.Free || t.cred.Plan || p.known && p.price.Free():
		ask.Bound = price.Of(0)
		return ask
	case !c.bodyIsCall():
		ask.Unmetered = true
		return ask
	case !p.known:
		return ask
	}
	e := c.extent(t, p.price)
	ask.Unbounded = e.unbounded
	ask.Likely = c.likely(t, p.price, &e)
	ask.Open, ask.Unserved = e.open, !e.served
	if !e.served || !e.known && !e.open {
		return ask
	}
	ask.Bound = price.Of(e.cost(p.price, e.output))
	if !e.unbounded {
		ask.Floor = price.Of(e.cost(p.price, min(e.output, e.least)))
	}
	return ask
}

// likely is what the call will probably cost: with what the session's calls of
// late had, else with a token for every four bytes and a usual answer.
func (c *call) likely(t *candidate, p price.Price, e *extent) price.Amount {
	b := t.words.size().For(t.modelFor(c))
	input, output := b.TextBytes/bytesPerToken+b.MediaTokens, int64(usualOutput)
	if last, n, ok := c.g.sessions.recall(c, t); ok {
		input, output = last.input+b.After(t.modelFor(c), n)/bytesPerToken, last.output
		if n == 0 {
			input = b.TextBytes/bytesPerToken + b.MediaTokens
		}
	}
	if e.known || e.open {
		input, output = min(input, e.input), min(output*int64(e.choices), e.output)
	}
	cost, err := p.Cost(llm.Usage{Input: llm.Tokens(input), Output: llm.Tokens(output)}, time.Now())
	if err != nil {
		return price.Amount{}
	}
	return cost.Computed
}

const (
	// usualOutput is what an answer has where nothing better is known.
	usualOutput = 1000
	// putInOutput is the output limit that a cap puts into a call which has none,
	// for a model whose own is not known: few models take less.
	putInOutput = 4096
	// leastClamp is the lowest output limit a cap may set.
	leastClamp = 1024
)

// extent is how large a call can get at a target, in tokens.
type extent struct {
	input, output int64 // at most; output over all choices
	least         int64 // output below which no limit is lowered
	choices       int
	write         price.Write
	known         bool // false: nothing bounds it
	unbounded     bool // the body does not bound it; the model's window does
	open          bool // only the output is not bounded: it is one that a cap may put in
	served        bool // it is known what the service costs that the call asks for
}

func (e extent) cost(p price.Price, output int64) price.Money {
	return p.Bound(e.input, e.write, output, 1)
}

// extent works out the tightest bound that is still one.
func (c *call) extent(t *candidate, p price.Price) extent {
	b := t.words.size().For(t.modelFor(c))
	window := p.ContextWindow()
	e := extent{input: b.Input(), choices: max(b.Choices, 1), known: true, served: true}
	for _, name := range b.Services {
		e.served = e.served && p.Serves(name)
	}
	e.least = max(leastClamp, b.LeastOutput+1) * int64(e.choices)
	e.input = min(e.input, c.g.sessions.bound(c, t, &b))
	if len(b.Unbounded) > 0 || !p.Bounded() || !c.bodyIsCall() {
		e.unbounded, e.known = true, window.Known
		e.input = window.N
	}
	if window.Known {
		e.input = min(e.input, window.N)
	}
	switch most := p.MaxOutput(); {
	case b.MaxOutput.Known:
		e.output = b.MaxOutput.N
	case t.words.op == dialect.OpEmbeddings:
	case most.Known:
		e.output = most.N * int64(e.choices)
	case window.Known:
		e.output = window.N * int64(e.choices)
	default:
		e.open, e.known = e.known, false
		e.output = max(putInOutput*int64(e.choices), e.least)
	}
	switch b.CacheWrite {
	case dialect.CacheWrite5m:
		e.write = price.Write5m
	case dialect.CacheWrite1h:
		e.write = price.Write1h
	}
	return e
}

// clampTo is the output limit, for each choice, that keeps the call within
// what was held; unknown where all it asked for was.
func (c *call) clampTo(t *candidate, ask caps.Ask, hold *caps.Hold) llm.Count {
	if !hold.Bound.Known || !ask.Open && hold.Bound.Money >= ask.Bound.Money {
		return llm.Count{}
	}
	p := c.set.prices.of(t.up, t.modelFor(c), time.Now())
	e := c.extent(t, p.price)
	low, high := min(e.output, e.least), e.output
	for low < high { // the largest output whose bound still fits
		mid := (low + high + 1) / 2
		if e.cost(p.price, mid) <= hold.Bound.Money {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return llm.Tokens(low / int64(e.choices))
}
