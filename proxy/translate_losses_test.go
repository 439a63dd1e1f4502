package proxy

import (
	"fmt"
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
			if row := r.last(); outcomes(row) != "openai=malformed anthropic=ok" || row.Dropped != nil && len(row.Dropped) > 0 || got.text != "here" {
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
