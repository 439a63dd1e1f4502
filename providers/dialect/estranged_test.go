package dialect

import (
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// An answer that waits for its end is held up to a limit, and fails beyond it.
func TestGatheredAnswerIsBounded(t *testing.T) {
	word := `data: {"choices":[{"index":0,"delta":{"content":"` + strings.Repeat("y", 100) + `"}}]}` + "\n\n"
	for _, stream := range []bool{false, true} {
		m := NewMeter(Want{Dialect: llm.OpenAIChat, Op: OpChat, Status: 200, Reply: &Reply{Dialect: llm.Anthropic, Stream: stream}})
		m.maxBody = 1000
		failed := false
		for range 20 {
			for _, p := range m.Feed([]byte(word)) {
				failed = failed || p.Kind == Failure
			}
		}
		if res := m.Result(); failed == stream || failed != (res.Fault == llm.Malformed) {
			t.Errorf("stream=%v: failed %v with %q %s", stream, failed, res.Fault, res.FaultText)
		}
	}
}

// A short name is the same everywhere, fits, and leads back to the long one.
func TestShortToolNames(t *testing.T) {
	long := strings.Repeat("a", 70)
	names := longNames([]llm.Tool{{Name: "short"}, {Name: long + "1"}, {Name: long + "2"}, {Name: strings.Repeat("ö", 40)}})
	if len(names) != 3 {
		t.Fatalf("%d names: %v", len(names), names)
	}
	for short, name := range names {
		if len(short) > maxToolName || shortToolName(name) != short || strings.ToValidUTF8(short, "?") != short {
			t.Errorf("%q for %q", short, name)
		}
		p := llm.Part{Kind: llm.Call, Call: &llm.ToolCall{Name: short}}
		if (&Reply{names: names}).rename(&p); p.Call.Name != name {
			t.Errorf("%q came back as %q", name, p.Call.Name)
		}
	}
}
