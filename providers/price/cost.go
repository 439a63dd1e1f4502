package price

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/llm"
)

// Basis is what an amount rests on.
type Basis string

// The bases a [Price] can come to; the record has more (cache, plan).
const (
	Reported     Basis = "reported"      // usage the provider reported × the price
	ProviderCost Basis = "provider_cost" // the provider named the cost itself
	Estimated    Basis = "estimated"     // something had no price of its own; Notes say what
	Unpriced     Basis = "unpriced"      // no price or no usage is known: the amount is unknown
	Freely       Basis = "free"          // the price is 0
)

// Breakdown is what an answer costs and why.
type Breakdown struct {
	Amount Amount // what is charged
	Basis  Basis
	// Computed is the amount by price and usage, whatever the provider says;
	// unknown where either is.
	Computed Amount
	Lines    []Line // what Computed is the sum of
	// Notes say what was assumed or could not be charged, for people.
	Notes []string
	// Inconsistent tells that the reported counts contradict each other.
	Inconsistent bool
	// Disagrees tells that the provider's own cost differs from Computed by
	// more than 1 %: plugins, a discount, or a price that has changed.
	Disagrees bool
}

// Line is one kind's share of a cost.
type Line struct {
	Kind     Kind
	Model    string // "" for the model that was asked
	N        int64  // tokens, searches or calls
	Rate     Money  // per million tokens or each
	Permille int64  // of Rate that is charged: 1000 but for service tiers
}

// numerator is the line's cost in 1e-9 pico-dollars.
func (l *Line) numerator() *big.Int {
	n := new(big.Int).Mul(big.NewInt(l.N), big.NewInt(int64(l.Rate)))
	n.Mul(n, big.NewInt(l.Permille))
	if l.Kind.each() {
		n.Mul(n, big.NewInt(perMillion))
	}
	return n
}

const perMillion = 1_000_000

// denominator turns numerators into pico-dollars.
var denominator = big.NewInt(perMillion * 1000)

// String is the arithmetic: "4 input × 2 + 290 output × 10".
func (l Line) String() string {
	text := strconv.FormatInt(l.N, 10) + " " + l.Kind.String() + " × " + l.Rate.String()
	if l.Permille != 1000 {
		text += " × " + thousandths(l.Permille)
	}
	if l.Model != "" {
		text += " (" + l.Model + ")"
	}
	return text
}

// String is the whole arithmetic, token prices in USD per million.
func (b Breakdown) String() string {
	parts := make([]string, len(b.Lines))
	for i, l := range b.Lines {
		parts[i] = l.String()
	}
	text := strings.Join(parts, " + ")
	if b.Computed.Known {
		text += " = " + b.Computed.Money.String()
	}
	if b.Basis == ProviderCost {
		text += "; charged " + b.Amount.Money.String()
	}
	return strings.TrimPrefix(text, " ")
}

func (b *Breakdown) note(format string, args ...any) {
	if note := fmt.Sprintf(format, args...); !slices.Contains(b.Notes, note) {
		b.Notes = append(b.Notes, note)
	}
}

// estimate notes something that makes the amount an estimate.
func (b *Breakdown) estimate(format string, args ...any) {
	b.note(format, args...)
	b.Basis = Estimated
}

// Cost returns what an answer with usage u, asked for at a time, costs. The
// cost a provider names is charged where it names one. Without a price or any
// usage the amount is unknown. The only error is an amount beyond [Money].
func (p Price) Cost(u llm.Usage, at time.Time) (Breakdown, error) {
	e := readExtra(u.Raw)
	b := Breakdown{Basis: Unpriced}
	switch {
	case !p.Known():
		b.note("no price is known")
	case !u.Known():
		b.note("the provider reported no usage")
	default:
		if err := p.compute(&b, &u, &e, at); err != nil {
			return Breakdown{Basis: Unpriced}, fmt.Errorf("adding up the cost: %w", err)
		}
	}
	b.Amount = b.Computed
	if u.ReportedCost.Known {
		b.named(&u, &e)
	}
	return b, nil
}

