package price

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmgw/providers/llm"
)

// Foreign is what a price table of another project says, as entries of a book.
type Foreign struct {
	Format  string   // "genai-prices", "LiteLLM" or "models.dev"
	Skipped []string // models without a price per token that means something, each with the reason
	entries []*entry
	names   map[string]bool
}

// errFormat is a file that is none of the known tables.
var errFormat = errors.New("it is no price table of genai-prices (data.json), LiteLLM (model_prices_and_context_window.json) or models.dev (api.json)")

// ReadForeign reads another project's price table: JSON of genai-prices
// (version 2), LiteLLM or models.dev.
func ReadForeign(data []byte) (*Foreign, error) {
	f := &Foreign{names: map[string]bool{}}
	if len(data) == 0 || !json.Valid(data) {
		return nil, fmt.Errorf("reading prices: %w", errFormat)
	}
	var table map[string]json.RawMessage
	if json.Unmarshal(data, &table) != nil {
		return f.done(f.readGenAI(data))
	}
	for _, raw := range table {
		var probe struct {
			Models json.RawMessage `json:"models"`
		}
		if json.Unmarshal(raw, &probe) == nil && len(probe.Models) > 0 {
			return f.done(f.readModelsDev(table))
		}
	}
	return f.done(f.readLiteLLM(table))
}

func (f *Foreign) done(err error) (*Foreign, error) {
	if err == nil && len(f.entries) == 0 {
		err = errFormat
	}
	if err != nil {
		return nil, fmt.Errorf("reading prices: %w", err)
	}
	return f, nil
}

// Len is how many models have a price.
func (f *Foreign) Len() int { return len(f.entries) }

// Text writes the entries in the form that [ParseBook] reads, under the name of
// a source.
func (f *Foreign) Text(source string) string {
	byService := map[string][]*entry{}
	for _, e := range f.entries {
		byService[e.Provider] = append(byService[e.Provider], e)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "source %s\n", strings.Join(strings.Fields(source), " "))
	for _, service := range slices.Sorted(maps.Keys(byService)) {
		fmt.Fprintf(&b, "\n[%s]\n", service)
		for _, e := range byService[service] {
			e.write(&b)
		}
	}
	return b.String()
}

func (e *entry) write(b *strings.Builder) {
	fmt.Fprintf(b, "\nmodel %s\n", escape(e.Model))
	if len(e.match) > 0 {
		b.WriteString("match")
		for _, c := range e.match {
			b.WriteString(" " + string(c.op) + escape(c.text))
		}
		b.WriteByte('\n')
	}
	if terms := append(e.limits(), e.terms()...); len(terms) > 0 {
		fmt.Fprintf(b, "terms %s\n", strings.Join(terms, " "))
	}
	for i := range e.rates {
		fmt.Fprintf(b, "price %s\n", strings.Join(e.rates[i].fields(), " "))
	}
	if e.Checked != "" {
		fmt.Fprintf(b, "checked %s\n", e.Checked)
	}
}

// add takes an entry, or says why not.
func (f *Foreign) add(e *entry, problem error) {
	name := e.Provider + "/" + strings.ToLower(e.Model)
	switch {
	case problem == nil && e.Provider == "", strings.ContainsAny(e.Provider, "[]/ \t\n\r"):
		problem = errors.New("its provider has no usable name")
	case problem == nil && e.Model == "":
		problem = errors.New("it has no name")
	case problem == nil && (!e.Known() || !e.rates[0].of[Input].set && !e.rates[0].of[Output].set && !e.rates[0].of[Request].set):
		problem = errors.New("it has no price per token")
	case problem == nil && e.Free():
		// These tables have 0 where something is free, part of a plan, or not known.
		problem = errors.New("it is priced 0, which may mean unknown")
	case problem == nil && f.names[name]:
		problem = errors.New("it is listed twice")
	}
	if problem != nil {
		f.Skipped = append(f.Skipped, fmt.Sprintf("%s/%s: %v", e.Provider, e.Model, problem))
		return
	}
	f.names[name] = true
	f.entries = append(f.entries, e)
}

// serviceOf is the book's section of a provider that others call by name.
func serviceOf(name string) string {
	name = strings.ToLower(name)
	switch name {
	case "google", "google-gla":
		return "gemini"
	case "google-vertex-anthropic":
		return "vertex"
	}
	if s := services[name]; len(s) > 0 {
		return s[0]
	}
	return name
}

// count is a limit that another table names; what is no positive number is not
// known.
func limit(n json.Number) llm.Count {
	if v, err := n.Int64(); err == nil && v > 0 {
		return llm.Tokens(v)
	}
	return llm.Count{}
}

// set prices a kind from a JSON number that is US dollars per 1/times of the
// book's unit.
func (r *rates) set(k Kind, number json.Number, times int64) error {
	if number == "" {
		return nil
	}
	m, err := decimal(number.String(), times)
	if err == nil && !k.each() {
		err = plausible(m)
	}
	if err == nil && m < 0 {
		err = errors.New("must not be negative")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", k, err)
	}
	r.of[k] = rate{set: true, money: m}
	return nil
}

// step adds a price for calls of more input tokens.
func (r *rates) step(k Kind, above int64, number json.Number, times int64) error {
	var beyond rates
	if err := beyond.set(k, number, times); err != nil || number == "" {
		return err
	}
	if !r.of[k].set {
		return fmt.Errorf("%s: it has a price above %d tokens only", k, above)
	}
	steps := append(r.of[k].above, step{above, beyond.of[k].money})
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.tokens, b.tokens) })
	r.of[k].above = steps
	return nil
}
