package proxy

import (
	"time"

	"llmgw/providers/price"
	"llmgw/proxy/caps"
)

// CapHold is the most that one call of a routed target could make a cap hold.
type CapHold struct {
	Cap    string
	Limit  price.Money
	Target string
	// Hold is for a full context window and the longest answer; unknown where
	// the price book does not know the model, its window or its longest answer.
	Hold price.Amount
	// Fits is how many output tokens fit into the whole cap after a full
	// window; meaningful where Hold exceeds Limit.
	Fits int64
}

// Exceeds tells that not every call of the target fits into the cap.
func (h CapHold) Exceeds() bool { return h.Hold.Known && h.Hold.Money > h.Limit }

// LargestHolds lists, for every hard cap and every target of the routes that
// it covers, what the largest call would hold. It is what serve and config
// check print.
func LargestHolds(cfg Config, now time.Time) ([]CapHold, error) {
	prices := newPricer(cfg.Prices)
	var all []CapHold
	for _, c := range cfg.Caps {
		if c.Enforce != caps.EnforceHard {
			continue
		}
		l, err := caps.New([]caps.Config{c}, now)
		if err != nil {
			return nil, err
		}
		for _, rt := range cfg.Routes {
			for _, text := range rt.Targets {
				provider, model := providerOf(text), text[len(providerOf(text))+1:]
				if _, covered := l.Fits(caps.Scope{Provider: provider, Model: model, Route: rt.Model}, now); !covered {
					continue
				}
				h := CapHold{Cap: c.Name, Limit: c.USD.Money, Target: text}
				if p, ok := prices.book.Lookup(provider, model, now); ok {
					h.Hold, h.Fits = largestHold(p, c.USD.Money)
				}
				all = append(all, h)
			}
		}
	}
	return all, nil
}

// largestHold is the bound of a full window and the longest answer, and the
// output tokens that limit has room for beside a full window.
func largestHold(p price.Price, limit price.Money) (hold price.Amount, fits int64) {
	window, most := p.ContextWindow(), p.MaxOutput()
	if !window.Known {
		return price.Amount{}, 0
	}
	output := most.Or(window.N)
	low, high := int64(0), output
	for low < high {
		mid := (low + high + 1) / 2
		if p.Bound(window.N, price.WriteNone, mid, 1) <= limit {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return price.Of(p.Bound(window.N, price.WriteNone, output, 1)), low
}
