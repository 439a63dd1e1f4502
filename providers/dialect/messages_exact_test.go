package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// toClaude puts a chat request, with these members beside the model, to a Claude
// model.
func toClaude(t *testing.T, model, members string) (body string, changes []string) {
	t.Helper()
	r, err := DecodeRequest(llm.OpenAIChat, []byte(`{"model":"gpt-5",`+members+`}`))
	if err != nil {
		t.Fatal(err)
	}
	enc, err := EncodeRequest(r, Target{Dialect: llm.Anthropic, Model: model, MaxOutput: llm.Tokens(64000)})
	if err != nil || !json.Valid(enc.Body) {
		t.Fatalf("%v: %s", err, enc.Body)
	}
	for _, c := range enc.Changes {
		changes = append(changes, c.Fate.String()+" "+c.Path)
	}
	return string(enc.Body), changes
}

// sameChanges compares changes with a list of them, one a line.
func sameChanges(t *testing.T, got []string, want string) {
	t.Helper()
	lines := strings.FieldsFunc(want, func(r rune) bool { return r == '\n' || r == '\t' })
	if strings.Join(got, "\n") != strings.Join(lines, "\n") {
		t.Errorf("changes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

// agentCall is a session of an agent that speaks OpenAI's protocol: two
// instructions, an image, parallel calls, one without arguments, results as a
// text and as parts, and everything that such agents ask for.
const agentCall = `"messages":[
	{"role":"developer","content":"You are an agent."},
	{"role":"system","content":[{"type":"text","text":"Be kind."}]},
	{"role":"user","content":[{"type":"text","text":"Look"},{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/4AAQ"}}]},
	{"role":"assistant","content":null,"tool_calls":[
		{"id":"call_1","type":"function","function":{"name":"read","arguments":"{\"z\": \"é\\u0000\", \"n\": 9007199254740993, \"a\": null}"}},
		{"id":"call_2","type":"function","function":{"name":"list","arguments":""}}]},
	{"role":"tool","tool_call_id":"call_2","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
	{"role":"tool","tool_call_id":"call_1","content":""},
	{"role":"user","content":"Go on"},
	{"role":"developer","content":"Be brief."}],
	"tools":[{"type":"function","function":{"name":"read","description":"Reads.","strict":true,"parameters":{"type":"object","properties":{"z":{"type":"string"}},"additionalProperties":false}}},
		{"type":"function","function":{"name":"list"}}],
	"tool_choice":"auto","parallel_tool_calls":false,"reasoning_effort":"high","max_completion_tokens":9000,"stream":true,
	"stream_options":{"include_usage":true},"user":"u","stop":"END","store":false,
	"response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":{"type":"object","properties":{"b":{"type":"null"},"a":{"type":"null"}},"additionalProperties":false}}}`

func TestAgentToMessages(t *testing.T) {
	got, changes := toClaude(t, "claude-opus-4-8", agentCall)
	want := `{"model":"claude-opus-4-8","max_tokens":9000,
		"system":[{"type":"text","text":"You are an agent."},{"type":"text","text":"Be kind."}],"messages":[
		{"role":"user","content":[{"type":"text","text":"Look"},{"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"/9j/4AAQ"}}]},
		{"role":"assistant","content":[
			{"type":"tool_use","id":"call_1","name":"read","input":{"z": "é\u0000", "n": 9007199254740993, "a": null}},
			{"type":"tool_use","id":"call_2","name":"list","input":{}}]},
		{"role":"user","content":[
			{"type":"tool_result","tool_use_id":"call_2","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
			{"type":"tool_result","tool_use_id":"call_1"},
			{"type":"text","text":"Go on"}]},
		{"role":"system","content":"Be brief."}],
		"tools":[{"name":"read","description":"Reads.","input_schema":{"type":"object","properties":{"z":{"type":"string"}},"additionalProperties":false},"strict":true},
			{"name":"list","input_schema":{"type":"object","properties":{}}}],
		"tool_choice":{"type":"auto","disable_parallel_tool_use":true},
		"thinking":{"type":"adaptive"},
		"output_config":{"effort":"high","format":{"type":"json_schema","schema":{"type":"object","properties":{"b":{"type":"null"},"a":{"type":"null"}},"additionalProperties":false}}},
		"stop_sequences":["END"],"stream":true,"metadata":{"user_id":"u"}}`
	if !sameJSON(t, []byte(got), []byte(want)) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// The bytes that models wrote, and the order that they answer in, are kept.
	for _, exact := range []string{`"input":{"z": "é\u0000", "n": 9007199254740993, "a": null}`, `"properties":{"b":{"type":"null"},"a":{"type":"null"}}`} {
		if !strings.Contains(got, exact) {
			t.Errorf("no %s in %s", exact, got)
		}
	}
	sameChanges(t, changes, "dropped response_format.json_schema.name")
}

// call and result are messages of the chat protocol.
func call(id, name, args string) string {
	return fmt.Sprintf(`{"role":"assistant","content":null,"tool_calls":[{"id":"%s","type":"function","function":{"name":"%s","arguments":%q}}]}`, id, name, args)
}

func result(id, text string) string {
	return fmt.Sprintf(`{"role":"tool","tool_call_id":"%s","content":"%s"}`, id, text)
}

const hello, hi = `{"role":"user","content":"Hello"}`, `{"role":"assistant","content":"Hi"}`

// turnsForMessages are conversations of the chat protocol, and what Anthropic
// is given of them.
var turnsForMessages = []struct{ name, messages, want, changes string }{
	{"ids that Anthropic does not take",
		hello + "," + call("functions.f:0", "f", "{}") + "," + result("functions.f:0", "x"),
		`{"role":"user","content":"Hello"},{"role":"assistant","content":[{"type":"tool_use","id":"call_ID","name":"f","input":{}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_ID","content":"x"}]}`,
		"edited messages[1].tool_calls[0].id\nedited messages[2].tool_call_id"},
	{"an id used twice",
		hello + "," + call("c", "f", "{}") + "," + result("c", "x") + "," + call("c", "g", "{}") + "," + result("c", "y"),
		`{"role":"user","content":"Hello"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"x"}]},
			{"role":"assistant","content":[{"type":"tool_use","id":"call_ID","name":"g","input":{}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_ID","content":"y"}]}`,
		"edited messages[3].tool_calls[0].id\nedited messages[4].tool_call_id"},
	{"two calls of one id",
		hello + `,{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":""}},{"id":"c","type":"function","function":{"name":"g","arguments":""}}]},` +
			result("c", "x") + "," + result("c", "y"),
		`{"role":"user","content":"Hello"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{}},{"type":"tool_use","id":"call_ID","name":"g","input":{}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"x"},{"type":"tool_result","tool_use_id":"call_ID","content":"y"}]}`,
		"edited messages[1].tool_calls[1].id\nedited messages[3].tool_call_id"},
	{"a function without an id",
		hello + `,{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"x"}`,
		`{"role":"user","content":"Hello"},{"role":"assistant","content":[{"type":"tool_use","id":"call_ID","name":"f","input":{}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_ID","content":"x"}]}`,
		"edited messages[1].function_call.id\nedited messages[2].tool_call_id"},
	{"a call without a result, a result without a call",
		hello + "," + call("a", "f", "{}") + "," + result("b", "x") + "," + hello,
		`{"role":"user","content":"Hello"},{"role":"user","content":"Hello"}`,
		"refused messages[1].tool_calls[0]\nrefused messages[2]"},
	{"a result told twice",
		hello + "," + call("a", "f", "{}") + "," + result("a", "x") + "," + result("a", "y"),
		`{"role":"user","content":"Hello"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"x"}]}`,
		"refused messages[3]"},
	{"words between a call and its result",
		hello + "," + call("a", "f", "{}") + "," + hello + "," + result("a", "x"),
		`{"role":"user","content":"Hello"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"x"},{"type":"text","text":"Hello"}]}`,
		"edited messages[3]"},
	{"arguments that are no object",
		hello + "," + call("a", "f", "[1]") + "," + result("a", "x"),
		`{"role":"user","content":"Hello"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"INVALID_JSON":"[1]"}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"x"}]}`,
		"approximated messages[1].tool_calls[0].function.arguments"},
	{"roles that repeat", hello + "," + hello + "," + hi + "," + hi + "," + hello,
		`{"role":"user","content":[{"type":"text","text":"Hello"},{"type":"text","text":"Hello"}]},
			{"role":"assistant","content":[{"type":"text","text":"Hi"},{"type":"text","text":"Hi"}]},{"role":"user","content":"Hello"}`,
		"edited messages[1]\nedited messages[3]"},
	{"empty texts and messages",
		hello + `,{"role":"assistant","content":" \n"},{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"More"}]},{"role":"user","content":[]}`,
		`{"role":"user","content":[{"type":"text","text":"Hello"},{"type":"text","text":"More"}]}`,
		"edited messages[1].content\nedited messages[2].content[0]\nedited messages[2]\nedited messages[3]"},
	{"an answer's beginning", hello + `,{"role":"assistant","content":"The sea \n"}`,
		`{"role":"user","content":"Hello"},{"role":"assistant","content":"The sea"}`, "edited messages[1].content"},
	{"an instruction on the way", hello + "," + hi + `,{"role":"system","content":"Be brief."},` + hello,
		`{"role":"user","content":"Hello"},{"role":"assistant","content":"Hi"},
			{"role":"user","content":[{"type":"text","text":"Be brief."},{"type":"text","text":"Hello"}]}`, "approximated messages[2]"},
	{"a role that nobody has", hello + `,{"role":"critic","content":"Hm."},` + hi + "," + hello,
		`{"role":"user","content":[{"type":"text","text":"Hello"},{"type":"text","text":"Hm."}]},{"role":"assistant","content":"Hi"},{"role":"user","content":"Hello"}`,
		"approximated messages[1].role"},
	{"media that Anthropic does not take",
		`{"role":"user","content":[{"type":"text","text":"Hello"},{"type":"image_url","image_url":{"url":"data:image/svg+xml;utf8,<svg>"}},
			{"type":"file","file":{"file_data":"data:application/zip;base64,UEs=","filename":"a.zip"}},
			{"type":"file","file":{"file_data":"JVBERi0=","filename":"A.PDF"}},
			{"type":"file","file":{"file_data":"data:text/plain;base64,w6k=","filename":"a.txt"}}]}`,
		`{"role":"user","content":[{"type":"text","text":"Hello"},
			{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0="},"title":"A.PDF"},
			{"type":"document","source":{"type":"text","media_type":"text/plain","data":"é"},"title":"a.txt"}]}`,
		"refused messages[0].content[1].image_url.url\nrefused messages[0].content[2].file.file_data"},
	{"nothing but an instruction", `{"role":"system","content":"Say hello."}`,
		`{"role":"user","content":"Say hello."}`, "approximated messages[0]"},
}

// What Anthropic refuses is put right where that loses nothing, and is named.
func TestTurnsForMessages(t *testing.T) {
	for _, test := range turnsForMessages {
		t.Run(test.name, func(t *testing.T) {
			got, changes := toClaude(t, "claude-sonnet-4-5", `"max_tokens":9,"messages":[`+test.messages+`]`)
			messages := memberOf([]byte(got), "messages")
			want := "[" + test.want + "]"
			if made := bytes.Index(messages, []byte(`"call_`)); made >= 0 {
				want = strings.ReplaceAll(want, "call_ID", string(messages[made+1:made+1+len("call_")+32]))
			}
			if !sameJSON(t, messages, []byte(want)) {
				t.Errorf("got  %s\nwant %s", messages, want)
			}
			sameChanges(t, changes, test.changes)
		})
	}
}

// Newer models are asked in other words than older ones, and refuse more.
func TestWhatClaudeModelsTake(t *testing.T) {
	const loop = `{"role":"user","content":"Hello"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"a","content":"x"}`
	const tool = `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],`
	tests := []struct{ model, members, messages, want, changes string }{
		{"claude-opus-4-8", `"reasoning_effort":"xhigh"`, "", `"thinking":{"type":"adaptive"},"output_config":{"effort":"xhigh"}`, ""},
		{"anthropic/claude-opus-4.6", `"reasoning_effort":"xhigh"`, "", `"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}`, "approximated reasoning_effort"},
		{"claude-sonnet-4-6", `"reasoning_effort":"minimal"`, "", `"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}`, "approximated reasoning_effort"},
		{"claude-sonnet-4-6", `"reasoning":{"max_tokens":5000}`, "", `"thinking":{"type":"enabled","budget_tokens":5000}`, ""},
		{"claude-sonnet-5", `"reasoning":{"max_tokens":5000}`, "", `"thinking":{"type":"adaptive"},"output_config":{"effort":"medium"}`, "approximated reasoning.max_tokens"},
		{"claude-sonnet-4-5-20250929", `"reasoning_effort":"low"`, "", `"thinking":{"type":"enabled","budget_tokens":4096}`, "approximated reasoning_effort"},
		{"claude-3-7-sonnet-20250219", `"reasoning_effort":"high","max_tokens":5000`, "", `"thinking":{"type":"enabled","budget_tokens":4000}`, "approximated reasoning_effort"},
		{"claude-sonnet-4-5", `"reasoning_effort":"high","max_tokens":1000`, "", ``, "dropped reasoning_effort"},
		{"claude-sonnet-4-5", tool + `"reasoning_effort":"high"`, loop, ``, "dropped reasoning_effort"},
		{"claude-opus-4-6", tool + `"reasoning_effort":"high"`, loop, `"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}`, ""},
		{"claude-opus-4-6", tool + `"reasoning_effort":"high","tool_choice":"required"`, "", `"output_config":{"effort":"high"}`, "approximated reasoning_effort"},
		{"claude-sonnet-5", tool + `"reasoning_effort":"high","tool_choice":"required"`, "", `"thinking":{"type":"disabled"},"output_config":{"effort":"high"}`, "approximated reasoning_effort"},
		{"claude-3-5-sonnet-20241022", `"reasoning_effort":"high"`, "", ``, "dropped reasoning_effort"},
		{"claude-opus-4-8", `"reasoning_effort":"none"`, "", ``, ""},
		{"claude-sonnet-5", `"reasoning_effort":"none"`, "", `"thinking":{"type":"disabled"}`, ""},
		{"claude-fable-5", `"reasoning_effort":"none"`, "", `"output_config":{"effort":"low"}`, "approximated reasoning_effort"},
		{"claude-opus-4-8", `"temperature":1,"top_p":0.9,"top_k":5`, "", `"temperature":1`, "dropped top_p\ndropped top_k"},
		{"claude-opus-4-8", `"temperature":0`, "", ``, "dropped temperature"},
		{"claude-haiku-4-5", `"temperature":0.20,"top_p":0.9`, "", `"temperature":0.20`, "dropped top_p"},
		{"claude-3-5-haiku-20241022", `"temperature":1.5,"top_p":0.9`, "", `"temperature":1,"top_p":0.9`, "approximated temperature"},
		{"claude-opus-4-6", `"reasoning_effort":"low","temperature":0,"top_p":0.96,"top_k":5`, "",
			`"thinking":{"type":"adaptive"},"output_config":{"effort":"low"},"top_p":0.96`, "dropped temperature\ndropped top_k"},
		{"claude-opus-4-6", ``, `{"role":"user","content":"Hello"},{"role":"assistant","content":"Well"}`, ``, "refused messages[1]"},
		{"claude-3-haiku-20240307", `"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}`, "", ``,
			"refused response_format.json_schema.schema"},
		{"claude-opus-4-8", `"tool_choice":"auto","parallel_tool_calls":false`, "", ``, "dropped tool_choice\ndropped parallel_tool_calls"},
		{"claude-opus-4-8", `"tools":[{"type":"custom","custom":{"name":"f"}}],"tool_choice":"auto"`, "", ``, "refused tools[0].custom\ndropped tool_choice"},
		{"claude-opus-4-8", `"tools":[{"type":"custom","custom":{"name":"f"}}],"tool_choice":"required","reasoning_effort":"high"`, "",
			`"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}`, "refused tools[0].custom\nrefused tool_choice"},
		{"claude-opus-4-8", tool + `"tool_choice":{"type":"function","function":{"name":"g"}},"parallel_tool_calls":false`, "",
			`"tool_choice":{"type":"auto","disable_parallel_tool_use":true}`, "refused tool_choice"},
		{"claude-opus-4-8", tool + `"tool_choice":{"type":"function","function":{"name":"g"}}`, "", ``, "refused tool_choice"},
		{"claude-opus-4-8", tool + `"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"g"}}]}}`, "", ``, "refused tool_choice"},
		{"claude-opus-4-8", `"max_tokens":100000`, "", ``, "edited max_tokens"},
	}
	for _, test := range tests {
		t.Run(test.model+" "+test.members, func(t *testing.T) {
			members := `"messages":[` + or(test.messages, `{"role":"user","content":"Hello"}`) + `]`
			if test.members != "" {
				members += "," + test.members
			}
			if !strings.Contains(members, "max_tokens\":") || strings.Contains(members, "reasoning\":") {
				members += `,"max_completion_tokens":50000`
			}
			got, changes := toClaude(t, test.model, members)
			rest := got[strings.Index(got, `]`)+1:]
			for _, member := range strings.SplitAfter(test.want, "},") {
				if !strings.Contains(got, strings.TrimSuffix(member, ",")) {
					t.Errorf("no %s in %s", member, got)
				}
			}
			for _, name := range []string{"thinking", "output_config", "temperature", "top_p", "top_k"} {
				if strings.Contains(rest, `"`+name+`":`) && !strings.Contains(test.want, name) {
					t.Errorf("%s is in %s", name, got)
				}
			}
			sameChanges(t, changes, test.changes)
		})
	}
}

// Without a limit of the client's and a known one of the model's, nothing is
// made up.
func TestUnknownOutputLimitIsNamed(t *testing.T) {
	r, err := DecodeRequest(llm.OpenAIChat, []byte(chatBase))
	if err != nil {
		t.Fatal(err)
	}
	enc, err := EncodeRequest(r, Target{Dialect: llm.Anthropic, Model: "claude-next"})
	if err != nil || memberOf(enc.Body, "max_tokens") != nil || len(enc.Changes.Paths(Refused)) != 1 {
		t.Errorf("%v %s %v", err, enc.Body, enc.Changes)
	}
}
