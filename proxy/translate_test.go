package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"llmgw/providers/llm"
	"llmgw/providers/sim"
	"llmgw/store"
)

// bilingual is a gateway before a provider of each dialect, by the name of its
// service; the model "m" goes to them in the given order.
func bilingual(t *testing.T, change func(*Config), targets ...string) *rig {
	return newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat}, {name: "anthropic", dialect: llm.Anthropic}}, func(c *Config) {
		routed(targets...)(c)
		if change != nil {
			change(c)
		}
	})
}

const (
	gpt    = "openai/gpt-4o"
	claude = "anthropic/claude-sonnet-4-5"
)

// paths are the calls of the two dialects, each with the order of targets in
// which the caller's own comes first.
var paths = map[string][]string{"/v1/chat/completions": {gpt, claude}, "/v1/messages": {claude, gpt}}

func (r *rig) openai() openai.Client {
	return openai.NewClient(option.WithHTTPClient(r.http), option.WithBaseURL("http://127.0.0.1:4747/v1"), option.WithAPIKey("sk-client"), option.WithMaxRetries(0))
}

func (r *rig) anthropic() anthropic.Client {
	return anthropic.NewClient(anthropicoption.WithHTTPClient(r.http), anthropicoption.WithBaseURL("http://127.0.0.1:4747"), anthropicoption.WithAPIKey("sk-client"), anthropicoption.WithMaxRetries(0))
}

// said is an answer as an official SDK understood it.
type said struct {
	text, finish  string
	tools         []string // name and arguments
	input, output int64
	err           error
}

// sdk makes one call with the official SDK of the path's dialect.
func (r *rig) sdk(t *testing.T, path, content string, stream bool) said {
	if path == "/v1/messages" {
		return r.askMessages(t.Context(), content, stream)
	}
	return r.askChat(t.Context(), content, stream)
}

func (r *rig) askChat(ctx context.Context, content string, stream bool) (s said) {
	client, p := r.openai(), openai.ChatCompletionNewParams{Model: "m", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(content)}}
	p.MaxCompletionTokens = openai.Int(500)
	var got openai.ChatCompletion
	if stream {
		p.StreamOptions.IncludeUsage = openai.Bool(true)
		acc, st := openai.ChatCompletionAccumulator{}, client.Chat.Completions.NewStreaming(ctx, p)
		for st.Next() {
			if !acc.AddChunk(st.Current()) {
				return said{err: errors.New("a chunk does not continue the answer")}
			}
		}
		if st.Err() != nil {
			return said{err: st.Err()}
		}
		got = acc.ChatCompletion
	} else {
		whole, err := client.Chat.Completions.New(ctx, p)
		if err != nil {
			return said{err: err}
		}
		got = *whole
	}
	if len(got.Choices) != 1 {
		return said{err: fmt.Errorf("%d choices", len(got.Choices))}
	}
	c := got.Choices[0]
	s = said{text: c.Message.Content, finish: c.FinishReason, input: got.Usage.PromptTokens, output: got.Usage.CompletionTokens}
	for _, call := range c.Message.ToolCalls {
		s.tools = append(s.tools, call.Function.Name+call.Function.Arguments)
	}
	return s
}

func (r *rig) askMessages(ctx context.Context, content string, stream bool) (s said) {
	client := r.anthropic()
	p := anthropic.MessageNewParams{Model: "m", MaxTokens: 500, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(content))}}
	var got anthropic.Message
	if stream {
		st := client.Messages.NewStreaming(ctx, p)
		for st.Next() {
			if err := got.Accumulate(st.Current()); err != nil {
				return said{err: err}
			}
		}
		if st.Err() != nil {
			return said{err: st.Err()}
		}
	} else {
		whole, err := client.Messages.New(ctx, p)
		if err != nil {
			return said{err: err}
		}
		got = *whole
	}
	s = said{finish: string(got.StopReason), output: got.Usage.OutputTokens}
	s.input = got.Usage.InputTokens + got.Usage.CacheReadInputTokens + got.Usage.CacheCreationInputTokens
	for _, b := range got.Content {
		switch b.Type {
		case "text":
			s.text += b.Text
		case "tool_use":
			s.tools = append(s.tools, b.Name+string(b.Input))
		}
	}
	return s
}

// service is the provider of a target.
func service(target string) string {
	name, _, _ := strings.Cut(target, "/")
	return name
}

// inEveryWay runs a test for each dialect of a caller, streamed or not, whose
// first target is its own service and whose second is the other.
func inEveryWay(t *testing.T, change func(*Config), test func(t *testing.T, r *rig, path string, targets []string, stream bool)) {
	for path, targets := range paths {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s stream=%v", path, stream), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := bilingual(t, change, targets...)
					defer r.close()
					test(t, r, path, targets, stream)
				})
			})
		}
	}
}

