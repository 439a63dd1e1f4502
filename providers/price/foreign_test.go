package price

import (
	"math"
	"strings"
	"testing"
)

// One model in each project's own form, with a step, a date and a model that
// cannot be used.
const (
	genaiTable = `[{"id":"openai","models":[
		{"id":"gpt-4o","match":{"or":[{"equals":"gpt-4o"},{"starts_with":"gpt-4o-20"},{"regex":"x"}]},"context_window":128000,
		 "prices":{"input_mtok":2.5,"cache_read_mtok":1.26,"output_mtok":{"base":10,"tiers":[{"start":200000,"price":20}]}},"prices_checked":"2025-07-04"},
		{"id":"o3","match":{"equals":"o3"},"prices":[{"prices":{"input_mtok":10,"output_mtok":40}},
		 {"constraint":{"start_date":"2025-06-10"},"prices":{"input_mtok":2,"output_mtok":8,"web_searches_kcount":10}}]},
		{"id":"gone","match":{"equals":"gone"},"prices":{}},
		{"id":"odd","match":{"equals":"odd"},"prices":{"smell_mtok":1}}]},
		{"id":"deepseek","models":[{"id":"deepseek-chat","match":{"equals":"deepseek-chat"},"prices":[{"prices":{"input_mtok":1,"output_mtok":2}},
		 {"constraint":{"start_time":"00:30:00Z","end_time":"16:30:00Z"},"prices":{"input_mtok":3,"output_mtok":4}}]}]}]`
	litellmTable = `{"sample_spec":{"litellm_provider":"one of","max_tokens":"text"},
		"gpt-4o":{"litellm_provider":"openai","input_cost_per_token":2.5e-06,"output_cost_per_token":1e-05,"cache_read_input_token_cost":1.26e-06,
		 "output_cost_per_token_above_200k_tokens":2e-05,"max_input_tokens":128000,"max_output_tokens":16384,"mode":"chat"},
		"gemini/gemini-3.5-flash":{"litellm_provider":"gemini","input_cost_per_token":0.0000015,"output_cost_per_token":9e-6},
		"openrouter/openai/gpt-4o-mini":{"litellm_provider":"openrouter","input_cost_per_token":1.5e-7,"output_cost_per_token":6e-7},
		"ollama/llama3":{"litellm_provider":"ollama","input_cost_per_token":0.0,"output_cost_per_token":0.0},
		"dall-e-3":{"litellm_provider":"openai","output_cost_per_pixel":0.1},
		"typo":{"litellm_provider":"openai","input_cost_per_token":2.5,"output_cost_per_token":10}}`
	modelsDevTable = `{"openai":{"id":"openai","models":{"gpt-4o":{"id":"gpt-4o","cost":{"input":2.5,"output":10,"cache_read":1.26,
		 "context_over_200k":{"input":2.5,"output":20}},"limit":{"context":128000,"output":16384}},"no-price":{"id":"no-price"}}},
		"google":{"id":"google","models":{"gemini-3.5-flash":{"id":"gemini-3.5-flash","cost":{"input":1.5,"output":9},"limit":{"context":1048576,"output":65536}}}}}`
)

