package dialect

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// What Anthropic signed comes back to it unchanged through a client of the chat
// protocol, whether that keeps an answer, a stream's pieces put together, or
// its pieces as a list. What others signed does not.
func TestThoughtsComeBack(t *testing.T) {
	const answer = `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[
		{"type":"thinking","thinking":"hm, é","signature":"c2ln+/="},{"type":"redacted_thinking","data":"eHg="},
		{"type":"text","text":"Hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}`
	const want = `[{"type":"thinking","thinking":"hm, é","signature":"c2ln+/="},{"type":"redacted_thinking","data":"eHg="},{"type":"text","text":"Hi"}]`
	details := map[string]string{}
	w := Want{Dialect: llm.Anthropic, Op: OpMessages, Status: 200, Reply: &Reply{Dialect: llm.OpenAIChat}}
	whole, _ := metered(t, w, []byte(answer), func() int { return 99 })
	for e := arrayIn(memberOf(whole, "choices")); e.next(); {
		details["an answer"] = string(memberOf(memberOf(e.val(), "message"), "reasoning_details"))
	}
	w.Reply = &Reply{Dialect: llm.OpenAIChat, Stream: true}
	stream, _ := metered(t, w, []byte(answer), func() int { return 99 })
	var pieces []string
	eachEvent(stream, func(ev event) {
		for e := arrayIn(memberOf(ev.data, "choices")); e.next(); {
			for d := arrayIn(memberOf(memberOf(e.val(), "delta"), "reasoning_details")); d.next(); {
				pieces = append(pieces, string(d.val()))
			}
		}
	})
	details["a list of pieces"] = "[" + strings.Join(pieces, ",") + "]"
	for name, kept := range details {
		message := `{"role":"assistant","content":"Hi","reasoning_content":"hm, é","reasoning_details":` + kept + `}`
		got, changes := toClaude(t, "claude-sonnet-4-5", `"max_tokens":9,"messages":[{"role":"user","content":"Hello"},`+message+`,{"role":"user","content":"More"}]`)
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s gave\n%s", name, kept, got)
		}
		sameChanges(t, changes, "dropped messages[1].reasoning_content")
	}
	_, changes := toClaude(t, "claude-sonnet-4-5", `"max_tokens":9,"messages":[{"role":"user","content":"Hello"},`+detailed+`,`+encrypted+`,{"role":"user","content":"More"}]`)
	sameChanges(t, changes, `dropped messages[1].reasoning_details[0].text
		dropped messages[1].reasoning_details[0].signature
		dropped messages[2].reasoning_details[0].data
		edited messages[2]`)
}

// A thought that another provider signed is shown without its signature, so
// that it never passes for one of Anthropic's.
func TestForeignThoughtsHaveNoSignature(t *testing.T) {
	const delta = `{"reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"c2ln","format":"openai-responses-v1","index":0}]}`
	w := Want{Dialect: llm.OpenAIChat, Op: OpChat, Stream: true, Status: 200, Reply: &Reply{Dialect: llm.Anthropic}}
	for _, w.Reply.Stream = range []bool{true, false} {
		out, _ := metered(t, w, chunks(delta, `{"content":"Hi"}`, "finish:stop"), func() int { return 50 })
		if bytes.Contains(out, []byte("c2ln")) || !bytes.Contains(out, []byte(`"signature":""`)) {
			t.Errorf("got\n%s", out)
		}
	}
}

// Arguments come through to the byte, streamed and not; none at all are an
// empty object.
func TestArgumentsAreExactInMessages(t *testing.T) {
	for _, args := range awkward {
		want := args
		if args == "" {
			want = "{}"
		}
		w := Want{Dialect: llm.OpenAIChat, Op: OpChat, Stream: true, Status: 200, Reply: &Reply{Dialect: llm.Anthropic, Stream: true}}
		stream, _ := metered(t, w, chunks(deltasOf(args)...), func() int { return 17 })
		if got := argumentsIn(stream); or(got, "{}") != want {
			t.Errorf("%q became %q", args, got)
		}
		back := Want{Dialect: llm.Anthropic, Op: OpMessages, Stream: true, Status: 200, Reply: &Reply{Dialect: llm.OpenAIChat, Stream: true}}
		again, _ := metered(t, back, stream, func() int { return 11 })
		if got := string(answerOf(chatEvents(again)).Choices[0].Parts[0].Call.Args); got != want {
			t.Errorf("%q came back as %q", args, got)
		}
	}
}