const odd = "größer 😀 \\\"quoted\\\" <b>&amp; \u2028 end"

// TestFallbackSpeaksAnotherDialect: the caller's SDK is none the wiser, the
// record says who answered, tokens and money are the fallback's.
func TestFallbackSpeaksAnotherDialect(t *testing.T) {
	inEveryWay(t, capped("1.00", nil), func(t *testing.T, r *rig, path string, targets []string, stream bool) {
		r.order(service(targets[0]), "503")
		got := r.sdk(t, path, "Go on. [[say "+odd+"]]", stream)
		if got.err != nil {
			t.Fatal(got.err)
		}
		sent := r.ledger(service(targets[1]))
		if len(sent) != 1 || got.text != odd || got.input != sent[0].Usage.Input.N || got.output != sent[0].Usage.Output.N {
			t.Errorf("got %+v, the provider counted %+v", got, sent)
		}
		if want := map[string]string{"/v1/messages": "end_turn", "/v1/chat/completions": "stop"}[path]; got.finish != want {
			t.Errorf("finished with %q, want %q", got.finish, want)
		}
		row := r.last()
		if row.Status != store.StatusOK || row.Provider != service(targets[1]) || row.Usage.Input != sent[0].Usage.Input ||
			row.Usage.Output != sent[0].Usage.Output || row.CostSource != store.CostReported || row.Cost.Money == 0 {
			t.Errorf("on record: %+v", row.Call)
		}
		if spent, held := r.spentAndHeld(); spent != row.Cost.Money || held != 0 {
			t.Errorf("the cap has spent %s and holds %s, the call cost %s", spent, held, row.Cost.Money)
		}
	})
}

// TestForeignHeadersStayBehind: what a client's SDK says to its own service is
// not sent to another, keys least of all.
func TestForeignHeadersStayBehind(t *testing.T) {
	inEveryWay(t, nil, func(t *testing.T, r *rig, path string, targets []string, stream bool) {
		r.order(service(targets[0]), "503")
		got := r.post(path, asking(path, stream), "Authorization", "Bearer sk-client-secret", "X-Api-Key", "sk-client-secret",
			"Anthropic-Beta", "b", "Openai-Organization", "o", "X-Stainless-Lang", "go")
		if got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		h := r.ledger(service(targets[1]))[0].Header
		version := h.Get("Anthropic-Version")
		if want := map[string]string{"openai": "", "anthropic": "2023-06-01"}[service(targets[1])]; version != want {
			t.Errorf("anthropic-version: %q, want %q", version, want)
		}
		for _, name := range []string{"Anthropic-Beta", "Openai-Organization", "X-Stainless-Lang"} {
			if v := h.Get(name); v != "" {
				t.Errorf("%s: %s went to %s", name, v, targets[1])
			}
		}
		for name, values := range h {
			if strings.Contains(strings.Join(values, " "), "cret") {
				t.Errorf("%s: %s", name, values)
			}
		}
	})
}

// TestCutAcrossDialects: an answer that breaks off in translation is an error
// for the caller's SDK, with no word of an end.
func TestCutAcrossDialects(t *testing.T) {
	for _, fault := range []string{"eof-mid-stream", "reset-mid-stream", "error-mid-stream", "hang-mid-stream"} {
		t.Run(fault, func(t *testing.T) {
			inEveryWay(t, nil, func(t *testing.T, r *rig, path string, targets []string, stream bool) {
				if !stream {
					return
				}
				r.order(service(targets[0]), "503")
				r.order(service(targets[1]), fault)
				got := r.post(path, strings.Replace(asking(path, true), "hello", "hello [[words 60]]", 1))
				for _, end := range []string{"[DONE]", "message_stop", `"finish_reason":"`, `"stop_reason":"`} {
					if strings.Contains(string(got.body), end) {
						t.Errorf("a broken answer says %s:\n%s", end, got.body)
					}
				}
				if !strings.Contains(string(got.body), `"error"`) || got.err == nil {
					t.Errorf("ended with %v and without an error event:\n%s", got.err, got.body)
				}
				if row := r.last(); row.Status != store.StatusTruncated || !row.Usage.Output.Known || row.CostSource != store.CostEstimated {
					t.Errorf("on record: %s, %v, %s", row.Status, row.Usage, row.CostSource)
				}
				if s := r.sdk(t, path, "again [[words 60]]", true); s.err == nil {
					t.Errorf("the SDK took a cut answer for %+v", s)
				}
			})
		})
	}
}

