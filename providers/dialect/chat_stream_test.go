package dialect

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// chatEvents decodes a chat stream, cut into events.
func chatEvents(stream []byte) []llm.Event {
	var events []llm.Event
	var d chatDecoder
	eachEvent(stream, func(ev event) { events = d.decode(events, ev) })
	return events
}

// eachEvent calls f with every event of a stream that holds a JSON object, in
// memory that is gone afterwards.
func eachEvent(stream []byte, f func(event)) {
	split, r := splitter{limit: maxEvent}, eventReader{}
	for rest := append(bytes.Clone(stream), "\n\n"...); len(rest) > 0; {
		var block []byte
		block, rest, _ = split.next(rest)
		ev := r.read(block)
		if value, err := validJSON(ev.data); err == nil && value[0] == '{' {
			data := bytes.Clone(value)
			f(event{ev.name, data})
			clear(data)
		}
	}
}

// chunks writes a stream of choices[0].delta objects and finish reasons.
func chunks(deltas ...string) []byte {
	var out []byte
	for _, d := range deltas {
		choice := `{"index":0,"delta":` + d + `,"finish_reason":null}`
		if reason, isFinish := strings.CutPrefix(d, "finish:"); isFinish {
			choice = `{"index":0,"delta":{},"finish_reason":"` + reason + `"}`
		}
		out = append(out, `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m","choices":[`+choice+"]}\n\n"...)
	}
	return append(out, "data: [DONE]\n\n"...)
}

// answerOf gathers a stream's events.
func answerOf(events []llm.Event) *llm.Response {
	var g llm.Gatherer
	for i := range events {
		g.Add(&events[i])
	}
	return g.Response()
}

// Providers number, name and cut tool calls in different ways; the calls are
// the same.
func TestChatStreamToolCalls(t *testing.T) {
	f := func(pieces ...string) []byte { return chunks(append(pieces, "finish:tool_calls")...) }
	tests := []struct {
		name   string
		stream []byte
	}{
		{"one after the other", f(
			`{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}`,
			`{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}`,
			`{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}`,
			`{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]}`,
			`{"tool_calls":[{"index":1,"function":{"arguments":"{\"y\":2}"}}]}`)},
		{"interleaved", f(
			`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}},{"index":1,"id":"b","function":{"name":"g"}}]}`,
			`{"tool_calls":[{"index":1,"function":{"arguments":"{\"y\":"}},{"index":0,"function":{"arguments":":1}"}}]}`,
			`{"tool_calls":[{"index":1,"function":{"arguments":"2}"}}]}`)},
		{"whole, without index", f(
			`{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]}`,
			`{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}]}`)},
		{"all with index 0", f(
			`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]}`,
			`{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}]}`)},
		{"id in every piece, no index", f(
			`{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}`,
			`{"tool_calls":[{"id":"a","function":{"name":"f","arguments":":1}"}}]}`,
			`{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}]}`)},
		{"pieces without index or id", f(
			`{"tool_calls":[{"id":"a","function":{"name":"f","arguments":""}}]}`,
			`{"tool_calls":[{"function":{"arguments":"{\"x\":1}"}}]}`,
			`{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{\"y\":"}}]}`,
			`{"tool_calls":[{"function":{"arguments":"2}"}}]}`)},
	}
	want := []llm.Part{
		{Kind: llm.Call, Call: &llm.ToolCall{ID: "a", Name: "f", Args: llm.Raw(`{"x":1}`)}},
		{Kind: llm.Call, Call: &llm.ToolCall{ID: "b", Name: "g", Args: llm.Raw(`{"y":2}`)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			events := chatEvents(test.stream)
			choice := answerOf(events).Choices[0]
			if !reflect.DeepEqual(choice.Parts, want) {
				t.Errorf("got %s", describe(choice.Parts))
			}
			if choice.Finish.Reason != llm.FinishToolCalls {
				t.Errorf("finish %+v", choice.Finish)
			}
			checkSequence(t, events)
		})
	}
}

