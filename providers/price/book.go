package price

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"llmgw/providers/llm"
)

// The price book: see its head for its form and where its facts are from.
//
//go:embed book.txt
var builtin string

// Book knows what models cost. It does not change: the methods that add to it
// return another one. The zero Book knows nothing.
type Book struct {
	layers    []*layer // the first one that knows a model counts
	overrides map[string]Override
}

// layer is one source's entries by service.
type layer struct {
	services map[string]*section
}

type section struct {
	entries []*entry
	exact   map[string]*entry // by each name in full
}

// entry is a model and the names it goes by.
type entry struct {
	Price
	match []clause
}

// Builtin returns the book this release was built with.
func Builtin() *Book {
	b, err := ParseBook(builtin)
	if err != nil {
		panic(err) // a test reads it
	}
	return b
}

// ParseBook reads a book in the built-in one's form. An error names its line.
func ParseBook(text string) (*Book, error) {
	r := bookReader{layer: &layer{services: map[string]*section{}}}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if err := r.line(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("line %d of the price book: %w", n, err)
		}
	}
	if err := r.finish(); err != nil {
		return nil, fmt.Errorf("end of the price book: %w", err)
	}
	return &Book{layers: []*layer{r.layer}}, nil
}

// bookReader reads a book line by line.
type bookReader struct {
	layer   *layer
	service string
	source  string   // of the entries to come
	terms   []string // of all models of the service
	entry   *entry
}

func (r *bookReader) line(line string) error {
	key, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "" || line[0] == '#':
		return nil
	case line[0] == '[' && line[len(line)-1] == ']':
		err := r.finish()
		r.service, r.terms = line[1:len(line)-1], nil
		return err
	case key == "source" && r.entry == nil:
		r.source = rest
	case key == "terms" && r.entry == nil:
		r.terms = strings.Fields(rest)
	case key == "model":
		if err := r.finish(); err != nil {
			return err
		}
		return r.begin(rest)
	case r.entry == nil:
		return fmt.Errorf("%q is no part of a model", key)
	default:
		return r.entry.line(key, rest)
	}
	return nil
}

func (r *bookReader) begin(name string) error {
	name, err := unescape(name)
	switch {
	case err != nil:
		return err
	case name == "" || r.service == "":
		return errors.New("a model has no name or no service")
	}
	r.entry = &entry{Price: Price{Provider: r.service, Model: name, Source: r.source}}
	return r.entry.take(r.terms)
}

// finish files the entry that was being read.
func (r *bookReader) finish() error {
	e := r.entry
	r.entry = nil
	switch {
	case e == nil:
		return nil
	case !e.Known():
		return fmt.Errorf("%s has no price", e.Model)
	case r.layer.services[r.service] == nil:
		r.layer.services[r.service] = &section{exact: map[string]*entry{}}
	}
	return r.layer.services[r.service].add(e)
}

// line reads one line of a model.
func (e *entry) line(key, rest string) error {
	switch key {
	case "match":
		return e.matches(strings.Fields(rest))
	case "terms":
		return e.take(strings.Fields(rest))
	case "price":
		return e.addRates(rest)
	case "source":
		e.Source = rest
	case "checked":
		_, err := time.Parse(dayForm, rest)
		e.Checked = rest
		return err
	default:
		return fmt.Errorf("%q is nothing a model has", key)
	}
	return nil
}

func (e *entry) take(terms []string) error {
	for _, field := range terms {
		name, value, _ := strings.Cut(field, "=")
		if err := e.term(name, value); err != nil {
			return err
		}
	}
	return nil
}

// add files an entry under its names. Where two entries claim a name, it is
// that of the one called so, else of the first.
func (s *section) add(e *entry) error {
	own := strings.ToLower(e.Model)
	if other := s.exact[own]; other != nil && strings.EqualFold(other.Model, own) {
		return fmt.Errorf("%s stands twice", e.Model)
	}
	s.entries = append(s.entries, e)
	s.exact[own] = e
	for _, c := range e.match {
		if c.op == '=' && s.exact[c.text] == nil {
			s.exact[c.text] = e
		}
	}
	return nil
}

