package price

import (
	"strings"
	"testing"
	"time"
)

// noon is a time at which the built-in book's facts were checked.
var noon = time.Date(2026, 8, 22, 12, 0, 0, 0, time.UTC)

func TestBuiltinIsWholeAndSourced(t *testing.T) {
	all := Builtin().All(noon)
	if len(all) != 222 {
		t.Errorf("the book has %d models, want 222", len(all))
	}
	for _, p := range all {
		if p.Source == "" || !p.Known() {
			t.Errorf("%s/%s has no source or price", p.Provider, p.Model)
		}
		if back, err := ParsePrice(p.String()); err != nil || back.String() != p.String() {
			t.Errorf("%s reads back as %s, %v", p, back, err)
		}
		if q, ok := Builtin().Lookup(p.Provider, p.Model, noon); !ok || q.String() != p.String() {
			t.Errorf("%s/%s is not found under its own name: %s", p.Provider, p.Model, q)
		}
	}
}

// A name that two entries claim has a price by chance.
func TestBuiltinNamesAreOfOneModel(t *testing.T) {
	for service, s := range Builtin().layers[0].services {
		of := map[string]string{}
		for _, e := range s.entries {
			for _, c := range e.match {
				if other := of[string(c.op)+c.text]; other != "" && other != e.Model {
					t.Errorf("%s: %s and %s both match %c%s", service, other, e.Model, c.op, c.text)
				}
				of[string(c.op)+c.text] = e.Model
			}
		}
	}
}

