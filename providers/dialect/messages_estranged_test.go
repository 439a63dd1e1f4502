package dialect

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// What another provider left in a conversation is taken out before a Claude
// model gets it back, and nothing else is touched.
func TestForeignParts(t *testing.T) {
	const signed, unsigned = `{"type":"thinking","thinking":"hm","signature":"c2ln"}`, `{ "type": "thinking", "thinking": "hm", "signature": "" }`
	const bare, hi = `{"thinking":"x","type":"thinking"}`, `{"type":"text","text":"Hi"}`
	tests := []struct{ name, blocks, want, edits string }{
		{"nothing", signed + " , " + hi, signed + " , " + hi, ""},
		{"first", unsigned + ",\n" + hi, hi, "messages[1].content[0]"},
		{"last", hi + " ,\n" + bare, hi, "messages[1].content[1]"},
		{"between", hi + ", " + bare + " ," + unsigned + " , " + signed, hi + ", " + signed, "messages[1].content[1] messages[1].content[2]"},
		{"at the end", hi + ", " + bare + " ," + unsigned, hi, "messages[1].content[1] messages[1].content[2]"},
		{"ids", `{"type":"tool_use","id":"f:0","name":"f","input":{"id":"f:0"}},{"type":"server_tool_use","id":"s:1"}`,
			`{"type":"tool_use","id":"` + madeID("f:0", 0) + `","name":"f","input":{"id":"f:0"}},{"type":"server_tool_use","id":"s:1"}`, "messages[1].content[0].id"},
		{"results", `{"type":"tool_result","tool_use_id":"f:0","content":[]}`, `{"type":"tool_result","tool_use_id":"` + madeID("f:0", 0) + `","content":[]}`,
			"messages[1].content[0].tool_use_id"},
	}
	wrap := func(blocks string) []byte {
		return []byte(` {"messages": [{"role":"user","content":"x"}, {"role":"assistant","content":[` + blocks + `]} ,{"role":"user","content":[` + hi + `]}], "x": 1}`)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			edits := ForeignParts(wrap(test.blocks), "claude-opus-4-8", false)
			var names []string
			for _, e := range edits {
				names = append(names, e.Name)
			}
			if got := Splice(wrap(test.blocks), edits...); !bytes.Equal(got, wrap(test.want)) || strings.Join(names, " ") != test.edits {
				t.Errorf("%s\n got %s\nwant %s", names, got, wrap(test.want))
			}
		})
	}
	if got := ForeignParts(wrap(unsigned+","+hi), "kimi-k2", false); got != nil {
		t.Errorf("another model's thoughts are cut: %v", got)
	}
}

// A message of nothing but such thoughts goes as a whole, wherever it stands.
func TestForeignMessages(t *testing.T) {
	const user, gone = `{"role":"user","content":"x"}`, `{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""}]}`
	for in, want := range map[string]string{
		user + " , " + gone + ",\n" + user: user + " , " + user,
		gone + "," + user:                  user,
		user + "," + gone:                  user,
	} {
		body := []byte(`{"messages":[` + in + `]}`)
		if got := Splice(body, ForeignParts(body, "claude-opus-4-8", false)...); string(got) != `{"messages":[`+want+`]}` {
			t.Errorf("%s\nbecame %s", body, got)
		}
	}
}

// A conversation that went through a provider of the chat protocol is one that
// Anthropic takes: no thought in it is unsigned, no id but of its pattern.
func TestConversationComesHome(t *testing.T) {
	w := Want{Dialect: llm.OpenAIChat, Op: OpChat, Stream: true, Status: 200, Reply: &Reply{Dialect: llm.Anthropic}}
	answer, _ := metered(t, w, chunks(`{"reasoning_content":"hm"}`, `{"content":"Well"}`,
		`{"tool_calls":[{"index":0,"id":"functions.f:0","function":{"name":"f","arguments":"{}"}}]}`, "finish:tool_calls"), func() int { return 50 })
	body := []byte(`{"max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":` + string(memberOf(answer, "content")) +
		`},{"role":"user","content":[{"type":"tool_result","tool_use_id":"functions.f:0","content":"y"}]}]}`)
	got := Splice(body, ForeignParts(body, "claude-opus-4-8", false)...)
	id := madeID("functions.f:0", 0)
	want := `{"max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"text","text":"Well"},{"type":"tool_use","id":"` + id +
		`","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"` + id + `","content":"y"}]}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Whatever the body, the edits leave JSON that is JSON.
func FuzzForeignParts(f *testing.F) {
	for _, members := range messagesExamples {
		f.Add(members)
	}
	f.Add(`{"messages":[{"content":[{"type":"thinking"},{"type":"thinking"}]},{"content":[{"id":"a b","type":"tool_use","id":"c d"}]}],"messages":[{"content":[{"type":"thinking"}]}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		if !json.Valid([]byte(body)) {
			return
		}
		if got := Splice([]byte(body), ForeignParts([]byte(body), "claude-opus-4-8", false)...); !json.Valid(got) {
			t.Fatalf("%s\nbecame %s", body, got)
		}
	})
}