// Over returns a book in which what b knows counts before what base does.
func (b *Book) Over(base *Book) *Book {
	overrides := maps.Clone(base.overrides)
	if overrides == nil {
		overrides = map[string]Override{}
	}
	maps.Copy(overrides, b.overrides)
	return &Book{layers: slices.Concat(b.layers, base.layers), overrides: overrides}
}

// With returns a book in which the overrides, by "provider/model" as
// configured, count before everything else. An override of a model that the
// book does not know must say what input and output cost: what it leaves out
// would be free.
func (b *Book) With(overrides map[string]Override) (*Book, error) {
	with := &Book{layers: b.layers, overrides: map[string]Override{}}
	var errs []error
	for _, target := range slices.Sorted(maps.Keys(overrides)) {
		o := overrides[target]
		provider, model, _ := strings.Cut(target, "/")
		if _, known := b.Lookup(provider, model, time.Now()); !known {
			for _, part := range []struct {
				key    string
				amount Amount
			}{{"input", o.Input}, {"output", o.Output}} {
				if !part.amount.Known {
					errs = append(errs, fmt.Errorf("model.%q.%s: is missing, and the price book does not know the model; \"0\" if it costs nothing", target, part.key))
				}
			}
		}
		with.overrides[strings.ToLower(target)] = o
	}
	return with, errors.Join(errs...)
}

// overridden is the Source of a price that the configuration changes.
const overridden = "llmgw.toml"

// on returns p with what the override sets instead.
func (o Override) on(p Price, provider, model string) Price {
	if !p.Known() {
		p = Price{Provider: provider, Model: model, rates: []rates{{}}}
	}
	p.Source, p.Checked = overridden, ""
	if o.MaxOutput > 0 {
		p.maxOutput = llm.Tokens(o.MaxOutput)
	}
	if o.Context > 0 {
		p.window = llm.Tokens(o.Context)
	}
	p.rates = slices.Clone(p.rates)
	for i := range p.rates {
		r := &p.rates[i]
		for _, part := range []struct {
			kind   Kind
			amount Amount
		}{{Input, o.Input}, {CachedInput, o.CachedInput}, {CacheWrite, o.CacheWrite}, {Output, o.Output}} {
			if part.amount.Known {
				r.of[part.kind] = rate{set: true, money: part.amount.Money}
			}
		}
	}
	return p
}

// Lookup returns what a model costs around a time at a provider: the name of a
// service ("openai", "bedrock", …) or, as configured, of something else, which
// is then taken to charge the list price of the model's maker where only the
// maker's own service is known to have the model. ok is false when nobody says
// what it costs. The price is complete for the time of the call, whatever the
// book learns later.
func (b *Book) Lookup(provider, model string, at time.Time) (p Price, ok bool) {
	p, ok = b.find(provider, model)
	o, over := b.overrides[strings.ToLower(provider+"/"+model)]
	if over {
		p = o.on(p, provider, model)
	}
	if !ok && !over {
		return Price{}, false
	}
	return p.frozen(at), true
}

// All returns every price of the book around a time, by provider and model;
// one that an earlier source knows under the same name is left out.
func (b *Book) All(at time.Time) []Price {
	byName := map[string]Price{}
	for _, l := range slices.Backward(b.layers) {
		for service, s := range l.services {
			for _, e := range s.entries {
				byName[service+"/"+strings.ToLower(e.Model)] = e.frozen(at)
			}
		}
	}
	for target := range b.overrides {
		provider, model, _ := strings.Cut(target, "/")
		if p, ok := b.Lookup(provider, model, at); ok {
			p.Provider, p.Model = provider, model
			byName[target] = p
		}
	}
	var all []Price
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name])
	}
	return all
}
