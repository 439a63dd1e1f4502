package price

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// clause is one way to recognise a model: '=' its name in full, '^' how it
// begins, '~' what it contains.
type clause struct {
	op   byte
	text string // in lower case
}

func (e *entry) matches(fields []string) error {
	for _, f := range fields {
		text, err := unescape(f[1:])
		if err != nil || text == "" || !strings.Contains("=^~", f[:1]) {
			return fmt.Errorf("%q is no clause such as =name, ^beginning or ~part", f)
		}
		e.match = append(e.match, clause{f[0], strings.ToLower(text)})
	}
	return nil
}

// reach is how much of a name a clause accounts for, 0 when it does not match.
// What follows must not make it another model: the prices of a family's members
// are not those of each other.
func (c clause) reach(name string) int {
	i := strings.Index(name, c.text)
	switch {
	case i < 0 || c.op == '=' || c.op == '^' && i > 0:
		return 0
	case anotherModel(name[i+len(c.text):]):
		return 0
	}
	return len(c.text)
}

var (
	dates   = regexp.MustCompile(`^[-@](\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|\d{8}|\d{4})\b`)
	version = regexp.MustCompile(`^[-.]\d{1,2}(\D|$)`)
	words   = regexp.MustCompile(`[a-z]+|\d+b`)
)

// variants are words by which providers tell models of one family apart that
// have different prices.
var variants = []string{
	"mini", "nano", "micro", "lite", "pro", "max", "fast", "turbo", "flash", "tts", "audio", "image", "realtime",
	"transcribe", "live", "embedding", "deep", "codex", "robotics", "native",
}

// anotherModel tells whether what follows a known name makes it another model.
func anotherModel(rest string) bool {
	rest = dates.ReplaceAllString(rest, "")
	if version.MatchString(rest) || rest != "" && rest[0] >= 'a' && rest[0] <= 'z' {
		return true
	}
	return slices.ContainsFunc(words.FindAllString(rest, -1), func(w string) bool {
		return slices.Contains(variants, w) || w[len(w)-1] == 'b' && w[0] <= '9'
	})
}

// services are the book's sections for the names that providers go by. Those
// without a section are known to sell others' models at their own prices.
var services = map[string][]string{
	"openai": {"openai"}, "anthropic": {"anthropic"},
	"gemini": {"gemini"}, "google": {"vertex", "gemini"}, "vertex": {"vertex", "gemini"}, "vertex_ai": {"vertex", "gemini"}, "google-vertex": {"vertex", "gemini"},
	"bedrock": {"bedrock"}, "aws": {"bedrock"}, "amazon-bedrock": {"bedrock"}, "azure": {"azure"},
	"xai": {"xai"}, "x-ai": {"xai"}, "mistral": {"mistral"}, "mistralai": {"mistral"}, "groq": {"groq"}, "deepseek": {"deepseek"},
	"openrouter": {"openrouter"}, "together": {"together"}, "togetherai": {"together"}, "together_ai": {"together"},
	"fireworks": {"fireworks"}, "fireworks-ai": {"fireworks"}, "fireworks_ai": {"fireworks"}, "cerebras": {"cerebras"},
	"perplexity": {"perplexity"}, "cohere": {"cohere"},
	"ollama": nil, "lmstudio": nil, "vllm": nil, "llamacpp": nil, "huggingface": nil, "github": nil, "copilot": nil,
	"github-copilot": nil, "deepinfra": nil, "sambanova": nil, "nebius": nil, "novita": nil, "hyperbolic": nil,
	"databricks": nil, "snowflake": nil, "cloudflare": nil, "nvidia": nil, "replicate": nil, "baseten": nil,
	"siliconflow": nil, "moonshot": nil, "zai": nil, "alibaba": nil, "vercel": nil, "poe": nil,
}

// makers are the services of companies whose models nobody else can run, so
// that a provider of another name is a way to them.
var makers = []string{"openai", "anthropic", "gemini", "xai", "perplexity"}

// openWeights begin the names of models of those companies that anyone can run.
var openWeights = []string{"gpt-oss", "gemma", "r1-1776"}

func unescape(text string) (string, error) {
	p, err := url.QueryUnescape(text)
	if err != nil {
		return "", fmt.Errorf("%q: %w", text, err)
	}
	return p, nil
}

// find returns the entry of a model at a provider.
func (b *Book) find(provider, model string) (Price, bool) {
	provider, model = strings.ToLower(provider), strings.ToLower(model)
	sections, known := services[provider]
	if b.has(provider) && !slices.Contains(sections, provider) {
		sections, known = append([]string{provider}, sections...), true
	}
	for _, service := range sections {
		if e := b.entry(service, spellings(model, provider, service)); e != nil {
			return e.Price, true
		}
	}
	if known {
		return Price{}, false
	}
	return b.fromMaker(provider, model)
}

// has tells whether a layer has a section of that name.
func (b *Book) has(service string) bool {
	return slices.ContainsFunc(b.layers, func(l *layer) bool { return l.services[service] != nil })
}

// fromMaker returns the list price of a model's maker.
func (b *Book) fromMaker(provider, model string) (Price, bool) {
	among := makers
	if vendor, rest, ok := strings.Cut(model, "/"); ok && len(services[vendor]) > 0 {
		among, model = services[vendor][:1], rest
		if !slices.Contains(makers, among[0]) {
			return Price{}, false
		}
	}
	if slices.ContainsFunc(openWeights, func(w string) bool { return strings.HasPrefix(model, w) }) {
		return Price{}, false
	}
	var found []*entry
	for _, service := range among {
		if e := b.entry(service, spellings(model, service)); e != nil {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		return Price{}, false
	}
	p := found[0].Price
	p.Source += ", list price of " + p.Provider + " assumed for " + provider
	return p, true
}

// entry returns the best match of a model's spellings: a name in full before a
// pattern, an earlier spelling and layer before a later one, the longest pattern.
func (b *Book) entry(service string, names []string) *entry {
	for _, name := range names {
		for _, l := range b.layers {
			if s := l.services[service]; s != nil && s.exact[name] != nil {
				return s.exact[name]
			}
		}
	}
	for _, l := range b.layers {
		if s := l.services[service]; s != nil {
			if e := s.longest(names[0]); e != nil {
				return e
			}
		}
	}
	return nil
}

// longest returns the entry whose pattern accounts for most of a name.
func (s *section) longest(name string) *entry {
	var best *entry
	reach := 0
	for _, e := range s.entries {
		for _, c := range e.match {
			if n := c.reach(name); n > reach {
				best, reach = e, n
			}
		}
	}
	return best
}

var dated = regexp.MustCompile(`([-@](\d{4}-\d{2}-\d{2}|\d{8})|[-@](latest|default))$`)

// spellings are the names a model may stand under in the book: as it is,
// without a path or prefix that only addresses it, without a date.
func spellings(model string, prefixes ...string) []string {
	model = strings.TrimPrefix(model, "models/")
	if i := strings.LastIndex(model, "publishers/"); i >= 0 {
		if _, name, ok := strings.Cut(model, "/models/"); ok {
			model = name
		}
	}
	names := []string{model}
	for _, prefix := range prefixes {
		if rest, ok := strings.CutPrefix(model, prefix+"/"); ok {
			names = []string{rest, model}
			break
		}
	}
	for _, name := range slices.Clone(names) {
		if base := dated.ReplaceAllString(name, ""); base != name && base != "" {
			names = append(names, base)
		}
	}
	return names
}
