package dialect

import (
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// toChat puts a messages call, with these members beside the model, to a model
// of the chat protocol.
func toChat(t *testing.T, model, members string) (body []byte, changes []string) {
	t.Helper()
	r, err := DecodeRequest(llm.Anthropic, []byte(`{"model":"claude","max_tokens":10,`+members+`}`))
	if err != nil {
		t.Fatal(err)
	}
	to := Target{Dialect: llm.OpenAIChat, Model: model}
	enc, err := EncodeRequest(r, to)
	if err != nil {
		t.Fatal(err)
	}
	checkMembers(t, r, to, &enc)
	for _, c := range enc.Changes {
		changes = append(changes, c.Fate.String()+" "+c.Path)
	}
	return enc.Body, changes
}

const (
	ask      = `{"role":"user","content":"Hello"}`
	answered = `{"role":"assistant","content":"Hi"}`
	use      = `{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]}`
	gave     = `{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"x"}]}`
	useChat  = `{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}`
	gaveChat = `{"role":"tool","tool_call_id":"a","content":"x"}`
)

// Conversations of the messages protocol, and what a chat model is given of
// them: nothing that OpenAI refuses ("messages with role 'tool' must be a
// response to a preceeding message with 'tool_calls'", "An assistant message
// with 'tool_calls' must be followed by tool messages"), and every loss named.
func TestTurnsForChat(t *testing.T) {
	tests := []struct{ name, model, messages, want, changes string }{
		{"a pair", "gpt-4o", ask + "," + use + "," + gave, ask + "," + useChat + "," + gaveChat, ""},
		{"a result of no call", "gpt-4o", ask + "," + gave + "," + ask, ask + "," + ask, "refused messages[1].content[0]"},
		{"a result of no call, and words", "gpt-4o",
			ask + "," + answered + `,{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"x"},{"type":"text","text":"So?"}]}`,
			ask + "," + answered + `,{"role":"user","content":"So?"}`, "refused messages[2].content[0]"},
		{"a result told twice", "gpt-4o", ask + "," + use + "," + gave + "," + gave, ask + "," + useChat + "," + gaveChat, "refused messages[3].content[0]"},
		{"results of two messages", "gpt-4o",
			ask + `,{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}},{"type":"tool_use","id":"b","name":"f","input":{}}]},` +
				gave + "," + strings.Replace(gave, `"a"`, `"b"`, 1),
			ask + "," + strings.Replace(useChat, `}]}`, `},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]}`, 1) + "," + gaveChat + "," + strings.Replace(gaveChat, `"a"`, `"b"`, 1), ""},
		{"a result after words", "gpt-4o", ask + "," + use + "," + ask + "," + gave + "," + ask, ask + "," + ask + "," + ask,
			"refused messages[1].content[0]\nrefused messages[3].content[0]"},
		{"a call without a result", "gpt-4o", ask + `,{"role":"assistant","content":[{"type":"text","text":"Hi"},{"type":"tool_use","id":"a","name":"f","input":{}}]},` + ask,
			ask + "," + answered + "," + ask, "refused messages[1].content[1]"},
		{"a call in a user's message", "gpt-4o", `{"role":"user","content":[{"type":"text","text":"Hello"},{"type":"tool_use","id":"a","name":"f","input":{}}]}`,
			ask, "refused messages[0].content[1]"},
		{"a thought in a user's message", "gpt-4o", `{"role":"user","content":[{"type":"text","text":"Hello"},{"type":"thinking","thinking":"hm","signature":"s"}]}`,
			ask, "dropped messages[0].content[1].thinking\ndropped messages[0].content[1].signature"},
		{"only a thought", "gpt-4o", ask + `,{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"}]},` + ask,
			ask + "," + ask, "dropped messages[1].content[0].thinking\ndropped messages[1].content[0].signature"},
		{"an image of the model's", "gpt-4o", ask + `,{"role":"assistant","content":[` + aPicture + `]},` + ask,
			ask + "," + ask, "refused messages[1].content[0]"},
		{"no message", "gpt-4o", ask + `,7`, ask, "refused messages[1]"},
		{"nobody's block", "gpt-4o", ask + `,{"content":[{"type":"hologram","role":"system"}]}`, ask, "refused messages[1].content[0]"},
		{"a role that nobody has", "gpt-4o", ask + `,{"role":"critic","content":"Hm."}`, ask + `,{"role":"user","content":"Hm."}`, "approximated messages[1].role"},
		{"an answer's beginning", "gpt-4o", ask + "," + answered, ask, "refused messages[1]"},
		{"an answer's beginning, for others", "some-model", ask + "," + answered, ask + "," + answered, "approximated messages[1]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body, changes := toChat(t, test.model, `"messages":[`+test.messages+`]`)
			if got := memberOf(body, "messages"); !sameJSON(t, got, []byte("["+test.want+"]")) {
				t.Errorf("got  %s\nwant [%s]", got, test.want)
			}
			sameChanges(t, changes, test.changes)
		})
	}
}

