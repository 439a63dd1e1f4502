package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "export", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// words is an export in a few lines: days covered, then rows.
func (e *usageExport) words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %d days\n", e.service, e.layout, len(e.days))
	for _, r := range e.rows {
		fmt.Fprintf(&b, "%s %s", r.day, r.model)
		if r.batch {
			b.WriteString(" batch")
		}
		for m := range measureCount {
			if r.used[m].Known {
				fmt.Fprintf(&b, " %s=%s", strings.TrimSuffix(measureNames[m], "_tokens"), m.text(r.used[m]))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestReadExport(t *testing.T) {
	for name, want := range map[string]string{
		"openai-usage.json": `openai, OpenAI's usage (Usage API), 2 days
2026-11-01 gpt-5-2025-08-07 requests=3 input=3000 cached_input=0 output=150
2026-11-01 gpt-5 requests=1 input=1000 cached_input=0 output=50
`,
		"openai-costs.json": `openai, OpenAI's costs (Costs API), 1 days
2026-11-01 gpt-5-2025-08-07 cost_usd=0.008
2026-11-01 gpt-5-2025-08-07 cost_usd=0.002
2026-11-01 web search tool calls cost_usd=0.01
`,
		"openai-usage.csv": `openai, OpenAI's usage export, 2 days
2026-11-01 gpt-5-2025-08-07 requests=4 input=4000 cached_input=0 output=200
`,
		"openai-costs.csv": `openai, OpenAI's cost export, 2 days
2026-11-01 gpt-5-2025-08-07 cost_usd=0.008
2026-11-01 gpt-5-2025-08-07 cost_usd=0.002
`,
		"anthropic-usage.json": `anthropic, Anthropic's usage report, 1 days
2026-11-01 claude-opus-4-5-20251101 input=3200 cached_input=200 cache_write=1500 output=500
`,
		"anthropic-costs.json": `anthropic, Anthropic's cost report, 1 days
2026-11-01 claude-opus-4-5-20251101 cost_usd=1.2345
2026-11-01 web_search cost_usd=0.1
`,
		"anthropic-usage.csv": `anthropic, Anthropic's usage export, 2 days
2026-11-01 claude-opus-4-5-20251101 input=3200 cached_input=200 cache_write=1500 output=500
2026-11-02 claude-haiku-4-5-20251001 batch input=100 cached_input=0 cache_write=0 output=10
`,
		"anthropic-costs.csv": `anthropic, Anthropic's cost export, 1 days
2026-11-01 claude-opus-4-5 cost_usd=1.2345
2026-11-01 web_search cost_usd=0.1
`,
		"openrouter-activity.json": `openrouter, OpenRouter's activity, 1 days
2026-11-01 openai/gpt-4.1 requests=5 input=50 output=125 reasoning=25 cost_usd=0.027
`,
		"openrouter-activity.csv": `openrouter, OpenRouter's activity, 1 days
2026-11-01 openai/gpt-4.1 requests=5 input=50 output=125 reasoning=25 cost_usd=0.027
`,
		"openrouter-log.csv": `openrouter, OpenRouter's activity log, 1 days
2026-11-01 openai/gpt-4.1-2025-04-14 requests=1 input=10389 cached_input=0 output=137 reasoning=10 cost_usd=0.0123
2026-11-01 openai/gpt-4.1-2025-04-14 requests=1 input=600 cached_input=512 output=63 reasoning=0 cost_usd=0.0077
`,
	} {
		t.Run(name, func(t *testing.T) {
			text := fixture(t, name)
			for _, text := range [][]byte{text, append([]byte("\xef\xbb\xbf"), strings.ReplaceAll(string(text), "\n", "\r\n")...)} {
				e, err := readExport(text)
				if err != nil {
					t.Fatal(err)
				}
				if got := e.words(); got != want || !e.byModel {
					t.Errorf("got\n%swant\n%s", got, want)
				}
			}
		})
	}
}

// Several pages, appended or in a list, are one export.
func TestPagesOfAnExport(t *testing.T) {
	page := func(start int, more bool) string {
		return fmt.Sprintf(`{"object":"page","data":[{"object":"bucket","start_time":%d,"end_time":%d,"results":[{"object":"organization.usage.completions.result",
			"input_tokens":1,"output_tokens":1,"num_model_requests":1,"model":null}]}],"has_more":%v}`, start, start+3600, more)
	}
	first, second := page(1793491200, true), page(1793494800, false)
	for _, text := range []string{first + "\n" + second, "[" + first + "," + second + "]"} {
		e, err := readExport([]byte(text))
		if err != nil || len(e.rows) != 2 || len(e.days) != 1 || e.byModel {
			t.Errorf("%s: %+v, %v", text, e, err)
		}
	}
	for text, want := range map[string]string{
		first:                        "not whole",
		first + first:                "there twice",
		page(1793491200, false)[:60]: "not valid JSON",
	} {
		if _, err := readExport([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// What is not understood is an error that says what was, never a zero.
func TestExportsThatAreRefused(t *testing.T) {
	for _, tc := range []struct{ name, text, want, hint string }{
		{"nothing", " \n", "the file is empty", "OpenRouter's activity"},
		{"prose", "hello", "no export that is known here has the columns hello", "OpenRouter's activity"},
		{"another CSV", "date,cost\n2026-11-01,3\n", "has the columns date, cost", "OpenRouter's activity"},
		{"ragged", "a,b\n1\n", "neither JSON nor CSV", ""},
		{"a column twice", "start_time,start_time\n", `"start_time" is there twice`, ""},
		{"buckets without usage", "start_time,end_time,start_time_iso,end_time_iso\n1793491200,1793577600,a,b\n", "OpenAI's export without any usage", ""},
		{"OpenAI, unknown measures", "start_time,end_time,start_time_iso,end_time_iso,images\n1793491200,1793577600,a,b,3\n", "none is known to count usage or cost", ""},
		{"OpenAI, a column missing", "start_time,end_time,num_model_requests\n", "OpenAI's usage export, but without the columns input_tokens", "it has the columns start_time, end_time"},
		{"OpenAI, a week", "start_time,end_time,num_model_requests,input_tokens,model\n1793491200,1794096000,1,1,m\n", "row 2: its bucket from 2026-11-01T00:00:00Z until 2026-11-08T00:00:00Z is no part of one day", ""},
		{"OpenAI, euros", "start_time,end_time,amount_value,amount_currency\n1793491200,1793577600,1,eur\n", `the currency is "eur", not USD`, ""},
		{"OpenAI, no number", "start_time,end_time,num_model_requests,input_tokens,model\n1793491200,1793577600,1,1k,m\n", `input_tokens: "1k" is no count`, ""},
		{"OpenAI, below zero", "start_time,end_time,num_model_requests,input_tokens,model\n1793491200,1793577600,1,-1,m\n", `"-1" is no count`, ""},
		{"OpenAI, no cost", "start_time,end_time,amount_value,amount_currency,line_item\n1793491200,1793577600,,usd,gpt-5\n", "no amount of money", ""},
		{"OpenAI, only some rows by model", "start_time,end_time,num_model_requests,input_tokens,model\n1793491200,1793577600,1,1,m\n1793491200,1793577600,1,1,\n", "1 of 2 rows name no model", "grouped by model"},
		{"Anthropic, a column missing", "usage_date_utc,model_version,usage_output_tokens\n", "Anthropic's usage export, but without the columns usage_input_tokens_no_cache, usage_input_tokens_cache_read", ""},
		{"Anthropic, no date", "usage_date_utc,model,cost_usd\nNovember,m,1\n", `"November" is no date`, ""},
		{"Anthropic, no cost", "usage_date_utc,model,cost_usd\n2026-11-01,m,\n", "no amount of money", ""},
		{"OpenRouter, a column missing", "date,usage,prompt_tokens\n", "OpenRouter's activity, but without the columns model, requests, completion_tokens, byok_usage_inference", ""},
		{"OpenRouter, a cell missing", "date,usage,prompt_tokens,model,requests,completion_tokens,byok_usage_inference\n2026-11-01,1,,m,1,1,0\n", "an item lacks one of", ""},
		{"another JSON", `{"rows":[]}`, "no member data", ""},
		{"a list of nothing", `[]`, "without any usage", ""},
		{"an error", `{"error":{"message":"no"}}`, "no member data", ""},
		{"no page", `[1,2]`, "no member data", ""},
		{"an unknown member", `{"data":[{"id":"x"}]}`, "neither start_time, nor starting_at, nor date", ""},
		{"images", `{"data":[{"start_time":1793491200,"end_time":1793577600,"results":[{"object":"organization.usage.images.result","images":3}]}]}`, `its results are "organization.usage.images.result"`, ""},
		{"an amount missing", `{"data":[{"start_time":1793491200,"end_time":1793577600,"results":[{"object":"organization.costs.result"}]}]}`, "has no amount", ""},
		{"Anthropic, neither", `{"data":[{"starting_at":"2026-11-01T00:00:00Z","ending_at":"2026-11-02T00:00:00Z","results":[{"model":"m"}]}]}`, "neither an amount nor", ""},
		{"two services", `{"data":[{"start_time":1793491200,"end_time":1793577600,"results":[]},{"date":"2026-11-01"}]}`, "pages of openai and of openrouter", ""},
		{"OpenRouter, half an item", `{"data":[{"date":"2026-11-01","usage":1}]}`, "lacks one of", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := readExport([]byte(tc.text))
			var refused *exportError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), tc.want) || !strings.Contains(refused.Hint(), tc.hint) || refused.Hint() == "" {
				t.Errorf("%v (%s), want %q", err, hint(err), tc.want)
			}
		})
	}
}

func TestAnthropicName(t *testing.T) {
	for name, want := range map[string]string{
		"Claude Haiku 4.5": "claude-haiku-4-5", "Claude Opus 5": "claude-opus-5", "claude-opus-4-5": "claude-opus-4-5", "web_search": "web_search", "": "",
	} {
		if got := anthropicName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestOpenAILineItems(t *testing.T) {
	for item, want := range map[string]string{
		"gpt-4o-mini-2024-07-18, cached input": "gpt-4o-mini-2024-07-18", "priority | gpt-5.6-sol, output, long context": "gpt-5.6-sol",
		"batch | gpt-5, input": "gpt-5 batch", "gpt-audio-mini-2025-12-15 audio, input": "gpt-audio-mini-2025-12-15", "gpt-5-nano, input_tokens": "gpt-5-nano",
		"web search tool calls": "web search tool calls", "ft:gpt-4o-2024-08-06:acme::x, input": "ft:gpt-4o-2024-08-06:acme::x", "": "",
	} {
		var e usageExport
		e.addOpenAICost("2026-11-01", item, measures{}[0])
		got := e.rows[0].model
		if e.rows[0].batch {
			got += " batch"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", item, got, want)
		}
	}
}

// FuzzReadExport: whatever the bytes are, an export names its service and has
// only whole days and counts of at least 0, or it is an error with a way out.
func FuzzReadExport(f *testing.F) {
	names, err := filepath.Glob("testdata/export/*")
	if err != nil || len(names) == 0 {
		f.Fatal("no fixtures: ", err)
	}
	for _, name := range names {
		f.Add(fixture(f, filepath.Base(name)))
	}
	f.Add([]byte(`[{"data":[]}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := readExport(text)
		if err != nil {
			if hint(err) == "" {
				t.Errorf("no way out of %v", err)
			}
			return
		}
		if e.service == "" || e.layout == "" || len(e.rows) == 0 {
			t.Errorf("%+v", e)
		}
		for _, r := range e.rows {
			if _, err := time.Parse(time.DateOnly, r.day); err != nil || !e.days[r.day] || e.byModel != (r.model != "") {
				t.Errorf("%+v", r)
			}
			for m, n := range r.used {
				if !n.Known && n.N != 0 || n.N < 0 && measure(m) != costUSD {
					t.Errorf("%s is %+v", measureNames[m], n)
				}
			}
		}
		if since, until, err := e.span(); err != nil || !since.Before(until) {
			t.Errorf("%v to %v, %v", since, until, err)
		}
	})
}
