package dialect

import (
	"fmt"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// Every documented word for why an answer ended has its like; what has none
// keeps its own, streamed or not: nothing that ended otherwise "stops".
func TestFinishWords(t *testing.T) {
	words := map[llm.Dialect]map[string][2]string{ // without and with a call
		llm.Anthropic: { // platform.claude.com/docs/en/build-with-claude/handling-stop-reasons, 2026-11
			"end_turn": {"stop", "tool_calls"}, "stop_sequence": {"stop", "stop"}, "max_tokens": {"length", "length"},
			"tool_use": {"stop", "tool_calls"}, "pause_turn": {"pause_turn", "pause_turn"}, "refusal": {"content_filter", "content_filter"},
			"model_context_window_exceeded": {"length", "length"}, "compaction": {"compaction", "compaction"}, "new_word": {"new_word", "new_word"},
		},
		llm.OpenAIChat: { // openai-go v3.96.0, and what others send
			"stop": {"end_turn", "tool_use"}, "length": {"max_tokens", "max_tokens"}, "tool_calls": {"end_turn", "tool_use"},
			"function_call": {"end_turn", "tool_use"}, "content_filter": {"refusal", "refusal"},
			"insufficient_system_resource": {"insufficient_system_resource", "insufficient_system_resource"}, "abort": {"abort", "abort"}, "new_word": {"new_word", "new_word"},
		},
	}
	for from, table := range words {
		for word, want := range table {
			for calls, want := range want {
				for _, source := range endings(from, word, calls == 1) {
					for _, stream := range []bool{true, false} {
						got, out := finishOver(t, from, source, stream)
						if got != want {
							t.Errorf("%s %s, with a call %v (stream %v): %q, want %q in\n%s", from, word, calls == 1, stream, got, want, out)
						}
					}
				}
			}
		}
	}
}

// endings are answers, streamed and not, that end with that word.
func endings(d llm.Dialect, word string, call bool) [2][]byte {
	if d == llm.Anthropic {
		delta := strings.Replace(messageDelta, "end_turn", word, 1)
		stream, block := messagesEvents(messageStart, textStart, textDelta, blockStop, delta, messageStop), ""
		if call {
			stream = messagesEvents(messageStart, textStart, textDelta, blockStop, callStart, callStop, delta, messageStop)
			block = `,{"type":"tool_use","id":"c","name":"f","input":{}}`
		}
		return [2][]byte{stream, []byte(`{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi"}` + block + `],"stop_reason":"` + word + `","usage":{"input_tokens":1,"output_tokens":1}}`)}
	}
	deltas, member := []string{`{"content":"Hi"}`, "finish:" + word}, ""
	if call {
		deltas = []string{`{"content":"Hi"}`, `{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}`, "finish:" + word}
		member = `,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]`
	}
	return [2][]byte{chunks(deltas...), []byte(`{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"Hi"` + member + `},"finish_reason":"` + word + `"}]}`)}
}

// finishOver is why an answer ended, in the words of the other dialect.
func finishOver(t *testing.T, from llm.Dialect, source []byte, stream bool) (word string, out []byte) {
	t.Helper()
	to, member := llm.Anthropic, `"stop_reason":`
	if from == to {
		to, member = llm.OpenAIChat, `"finish_reason":`
	}
	out, res := metered(t, Want{Dialect: from, Op: requestOp(from), Status: 200, Reply: &Reply{Dialect: to, Stream: stream}}, source, func() int { return 50 })
	if !res.Complete {
		t.Fatalf("%s %s in\n%s", res.Fault, res.FaultText, source)
	}
	for _, after := range strings.Split(string(out), member)[1:] {
		if !strings.HasPrefix(after, "null") {
			word = stringIn([]byte(after[:strings.IndexByte(after[1:], '"')+2]))
		}
	}
	return word, out
}

// What an answer consumed is told in the client's convention, whatever the
// provider's: with what was cached inside the input, or beside it; a stream's
// only to who asked, where asking is the protocol's way.
func TestUsageIsInTheClientsConvention(t *testing.T) {
	const (
		chatUsage     = `{"prompt_tokens":100,"completion_tokens":30,"total_tokens":130,"prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10},"completion_tokens_details":{"reasoning_tokens":20}}`
		messagesUsage = `{"input_tokens":30,"cache_creation_input_tokens":10,"cache_read_input_tokens":60,"output_tokens":30,"output_tokens_details":{"thinking_tokens":20}}`
	)
	usageOf := func(d llm.Dialect, usage string) [2][]byte {
		if d == llm.Anthropic {
			return [2][]byte{
				messagesEvents(messageStart, textStart, textDelta, blockStop, strings.Replace(messageDelta, `{"output_tokens":5}`, usage, 1), messageStop),
				[]byte(`{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":` + usage + `}`),
			}
		}
		stream := strings.Replace(string(chunks(`{"content":"Hi"}`, "finish:stop")), "data: [DONE]", `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m","choices":[],"usage":`+usage+"}\n\ndata: [DONE]", 1)
		return [2][]byte{[]byte(stream), []byte(`{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":` + usage + `}`)}
	}
	for _, c := range []struct {
		from        llm.Dialect
		usage, want string
	}{
		{llm.OpenAIChat, chatUsage, messagesUsage},
		{llm.Anthropic, messagesUsage, chatUsage},
		{llm.OpenAIChat, `{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}`, `{"input_tokens":7,"cache_creation_input_tokens":null,"cache_read_input_tokens":null,"output_tokens":3}`},
		{llm.OpenAIChat, `{"prompt_tokens":7,"completion_tokens":0,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":0}}`, `{"input_tokens":7,"cache_creation_input_tokens":null,"cache_read_input_tokens":0,"output_tokens":0}`},
		{llm.OpenAIChat, `{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":7}}`, `{"input_tokens":0,"cache_creation_input_tokens":null,"cache_read_input_tokens":7,"output_tokens":3}`},
		{llm.OpenAIChat, `null`, `{"input_tokens":null,"cache_creation_input_tokens":null,"cache_read_input_tokens":null,"output_tokens":null}`},
	} {
		to := llm.Anthropic
		if c.from == to {
			to = llm.OpenAIChat
		}
		for _, source := range usageOf(c.from, c.usage) {
			for _, mode := range []struct{ stream, asked bool }{{true, true}, {true, false}, {false, false}} {
				w := Want{Dialect: c.from, Op: requestOp(c.from), Status: 200, Reply: &Reply{Dialect: to, Stream: mode.stream, IncludeUsage: mode.asked}}
				out, _ := metered(t, w, source, func() int { return 50 })
				got := lastUsage(out)
				switch hidden := to == llm.OpenAIChat && mode.stream && !mode.asked; {
				case hidden && strings.Contains(string(out), `"usage"`), !hidden && got == "":
					t.Errorf("%s %+v: usage %q in\n%s", to, mode, got, out)
				case !hidden && !sameJSON(t, []byte(got), []byte(c.want)):
					t.Errorf("%s %+v: %s\nbecame %s\nwant   %s", to, mode, c.usage, got, c.want)
				}
			}
		}
	}
}

// lastUsage is the last usage object of an answer.
func lastUsage(out []byte) string {
	_, after, found := strings.Cut(string(out[max(strings.LastIndex(string(out), `"usage":`), 0):]), `"usage":`)
	if !found {
		return ""
	}
	end, bad := skipValue([]byte(after), 0, 0)
	if bad != nil {
		return fmt.Sprint(bad)
	}
	return after[:end]
}
