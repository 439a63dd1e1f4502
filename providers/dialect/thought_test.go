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

// What another protocol's model thought goes out of a chat history, and with it
// the text that was told beside it; a service that takes no thoughts gets none.
func TestForeignThoughts(t *testing.T) {
	const signed = `"reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"c2ln","format":"anthropic-claude-v1","index":0}]`
	const own = `"reasoning_details":[{"type":"reasoning.text","text":"hm","index":0}]`
	for _, c := range []struct {
		name, in, want, strict, names string
	}{
		{"both", `"reasoning_content":"hm" , ` + signed + `,"content":"x"`, `"content":"x"`, `"content":"x"`, "messages[1].reasoning_content messages[1].reasoning_details"},
		{"last", `"content":"x","reasoning_content":"hm" , ` + signed, `"content":"x"`, `"content":"x"`, "messages[1].reasoning_content messages[1].reasoning_details"},
		{"nobody's", `"content":"x","reasoning_content":"hm",` + own, `"content":"x","reasoning_content":"hm",` + own, `"content":"x"`, ""},
		{"none", `"content":"\"reasoning_content\""`, `"content":"\"reasoning_content\""`, `"content":"\"reasoning_content\""`, ""},
	} {
		wrap := func(members string) string {
			return `{"messages":[{"role":"user","content":"hi"}, {"role":"assistant",` + members + `},{"role":"user","content":"on"}],"model":"m"}`
		}
		edits := ForeignThoughts([]byte(wrap(c.in)), false)
		var names []string
		for _, e := range edits {
			names = append(names, e.Name)
		}
		if got := string(Splice([]byte(wrap(c.in)), edits...)); got != wrap(c.want) || strings.Join(names, " ") != c.names {
			t.Errorf("%s: %q\n got %s\nwant %s", c.name, names, got, wrap(c.want))
		}
		if got := string(Splice([]byte(wrap(c.in)), ForeignThoughts([]byte(wrap(c.in)), true)...)); got != wrap(c.strict) {
			t.Errorf("%s, for who takes none:\n got %s\nwant %s", c.name, got, wrap(c.strict))
		}
	}
}

// Anthropic reads four types of images, of which one has a common other name.
func TestTypesOfImages(t *testing.T) {
	for kind, want := range map[string]string{
		"image/jpg": "image/jpeg", "IMAGE/PNG": "image/png", "image/webp": "image/webp", "image/svg+xml": "", "image/bmp": "", "image/avif": "",
	} {
		got, changes := toClaude(t, "claude-opus-4-8", `"max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:`+kind+`;base64,/9j/4AAQ"}}]}]`)
		named := strings.Join(changes, " ")
		switch {
		case want == "" && (strings.Contains(got, "image") || named != "refused messages[0].content[1].image_url.url"):
			t.Errorf("%s: %s in %s", kind, named, got)
		case want != "" && !strings.Contains(got, `"media_type":"`+want+`"`), (want != "" && want != kind) != (named == "edited messages[0].content[1].image_url.url"):
			t.Errorf("%s: %s in %s", kind, named, got)
		}
	}
}
