package dialect

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// What OpenAI's models refuse is not asked of them: the nearest is, or nothing,
// and each is named.
func TestWhatOpenAIsModelsTake(t *testing.T) {
	const tools = `"tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]`
	effort := func(word string) string { return `"output_config":{"effort":"` + word + `"}` }
	wants := func(word string) string { return `"reasoning_effort":"` + word + `"` }
	const near, gone = "output_config.effort approximated", "output_config.effort dropped"
	for _, c := range []struct {
		model, members, want, changes string
	}{
		{"gpt-4o", `"max_tokens":32000`, `"max_tokens":16384`, "max_tokens edited"},
		{"gpt-4o", `"max_tokens":16384`, `"max_tokens":16384`, ""},
		{"gpt-5", `"max_tokens":32000`, `"max_completion_tokens":16384`, "max_tokens edited"},

		{"o3-mini", effort("max"), wants("high"), near},
		{"o3-mini-2025-01-31", effort("xhigh"), wants("high"), near},
		{"o3", effort("minimal"), wants("low"), near},
		{"o1", effort("none"), wants("low"), near},
		{"gpt-5", effort("max"), wants("high"), near},
		{"gpt-5-mini-2025-08-07", effort("xhigh"), wants("high"), near},
		{"gpt-5", effort("none"), wants("minimal"), near},
		{"gpt-5", effort("minimal"), wants("minimal"), ""},
		{"gpt-5-pro", effort("low"), wants("high"), near},
		{"gpt-5.1", effort("xhigh"), wants("high"), near},
		{"gpt-5.1", effort("minimal"), wants("low"), near},
		{"gpt-5.1", effort("none"), wants("none"), ""},
		{"gpt-5.2", effort("xhigh"), wants("xhigh"), ""},
		{"gpt-5.2-pro", effort("low"), wants("medium"), near},
		{"gpt-5.1-chat-latest", effort("high"), wants("medium"), near},
		{"gpt-5-chat-latest", effort("high"), "!reasoning_effort", gone},
		{"gpt-5.4-mini", effort("max"), wants("xhigh"), near},
		{"gpt-5.6-terra", effort("max"), wants("max"), ""},
		{"openai/gpt-5.1", effort("max"), wants("high"), near},
		{"gpt-7", effort("max"), wants("max"), ""}, // newer than this is
		{"gpt-5", effort("ultra"), "!reasoning_effort", gone},
		{"kimi-k2", effort("ultra"), wants("ultra"), ""},
		{"gpt-5.4", `"thinking":{"type":"enabled","budget_tokens":2000}`, wants("low"), "thinking.type dropped, thinking.budget_tokens approximated"},
		{"gpt-5-pro", `"thinking":{"type":"enabled","budget_tokens":2000}`, wants("high"), "thinking.type dropped, thinking.budget_tokens approximated"},

		{"gpt-5.6-terra", tools, wants("none"), "output_config.effort edited"},
		{"gpt-5.5", tools + "," + effort("high"), wants("none"), near},
		{"gpt-5.4-mini", tools + "," + effort("none"), wants("none"), ""},
		{"gpt-5.4", tools + `,"thinking":{"type":"enabled","budget_tokens":2000}`, wants("none"), "thinking.type dropped, thinking.budget_tokens approximated"},
		{"gpt-5.6-sol", effort("high"), wants("high"), ""},
		{"gpt-5.2", tools + "," + effort("high"), wants("high"), ""},
		{"openai/gpt-5.6-sol", tools + "," + effort("high"), wants("high"), ""}, // a service that names the maker has its own way there
		{"gpt-5.4", tools + `,"tool_choice":{"type":"none"},` + effort("high"), wants("none"), near},

		{"o3-mini", tools + `,"tool_choice":{"type":"auto","disable_parallel_tool_use":true}`, "!parallel_tool_calls", "tool_choice.disable_parallel_tool_use dropped"},
		{"o4-mini", tools + `,"tool_choice":{"type":"auto","disable_parallel_tool_use":true}`, "!parallel_tool_calls", "tool_choice.disable_parallel_tool_use dropped"},
		{"o3-mini", tools + `,"tool_choice":{"type":"auto","disable_parallel_tool_use":false}`, "!parallel_tool_calls", ""},
		{"gpt-5", tools + `,"tool_choice":{"type":"auto","disable_parallel_tool_use":true}`, `"parallel_tool_calls":false`, ""},

		{"gpt-4o", manyTools(129), `"name":"f127"`, "tools refused"},
		{"gpt-4o", manyTools(129), `!"name":"f128"`, "tools refused"},
		{"gpt-4o", manyTools(128), `"name":"f127"`, ""},
		{"kimi-k2", manyTools(129), `"name":"f128"`, ""},
	} {
		t.Run(fmt.Sprintf("%.60s %.80s", c.model, c.members), func(t *testing.T) {
			body := `{"model":"m","messages":[{"role":"user","content":"x"}],` + c.members + `}`
			r, err := DecodeRequest(llm.Anthropic, []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			enc, err := EncodeRequest(r, Target{Dialect: llm.OpenAIChat, Model: c.model, MaxOutput: llm.Tokens(16384)})
			if err != nil {
				t.Fatal(err)
			}
			want, not := strings.CutPrefix(c.want, "!")
			if got := string(enc.Body); strings.Contains(got, want) == not {
				t.Errorf("%s, want %s", got, c.want)
			}
			var changes []string
			for _, change := range enc.Changes {
				changes = append(changes, change.Path+" "+change.Fate.String())
			}
			if got := strings.Join(changes, ", "); got != c.changes {
				t.Errorf("%s, want %s", got, c.changes)
			}
		})
	}
}

// manyTools are n tools.
func manyTools(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,{"name":"f` + strconv.Itoa(i) + `","input_schema":{"type":"object","properties":{}}}`)
	}
	return `"tools":[` + b.String()[1:] + `]`
}

// A refusal of an output limit tells the highest, where it does.
func TestNamedLimit(t *testing.T) {
	for text, want := range map[string]int64{
		"max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided 32000.":                  16384,
		"max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5":                            64000,
		"`max_tokens` must be less than or equal to `32768`, the maximum value for `max_tokens` is less than the `context_window` for this": 32768,
		"prompt is too long: 210000 tokens > 200000 maximum":                                                                                0,
		"This model supports at most some completion tokens":                                                                                0,
		"This model supports at most 5": 0,
		"":                              0,
	} {
		if got := NamedLimit(text); got.N != want || got.Known != (want > 0) {
			t.Errorf("%s: %v", text, got)
		}
	}
}
