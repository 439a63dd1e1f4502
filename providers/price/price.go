package price

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/llm"
)

// Price is what one model costs at one provider around one time. The zero
// Price is unknown, which is not free: see [Price.Known].
type Price struct {
	Provider string // the service whose price it is; not always the configured name
	Model    string // the price book's name of the model
	Source   string // who says so: "genai-prices", "llmgw.toml", an imported file
	Checked  string // day the source was compared with the provider's page, "2026-03-13"; "" when it does not say

	window, maxOutput llm.Count
	rates             []rates // the last one that holds counts; the first is not bound to a time of the day
	tiers             []serviceTier
	autoWrite         bool   // the provider writes to its cache unasked
	passes            []pass // of other models, by the name an answer called them
}

// serviceTier is what a service tier's tokens cost, in thousandths of the
// standard price.
type serviceTier struct {
	name     string
	permille int64
}

type pass struct {
	name  string
	price Price
}

// Known tells whether there is a price at all.
func (p Price) Known() bool { return len(p.rates) > 0 }

// Free tells whether the price is known and 0.
func (p Price) Free() bool {
	for i := range p.rates {
		if !p.rates[i].free() {
			return false
		}
	}
	return p.Known()
}

// ContextWindow is how many tokens the model can take in, as far as known.
func (p Price) ContextWindow() llm.Count { return p.window }

// MaxOutput is how many tokens one answer of the model can have, as far as
// known.
func (p Price) MaxOutput() llm.Count { return p.maxOutput }

// Rate returns the standard price of a kind at a time for a call of so many
// input tokens: US dollars per million tokens, or each for [Search] and
// [Request]. It is unknown where the price says nothing of this kind itself.
func (p Price) Rate(k Kind, at time.Time, input int64) Amount {
	r := p.at(at)
	if r == nil || !r.of[k].set {
		return Amount{}
	}
	return Of(r.of[k].at(input))
}

// at returns the rates that hold at a time, nil when the price is unknown.
func (p Price) at(at time.Time) *rates {
	for i := len(p.rates) - 1; i >= 0; i-- {
		if p.rates[i].began(at) && p.rates[i].holds(at) {
			return &p.rates[i]
		}
	}
	if len(p.rates) == 0 {
		return nil
	}
	return &p.rates[0]
}

// frozen drops the rates that cannot hold on the day of at: what remains
// differs by the time of the day only.
func (p Price) frozen(at time.Time) Price {
	var kept []rates
	for i := range p.rates {
		r := p.rates[i]
		if i > 0 && !r.began(at) {
			continue
		}
		if !r.daily {
			kept = nil // it shadows all before it
		}
		r.from = ""
		kept = append(kept, r)
	}
	p.rates = kept
	return p
}

// String returns the price as one line of text from which [ParsePrice] makes
// the same price again, so that a cost can be recomputed years later; only the
// model's limits, on which no cost depends, are not in it. An unknown price is
// "".
func (p Price) String() string {
	if !p.Known() {
		return ""
	}
	head := []string{"of=" + escape(p.Provider+"/"+p.Model)}
	if p.Source != "" {
		head = append(head, "source="+escape(p.Source))
	}
	if p.Checked != "" {
		head = append(head, "checked="+p.Checked)
	}
	text := strings.Join(append(head, p.terms()...), " ")
	for i := range p.rates {
		text += " ; " + strings.Join(p.rates[i].fields(), " ")
	}
	for _, pass := range p.passes {
		text += " & as=" + escape(pass.name) + " " + pass.price.String()
	}
	return text
}

// terms are the fields that a cost depends on whatever the time is.
func (p *Price) terms() []string {
	var out []string
	if p.autoWrite {
		out = append(out, "auto_write")
	}
	for _, t := range p.tiers {
		out = append(out, "tier."+t.name+"="+thousandths(t.permille))
	}
	return out
}

