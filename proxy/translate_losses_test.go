package proxy

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"llmgw/providers/llm"
	"llmgw/store"
)

// canned is a provider that always answers the same; a text that begins with
// "data:" or "event:" is a stream.
func canned(answer string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !strings.HasPrefix(answer, "{") {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		fmt.Fprint(w, answer)
	})
}

// dataEvents writes a chat stream of the choices' deltas.
func dataEvents(deltas ...string) string {
	var b strings.Builder
	for _, d := range deltas {
		fmt.Fprintf(&b, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,%s}]}\n\n", d)
	}
	return b.String() + "data: [DONE]\n\n"
}

// What an answer holds that the client's protocol has no words for is on
// record, and in the header where it was known before the first byte.
func TestLossesOfAnswersAreOnRecord(t *testing.T) {
	const image = `"images":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]`
	const whole = `{"id":"c","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Look",` + image + `},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`
	for _, c := range []struct {
		name, answer, header string
		stream               bool
	}{
		{"whole", whole, "answer.image", false},
		{"first in a stream", dataEvents(`"delta":{`+image+`}`, `"delta":{"content":"Look"}`, `"delta":{},"finish_reason":"stop"`), "answer.image", true},
		{"later in a stream", dataEvents(`"delta":{"content":"Look"}`, `"delta":{`+image+`}`, `"delta":{},"finish_reason":"stop"`), "*", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, handler: canned(c.answer)}}, routed(gpt))
				defer r.close()
				got, row := r.post("/v1/messages", limited("m", 50, "", c.stream)), r.last()
				if row.Status != store.StatusOK || strings.Join(row.Dropped, " ") != "answer.image" || !strings.Contains(string(got.body), "Look") {
					t.Errorf("%s, dropped %q: %s", row.Status, row.Dropped, got.body)
				}
				if named := got.header.Get("X-Llmgw-Dropped"); c.header != "*" && named != c.header {
					t.Errorf("the header names %q", named)
				}
			})
		})
	}
}

// An answer of which nothing is left in the client's protocol is no answer:
// another target gives one.
func TestAnswerOfNothingToldFailsOver(t *testing.T) {
	const image = `"images":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]`
	for _, stream := range []bool{false, true} {
		answer := `{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"",` + image + `},"finish_reason":"stop"}]}`
		if stream {
			answer = dataEvents(`"delta":{`+image+`}`, `"delta":{},"finish_reason":"stop"`)
		}
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, handler: canned(answer)}, {name: "anthropic", dialect: llm.Anthropic}}, routed(gpt, claude))
			defer r.close()
			got := r.sdk(t, "/v1/messages", "[[say here]]", stream)
			if row := r.last(); outcomes(row) != "openai=malformed anthropic=ok" || len(row.Dropped) > 0 || got.text != "here" {
				t.Errorf("%s, dropped %q: %+v", outcomes(row), row.Dropped, got)
			}
		})
	}
}

// A stream that cannot be followed is left for another target before any
// content, and is an error for the client's SDK after it.
func TestImpossibleStreamsAcrossDialects(t *testing.T) {
	event := func(data string) string { return "data: " + data + "\n\n" }
	start := event(`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}`)
	text := event(`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`) + event(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}`)
	stray := event(`{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{}"}}`)
	end := event(`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}`) + event(`{"type":"message_stop"}`)
	for _, c := range []struct{ name, answer, want string }{
		{"before content", start + stray + end, "anthropic=malformed openai=ok"},
		{"after content", start + text + stray + end, "anthropic=truncated"},
		{"started again", start + text + start + text + end, "anthropic=truncated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, []upstreamSpec{{name: "anthropic", dialect: llm.Anthropic, handler: canned(c.answer)}, {name: "openai", dialect: llm.OpenAIChat}}, routed(claude, gpt))
				defer r.close()
				got, row := r.sdk(t, "/v1/chat/completions", "[[say here]]", true), r.last()
				if broken := strings.HasSuffix(c.want, "truncated"); outcomes(row) != c.want || broken != (got.err != nil) {
					t.Errorf("%s, want %s; the SDK says %+v", outcomes(row), c.want, got)
				}
			})
		})
	}
}

