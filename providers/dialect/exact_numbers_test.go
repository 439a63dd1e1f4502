package dialect

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// hard are JSON objects that reading and writing would change: numbers that no
// float or int64 has, names given twice, escapes, half of a surrogate pair.
var hard = []string{
	`{"id":9007199254740993,"minus":-9223372036854775809,"huge":123456789012345678901234567890}`,
	`{"e":1e400,"tiny":1E-400,"near":0.1000000000000000055,"zero":-0.0,"trail":1.50}`,
	`{"b":1,"a":2,"b":3,"":4}`,
	`{"half":"\ud83d","other":"x\udE00","pair":"\ud83d\ude00","nul":"\u0000","slash":"\/"}`,
	`{ "space" : [ 1 , 2 ] ,	"deep":{"z":{"y":null},"a":true} }`,
	"{\"é\":\"😀\u2028\u2029\",\"line\":\"\\n\"}",
}

// A call's arguments and a tool's schema come through a translation to the
// byte, in requests and answers, streamed or not, in both directions.
func TestHardObjectsAreExact(t *testing.T) {
	for _, object := range hard {
		literal, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		quoted := strings.NewReplacer(`\u003c`, `<`, `\u2028`, "\u2028").Replace(string(literal))
		schema := `{"type":"object","properties":{},"default":` + object + `}`
		chat := `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":` + quoted +
			`}}]},{"role":"tool","tool_call_id":"c","content":"y"}],"tools":[{"type":"function","function":{"name":"f","parameters":` + schema + `}}]}`
		messages := `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":` + object +
			`}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"y"}]}],"tools":[{"name":"f","input_schema":` + schema + `}]}`
		_, enc := translate(t, llm.OpenAIChat, llm.Anthropic, []byte(chat))
		if !bytes.Contains(enc.Body, []byte(`"input":`+object+"}")) || !bytes.Contains(enc.Body, []byte(`"input_schema":`+schema)) {
			t.Errorf("%s\nbecame\n%s", object, enc.Body)
		}
		_, enc = translate(t, llm.Anthropic, llm.OpenAIChat, []byte(messages))
		if got := argumentsOf(t, enc.Body); got != object || !bytes.Contains(enc.Body, []byte(`"parameters":`+schema)) {
			t.Errorf("%s\nbecame\n%s\nin %s", object, got, enc.Body)
		}
		checkAnswers(t, object, quoted)
	}
}

// argumentsOf are the arguments of the first call in a chat request or answer.
func argumentsOf(t *testing.T, body []byte) string {
	t.Helper()
	_, after, found := bytes.Cut(body, []byte(`"arguments":`))
	if !found {
		t.Fatalf("no arguments in %s", body)
	}
	end, bad := skipString(after, 0)
	if bad != nil {
		t.Fatal(bad)
	}
	return unquote(after[:end])
}

func checkAnswers(t *testing.T, object, quoted string) {
	t.Helper()
	answers := map[llm.Dialect]string{
		llm.OpenAIChat: `{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":` + quoted + `}}]},"finish_reason":"tool_calls"}]}`,
		llm.Anthropic:  `{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"c","name":"f","input":` + object + `}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}`,
	}
	streams := map[llm.Dialect][]byte{
		llm.OpenAIChat: chunks(deltasOf(object)...),
		llm.Anthropic: messagesEvents(messageStart, callStart, `{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":`+quoted[:len(quoted)/2+1]+`"}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"`+quoted[len(quoted)/2+1:]+`}}`, callStop, messageDelta, messageStop),
	}
	if !json.Valid([]byte(quoted[:len(quoted)/2+1] + `"`)) { // the cut is within an escape: leave it whole
		streams[llm.Anthropic] = messagesEvents(messageStart, callStart, `{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":`+quoted+`}}`, callStop, messageDelta, messageStop)
	}
	for from, to := range map[llm.Dialect]llm.Dialect{llm.OpenAIChat: llm.Anthropic, llm.Anthropic: llm.OpenAIChat} {
		for _, source := range [][]byte{[]byte(answers[from]), streams[from]} {
			for _, stream := range []bool{true, false} {
				w := Want{Dialect: from, Op: requestOp(from), Status: 200, Reply: &Reply{Dialect: to, Stream: stream}}
				out, res := metered(t, w, source, func() int { return 23 })
				got := ""
				switch {
				case !res.Complete:
				case to == llm.Anthropic && stream:
					got = argumentsIn(out)
				case to == llm.Anthropic:
					if bytes.Contains(out, []byte(`"input":`+object+"}")) {
						got = object
					}
				case stream:
					got = string(answerOf(chatEvents(out)).Choices[0].Parts[0].Call.Args)
				default:
					got = argumentsOf(t, out)
				}
				if got != object {
					t.Errorf("%s to %s (stream %v): %s\nbecame %q in\n%s", from, to, stream, object, got, out)
				}
			}
		}
	}
}

// Half of a character can be carried as an escape only: where a text of the
// client's has one, that it did not come through is named.
func TestHalvesOfRequestsAreNamed(t *testing.T) {
	for text, named := range map[string]bool{
		`a\ud83d b`: true, `\uDE00`: true, `\ud83d\ud83d\ude00`: true, `\\\ud83d`: true,
		`\ud83d\ude00`: false, `\\ud83d`: false, `\ufffd\uFFFD`: false, `x`: false, `\u00e9`: false,
	} {
		for from, to := range map[llm.Dialect]llm.Dialect{llm.OpenAIChat: llm.Anthropic, llm.Anthropic: llm.OpenAIChat} {
			_, enc := translate(t, from, to, []byte(`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"`+text+`"}]}`))
			if got := enc.Changes.Paths(Edited); (len(got) == 1 && got[0] == "messages") != named {
				t.Errorf("%s: edited %q", text, got)
			}
			if !named && bytes.Contains(enc.Body, []byte("\ufffd")) != strings.Contains(text, "fffd") {
				t.Errorf("%s became %s", text, enc.Body)
			}
		}
	}
}

// What stands at the top of a request is as exact.
func TestNumbersOfRequestsAreExact(t *testing.T) {
	for _, n := range []string{"0.1000000000000000055", "1e-400", "0.70", "5E-1"} {
		for from, to := range map[llm.Dialect]llm.Dialect{llm.OpenAIChat: llm.Anthropic, llm.Anthropic: llm.OpenAIChat} {
			_, enc := translate(t, from, to, []byte(`{"model":"m","max_tokens":9,"temperature":`+n+`,"messages":[{"role":"user","content":"x"}]}`))
			if !bytes.Contains(enc.Body, []byte(`"temperature":`+n)) {
				t.Errorf("%s became %s", n, enc.Body)
			}
		}
	}
	_, enc := translate(t, llm.OpenAIChat, llm.OpenAIChat, []byte(`{"model":"m","seed":9007199254740993,"logit_bias":{"1":-1e2,"1":0},"messages":[{"role":"user","content":"x"}]}`))
	if !bytes.Contains(enc.Body, []byte(`"seed":9007199254740993`)) || !bytes.Contains(enc.Body, []byte(`{"1":-1e2,"1":0}`)) {
		t.Errorf("got %s", enc.Body)
	}
}