func TestLookup(t *testing.T) {
	book := Builtin()
	for _, tc := range []struct{ provider, model, want string }{
		// A name in full, whatever its case.
		{"openai", "gpt-4o", "openai/gpt-4o"},
		{"openai", "GPT-4o", "openai/gpt-4o"},
		{"OpenAI", "gpt-4o", "openai/gpt-4o"},
		// Dates: listed ones have their own price, others that of the name.
		{"openai", "gpt-4o-2024-08-06", "openai/gpt-4o"},
		{"openai", "gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13"},
		{"openai", "gpt-4.1-2031-01-02", "openai/gpt-4.1"},
		{"openai", "gpt-5.6-sol-2026-07-01", "openai/gpt-5.6-sol"},
		{"anthropic", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"},
		{"anthropic", "claude-opus-5-5", "anthropic/claude-opus-5-5"},
		{"anthropic", "claude-opus-5-20260724", "anthropic/claude-opus-5"},
		{"anthropic", "claude-opus-4-20250514", "anthropic/claude-opus-4-0"},
		{"vertex", "claude-opus-4-6@20260205", "vertex/claude-opus-4-6"},
		{"cohere", "command-a-03-2025", "cohere/command-a"},
		{"gemini", "gemini-2.5-flash-lite-preview-09-2025", "gemini/gemini-2.5-flash-lite"},
		{"xai", "grok-4.5-20260708", "xai/grok-4.5"},
		// -latest
		{"anthropic", "claude-3-5-haiku-latest", "anthropic/claude-3-5-haiku-latest"},
		{"gemini", "gemini-2.5-pro-latest", "gemini/gemini-2.5-pro"},
		{"mistral", "mistral-large-latest", "mistral/mistral-large"},
		{"mistral", "mistral-large-2512", "mistral/mistral-large-2512"},
		// Prefixes that only address a model.
		{"openai", "openai/gpt-4o", "openai/gpt-4o"},
		{"gemini", "models/gemini-2.5-pro", "gemini/gemini-2.5-pro"},
		{"vertex", "publishers/anthropic/models/claude-opus-4-6", "vertex/claude-opus-4-6"},
		{"vertex", "gemini-2.5-pro", "gemini/gemini-2.5-pro"},
		{"bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"},
		{"bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"},
		{"bedrock", "global.anthropic.claude-opus-4-6-v1:0", "bedrock/global.anthropic.claude-opus-4-6-v1:0"},
		{"bedrock", "arn:aws:bedrock:us-east-1:1234:inference-profile/us.amazon.nova-lite-v1:0", "bedrock/amazon.nova-lite-v1:0"},
		{"openrouter", "anthropic/claude-sonnet-4.5", "openrouter/anthropic/claude-sonnet-4.5"},
		{"openrouter", "google/gemini-2.0-flash-exp:free", "openrouter/google/gemini-2.0-flash-exp:free"},
		{"groq", "openai/gpt-oss-120b", "groq/openai/gpt-oss-120b"},
		{"together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "together/meta-llama/Llama-3.3-70B-Instruct-Turbo"},
		// Other names of services.
		{"aws", "amazon.nova-pro-v1:0", "bedrock/amazon.nova-pro-v1:0"},
		{"x-ai", "grok-3", "xai/grok-3"},
		// A configured name of something else: the maker's list price.
		{"work", "gpt-4o", "openai/gpt-4o"},
		{"proxy", "claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"},
		{"proxy", "anthropic/claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"},
		// Never a guess.
		{"openai", "gpt-6", ""},
		{"openai", "gpt-4o-mega", ""},
		{"openai", "gpt-4", ""},
		{"openai", "", ""},
		{"", "gpt-4o-huge", ""},
		{"anthropic", "claude-opus-5-1", ""},
		{"anthropic", "claude-sonnet-4-5-mini", ""},
		{"anthropic", "claude-opus-4-6-fast", ""},
		{"gemini", "gemini-1.5-flash-8b", ""},
		{"gemini", "gemini-2.5-pro-preview-tts", ""},
		{"anthropic", "gpt-4o", ""},
		{"openai", "claude-sonnet-4-5", ""},
		{"openrouter", "gpt-4o", ""},
		{"openrouter", "openai/gpt-4o-mini:nitro", ""},
		{"openrouter", "anthropic/claude-sonnet-4.5:free", ""},
		{"azure", "gpt-4o", ""},
		{"ollama", "gpt-4o", ""},
		{"deepinfra", "deepseek-chat", ""},
		{"work", "deepseek-chat", ""},
		{"work", "gpt-oss-120b", ""},
		{"work", "meta-llama/gpt-4o", ""},
		{"work", "mistral-large", ""},
		{"mistral", "mistral-large-2601", ""},
	} {
		p, ok := book.Lookup(tc.provider, tc.model, noon)
		got := ""
		if ok {
			got = p.Provider + "/" + p.Model
		}
		if got != tc.want || ok != p.Known() {
			t.Errorf("Lookup(%q, %q) = %q, want %q", tc.provider, tc.model, got, tc.want)
		}
	}
}

func TestLookupSaysWhatItAssumes(t *testing.T) {
	p, _ := Builtin().Lookup("work", "gpt-4o", noon)
	if !strings.Contains(p.Source, "openai") || !strings.Contains(p.Source, "assumed for work") {
		t.Errorf("the source of an assumed price is %q", p.Source)
	}
}

// A price is frozen for the day of the call: what changed before or changes
// later is not in it, what changes within the day is.
func TestLookupFreezesTheDay(t *testing.T) {
	book := Builtin()
	o3, _ := book.Lookup("openai", "o3", noon)
	if text := o3.String(); strings.Contains(text, "input=10") || !strings.Contains(text, "input=2 ") {
		t.Errorf("o3 in 2026: %s", text)
	}
	o3, _ = book.Lookup("openai", "o3", time.Date(2025, 6, 9, 23, 59, 59, 0, time.UTC))
	if text := o3.String(); !strings.Contains(text, "input=10") || strings.Contains(text, "from=") {
		t.Errorf("o3 before its price fell: %s", text)
	}
	chat, _ := book.Lookup("deepseek", "deepseek-chat", noon)
	if text := chat.String(); !strings.Contains(text, "daily=00:30-16:30") || !strings.Contains(text, "input=0.135") {
		t.Errorf("deepseek-chat has two prices a day: %s", text)
	}
}

func TestWithOverrides(t *testing.T) {
	book, err := Builtin().With(map[string]Override{
		"openai/my-finetune": {Input: Of(5 * USD / 2), Output: Of(10 * USD)},
		"openai/gpt-4o":      {Input: Of(1 * USD)},
		"local/llama":        {Input: Of(0), Output: Of(0)},
	})
	if err != nil {
		t.Fatal(err)
	}
	tuned, _ := book.Lookup("openai", "my-finetune", noon)
	if got := tuned.String(); got != "of=openai/my-finetune source=llmgw.toml ; input=2.5 output=10" {
		t.Errorf("an override of an unknown model: %s", got)
	}
	gpt, _ := book.Lookup("openai", "gpt-4o", noon)
	if !strings.HasSuffix(gpt.String(), "; input=1 cached_input=1.25 output=10") || gpt.Source != overridden {
		t.Errorf("an override keeps what it does not set: %s", gpt)
	}
	if other, _ := book.Lookup("azure", "gpt-4o", noon); other.Known() {
		t.Errorf("an override of openai's reaches azure: %s", other)
	}
	if local, ok := book.Lookup("local", "llama", noon); !ok || !local.Free() {
		t.Errorf("a model priced 0 is %s", local)
	}
	_, err = Builtin().With(map[string]Override{"openai/my-finetune": {Input: Of(USD)}})
	if err == nil || !strings.HasPrefix(err.Error(), `model."openai/my-finetune".output: is missing`) {
		t.Errorf("an override without output: %v", err)
	}
}

func TestParseBookRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"model x\nprice input=1": "no service",
		"[a]\nmodel x\n":         "no price",
		"[a]\nmodel x\nprice input=1\nmodel x\nprice input=2": "twice",
		"[a]\nmodel x\nprice input=2000":                      "per million",
		"[a]\nmodel x\nprice input=0.0000025":                 "per million",
		"[a]\nmodel x\nprice input=-1":                        "negative",
		"[a]\nmodel x\nprice in=1":                            "nothing that has a price",
		"[a]\nmodel x\nprice daily=00:30-16:30 input=1":       "always",
		"[a]\nmodel x\nprice input=1\nprice daily=7 input=1":  "span",
		"[a]\nmodel x\nprice input=1\ncolour red":             "nothing a model has",
		"[a]\nmodel x\nmatch gpt\nprice input=1":              "no clause",
		"[a]\nmodel x\nprice input=1>5:2>3:1":                 "order",
		"[a]\nmodel x\nterms window=-5\nprice input=1":        "number of tokens",
		"[a]\nprice input=1":                                  "no part of a model",
		"[a]\nmodel x\nprice input=1\nchecked yesterday":      "cannot parse",
	} {
		if _, err := ParseBook(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "price book") {
			t.Errorf("%q: %v, want an error about %q", text, err, want)
		}
	}
}

// An earlier layer counts before a later one, but not for a name that only the
// later one has in full.
func TestOver(t *testing.T) {
	over, err := ParseBook("source mine\n[openai]\nmodel gpt-4o\nprice input=1 output=2\n[moonshot]\nmodel kimi\nprice input=1 output=2\n")
	if err != nil {
		t.Fatal(err)
	}
	book := over.Over(Builtin())
	for model, want := range map[string]string{"gpt-4o": "mine", "gpt-4o-2024-05-13": "openai.com/api/pricing", "gpt-4.1": "genai-prices"} {
		if p, _ := book.Lookup("openai", model, noon); p.Source != want {
			t.Errorf("%s is priced by %q, want %q", model, p.Source, want)
		}
	}
	if p, ok := book.Lookup("moonshot", "kimi", noon); !ok || p.Source != "mine" {
		t.Errorf("an imported service is not found: %s", p)
	}
	if n := len(book.All(noon)); n != 223 {
		t.Errorf("the books together have %d models, want 223", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	book := Builtin()
	for b.Loop() {
		book.Lookup("anthropic", "claude-sonnet-4-5-20250929", noon)
	}
}

func BenchmarkBuiltin(b *testing.B) {
	for b.Loop() {
		Builtin()
	}
}