// TestErrorsAcrossDialects: a provider's error reaches the caller as one of its
// own SDK's, with status and words kept.
func TestErrorsAcrossDialects(t *testing.T) {
	for _, status := range sample([]string{"400", "401", "404", "429", "500", "529"}) {
		t.Run(status, func(t *testing.T) {
			inEveryWay(t, func(c *Config) { c.Routes[0].Targets = c.Routes[0].Targets[1:] }, func(t *testing.T, r *rig, path string, targets []string, stream bool) {
				r.order(service(targets[1]), status)
				err := r.sdk(t, path, "hello", stream).err
				var code int
				if e, ok := errors.AsType[*openai.Error](err); ok && path == "/v1/chat/completions" {
					code = e.StatusCode
				} else if e, ok := errors.AsType[*anthropic.Error](err); ok && path == "/v1/messages" {
					code = e.StatusCode
				}
				if fmt.Sprint(code) != status {
					t.Errorf("got %T %v, want the SDK's own error with %s", err, err, status)
				}
				var shape struct {
					Error struct{ Type, Message string }
				}
				raw := r.post(path, asking(path, stream))
				if err := json.Unmarshal(raw.body, &shape); err != nil || shape.Error.Message == "" || shape.Error.Type == "" || raw.header.Get("Content-Type") != "application/json" {
					t.Errorf("%v: %s", err, raw.body)
				}
			})
		})
	}
}

// TestUnsupported: a target whose dialect has no words for what was asked is
// skipped, refused or asked without, as configured; never silently.
func TestUnsupported(t *testing.T) {
	ask := strings.TrimSuffix(asking("/v1/chat/completions", false), "}") + `,"n":2,"logprobs":true}`
	for mode, want := range map[string]string{
		UnsupportedSkip:  "200 anthropic=skipped:unsupported openai=ok",
		UnsupportedError: "400 anthropic=skipped:unsupported",
		UnsupportedDrop:  "200 anthropic=ok",
	} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := bilingual(t, func(c *Config) { c.Failover.OnUnsupported = mode }, claude, gpt)
				defer r.close()
				got := r.post("/v1/chat/completions", ask)
				row := r.last()
				if story := fmt.Sprint(got.status, " ", outcomes(row)); story != want {
					t.Errorf("got %s, want %s: %s", story, want, got.body)
				}
				named := got.header.Get("X-Llmgw-Dropped")
				switch mode {
				case UnsupportedDrop:
					if named != "n, logprobs" && named != "logprobs, n" || !slices.Equal(row.Dropped, strings.Split(named, ", ")) {
						t.Errorf("dropped: %q, on record %q", named, row.Dropped)
					}
				default:
					if named != "" || !strings.Contains(row.Attempts[0].Error, "n") {
						t.Errorf("dropped: %q; %s", named, row.Attempts[0].Error)
					}
				}
			})
		})
	}
}

// weather is a tool in each dialect's SDK.
var weatherSchema = map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}, "required": []string{"city"}}

// TestToolLoopMovesAndReturns is an agent's conversation whose primary dies
// between two turns: the other provider carries it on, with the calls and
// results so far, and the primary has it back once it is well.
func TestToolLoopMovesAndReturns(t *testing.T) {
	for path, targets := range paths {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := bilingual(t, nil, targets...)
				defer r.close()
				turn := r.chatAgent()
				if path == "/v1/messages" {
					turn = r.messagesAgent()
				}
				own, other := service(targets[0]), service(targets[1])
				for i, step := range []struct {
					order, want string
				}{{"", own}, {"503", other}, {"503", other}, {"", own}} {
					if r.fresh(); step.order != "" {
						r.order(own, step.order)
					}
					if calls, err := turn(t.Context()); err != nil || calls != 2 {
						t.Fatalf("turn %d: %d calls, %v", i, calls, err)
					}
					row := r.last()
					if row.Provider != step.want || row.Status != store.StatusOK || row.FinishReason == "" {
						t.Errorf("turn %d: %s served by %s (%s), want %s", i, row.Status, row.Provider, outcomes(row), step.want)
					}
					var dropped []string
					if path == "/v1/messages" && step.want == other {
						dropped = []string{"system[0].cache_control"} // OpenAI caches by itself
					}
					if !slices.Equal(row.Dropped, dropped) {
						t.Errorf("turn %d dropped %q, want %q", i, row.Dropped, dropped)
					}
					checkToolPairs(t, r.ledger(step.want), 2*i)
				}
			})
		})
	}
}