// limits are the fields that no cost depends on.
func (p *Price) limits() []string {
	var out []string
	if p.window.Known {
		out = append(out, "window="+strconv.FormatInt(p.window.N, 10))
	}
	if p.maxOutput.Known {
		out = append(out, "max_output="+strconv.FormatInt(p.maxOutput.N, 10))
	}
	return out
}

func thousandths(n int64) string {
	return (Money(n) * (USD / 1000)).String()
}

// escape keeps names apart from what separates them, legible where it can.
func escape(name string) string {
	return strings.NewReplacer("%2F", "/", "%3A", ":", "%40", "@").Replace(url.QueryEscape(name))
}

// ParsePrice reads what [Price.String] wrote.
func ParsePrice(text string) (Price, error) {
	if text == "" {
		return Price{}, nil
	}
	own, rest, _ := strings.Cut(text, " & ")
	_, p, err := parseOne(own)
	for rest != "" && err == nil {
		var one string
		var other pass
		one, rest, _ = strings.Cut(rest, " & ")
		if other.name, other.price, err = parseOne(one); err == nil && other.name == "" {
			err = errors.New("a pass has no name")
		}
		p.passes = append(p.passes, other)
	}
	if err != nil {
		return Price{}, fmt.Errorf("reading the price %q: %w", text, err)
	}
	return p, nil
}

// parseOne reads the price of one model, and under which name it is used.
func parseOne(text string) (as string, p Price, err error) {
	head, rest, found := strings.Cut(text, " ;")
	if !found {
		return "", p, errors.New("it has no rates")
	}
	for field := range strings.FieldsSeq(head) {
		name, value, _ := strings.Cut(field, "=")
		if value, err = unescape(value); err != nil {
			return as, p, err
		}
		switch name {
		case "as":
			as = value
		case "of":
			p.Provider, p.Model, _ = strings.Cut(value, "/")
		case "source":
			p.Source = value
		case "checked":
			p.Checked = value
			if _, err := time.Parse(dayForm, value); err != nil {
				return as, p, err
			}
		default:
			if err := p.term(name, value); err != nil {
				return as, p, err
			}
		}
	}
	for part := range strings.SplitSeq(rest, " ;") {
		if err := p.addRates(part); err != nil {
			return as, p, err
		}
	}
	return as, p, nil
}

// term reads one field that holds whatever the time is.
func (p *Price) term(name, value string) (err error) {
	tier, isTier := strings.CutPrefix(name, "tier.")
	switch {
	case isTier:
		var m Money
		if m, err = ParseUSD(value); err == nil && (m < 0 || m > 1000*USD || m%(USD/1000) != 0) {
			err = fmt.Errorf("%q is no factor in thousandths", value)
		}
		p.tiers = append(p.tiers, serviceTier{tier, int64(m / (USD / 1000))})
	case name == "auto_write" && value == "":
		p.autoWrite = true
	case name == "window":
		p.window, err = parseCount(value)
	case name == "max_output":
		p.maxOutput, err = parseCount(value)
	default:
		err = fmt.Errorf("%q is nothing a price has", name)
	}
	return err
}

func parseCount(text string) (llm.Count, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return llm.Count{}, fmt.Errorf("%q is no number of tokens", text)
	}
	return llm.Tokens(n), nil
}

// addRates reads the fields of prices that hold together.
func (p *Price) addRates(text string) error {
	var r rates
	for field := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(field, "=")
		known, err := r.take(name, value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if !known {
			return fmt.Errorf("%q is nothing that has a price", name)
		}
	}
	if len(p.rates) == 0 && (r.daily || r.from != "") {
		return errors.New("the first rates must hold always")
	}
	p.rates = append(p.rates, r)
	return nil
}

// TextOnly returns the price for calls that hold and ask for nothing but text,
// for a tighter [Price.Bound].
func (p Price) TextOnly() Price {
	p.rates = slices.Clone(p.rates)
	for i := range p.rates {
		for _, k := range mediaKinds {
			p.rates[i].of[k] = rate{}
		}
	}
	return p
}
