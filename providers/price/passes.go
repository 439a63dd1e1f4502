package price

import (
	"slices"
	"time"

	"llmgw/providers/llm"
)

// What Anthropic's usage.iterations call passes whose tokens are billed but not
// in the usage itself, and the one that is alone in it.
const (
	passMessage    = "message"
	passCompaction = "compaction"
	passAdvisor    = "advisor_message"
	passFallback   = "fallback_message"
)

// WithPasses returns p with the prices of the other models that took part in
// the answer whose usage is u, so that p.Cost can charge them and p.String
// freezes them. Call it when the answer has ended.
func (b *Book) WithPasses(p Price, u llm.Usage, at time.Time) Price {
	e := readExtra(u.Raw)
	p.passes = slices.Clone(p.passes)
	for _, it := range e.iterations {
		if it.Model == "" || it.Model == p.Model || p.passNamed(it.Model) != nil {
			continue
		}
		if other, ok := b.Lookup(p.Provider, it.Model, at); ok {
			p.passes = append(p.passes, pass{it.Model, other})
		}
	}
	return p
}

func (p *Price) passNamed(model string) *Price {
	for i := range p.passes {
		if p.passes[i].name == model {
			return &p.passes[i].price
		}
	}
	return nil
}

// forPass is the price of a pass by a model, with the name to show it under.
func (p Price) forPass(b *Breakdown, model string) (Price, string) {
	if model == "" || model == p.Model {
		return p, ""
	}
	if other := p.passNamed(model); other != nil {
		return *other, model
	}
	b.estimate("a pass of %s has no known price: charged as %s", model, p.Model)
	return p, model
}

// served is the price of what the usage itself counts: that of the model that
// took over after a refusal, where one did.
func (p Price) served(b *Breakdown, e *extra) Price {
	if i := lastFallback(e.iterations); i >= 0 {
		price, _ := p.forPass(b, e.iterations[i].Model)
		return price
	}
	return p
}

func lastFallback(all []iteration) int {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Type == passFallback {
			return i
		}
	}
	return -1
}

// otherPasses charges the passes that the usage itself does not count: each is
// a call of its own with its own size, at its own model's price.
func (p Price) otherPasses(b *Breakdown, u *llm.Usage, e *extra, at time.Time) {
	last := lastFallback(e.iterations)
	for i := range e.iterations {
		it := &e.iterations[i]
		switch {
		case it.Type == passCompaction, it.Type == passAdvisor:
		case i < last && it.Output > 0:
			// It was cut off by a refusal; one that refused at once is not billed.
		case i <= last, it.Type == passMessage:
			continue
		default:
			b.estimate("a pass of the unknown type %q is not in the amount", it.Type)
			continue
		}
		price, name := p.forPass(b, it.Model)
		if name == "" {
			name = it.Type
		}
		used := it.usage()
		used.ServiceTier = u.ServiceTier
		price.lines(b, name, &used, &extra{speed: e.speed, geo: e.geo}, at)
	}
}
