package dialect

import (
	"bytes"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// messagesEvents writes a messages stream of events' data.
func messagesEvents(all ...string) []byte {
	var out []byte
	for _, data := range all {
		kind := stringIn(memberOf([]byte(data), "type"))
		out = append(out, "event: "+kind+"\ndata: "+data+"\n\n"...)
	}
	return out
}

const (
	messageStart = `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}`
	textStart    = `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`
	textDelta    = `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}`
	blockStop    = `{"type":"content_block_stop","index":0}`
	callStart    = `{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}`
	callDelta    = `{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}`
	callStop     = `{"type":"content_block_stop","index":1}`
	messageDelta = `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}`
	messageStop  = `{"type":"message_stop"}`
)

// A stream whose events do not follow from one another is an error for a client
// of the other dialect, streamed or not, and never looks finished.
func TestImpossibleStreamsAreErrors(t *testing.T) {
	messages, chat := messagesEvents, chunks
	for name, c := range map[string]struct {
		from    llm.Dialect
		stream  []byte
		content bool // some came before
	}{
		"a second message_start":   {llm.Anthropic, messages(messageStart, textStart, textDelta, messageStart, textDelta, messageDelta, messageStop), true},
		"no message_start":         {llm.Anthropic, messages(textStart, textDelta, messageDelta, messageStop), false},
		"a delta of no block":      {llm.Anthropic, messages(messageStart, textStart, textDelta, callDelta, messageDelta, messageStop), true},
		"a delta after its block":  {llm.Anthropic, messages(messageStart, callStart, callDelta, callStop, callDelta, messageDelta, messageStop), true},
		"a delta of another kind":  {llm.Anthropic, messages(messageStart, textStart, textDelta, strings.Replace(callDelta, `"index":1`, `"index":0`, 1), messageDelta, messageStop), true},
		"a block begun twice":      {llm.Anthropic, messages(messageStart, callStart, callDelta, callStart, callDelta, messageDelta, messageStop), true},
		"a block without one":      {llm.Anthropic, messages(messageStart, `{"type":"content_block_start","index":0}`, textDelta, messageDelta, messageStop), false},
		"a call without a name":    {llm.Anthropic, messages(messageStart, strings.Replace(callStart, `"name":"f",`, "", 1), callDelta, callStop, messageDelta, messageStop), false},
		"arguments of no call":     {llm.OpenAIChat, chat(`{"content":"Hi"}`, `{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}`, "finish:tool_calls"), true},
		"a call that has no name":  {llm.OpenAIChat, chat(`{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{}"}}]}`, "finish:tool_calls"), false},
		"an id and nothing else":   {llm.OpenAIChat, chat(`{"tool_calls":[{"index":0,"id":"a"}]}`), false},
		"nothing but a picture":    {llm.OpenAIChat, chat(`{"content":"","images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw=="}}]}`, "finish:stop"), false},
		"nothing but what is told": {llm.OpenAIChat, chat(`{"audio":{"id":"audio_1","data":"UklGRg=="}}`, "finish:stop"), false},
	} {
		to := llm.Anthropic
		if c.from == to {
			to = llm.OpenAIChat
		}
		for _, stream := range []bool{true, false} {
			w := Want{Dialect: c.from, Op: requestOp(c.from), Stream: true, Status: 200, Reply: &Reply{Dialect: to, Stream: stream}}
			out, res := metered(t, w, c.stream, func() int { return 31 })
			if res.Fault != llm.Malformed || res.Complete {
				t.Errorf("%s: fault %q %s, complete %v:\n%s", name, res.Fault, res.FaultText, res.Complete, out)
			}
			checkUnfinished(t, name, to, out)
			if got := bytes.Contains(out, []byte(`"Hi"`)) || bytes.Contains(out, []byte("toolu_1")); stream && got != c.content {
				t.Errorf("%s: content before it %v:\n%s", name, got, out)
			}
			if !bytes.Contains(out, []byte(`"error"`)) {
				t.Errorf("%s: no error in\n%s", name, out)
			}
		}
	}
}

// What is wrong before any content shows before any content: another target can
// still answer.
func TestWhatIsLostIsNoContent(t *testing.T) {
	picture := chunks(`{"images":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}`, "finish:stop")
	m := NewMeter(Want{Dialect: llm.OpenAIChat, Op: OpChat, Status: 200, Reply: &Reply{Dialect: llm.Anthropic, Stream: true}})
	for _, p := range append(m.Feed(picture), m.Close()...) {
		if p.Kind == Content || p.Kind == End {
			t.Errorf("%s: %s", p.Kind, p.Raw)
		}
	}
}

// Streams that are odd and still say one thing only are answers.
func TestOddStreamsAreAnswers(t *testing.T) {
	const call = `{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]}`
	for name, c := range map[string]struct {
		from         llm.Dialect
		stream       []byte
		text, finish string // in Anthropic's words
		calls        string
	}{
		"after the end":                {llm.Anthropic, messagesEvents(messageStart, textStart, textDelta, blockStop, messageDelta, messageStop, textDelta, textStart, messageStart), "Hi", "end_turn", ""},
		"after [DONE]":                 {llm.OpenAIChat, append(chunks(`{"content":"Hi"}`, "finish:stop"), chunks(`{"content":"more"}`, "finish:length")...), "Hi", "end_turn", ""},
		"the same index again":         {llm.Anthropic, messagesEvents(messageStart, textStart, textDelta, blockStop, textStart, textDelta, blockStop, messageDelta, messageStop), "HiHi", "end_turn", ""},
		"a text that never began":      {llm.Anthropic, messagesEvents(messageStart, textDelta, messageDelta, messageStop), "Hi", "end_turn", ""},
		"a call without input":         {llm.Anthropic, messagesEvents(messageStart, strings.Replace(callStart, `,"input":{}`, "", 1), callDelta, callStop, strings.Replace(messageDelta, "end_turn", "tool_use", 1), messageStop), "", "tool_use", "f {}"},
		"stop, then length":            {llm.OpenAIChat, chunks(`{"content":"Hi"}`, "finish:stop", "finish:length"), "Hi", "max_tokens", ""},
		"length, then stop":            {llm.OpenAIChat, chunks(`{"content":"Hi"}`, "finish:length", "finish:stop"), "Hi", "max_tokens", ""},
		"filtered, then stop":          {llm.OpenAIChat, chunks(`{"content":"Hi"}`, "finish:content_filter", "finish:stop"), "Hi", "refusal", ""},
		"a word of its own, then stop": {llm.OpenAIChat, chunks(`{"content":"Hi"}`, "finish:weird", "finish:stop"), "Hi", "weird", ""},
		"stop twice":                   {llm.OpenAIChat, chunks(`{"content":"Hi"}`, "finish:stop", "finish:stop"), "Hi", "end_turn", ""},
		"max_tokens, then end_turn": {llm.Anthropic, messagesEvents(messageStart, textStart, textDelta, strings.Replace(messageDelta, "end_turn", "max_tokens", 1), messageDelta, messageStop),
			"Hi", "max_tokens", ""},
		"text after the finish":             {llm.OpenAIChat, chunks(`{"content":"Hi"}`, "finish:stop", `{"content":" there"}`), "Hi there", "end_turn", ""},
		"a name that comes later":           {llm.OpenAIChat, chunks(`{"tool_calls":[{"index":0,"id":"a","type":"function"}]}`, `{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}`, `{"tool_calls":[{"index":0,"function":{"name":"f","arguments":":1}"}}]}`, "finish:tool_calls"), "", "tool_use", `f {"x":1}`},
		"a name in each piece":              {llm.OpenAIChat, chunks(call, `{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}`, "finish:tool_calls"), "", "tool_use", `f {"x":1}`},
		"two calls, one index, no id":       {llm.OpenAIChat, chunks(strings.Replace(call, `"a"`, `""`, 1), strings.ReplaceAll(call, `"a"`, `""`), "finish:tool_calls"), "", "tool_use", `f {"x":1}, f {"x":1}`},
		"two calls named by their function": {llm.OpenAIChat, chunks(strings.Replace(call, `"a"`, `"f"`, 1), strings.NewReplacer(`"a"`, `"f"`, `"index":0`, `"index":1`).Replace(call), "finish:tool_calls"), "", "tool_use", `f {"x":1}, f {"x":1}`},
		"two calls of one id and index":     {llm.OpenAIChat, chunks(call, call, "finish:tool_calls"), "", "tool_use", `f {"x":1}, f {"x":1}`},
		"no arguments, then another":        {llm.OpenAIChat, chunks(`{"tool_calls":[{"index":0,"function":{"name":"g","arguments":""}}]}`, strings.Replace(call, `"a"`, `""`, 1), "finish:tool_calls"), "", "tool_use", `g {}, f {"x":1}`},
	} {
		to := llm.Anthropic
		if c.from == to {
			to = llm.OpenAIChat
		}
		for _, stream := range []bool{true, false} {
			w := Want{Dialect: c.from, Op: requestOp(c.from), Stream: true, Status: 200, Reply: &Reply{Dialect: to, Stream: stream}}
			out, res := metered(t, w, c.stream, func() int { return 31 })
			if !res.Complete || res.Lost != nil {
				t.Errorf("%s: %q %s, lost %q", name, res.Fault, res.FaultText, res.Lost)
				continue
			}
			got := saidBy(t, to, stream, out)
			if got.Text != c.text || got.Finish != c.finish || strings.Join(got.Calls, ", ") != c.calls {
				t.Errorf("%s (stream %v): got %+v\n%s", name, stream, got, out)
			}
		}
	}
}

// A choice that was not asked for is not mixed in, and named.
func TestSecondChoiceIsNamed(t *testing.T) {
	second := strings.Replace(string(chunks(`{"content":"TWO"}`)), `"index":0`, `"index":1`, 1)
	second = strings.TrimSuffix(second, "data: [DONE]\n\n")
	body := `{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"one"},"finish_reason":"stop"},{"index":1,"message":{"content":"TWO"},"finish_reason":"length"}]}`
	for _, answer := range []string{second[:0] + string(chunks(`{"content":"one"}`))[:0] + strings.Replace(string(chunks(`{"content":"one"}`, "finish:stop")), "data: [DONE]", strings.TrimSuffix(second, "\n\n")+"\n\ndata: [DONE]", 1), body} {
		w := Want{Dialect: llm.OpenAIChat, Op: OpChat, Status: 200, Reply: &Reply{Dialect: llm.Anthropic}}
		for _, w.Reply.Stream = range []bool{true, false} {
			out, res := metered(t, w, []byte(answer), func() int { return 50 })
			got := saidBy(t, llm.Anthropic, w.Reply.Stream, out)
			if got.Text != "one" || got.Finish != "end_turn" || strings.Join(res.Lost, " ") != "answer.choices[1]" {
				t.Errorf("got %+v, lost %q", got, res.Lost)
			}
		}
	}
}

// What the client's protocol has no words for is named.
func TestLossesOfAnswersAreNamed(t *testing.T) {
	image := `"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw=="}}]`
	sound := `"audio":{"id":"audio_1","data":"UklGRg==","transcript":"Hi","expires_at":9}`
	chat := func(member string) [2][]byte {
		return [2][]byte{
			chunks(`{"content":"Hi"}`, "{"+member+"}", "finish:stop"),
			[]byte(`{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi",` + member + `},"finish_reason":"stop"}]}`),
		}
	}
	block := func(value string) [2][]byte {
		return [2][]byte{
			messagesEvents(messageStart, textStart, textDelta, blockStop, `{"type":"content_block_start","index":1,"content_block":`+value+`}`, callStop, messageDelta, messageStop),
			[]byte(`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi"},` + value + `],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`),
		}
	}
	for _, c := range []struct {
		from    llm.Dialect
		answers [2][]byte
		want    string
	}{
		{llm.OpenAIChat, chat(image), "answer.image"},
		{llm.OpenAIChat, chat(sound), "answer.audio"},
		{llm.OpenAIChat, chat(strings.Replace(sound, `"id":"audio_1",`, "", 1)), "answer.audio"},
		{llm.OpenAIChat, chat(image + "," + sound), "answer.image answer.audio"},
		{llm.OpenAIChat, chat(`"reasoning_details":[{"type":"reasoning.encrypted","data":"eHg=","format":"openai-responses-v1"}]`), "answer.encrypted_thinking"},
		{llm.OpenAIChat, chat(`"reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"eHg=","format":"google-gemini-v1"}]`), "answer.signature"},
		{llm.OpenAIChat, chat(`"reasoning_content":"hm"`), ""},
		{llm.Anthropic, block(`{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}`), "answer.server_tool_use"},
		{llm.Anthropic, block(`{"type":"text","text":"x","citations":[{"type":"char_location","cited_text":"y","document_index":0,"document_title":null,"start_char_index":0,"end_char_index":1}]}`), "answer.citation"},
		{llm.Anthropic, block(`{"type":"text","text":"x","citations":[{"type":"web_search_result_location","cited_text":"y","url":"https://example.com","title":"z","encrypted_index":"e"}]}`), ""},
		{llm.Anthropic, block(`{"type":"redacted_thinking","data":"eHg="}`), ""},
	} {
		to := llm.Anthropic
		if c.from == to {
			to = llm.OpenAIChat
		}
		for i, answer := range c.answers {
			for _, stream := range []bool{true, false} {
				w := Want{Dialect: c.from, Op: requestOp(c.from), Status: 200, Reply: &Reply{Dialect: to, Stream: stream}}
				out, res := metered(t, w, answer, func() int { return 31 })
				got := map[string]bool{}
				for _, name := range res.Lost {
					got[name] = true
				}
				want := strings.Fields(c.want)
				for _, name := range want {
					if !got[name] {
						t.Errorf("%d: %s is not named among %q for\n%s", i, name, res.Lost, answer)
					}
				}
				if !res.Complete || len(got) != len(want) || !bytes.Contains(out, []byte(`Hi`)) {
					t.Errorf("%d: complete %v %s, lost %q, want %q:\n%s", i, res.Complete, res.FaultText, res.Lost, want, out)
				}
			}
		}
	}
}
