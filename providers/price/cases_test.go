package price

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"llmgw/providers/llm"
)

// priceCase is one of the corpus: what a usage cost.
type priceCase struct {
	ID        string
	Provider  string
	Model     string
	At        time.Time
	Kind      string
	Protocol  string
	WireUsage json.RawMessage `json:"wire_usage"`
	Billable  struct {
		Input          *int64 `json:"input"`
		Output         *int64 `json:"output"`
		CacheRead      int64  `json:"cache_read"`
		CacheWrite     int64  `json:"cache_write"`
		CacheWrite1h   int64  `json:"cache_write_1h"`
		Reasoning      int64  `json:"reasoning"`
		InputAudio     int64  `json:"input_audio"`
		CacheReadAudio int64  `json:"cache_read_audio"`
		OutputAudio    int64  `json:"output_audio"`
		OutputImage    int64  `json:"output_image"`
		WebSearches    int64  `json:"web_searches"`
	}
	USD string `json:"usd"`
}

// usage is the case's as a meter would have it. What has no place in it stands
// in the provider's own object.
func (c *priceCase) usage() llm.Usage {
	b := &c.Billable
	u := llm.Usage{
		Input: llm.Tokens(*b.Input), Output: llm.Tokens(*b.Output), CachedInput: llm.Tokens(b.CacheRead),
		CacheWrite: llm.Tokens(b.CacheWrite), CacheWrite1h: llm.Tokens(b.CacheWrite1h), Reasoning: llm.Tokens(b.Reasoning),
		InputAudio: llm.Tokens(b.InputAudio), OutputAudio: llm.Tokens(b.OutputAudio), WebSearches: llm.Tokens(b.WebSearches),
		Raw: c.WireUsage,
	}
	if len(u.Raw) == 0 || u.Raw[0] == '[' {
		u.Raw, _ = json.Marshal(map[string]any{
			"prompt_tokens_details":     map[string]any{"cached_tokens_details": map[string]any{"audio_tokens": b.CacheReadAudio}},
			"completion_tokens_details": map[string]any{"image_tokens": b.OutputImage},
		})
	}
	return u
}

// TestPriceCases prices the corpus's cases, half of them recorded, half at the
// edges, to the pico-dollar.
func TestPriceCases(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "corpus", "price-cases.json"))
	if os.IsNotExist(err) {
		t.Skip("no corpus beside the project")
	} else if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []priceCase }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 100 {
		t.Fatalf("%d cases, want 100", len(file.Cases))
	}
	book := Builtin()
	for _, c := range file.Cases {
		p, ok := book.Lookup(c.Provider, c.Model, c.At)
		if !ok {
			t.Errorf("%s: %s/%s has no price", c.ID, c.Provider, c.Model)
			continue
		}
		b, err := p.Cost(c.usage(), c.At)
		if want, _ := ParseUSD(c.USD); err != nil || b.Amount != Of(want) {
			t.Errorf("%s: %s %s/%s at %s: %s, %v; want %s", c.ID, c.Kind, c.Provider, c.Model, c.At.Format(time.RFC3339), b, err, c.USD)
		}
		if b.Inconsistent || b.Basis == Estimated {
			t.Errorf("%s: inconsistent %t, notes %q", c.ID, b.Inconsistent, b.Notes)
		}
	}
}
