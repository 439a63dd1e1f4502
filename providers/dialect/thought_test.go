package dialect

import (
	"net/http"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// A client that keeps of a stream's thought only the last piece has its
// signature beside an empty text; a thought that was never shown has none. The
// two differ in what comes back of them.
func TestSignaturesTellWhetherTextWasShown(t *testing.T) {
	start := sse("message_start", []byte(`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}`))
	block := sse("content_block_start", []byte(`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`))
	said := sse("content_block_delta", []byte(`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}`))
	signed := sse("content_block_delta", []byte(`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}`))
	for name, c := range map[string]struct {
		stream, want string
	}{
		"shown":  {string(start) + string(block) + string(said) + string(signed), `{"type":"reasoning.text","text":"","signature":"c2ln",`},
		"hidden": {string(start) + string(block) + string(signed), `{"type":"reasoning.text","signature":"c2ln",`},
	} {
		m := NewMeter(Want{Dialect: llm.Anthropic, Op: OpMessages, Status: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Reply: &Reply{Dialect: llm.OpenAIChat, Stream: true}})
		var got strings.Builder
		for _, p := range m.Feed([]byte(c.stream)) {
			got.Write(p.Raw)
		}
		if !strings.Contains(got.String(), c.want) {
			t.Errorf("%s: %s", name, got.String())
		}
	}
}
