//go:build ignore

// Command gen writes book.txt from a file of price facts (JSON, derived from
// genai-prices) and from own.txt, which holds what that source lacks or has
// wrong:
//
//	go run gen.go FACTS.json
//
// A walk over a map of clauses has one key each, so its output does not vary.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"math/big"
	"net/url"
	"os"
	"slices"
	"strings"
)

type facts struct {
	Source string `json:"source"`
	AsOf   string `json:"as_of"`
	Models []model
}

type model struct {
	Provider string
	Model    string
	Match    map[string]json.RawMessage
	Window   int64            `json:"context_window"`
	Checked  string           `json:"prices_checked"`
	Order    int              `json:"source_order"`
	Prices   []map[string]any `json:"prices_usd_per_million_tokens"`
}

// names of the facts' kinds in the book.
var kinds = [][2]string{
	{"input", "input"}, {"cached_input_read", "cached_input"}, {"cache_write", "cache_write"}, {"cache_write_1h", "cache_write_1h"},
	{"input_audio", "input_audio"}, {"cached_audio_read", "cached_audio"}, {"input_image", "input_image"},
	{"cached_image_read", "cached_image"}, {"input_video", "input_video"}, {"output", "output"}, {"output_reasoning", "reasoning"},
	{"output_audio", "output_audio"}, {"output_image", "output_image"}, {"output_citation", "citation"},
	{"per_1000_web_searches", "search"}, {"per_1000_requests", "request"},
}

// terms that hold for all models of a service.
var terms = map[string]string{
	// https://developers.openai.com/api/docs/guides/flex-processing: "priced at Batch API rates", half the standard price.
	"openai": "tier.flex=0.5 tier.batch=0.5",
	// https://docs.claude.com/en/docs/build-with-claude/batch-processing: half the standard price.
	"anthropic": "tier.batch=0.5",
}

// outputs are the longest answers, from the models' pages at
// developers.openai.com, platform.claude.com/docs/en/models (read 2026-11) and
// ai.google.dev, by how the model's name begins; the first match counts.
var outputs = map[string][][2]string{
	"openai": {
		{"gpt-4o-audio", "16384"}, {"gpt-4o-mini-realtime", "4096"}, {"gpt-4o-realtime", "4096"}, {"gpt-4o", "16384"},
		{"gpt-4.1", "32768"}, {"gpt-5-pro", "272000"}, {"gpt-5.4-image", ""}, {"gpt-5.5", ""}, {"gpt-5.6", ""}, {"gpt-5", "128000"}, {"o1-mini", "65536"},
		{"o3", "100000"}, {"o4-mini", "100000"}, {"gpt-3.5-turbo-instruct", "4096"},
	},
	"anthropic": {
		{"claude-3-7-sonnet", "64000"}, {"claude-3-5-", "8192"}, {"claude-3-", "4096"}, {"claude-haiku-4-5", "64000"},
		{"claude-opus-4-0", "32000"}, {"claude-opus-4-1", "32000"}, {"claude-opus-4-5", "64000"}, {"claude-opus-", "128000"},
		{"claude-sonnet-4-6", "128000"}, {"claude-sonnet-4-", "64000"}, {"claude-sonnet-", "128000"}, {"claude-fable-", "128000"},
	},
	"gemini": {
		{"gemini-2.5-flash-image", "32768"}, {"gemini-2.5-", "65536"}, {"gemini-3-", "65536"}, {"gemini-3.1-", "65536"}, {"gemini-2.0-flash", "8192"},
		{"gemini-1.5-", "8192"},
	},
}

func main() {
	log.SetFlags(0)
	var f facts
	read(os.Args[1], &f)
	own, err := os.ReadFile("own.txt")
	check(err)
	out := strings.NewReplacer("SOURCE", f.Source, "AS_OF", f.AsOf).Replace(string(own))
	slices.SortStableFunc(f.Models, func(a, b model) int { return a.Order - b.Order })
	for _, service := range []string{"openai", "anthropic", "gemini", "vertex", "bedrock", "azure", "mistral", "groq", "deepseek",
		"xai", "openrouter", "together", "fireworks", "cerebras", "perplexity", "cohere"} {
		out = section(out, service, f.Models)
	}
	check(os.WriteFile("book.txt", []byte(out), 0o644))
}

func section(out, service string, models []model) string {
	out += "\n[" + service + "]\n"
	if terms[service] != "" {
		out += "terms " + terms[service] + "\n"
	}
	for _, m := range models {
		if m.service() == service {
			out += m.entry(service)
		}
	}
	return out
}

func (m model) service() string {
	switch {
	case m.Provider == "google" && strings.HasPrefix(m.Model, "claude"):
		return "vertex"
	case m.Provider == "google":
		return "gemini"
	case m.Provider == "aws":
		return "bedrock"
	case m.Provider == "x-ai":
		return "xai"
	}
	return m.Provider
}