// oddMessages are such as no client should send.
var oddMessages = []string{
	ask + ",7", ask + "," + gave, use, `{"content":[{"type":"hologram"}]}`, `{"role":"critic","content":[{"type":"refusal","refusal":"No"}]}`,
	`{"role":"user","content":[{"type":"text","text":"a"},{"type":"thinking","thinking":"hm","signature":"s"},{"type":"tool_use","id":"a","name":"f","input":{}}]}`,
	`{"role":"assistant","content":[` + aPicture + `,{"type":"tool_result","tool_use_id":"a","content":[{"type":"thinking","thinking":"hm"},{"type":"tool_use","id":"a","name":"f","input":{}}]}]}`,
}

// What OpenAI refuses beside the messages is left out, and named.
func TestMembersForChat(t *testing.T) {
	const (
		search = `{"type":"web_search_20250305","name":"web_search"}`
		tool   = `{"name":"f","input_schema":{"type":"object","properties":{}}}`
	)
	tests := []struct{ model, members, want, changes string }{
		{"gpt-4o", `"tools":[` + tool + `],"tool_choice":{"type":"any","disable_parallel_tool_use":true}`, `"tool_choice":"required","parallel_tool_calls":false`, ""},
		{"gpt-4o", `"tools":[` + tool + `],"tool_choice":{"type":"tool","name":"f"}`, `"tool_choice":{"type":"function","function":{"name":"f"}}`, ""},
		{"gpt-4o", `"tools":[` + search + `],"tool_choice":{"type":"auto"}`, "", "refused tools[0]\ndropped tool_choice"},
		{"gpt-4o", `"tools":[` + search + `],"tool_choice":{"type":"any","disable_parallel_tool_use":true}`, "",
			"refused tools[0]\nrefused tool_choice\ndropped tool_choice.disable_parallel_tool_use"},
		{"gpt-4o", `"tools":[` + search + `,` + tool + `],"tool_choice":{"type":"tool","name":"web_search"}`, "", "refused tools[0]\nrefused tool_choice"},
		{"gpt-4o", `"tool_choice":{"type":"none"}`, "", "dropped tool_choice"},
		{"gpt-4o", `"stop_sequences":["1","2","3","4"]`, `"stop":["1","2","3","4"]`, ""},
		{"gpt-4o", `"stop_sequences":["1","2","3","4","5"]`, `"stop":["1","2","3","4"]`, "refused stop_sequences"},
		{"openai/gpt-4o", `"stop_sequences":["1","2","3","4","5"]`, `"stop":["1","2","3","4"]`, "refused stop_sequences"},
		{"some-model", `"stop_sequences":["1","2","3","4","5"]`, `"stop":["1","2","3","4","5"]`, ""},
		{"o3", `"stop_sequences":["1"]`, "", "refused stop_sequences"},
		{"gpt-5", `"stop_sequences":["1"]`, "", "refused stop_sequences"},
		{"gpt-5", `"stop_sequences":[]`, "", ""},
	}
	for _, test := range tests {
		t.Run(test.model+" "+test.members, func(t *testing.T) {
			body, changes := toChat(t, test.model, `"messages":[`+ask+`],`+test.members)
			var got []string
			for m := range Members(body) {
				switch string(m.Name) {
				case "tool_choice", "parallel_tool_calls", "stop":
					got = append(got, string(m.Whole))
				}
			}
			if strings.Join(got, ",") != test.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, ","), test.want)
			}
			sameChanges(t, changes, test.changes)
		})
	}
}