// TestNamesThatHideTheModel: a deployment's name does not tell what its model
// takes: here one of gpt-5 kept that of the model before it. What was guessed wrongly is asked for again as it wants it, once, and
// what is left out then is named; another target takes the call where that does
// not help.
func TestNamesThatHideTheModel(t *testing.T) {
	const answer = `{"id":"c","object":"chat.completion","created":7,"model":"gpt-5","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`
	refusals := map[string]string{
		`"max_tokens"`:  "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
		`"temperature"`: "Unsupported value: 'temperature' does not support 0.3 with this model. Only the default (1) value is supported.",
		`"top_p"`:       "Unsupported parameter: 'top_p' is not supported with this model.",
	}
	for _, c := range []struct {
		name, path, ask string
		refused         []string
		want, dropped   string
	}{
		{"limit", "/v1/messages", `"max_tokens":50`, []string{`"max_tokens"`}, "openai=bad_request openai=ok", ""},
		{"limit and sampling", "/v1/messages", `"max_tokens":50,"temperature":0.3`, []string{`"max_tokens"`, `"temperature"`}, "openai=bad_request openai=ok", "temperature"},
		{"sampling, first", "/v1/messages", `"max_tokens":50,"top_p":0.3`, []string{`"top_p"`, `"max_tokens"`}, "openai=bad_request anthropic=ok", ""},
		{"a limit of llmgw's own", "/v1/chat/completions", `"temperature":1`, []string{`"max_tokens"`}, "openai=bad_request openai=ok", ""},
		{"the client's own words", "/v1/chat/completions", `"max_tokens":50`, []string{`"max_tokens"`}, "openai=bad_request", ""},
		{"stop sequences", "/v1/messages", `"max_tokens":50,"stop_sequences":["x"]`, []string{`"max_tokens"`}, "openai=bad_request openai=skipped:unsupported anthropic=ok", ""},
		{"in vain", "/v1/messages", `"max_tokens":50`, []string{`"max_tokens"`, `"max_completion_tokens"`}, "openai=bad_request openai=bad_request anthropic=ok", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refuse := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					for _, member := range c.refused {
						if strings.Contains(string(body), member) {
							fixed(400, jsonType, `{"error":{"message":"`+cmp.Or(refusals[member], refusals[`"max_tokens"`])+`","type":"invalid_request_error","code":"unsupported_parameter"}}`)(w, nil)
							return
						}
					}
					fixed(200, jsonType, answer)(w, nil)
				})
				r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, handler: refuse}, {name: "anthropic", dialect: llm.Anthropic}},
					both(routed("openai/gpt-4o", claude), capped("0.05", nil)))
				defer r.close()
				got := r.post(c.path, `{"model":"m",`+c.ask+`,"messages":[{"role":"user","content":"hello"}]}`)
				row := r.last()
				if outcomes(row) != c.want || strings.Join(row.Dropped, " ") != c.dropped {
					t.Errorf("%s, dropped %q: %s", outcomes(row), row.Dropped, got.body)
				}
				if _, held := r.spentAndHeld(); held != 0 {
					t.Errorf("%s stays held", held)
				}
				if c.want == "openai=bad_request openai=ok" {
					r.post(c.path, `{"model":"m",`+c.ask+`,"messages":[{"role":"user","content":"again"}]}`)
					if row := r.last(); outcomes(row) != "openai=ok" || strings.Join(row.Dropped, " ") != c.dropped {
						t.Errorf("the next call: %s, dropped %q", outcomes(row), row.Dropped)
					}
				}
			})
		})
	}
}

// A limit that the book does not know is learnt from the refusal, once a call.
func TestRefusalsNameTheLimit(t *testing.T) {
	const answer = `{"id":"c","object":"chat.completion","created":7,"model":"new","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`
	const refusal = "max_tokens is too large: 32000. This model supports at most 16000 completion tokens, whereas you provided 32000."
	for _, c := range []struct {
		name, path, takes, want, edits string
	}{
		{"translated", "/v1/messages", `"max_tokens":16000`, "openai=bad_request openai=ok", "max_tokens"},
		{"in vain", "/v1/messages", "nothing", "openai=bad_request openai=bad_request anthropic=ok", "model"},
		{"the client's own words", "/v1/chat/completions", "nothing", "openai=bad_request", "model"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if body, _ := io.ReadAll(r.Body); strings.Contains(string(body), c.takes) {
						fixed(200, jsonType, answer)(w, nil)
						return
					}
					fixed(400, jsonType, `{"error":{"message":"`+refusal+`","type":"invalid_request_error","param":"max_tokens","code":"invalid_value"}}`)(w, nil)
				})
				r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, handler: h}, {name: "anthropic", dialect: llm.Anthropic}}, routed("openai/new", claude))
				defer r.close()
				got := r.post(c.path, `{"model":"m","max_tokens":32000,"messages":[{"role":"user","content":"hello"}]}`)
				if row := r.last(); outcomes(row) != c.want || strings.Join(row.Edits, " ") != c.edits {
					t.Errorf("%s, edits %q: %s", outcomes(row), row.Edits, got.body)
				}
			})
		})
	}
}

// What a target cannot be asked for is on record by its place, its kind and the
// reason; told to drop it the call goes on without, and names it.
func TestRefusedPartsAreNamed(t *testing.T) {
	const search = `{"type":"search_result","source":"https://example.com","title":"A","content":[{"type":"text","text":"b"}]}`
	const chunks = `{"type":"document","title":"A","source":{"type":"content","content":[{"type":"text","text":"b"}]}}`
	const stored = `{"type":"document","source":{"type":"file","file_id":"file_1"}}`
	result := func(part string) string {
		return `[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"hello"},` + part + `]}]}]`
	}
	user := func(part string) string {
		return `[{"role":"user","content":[{"type":"text","text":"hello"},` + part + `]}]`
	}
	for _, c := range []struct{ messages, path, why string }{
		{user(search), "messages[0].content[1]", "such a part: search_result"},
		{user(chunks), "messages[0].content[1]", "such a part: document"},
		{user(stored), "messages[0].content[1].source.file_id", "stored at another provider"},
		{result(search), "messages[2].content[0].content[1]", "such a part: search_result"},
		{result(chunks), "messages[2].content[0].content[1]", "such a part: document"},
	} {
		ask := `{"model":"m","max_tokens":50,"messages":` + c.messages + `}`
		for _, mode := range []string{UnsupportedSkip, UnsupportedDrop} {
			synctest.Test(t, func(t *testing.T) {
				r := bilingual(t, func(cfg *Config) { cfg.Failover.OnUnsupported = mode }, gpt, claude)
				defer r.close()
				r.post("/v1/messages", ask)
				row := r.last()
				if mode == UnsupportedDrop {
					if outcomes(row) != "openai=ok" || strings.Join(row.Dropped, " ") != c.path {
						t.Errorf("%s: %s, dropped %q", c.path, outcomes(row), row.Dropped)
					}
					return
				}
				if why := row.Attempts[0].Error; outcomes(row) != "openai=skipped:unsupported anthropic=ok" || !strings.Contains(why, c.path+" (") || !strings.Contains(why, c.why) {
					t.Errorf("%s: %s: %s", c.path, outcomes(row), why)
				}
			})
		}
	}
}