func (m model) entry(service string) string {
	out := "\nmodel " + escape(m.Model) + "\n"
	var clauses []string
	walk(m.Match, func(op, text string) {
		if text == "gpt-4o-2024-05-13" {
			return // has a price of its own, see own.txt
		}
		clauses = append(clauses, op+escape(text))
	})
	out += "match " + strings.Join(clauses, " ") + "\n"
	if t := m.terms(service); len(t) > 0 {
		out += "terms " + strings.Join(t, " ") + "\n"
	}
	for _, p := range m.Prices {
		out += strings.TrimRight("price "+fields(p), " ") + "\n"
	}
	if m.Checked != "" {
		out += "checked " + m.Checked + "\n"
	}
	return out
}

func (m model) terms(service string) []string {
	var t []string
	_, writes := m.Prices[0]["cache_write"]
	if writes && !strings.Contains(m.Model, "claude") {
		t = append(t, "auto_write") // only Anthropic's models write where the call marks it
	}
	if w := m.window(); w > 0 {
		t = append(t, fmt.Sprintf("window=%d", w))
	}
	for _, o := range outputs[service] {
		if strings.HasPrefix(m.Model, o[0]) {
			if o[1] != "" {
				t = append(t, "max_output="+o[1])
			}
			break
		}
	}
	return t
}

// windows are the context windows that the facts have too small: the price of a
// call is bounded by them. From the models' pages at docs.claude.com and
// ai.google.dev; the first two with what was a beta of 1M tokens.
var windows = map[string]int64{"claude-sonnet-4-0": 1_000_000, "claude-opus-4-6": 1_000_000, "gemini-1.5-pro": 2_097_152}

// window is never less than the real one: the facts have 1,000,000 for 2^20
// (Gemini), 1,047,576 (gpt-4.1) and 1,050,000 (gpt-5.5) alike.
func (m model) window() int64 {
	switch {
	case windows[m.Model] > 0:
		return windows[m.Model]
	case m.Window == 1_000_000 && !strings.Contains(m.Model, "claude"):
		return 1_050_000
	case m.Window == 2_000_000:
		return 2_097_152
	}
	return m.Window
}

// walk visits the clauses of a match. Regular expressions all say "and a date",
// which every name may have; but for one, which is spelled out.
func walk(match map[string]json.RawMessage, visit func(op, text string)) {
	for key, raw := range match {
		var text string
		var all []map[string]json.RawMessage
		switch key {
		case "or":
			check(json.Unmarshal(raw, &all))
			for _, m := range all {
				walk(m, visit)
			}
			continue
		case "equals", "starts_with", "contains", "ends_with", "regex":
			check(json.Unmarshal(raw, &text))
		default:
			log.Fatalf("match %s", key)
		}
		switch {
		case key == "equals":
			visit("=", text)
		case key == "starts_with":
			visit("^", text)
		case key == "contains", key == "ends_with":
			visit("~", text)
		case text == `^gemini-3\.5-flash-\d`:
			for d := range 10 {
				visit("^", fmt.Sprintf("gemini-3.5-flash-%d", d))
			}
		case strings.HasSuffix(text, `-\d{4}-\d{2}-\d{2}$`), strings.HasSuffix(text, `-\d{8}$`):
		default:
			log.Fatalf("regular expression %s", text)
		}
	}
}

func fields(p map[string]any) string {
	var out []string
	if when, ok := p["when"].(map[string]any); ok {
		if from, ok := when["from_date_utc"].(string); ok {
			out = append(out, "from="+from)
		} else {
			start, end := when["from_time_utc"].(string), when["until_time_utc"].(string)
			out = append(out, "daily="+start[:5]+"-"+end[:5])
		}
	}
	known := 0
	for _, k := range kinds {
		if v, ok := p[k[0]]; ok {
			known++
			out = append(out, k[1]+"="+rate(v, strings.HasPrefix(k[0], "per_1000")))
		}
	}
	if _, ok := p["when"]; !ok || known+1 != len(p) {
		log.Fatalf("unknown kinds in %v", p)
	}
	return strings.Join(out, " ")
}

func rate(v any, per1000 bool) string {
	switch v := v.(type) {
	case string:
		return plain(v, per1000)
	case map[string]any:
		text := plain(v["base"].(string), false)
		for _, t := range v["above_input_tokens"].([]any) {
			step := t.(map[string]any)
			text += fmt.Sprintf(">%d:%s", int64(step["threshold"].(float64)), plain(step["price"].(string), false))
		}
		return text
	}
	log.Fatalf("rate %v", v)
	return ""
}

func plain(text string, per1000 bool) string {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		log.Fatalf("price %s", text)
	}
	if per1000 {
		r.Quo(r, big.NewRat(1000, 1))
	}
	return strings.TrimSuffix(strings.TrimRight(r.FloatString(12), "0"), ".")
}

func escape(name string) string {
	return strings.NewReplacer("%2F", "/", "%3A", ":", "%40", "@").Replace(url.QueryEscape(name))
}

func read(path string, v any) {
	text, err := os.ReadFile(path)
	check(err)
	check(json.Unmarshal(text, v))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