// checkToolPairs reads the last request that arrived, in either dialect, and
// compares its tool calls with its results: as many as there were, each pair by
// one id, arguments as JSON objects.
func checkToolPairs(t *testing.T, arrived []sim.Arrival, want int) {
	t.Helper()
	if len(arrived) == 0 {
		t.Fatal("nothing arrived")
	}
	var body struct {
		Messages []struct {
			Role       string
			ToolCallID string `json:"tool_call_id"`
			ToolCalls  []struct {
				ID       string
				Function struct{ Name, Arguments string }
			} `json:"tool_calls"`
			Content json.RawMessage
		}
	}
	if err := json.Unmarshal(arrived[len(arrived)-1].Body, &body); err != nil {
		t.Fatal(err)
	}
	var called, answered []string
	for _, m := range body.Messages {
		for _, c := range m.ToolCalls {
			called = append(called, c.ID)
			if !json.Valid([]byte(c.Function.Arguments)) || c.Function.Name != "weather" {
				t.Errorf("call %+v", c)
			}
		}
		if m.Role == "tool" {
			answered = append(answered, m.ToolCallID)
		}
		var blocks []struct {
			Type, ID, Name string
			Input          map[string]any
			ToolUseID      string `json:"tool_use_id"`
		}
		if json.Unmarshal(m.Content, &blocks) != nil {
			continue // a string
		}
		for _, b := range blocks {
			switch b.Type {
			case "tool_use":
				called = append(called, b.ID)
				if b.Input == nil || b.Name != "weather" {
					t.Errorf("call %+v", b)
				}
			case "tool_result":
				answered = append(answered, b.ToolUseID)
			}
		}
	}
	if len(called) != want || !slices.Equal(called, answered) {
		t.Errorf("%d calls are wanted; called %q, answered %q", want, called, answered)
	}
}

// chatAgent returns a function that takes one turn of a conversation: two tool
// calls at once, answered.
func (r *rig) chatAgent() func(context.Context) (calls int, err error) {
	client := r.openai()
	p := openai.ChatCompletionNewParams{
		Model: "m", Messages: []openai.ChatCompletionMessageParamUnion{
			openai.DeveloperMessage("Use the tool."), openai.UserMessage("Weather in Oslo and Rome? [[tools 2]]"),
		},
		Tools: []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: "weather", Parameters: weatherSchema,
		})},
		ToolChoice:          openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("required")},
		MaxCompletionTokens: openai.Int(800),
	}
	return func(ctx context.Context) (int, error) {
		acc, st := openai.ChatCompletionAccumulator{}, client.Chat.Completions.NewStreaming(ctx, p)
		for st.Next() {
			acc.AddChunk(st.Current())
		}
		if st.Err() != nil {
			return 0, st.Err()
		}
		m := acc.Choices[0].Message
		p.Messages = append(p.Messages, m.ToParam())
		for _, c := range m.ToolCalls {
			p.Messages = append(p.Messages, openai.ToolMessage("rain in "+c.Function.Arguments, c.ID))
		}
		p.Messages = append(p.Messages, openai.AssistantMessage("Rain in both."), openai.UserMessage("And now? [[tools 2]]"))
		return len(m.ToolCalls), nil
	}
}

// messagesAgent is chatAgent for the messages protocol.
func (r *rig) messagesAgent() func(context.Context) (calls int, err error) {
	client := r.anthropic()
	p := anthropic.MessageNewParams{
		Model: "m", MaxTokens: 800,
		System:   []anthropic.TextBlockParam{{Text: "Use the tool.", CacheControl: anthropic.NewCacheControlEphemeralParam()}},
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Weather in Oslo and Rome? [[tools 2]]"))},
		Tools: []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: "weather", InputSchema: anthropic.ToolInputSchemaParam{
			Properties: weatherSchema["properties"], Required: []string{"city"},
		}}}},
		ToolChoice: anthropic.ToolChoiceUnionParam{OfAny: &anthropic.ToolChoiceAnyParam{}},
	}
	return func(ctx context.Context) (int, error) {
		var got anthropic.Message
		st := client.Messages.NewStreaming(ctx, p)
		for st.Next() {
			if err := got.Accumulate(st.Current()); err != nil {
				return 0, err
			}
		}
		if st.Err() != nil {
			return 0, st.Err()
		}
		p.Messages = append(p.Messages, got.ToParam())
		var results []anthropic.ContentBlockParamUnion
		for _, b := range got.Content {
			if b.Type == "tool_use" {
				results = append(results, anthropic.NewToolResultBlock(b.ID, "rain in "+string(b.Input), false))
			}
		}
		p.Messages = append(p.Messages, anthropic.NewUserMessage(results...), anthropic.NewAssistantMessage(anthropic.NewTextBlock("Rain in both.")),
			anthropic.NewUserMessage(anthropic.NewTextBlock("And now? [[tools 2]]")))
		return len(results), nil
	}
}
