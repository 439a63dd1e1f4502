package dialect

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf16"

	"llmgw/providers/llm"
)

// escaped writes text as JSON in which each UTF-16 unit beyond ASCII is an
// escape, one delta for each unit.
func escaped(text string, delta func(literal string) string) []string {
	const hex = "0123456789abcdef"
	var deltas []string
	for _, u := range utf16.Encode([]rune(text)) {
		literal := string(appendEscaped(nil, string(rune(u&0x7f))))
		if u >= 0x80 {
			literal = `\u` + string([]byte{hex[u>>12], hex[u>>8&15], hex[u>>4&15], hex[u&15]})
		}
		deltas = append(deltas, delta(`"`+literal+`"`))
	}
	return deltas
}

const astral = "a😀é\"\\🏔️ end"

// A character that a provider cut in two is whole for a client of the other
// dialect: in text, in reasoning, in refusals and in a call's arguments.
func TestCharactersCutBetweenDeltas(t *testing.T) {
	arguments, err := json.Marshal(map[string]string{"s": astral})
	if err != nil {
		t.Fatal(err)
	}
	chat := func(member string) func(string) string {
		return func(literal string) string { return strings.Replace(member, "$", literal, 1) }
	}
	block := func(delta string) func(string) string {
		return func(literal string) string {
			return `{"type":"content_block_delta","index":0,"delta":` + strings.Replace(delta, "$", literal, 1) + `}`
		}
	}
	stream := func(start string, deltas []string) []byte {
		start = `{"type":"content_block_start","index":0,"content_block":` + start + `}`
		return messagesEvents(append(append([]string{messageStart, start}, deltas...), messageDelta, messageStop)...)
	}
	call := `{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}`
	for name, c := range map[string]struct {
		from   llm.Dialect
		stream []byte
		want   string
	}{
		"raw":       {llm.OpenAIChat, chunks(`{"content":"a😀é\"\\🏔️ "}`, `{"content":"end"}`), astral},
		"content":   {llm.OpenAIChat, chunks(escaped(astral, chat(`{"content":$}`))...), astral},
		"refusal":   {llm.OpenAIChat, chunks(escaped(astral, chat(`{"refusal":$}`))...), astral},
		"reasoning": {llm.OpenAIChat, chunks(append(escaped(astral, chat(`{"reasoning_content":$}`)), `{"content":"x"}`)...), astral},
		"arguments": {llm.OpenAIChat, chunks(append([]string{call}, escaped(string(arguments), chat(`{"tool_calls":[{"index":0,"function":{"arguments":$}}]}`))...)...), string(arguments)},
		"text":      {llm.Anthropic, stream(`{"type":"text","text":""}`, escaped(astral, block(`{"type":"text_delta","text":$}`))), astral},
		"thinking":  {llm.Anthropic, stream(`{"type":"thinking","thinking":"","signature":""}`, escaped(astral, block(`{"type":"thinking_delta","thinking":$}`))), astral},
		"input":     {llm.Anthropic, stream(`{"type":"tool_use","id":"c","name":"f","input":{}}`, escaped(string(arguments), block(`{"type":"input_json_delta","partial_json":$}`))), string(arguments)},
	} {
		for _, to := range []llm.Dialect{llm.OpenAIChat, llm.Anthropic} {
			for _, streams := range []bool{true, false} {
				w := Want{Dialect: c.from, Op: requestOp(c.from), Stream: true, Status: 200, Reply: &Reply{Dialect: to, Stream: streams}}
				for _, step := range []int{1, 1000} {
					out, res := metered(t, w, c.stream, func() int { return step })
					if got := everyText(to, streams, out); !strings.Contains(got, c.want) || strings.Contains(got, "\ufffd") {
						t.Errorf("%s for %s (stream %v): got %q, want %q (%s)\n%s", name, to, streams, got, c.want, res.FaultText, out)
					}
				}
			}
		}
	}
}

// everyText joins all that an answer says, thinks and calls.
func everyText(d llm.Dialect, stream bool, answer []byte) (all string) {
	r := answerOf(chatEvents(answer))
	switch {
	case d == llm.Anthropic && stream:
		var events []llm.Event
		var dec messagesDecoder
		eachEvent(answer, func(ev event) { events = dec.decode(events, ev) })
		r = answerOf(events)
	case !stream:
		r = decodeAnswer(d, answer)
	}
	for _, c := range r.Choices {
		for _, p := range c.Parts {
			all += p.Text
			if p.Call != nil {
				all += string(p.Call.Args)
			}
			if p.Thought != nil {
				all += p.Thought.Text
			}
		}
	}
	return all
}

// Halves wait for the text that they belong to: choices and calls may take
// turns. One that waits in vain is no character.
func TestHalvesWaitWhereTheyStood(t *testing.T) {
	f := func(a, b string) string {
		return `{"choices":[{"index":1,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"` + b + `"}},{"index":0,"function":{"arguments":"` + a + `"}}]}}]}`
	}
	for _, c := range []struct{ in, want []string }{
		{[]string{f(`\uD83d`, `x\uD83c`), f(`y`, `\udfd4`)}, []string{f(``, `x`), f(`\uD83dy`, `\uD83c\udfd4`)}},
		{[]string{f(`\\ud83d`, `\ud83d`), f(``, `\ude00`)}, []string{f(`\\ud83d`, ``), f(``, `\ud83d\ude00`)}},
		{[]string{f(`\ud83d\ude00`, `\ude00`)}, []string{f(`\ud83d\ude00`, `\ude00`)}},
		{[]string{f(`\\\ud83d`, ``), f(`\ude00`, ``)}, []string{f(`\\`, ``), f(`\ud83d\ude00`, ``)}},
		{[]string{
			`{"choices":[{"delta":{"content":"\ud83d"},"index":0},{"delta":{"content":"a"},"index":1}]}`,
			`{"choices":[{"delta":{"content":"b"},"index":1},{"delta":{"content":"\ude00"},"index":0}]}`,
		}, []string{
			`{"choices":[{"delta":{"content":""},"index":0},{"delta":{"content":"a"},"index":1}]}`,
			`{"choices":[{"delta":{"content":"b"},"index":1},{"delta":{"content":"\ud83d\ude00"},"index":0}]}`,
		}},
	} {
		var h halves
		for i := range c.in {
			if got := string(h.mend([]byte(c.in[i]))); got != c.want[i] {
				t.Errorf("%s\nbecame %s\nwant   %s", c.in[i], got, c.want[i])
			}
		}
	}
}