// describe words parts for a failed test.
func describe(parts []llm.Part) string {
	text, err := json.Marshal(parts)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// checkSequence checks that a sequencer gives the same events, one part after
// the other.
func checkSequence(t *testing.T, events []llm.Event) {
	t.Helper()
	var s sequencer
	var ordered []llm.Event
	for i := range events {
		switch e := &events[i]; e.Kind {
		case llm.EventPart, llm.EventDelta, llm.EventSignature, llm.EventPartEnd:
			ordered = s.add(ordered, e)
		}
	}
	open := -1
	for i, e := range ordered {
		switch {
		case e.Kind == llm.EventPart && open >= 0, e.Kind != llm.EventPart && e.Index != open:
			t.Errorf("event %d (%s of part %d) while part %d is open", i, e.Kind, e.Index, open)
		case e.Kind == llm.EventPart:
			open = e.Index
		case e.Kind == llm.EventPartEnd:
			open = -1
		}
	}
	if open >= 0 || len(s.waiting) > 0 {
		t.Errorf("part %d is open, %d events wait", open, len(s.waiting))
	}
	if got, want := answerOf(ordered), answerOf(events); len(want.Choices) == 1 && !reflect.DeepEqual(got.Choices[0].Parts, want.Choices[0].Parts) {
		t.Errorf("got %s\nwant %s", describe(got.Choices[0].Parts), describe(want.Choices[0].Parts))
	}
}

// Text, reasoning, refusal and what else a delta brings.
func TestChatStreamParts(t *testing.T) {
	stream := chunks(
		`{"role":"assistant","content":"","reasoning_content":"I "}`,
		`{"content":null,"reasoning_content":"see"}`,
		`{"content":"The "}`, `{"content":""}`, `{"content":"sea"}`,
		`{"annotations":[{"type":"url_citation","url_citation":{"url":"https://example.com","title":"T","start_index":0,"end_index":3}}]}`,
		`{"reasoning_details":[{"type":"reasoning.text","text":"more","format":"anthropic-claude-v1"}]}`,
		`{"reasoning_details":[{"type":"reasoning.text","signature":"c2ln","format":"anthropic-claude-v1"}]}`,
		`{"reasoning_details":[{"type":"reasoning.encrypted","data":"eHg=","format":"anthropic-claude-v1"}]}`,
		`{"refusal":"No"}`,
		`{"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}`,
		`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"ah"}]},{"type":"text","text":"so"}]}`,
		"finish:stop")
	got := answerOf(chatEvents(stream)).Choices[0]
	want := []llm.Part{
		{Kind: llm.Thinking, Thought: &llm.Thought{Text: "I see"}},
		{Kind: llm.Text, Text: "The sea", Citations: got.Parts[1].Citations},
		{Kind: llm.Thinking, Thought: &llm.Thought{Text: "more", Signature: "c2ln"}},
		{Kind: llm.Thinking, Thought: &llm.Thought{Encrypted: "eHg=", Origin: llm.Anthropic}},
		{Kind: llm.Refusal, Text: "No"},
		{Kind: llm.Image, Path: "message.images[0]", Media: &llm.Media{Type: "image/png", Data: []byte("iVBORw0KGgo=")}},
		{Kind: llm.Thinking, Thought: &llm.Thought{Text: "ah"}},
		{Kind: llm.Text, Text: "so"},
	}
	if !reflect.DeepEqual(got.Parts, want) {
		t.Errorf("got  %s\nwant %s", describe(got.Parts), describe(want))
	}
	if c := got.Parts[1].Citations; len(c) != 1 || c[0].URL != "https://example.com" || c[0].End != llm.Tokens(3) {
		t.Errorf("citations %+v", c)
	}
}

// chatStreams are the streams at hand: the project's own and the recorded ones.
func chatStreams(t *testing.T) map[string][]byte {
	streams := map[string][]byte{}
	files, err := filepath.Glob("testdata/chat-*.sse")
	if err != nil || len(files) == 0 {
		t.Fatalf("no streams: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		streams[file] = text
	}
	t.Run("recorded", func(t *testing.T) {
		for _, x := range corpus(t, "openai-chat") {
			if x.Stream {
				streams[x.ID] = []byte(x.ResponseBody)
			}
		}
	})
	return streams
}

// metered is an answer as a client gets it, and what the meter says.
func metered(t *testing.T, want Want, answer []byte, step func() int) ([]byte, Result) {
	t.Helper()
	m := NewMeter(want)
	var out []byte
	take := func(pieces []Piece) {
		for _, p := range pieces {
			out = append(out, p.Raw...)
		}
	}
	for len(answer) > 0 {
		n := min(step(), len(answer))
		buf := bytes.Clone(answer[:n])
		take(m.Feed(buf))
		clear(buf) // nobody may keep what was fed
		answer = answer[n:]
	}
	take(m.Close())
	return out, m.Result()
}

// chatWant is a stream of one dialect for a client of the chat protocol.
func chatWant(from llm.Dialect, stream bool) Want {
	return Want{Dialect: from, Op: requestOp(from), Stream: true, Status: 200,
		Reply: &Reply{Dialect: llm.OpenAIChat, Stream: stream, IncludeUsage: true}}
}

// Written out and read again a stream says the same, however its bytes are
// cut, and ends only if it did.
func TestChatStreamsSurviveTheNeutralForm(t *testing.T) {
	for name, stream := range chatStreams(t) {
		want := answerOf(chatEvents(stream))
		whole, res := metered(t, chatWant(llm.OpenAIChat, true), stream, func() int { return len(stream) + 1 })
		rnd := rand.New(rand.NewPCG(1, uint64(len(stream))))
		for _, step := range []int{1, 100} {
			if cut, _ := metered(t, chatWant(llm.OpenAIChat, true), stream, splits(rnd, step)); !bytes.Equal(cut, whole) {
				t.Errorf("%s: cut into pieces of %d it became\n%s\nnot\n%s", name, step, cut, whole)
			}
		}
		done := bytes.HasSuffix(whole, []byte("data: [DONE]\n\n"))
		if done != res.Complete {
			t.Errorf("%s: complete is %v, the client's end is %v", name, res.Complete, done)
		}
		if !done && bytes.Contains(whole, []byte(`"finish_reason":"`)) {
			t.Errorf("%s: broken, and finished for the client:\n%s", name, whole)
		}
		if got := answerOf(chatEvents(whole)); done && !sameAnswer(got, want) {
			t.Errorf("%s: became\n%s\nnot\n%s", name, describe(got.Choices[0].Parts), describe(want.Choices[0].Parts))
		}
	}
}

// sameAnswer compares what a client can see of two answers: texts of a kind
// are one, what was thought is told apart from them.
func sameAnswer(a, b *llm.Response) bool {
	return a.ID == b.ID && a.Model == b.Model && reflect.DeepEqual(visible(a), visible(b))
}

func visible(r *llm.Response) []map[string]string {
	var all []map[string]string
	for i := range r.Choices {
		c := &r.Choices[i]
		seen := map[string]string{"finish": chatFinishWord(c.Finish, c.Calls(), &Reply{})}
		for _, p := range c.Parts {
			switch p.Kind {
			case llm.Call:
				seen["calls"] += p.Call.ID + p.Call.Name + string(p.Call.Args) + "\n"
			case llm.Thinking:
				seen["thoughts"] += p.Thought.Text + p.Thought.Encrypted
			default:
				seen[p.Kind.String()] += p.Text
			}
			for _, cited := range p.Citations {
				seen["cited"] += cited.URL + "\n"
			}
		}
		all = append(all, seen)
	}
	return all
}

// A client that wants no stream gets the answer that the stream is.
func TestChatStreamForAWholeAnswer(t *testing.T) {
	for name, stream := range chatStreams(t) {
		want := answerOf(chatEvents(stream))
		out, res := metered(t, chatWant(llm.OpenAIChat, false), stream, func() int { return len(stream) + 1 })
		value, err := validJSON(out)
		if res.Complete != (err == nil && memberOf(value, "choices") != nil) {
			t.Errorf("%s: complete is %v, the client got %s", name, res.Complete, excerpt(out))
		}
		if res.Complete && !sameAnswer(decodeChatAnswer(value), want) {
			t.Errorf("%s: became\n%s\nnot\n%s", name, out, describe(want.Choices[0].Parts))
		}
	}
}

// Cut anywhere, a stream never looks finished.
func TestCutStreamsNeverLookFinished(t *testing.T) {
	stream := chunks(`{"role":"assistant","content":"The "}`, `{"content":"sea"}`, "finish:stop")
	end := bytes.LastIndex(stream, []byte("\n\ndata: [DONE]")) // what comes before it is all that was promised
	for n := range end {
		if n > bytes.LastIndex(stream[:end], []byte("}]}")) {
			break
		}
		out, res := metered(t, chatWant(llm.OpenAIChat, true), stream[:n], func() int { return n + 1 })
		if res.Complete || bytes.Contains(out, []byte("[DONE]")) || bytes.Contains(out, []byte(`"finish_reason":"`)) {
			t.Fatalf("cut at %d: complete is %v, the client got\n%s", n, res.Complete, out)
		}
	}
}

// A whole answer to a client that wants a stream is one.
func TestWholeAnswerForAStream(t *testing.T) {
	body := []byte(`{"id":"c","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"message":{"role":"assistant",
		"content":"Hi","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"n\":12345678901234567890}"}}]},
		"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`)
	out, res := metered(t, chatWant(llm.OpenAIChat, true), body, func() int { return 10 })
	if !res.Complete || !sameAnswer(answerOf(chatEvents(out)), decodeChatAnswer(body)) {
		t.Errorf("complete %v, the client got\n%s", res.Complete, out)
	}
	if !bytes.Contains(out, []byte(`"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}`)) {
		t.Errorf("no usage in\n%s", out)
	}
}