// named charges what the provider says it charges: to its own account and,
// behind OpenRouter, to the caller's key elsewhere.
func (b *Breakdown) named(u *llm.Usage, e *extra) {
	charged := Money(max(u.ReportedCost.N, 0))
	if e.byok {
		switch {
		case e.upstream.Known:
			charged += e.upstream.Money
			b.note("billed to the caller's own key elsewhere: %s", e.upstream.Money)
		default:
			b.note("billed to the caller's own key elsewhere, which says not how much")
			b.Basis = Estimated
			if b.Computed.Known {
				b.Amount = Of(max(b.Computed.Money, charged))
			}
			return
		}
	}
	b.Amount, b.Basis = Of(charged), ProviderCost
	if b.Computed.Known {
		apart := charged - b.Computed.Money
		b.Disagrees = max(apart, -apart) > max(charged, b.Computed.Money)/100
	}
}

// compute adds up the lines.
func (p Price) compute(b *Breakdown, u *llm.Usage, e *extra, at time.Time) error {
	b.Basis = Reported
	own := p.served(b, e)
	own.lines(b, "", u, e, at)
	p.otherPasses(b, u, e, at)
	sum := new(big.Int)
	for i := range b.Lines {
		sum.Add(sum, b.Lines[i].numerator())
	}
	total, err := rounded(sum, denominator, true)
	b.Computed = Of(total)
	if p.Free() && total == 0 {
		b.Basis = Freely
	}
	return err
}

// lines charges one usage at one price.
func (p Price) lines(b *Breakdown, model string, u *llm.Usage, e *extra, at time.Time) {
	r := p.at(at)
	it, consistent := itemsOf(u, e, r)
	b.Inconsistent = b.Inconsistent || !consistent
	factor := p.factor(b, u.ServiceTier, e)
	for k := range kinds {
		rate := r.find(k)
		if it[k] == 0 || rate == nil {
			continue
		}
		line := Line{Kind: k, Model: model, N: it[k], Rate: rate.at(max(u.Input.N, 0)), Permille: factor}
		if k.each() {
			line.Permille = 1000
		}
		b.Lines = append(b.Lines, line)
	}
	p.missing(b, u, &it, r)
}

// missing notes what was used and cannot be charged.
func (p Price) missing(b *Breakdown, u *llm.Usage, it *items, r *rates) {
	if r.free() {
		return
	}
	if it[Search] > 0 && !r.of[Search].set && !r.of[Request].set {
		b.estimate("%d web searches have no known price and are not in the amount", it[Search])
	}
	if !u.Output.Known && r.of[Output].set {
		b.estimate("the output was not reported and is not in the amount")
	}
	if !u.Input.Known && r.of[Input].set {
		b.estimate("the input was not reported and is not in the amount")
	}
}

// standard are the service tiers that cost what the price says.
var standard = []string{"", "standard", "default", "auto", "on_demand"}

// factor is what is charged of each token price, in thousandths.
func (p Price) factor(b *Breakdown, tier string, e *extra) int64 {
	tier = strings.ToLower(tier)
	factor := int64(1000)
	for _, name := range []string{tier, e.fast(), e.region()} {
		if slices.Contains(standard, name) {
			continue
		}
		if i := slices.IndexFunc(p.tiers, func(t serviceTier) bool { return t.name == name }); i >= 0 {
			factor = factor * p.tiers[i].permille / 1000
			continue
		}
		if !p.Free() {
			b.estimate("%s has no known price here: charged as standard service", name)
		}
	}
	return factor
}

// fast is the service tier that Anthropic calls a speed.
func (e *extra) fast() string {
	if e.speed == "standard" {
		return ""
	}
	return e.speed
}

// region is the service tier that Anthropic calls a place.
func (e *extra) region() string {
	if e.geo == "" || e.geo == "global" || e.geo == "not_available" {
		return ""
	}
	return "geo-" + strings.ToLower(e.geo)
}