// argumentsIn joins the pieces of arguments in a messages stream.
func argumentsIn(stream []byte) (args string) {
	eachEvent(stream, func(ev event) { args += stringIn(memberOf(memberOf(ev.data, "delta"), "partial_json")) })
	return args
}

// Parallel calls that a chat stream interleaves are blocks one after the other.
func TestInterleavedCallsAreBlocks(t *testing.T) {
	w := Want{Dialect: llm.OpenAIChat, Op: OpChat, Stream: true, Status: 200, Reply: &Reply{Dialect: llm.Anthropic, Stream: true}}
	out, _ := metered(t, w, chunks(
		`{"role":"assistant","content":"Well"}`,
		`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}},{"index":1,"id":"b","function":{"name":"g","arguments":"{"}}]}`,
		`{"tool_calls":[{"index":1,"function":{"arguments":"}"}},{"index":0,"function":{"arguments":":1}"}}]}`,
		"finish:tool_calls"), func() int { return 30 })
	var got []string
	eachEvent(out, func(ev event) {
		got = append(got, string(ev.name)+" "+string(memberOf(ev.data, "index"))+string(memberOf(memberOf(ev.data, "delta"), "partial_json")))
	})
	want := []string{"message_start ", "content_block_start 0", "content_block_delta 0", "content_block_stop 0",
		"content_block_start 1", `content_block_delta 1"{\"x\""`, `content_block_delta 1":1}"`, "content_block_stop 1",
		"content_block_start 2", `content_block_delta 2"{"`, `content_block_delta 2"}"`, "content_block_stop 2", "message_delta ", "message_stop "}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Cut anywhere before its end, no stream looks whole to a client of the other
// dialect, and an error inside it is an error there.
func TestCutStreamsLookCutInTheOtherDialect(t *testing.T) {
	chat := chunks(`{"role":"assistant","content":"The "}`, `{"content":"sea"}`, "finish:stop")
	chat = chat[:bytes.LastIndex(chat, []byte("data: {"))] // what its finish reason promises is all
	messages := recordedAnswers(t, llm.Anthropic)
	for _, c := range []struct {
		from, to llm.Dialect
		stream   []byte
	}{{llm.OpenAIChat, llm.Anthropic, chat}, {llm.Anthropic, llm.OpenAIChat, streamNamed(t, messages, "messages-cache.sse")}} {
		end := len(c.stream)
		if at := bytes.LastIndex(c.stream, []byte("message_stop\"}")); at >= 0 {
			end = at
		}
		for n := range end {
			for _, stream := range []bool{true, false} {
				w := Want{Dialect: c.from, Op: requestOp(c.from), Stream: true, Status: 200, Reply: &Reply{Dialect: c.to, Stream: stream}}
				out, res := metered(t, w, c.stream[:n], func() int { return n })
				if res.Complete {
					t.Fatalf("%s cut at %d is complete", c.from, n)
				}
				checkUnfinished(t, fmt.Sprintf("%s cut at %d", c.from, n), c.to, out)
			}
		}
	}
}

func streamNamed(t *testing.T, all []recorded, name string) []byte {
	for _, a := range all {
		if strings.HasSuffix(a.name, name) {
			return a.body
		}
	}
	t.Fatalf("no %s", name)
	return nil
}

// Anthropic counts what was read from the cache, what was written to it and the
// rest apart; together they are the input.
func TestUsageInMessages(t *testing.T) {
	for _, c := range []struct {
		u    llm.Usage
		want string
	}{
		{llm.Usage{Input: llm.Tokens(10), Output: llm.Tokens(4), CachedInput: llm.Tokens(3), CacheWrite: llm.Tokens(2), Reasoning: llm.Tokens(1)},
			`{"input_tokens":5,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":4,"output_tokens_details":{"thinking_tokens":1}}`},
		{llm.Usage{Input: llm.Tokens(10), Output: llm.Tokens(4), CachedInput: llm.Tokens(8), CacheWrite: llm.Tokens(8)},
			`{"input_tokens":0,"cache_creation_input_tokens":2,"cache_read_input_tokens":8,"output_tokens":4}`},
		{llm.Usage{}, `{"input_tokens":null,"cache_creation_input_tokens":null,"cache_read_input_tokens":null,"output_tokens":null}`},
	} {
		var w jsonOut
		w.messagesUsage(&c.u)
		if string(w.out) != `"usage":`+c.want {
			t.Errorf("got  %s\nwant %s", w.out, c.want)
		}
	}
}

// A call without arguments, whose stream says so with an empty piece, has an
// empty object elsewhere: no text at all is no JSON.
func TestCallWithoutArguments(t *testing.T) {
	const stream = `data: {"type":"message_start","message":{"id":"m","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}

data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}

data: {"type":"content_block_stop","index":0}

data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":5}}

data: {"type":"message_stop"}

`
	w := Want{Dialect: llm.Anthropic, Op: OpMessages, Stream: true, Status: 200, Reply: &Reply{Dialect: llm.OpenAIChat, Stream: true}}
	out, _ := metered(t, w, []byte(stream), func() int { return 40 })
	if got := answerOf(chatEvents(out)).Choices[0].Parts[0].Call.Args; string(got) != "{}" {
		t.Errorf("the arguments are %q in\n%s", got, out)
	}
}

// Why an answer ended is said in Anthropic's words, streamed or not: tools are
// to be run when there are calls and only then, whatever the provider said.
func TestFinishInMessages(t *testing.T) {
	const call = `{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}`
	for _, c := range []struct {
		deltas []string
		want   string
	}{
		{[]string{`{"content":"Hi"}`, "finish:stop"}, "end_turn"},
		{[]string{`{"content":"Hi"}`, "finish:tool_calls"}, "end_turn"},
		{[]string{call, `{"content":"Hi"}`, "finish:stop"}, "tool_use"},
		{[]string{call, "finish:length"}, "max_tokens"},
		{[]string{`{"refusal":"No"}`, `{"content":"."}`, "finish:stop"}, "refusal"},
		{[]string{`{"content":"Hi"}`, "finish:content_filter"}, "refusal"},
		{[]string{`{"content":"Hi"}`, "finish:weird"}, "weird"},
	} {
		w := Want{Dialect: llm.OpenAIChat, Op: OpChat, Stream: true, Status: 200, Reply: &Reply{Dialect: llm.Anthropic}}
		for _, w.Reply.Stream = range []bool{true, false} {
			out, _ := metered(t, w, chunks(c.deltas...), func() int { return 50 })
			if got := saidBy(t, llm.Anthropic, w.Reply.Stream, out); got.Finish != c.want {
				t.Errorf("%s: %q, want %q", c.deltas, got.Finish, c.want)
			}
		}
	}
}

// A provider that makes more than the one answer that the protocol has is heard
// out on the first.
func TestSecondChoiceIsNotMixedIn(t *testing.T) {
	stream := bytes.ReplaceAll(chunks(`{"content":"one"}`, `{"content":"TWO"}`, "finish:stop"), []byte(`"index":0,"delta":{"content":"TWO"`), []byte(`"index":1,"delta":{"content":"TWO"`))
	w := Want{Dialect: llm.OpenAIChat, Op: OpChat, Stream: true, Status: 200, Reply: &Reply{Dialect: llm.Anthropic}}
	for _, w.Reply.Stream = range []bool{true, false} {
		out, _ := metered(t, w, stream, func() int { return 50 })
		if !bytes.Contains(out, []byte("one")) || bytes.Contains(out, []byte("TWO")) {
			t.Errorf("got\n%s", out)
		}
	}
}

// A stream whose provider never said why it ends still ends every block.
func TestUnfinishedBlocksEnd(t *testing.T) {
	stream := []byte(strings.Replace(string(chunks(`{"content":"Well"}`, `{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}},{"index":1,"id":"b","function":{"name":"g","arguments":"{"}}]}`)),
		"data: [DONE]", `data: {"choices":[{"index":0,"delta":{}}]}`+"\n\ndata: [DONE]", 1))
	w := Want{Dialect: llm.OpenAIChat, Op: OpChat, Stream: true, Status: 200, Reply: &Reply{Dialect: llm.Anthropic, Stream: true}}
	out, res := metered(t, w, stream, func() int { return 50 })
	starts, stops := bytes.Count(out, []byte("event: content_block_start")), bytes.Count(out, []byte("event: content_block_stop"))
	if !res.Complete || starts != 3 || stops != 3 || !bytes.Contains(out, []byte(`"stop_reason":null,"stop_sequence":null},"usage"`)) {
		t.Errorf("complete %v, %d starts, %d stops in\n%s", res.Complete, starts, stops, out)
	}
}