func readTable(t testing.TB, text string) *Foreign {
	t.Helper()
	f, err := ReadForeign([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestReadForeign(t *testing.T) {
	for _, tc := range []struct {
		format, table   string
		models, skipped int
	}{{"genai-prices", genaiTable, 3, 2}, {"LiteLLM", litellmTable, 3, 3}, {"models.dev", modelsDevTable, 2, 1}} {
		f := readTable(t, tc.table)
		if f.Format != tc.format || f.Len() != tc.models || len(f.Skipped) != tc.skipped {
			t.Errorf("%s: read as %s, %d models, skipped %q", tc.format, f.Format, f.Len(), f.Skipped)
		}
		book, err := ParseBook(f.Text("a table"))
		if err != nil {
			t.Fatalf("%s: %v in\n%s", tc.format, err, f.Text("a table"))
		}
		p, ok := book.Lookup("openai", "gpt-4o", noon)
		if !ok || !strings.Contains(p.String(), "input=2.5") || !strings.Contains(p.String(), "output=10>200000:20") || p.Source != "a table" {
			t.Errorf("%s: gpt-4o is %s", tc.format, p)
		}
		if p.ContextWindow().N != 128000 {
			t.Errorf("%s: the context window is %v", tc.format, p.ContextWindow())
		}
	}
}

func TestGenAIPricesKeepTheirTimes(t *testing.T) {
	book, err := ParseBook(readTable(t, genaiTable).Text("x"))
	if err != nil {
		t.Fatal(err)
	}
	if o3, _ := book.Lookup("openai", "o3", noon); !strings.HasSuffix(o3.String(), "; input=2 output=8 search=0.01") {
		t.Errorf("o3 is %s", o3)
	}
	if chat, _ := book.Lookup("deepseek", "deepseek-chat", noon); !strings.Contains(chat.String(), "daily=00:30-16:30 input=3") {
		t.Errorf("deepseek-chat is %s", chat)
	}
}

// A price that is a million times too high, or 0 for unknown, is not taken.
func TestForeignSaysWhatItLeavesOut(t *testing.T) {
	skipped := strings.Join(readTable(t, litellmTable).Skipped, "\n")
	for _, want := range []string{
		"openai/typo: input: 2500000 USD is above 1000; the unit is USD per million tokens",
		"ollama/llama3: it is priced 0, which may mean unknown",
		"openai/dall-e-3: it has no price per token",
	} {
		if !strings.Contains(skipped, want) {
			t.Errorf("%q is not in:\n%s", want, skipped)
		}
	}
}

func TestReadForeignRefusesOtherFiles(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", "null", "7", `"x"`, `{"a":1}`, `[1,2]`, `{"a":{"models":7}}`, "<html>", `{"a":{"litellm_provider":"openai"}}`} {
		if f, err := ReadForeign([]byte(text)); err == nil {
			t.Errorf("%q was read as %s", text, f.Format)
		}
	}
}

func TestDiff(t *testing.T) {
	diffs, common := readTable(t, litellmTable).Diff(Builtin(), noon)
	if common != 3 {
		t.Errorf("%d models in both, want 3", common)
	}
	if len(diffs) != 1 { // 1.26 is within 1 % of 1.25
		t.Fatalf("differences %+v", diffs)
	}
	if d := diffs[0]; d.Model != "gpt-4o" || d.Kind != Output || d.InputTokens != 200_000 || d.Ours != 10*USD || d.Theirs != 20*USD || d.Percent() != 100 {
		t.Errorf("the difference is %+v", d)
	}
	if !math.IsInf(Difference{Theirs: 1}.Percent(), 1) {
		t.Error("any price is infinitely above 0")
	}
	own := readTable(t, strings.ReplaceAll(litellmTable, "2e-05", "1e-05"))
	if diffs, _ := own.Diff(Builtin(), noon); len(diffs) != 0 {
		t.Errorf("equal tables differ: %+v", diffs)
	}
}

func TestDecimal(t *testing.T) {
	for text, want := range map[string]Money{
		"2.5e-06": USD * 5 / 2, "0.00000015": USD * 15 / 100, "1E-5": 10 * USD, "8.333333333333334e-08": 83333333333, "0": 0, "1e-30": 0,
	} {
		if got, err := decimal(text, perMillion); err != nil || got != want {
			t.Errorf("%s per token is %s per million, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "1e400", "1e99999999999", "9e12", "1/3e", strings.Repeat("1", 70)} {
		if got, err := decimal(text, perMillion); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

// Whatever a table says, what is taken of it is a book that can be read again.
func FuzzReadForeign(f *testing.F) {
	for _, table := range []string{genaiTable, litellmTable, modelsDevTable, `{"x":{"models":{"a":{"cost":{"input":[]}}}}}`} {
		f.Add(table)
	}
	ours := Builtin()
	f.Fuzz(func(t *testing.T, text string) {
		table, err := ReadForeign([]byte(text))
		if err != nil {
			return
		}
		book, err := ParseBook(table.Text("fuzz"))
		if err != nil {
			t.Fatalf("%v in\n%s", err, table.Text("fuzz"))
		}
		table.Diff(ours, noon)
		if n := len(book.All(noon)); n > table.Len() {
			t.Fatalf("%d models became %d", table.Len(), n)
		}
	})
}
