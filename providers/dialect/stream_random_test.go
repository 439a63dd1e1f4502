package dialect

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// Events in any order make an answer that the client's SDK reads, or an error
// for it; never one without the other, and never half an answer that looks
// whole.
func TestEventsInAnyOrder(t *testing.T) {
	pools := map[llm.Dialect][]string{
		llm.Anthropic: {
			messageStart, textStart, textDelta, textDelta, blockStop, callStart, callDelta, callStop, messageDelta, `{"type":"ping"}`, messageStop,
			`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm\ud83d"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}`,
			`{"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}`,
			`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`,
		},
		llm.OpenAIChat: {
			`{"role":"assistant","content":""}`, `{"content":"Hi"}`, `{"content":"Hi"}`, `{"content":"\ude00\ud83d"}`, `{"refusal":"No"}`, `{"reasoning_content":"hm"}`,
			`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}`, `{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}`,
			`{"tool_calls":[{"index":1,"id":"b"}]}`, `{"tool_calls":[{"index":1,"function":{"name":"g","arguments":"{"}}]}`, `{"tool_calls":[{"index":1,"function":{"arguments":"}"}}]}`,
			`{"tool_calls":[{"id":"","function":{"name":"f","arguments":"{\"x\":1}"}}]}`, `{"images":[{"type":"image_url","image_url":{"url":"u"}}]}`, `{"audio":{"id":"a"}}`,
			"finish:stop", "finish:tool_calls", "finish:length",
		},
	}
	rnd := rand.New(rand.NewPCG(6, 7))
	whole := map[llm.Dialect]int{}
	for range 800 {
		for from, pool := range pools {
			var events []string
			if rnd.IntN(4) > 0 {
				events = pool[:1]
			}
			for range rnd.IntN(9) {
				events = append(events[:len(events):len(events)], pool[rnd.IntN(len(pool))])
			}
			stream := chunks(events...)
			to := llm.Anthropic
			if from == to {
				stream, to = messagesEvents(append(events, messageDelta, messageStop)...), llm.OpenAIChat
			}
			whole[from] += checkAnyOrder(t, rnd, from, to, stream)
		}
	}
	if whole[llm.Anthropic] < 100 || whole[llm.OpenAIChat] < 100 {
		t.Errorf("only %v are whole", whole)
	}
}

// checkAnyOrder returns 1 for a stream that is a whole answer.
func checkAnyOrder(t *testing.T, rnd *rand.Rand, from, to llm.Dialect, stream []byte) int {
	t.Helper()
	w := Want{Dialect: from, Op: requestOp(from), Stream: true, Status: 200, Reply: &Reply{Dialect: to, Stream: true}}
	out, res := metered(t, w, stream, func() int { return 1 << 16 })
	if cut, again := metered(t, w, stream, splits(rnd, 40)); !bytes.Equal(cut, out) || strings.Join(again.Lost, " ") != strings.Join(res.Lost, " ") {
		t.Errorf("cut it became\n%s\nnot\n%s", cut, out)
	}
	var got told
	var err error
	if to == llm.Anthropic {
		got, err = messagesStreamTold(out)
	} else {
		got, err = chatStreamTold(out)
	}
	switch {
	case !res.Complete:
		checkUnfinished(t, "a stream", to, out)
		if err == nil && bytes.Contains(out, []byte("data:")) && !bytes.Contains(out, []byte(`"error"`)) {
			t.Errorf("%s %s, and no error for the client:\n%s\nbecame\n%s", res.Fault, res.FaultText, stream, out)
		}
		return 0
	case err != nil:
		t.Errorf("%v:\n%s\nbecame\n%s", err, stream, out)
	case to == llm.OpenAIChat:
		checkAccumulates(t, out, &got)
	}
	for i, id := range got.IDs {
		if id == "" || strings.Contains(strings.Join(got.IDs[:i], " ")+" ", id+" ") {
			t.Errorf("the ids are %q:\n%s\nbecame\n%s", got.IDs, stream, out)
		}
	}
	return 1
}
