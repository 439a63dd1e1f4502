package store

import (
	"llmgw/providers/price"
)

// recost is the call with the cost of its attempts. Its source is that of the
// attempt that served, or of the last one that was charged; one that was cut
// off by a crash names the weakest basis.
func (e *entry) recost() *Call {
	c := *e.call
	sum, source := Call{Cost: price.Of(0)}, ""
	var worth price.Amount
	onPlan := false
	for _, a := range e.attempts {
		sum.addCost(a)
		if a.Charged() {
			source = a.CostSource
		}
		onPlan = onPlan || a.CostSource == CostPlan
		worth = price.Amount{Money: worth.Money + a.Worth.Money, Known: worth.Known || a.Worth.Known}
	}
	c.Cost, c.CostSource = sum.Cost, source
	if c.Status == StatusInterrupted {
		c.CostSource = sum.CostSource
	}
	if onPlan {
		c.Worth = worth
	}
	return &c
}

// origin is how an attempt was charged before any correction.
type origin struct{ price, source string }

// at is the attempt charged at a price, and whether that changes anything. An
// empty price is one that nobody knows today: then the attempt has again the
// one it was made at, so that what was known is not forgotten and what a
// mistaken price did can be undone.
func (a *Attempt) at(text string, first origin) (b Attempt, changed bool) {
	if !a.Repriceable() {
		return *a, false
	}
	if text == "" {
		text = first.price
	}
	p, err := price.ParsePrice(text)
	if err != nil {
		return *a, false
	}
	d, err := p.Cost(a.Usage, a.StartedAt)
	if err != nil {
		d.Amount = price.Amount{} // beyond what can be expressed, as when it was charged
	}
	b = *a
	b.Price = text
	if a.CostSource == CostPlan {
		b.Worth = d.Amount
		return b, b.Worth != a.Worth
	}
	b.Cost, b.CostSource = d.Amount, string(d.Basis)
	switch {
	case !b.Cost.Known:
		b.CostSource = CostUnpriced
	case a.guessed(first):
		b.CostSource = CostEstimated
	}
	return b, b.Cost != a.Cost || b.CostSource != a.CostSource
}

// Repriceable tells whether the attempt's cost follows from a price: nobody
// named it, nothing made it free, it is no hold that was charged, and it has
// ended.
func (a *Attempt) Repriceable() bool {
	if a.Outcome == OutcomeRunning || !a.Charged() {
		return false
	}
	switch a.CostSource {
	case CostReported, CostUnpriced, CostPlan:
		return true
	case CostEstimated:
		return a.Usage.Known()
	case CostFree:
		return a.Price != "" // else it is the provider that is free
	}
	return false
}

// guessed tells whether the attempt's usage is not, or may not be, the
// provider's last word: then whatever it costs is an estimate.
func (a *Attempt) guessed(first origin) bool {
	switch first.source {
	case CostUnpriced: // its usage was left as it was reported so far
		return a.Outcome != OutcomeOK
	case CostEstimated:
		if a.Outcome != OutcomeOK || len(a.Usage.Raw) == 0 {
			return true
		}
		p, err := price.ParsePrice(first.price)
		if err != nil {
			return true
		}
		d, err := p.Cost(a.Usage, a.StartedAt)
		return err != nil || d.Basis != price.Estimated // else the price made it one
	}
	return false
}
