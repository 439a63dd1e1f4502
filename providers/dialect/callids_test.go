package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

// loop is a chat conversation of two turns, each with two calls that have these
// ids, and their results.
func loop(ids ...string) string {
	messages := `{"role":"user","content":"x"}`
	for turn := 0; turn < len(ids); turn += 2 {
		a, b := ids[turn], ids[turn+1]
		messages += fmt.Sprintf(`,{"role":"assistant","content":null,"tool_calls":[{"id":"%s","type":"function","function":{"name":"f","arguments":"{}"}},`+
			`{"id":"%s","type":"function","function":{"name":"g","arguments":"{}"}}]},{"role":"tool","tool_call_id":"%s","content":"f%d"},{"role":"tool","tool_call_id":"%s","content":"g%d"}`, a, b, a, turn, b, turn)
	}
	return `{"model":"m","max_tokens":9,"messages":[` + messages + `]}`
}

// messagesLoop is the same in Anthropic's protocol.
func messagesLoop(ids ...string) string {
	messages := `{"role":"user","content":"x"}`
	for turn := 0; turn < len(ids); turn += 2 {
		a, b := ids[turn], ids[turn+1]
		messages += fmt.Sprintf(`,{"role":"assistant","content":[{"type":"tool_use","id":"%s","name":"f","input":{}},{"type":"tool_use","id":"%s","name":"g","input":{}}]},`+
			`{"role":"user","content":[{"type":"tool_result","tool_use_id":"%s","content":"f%d"},{"type":"tool_result","tool_use_id":"%s","content":"g%d"}]}`, a, b, a, turn, b, turn)
	}
	return `{"model":"m","max_tokens":9,"messages":[` + messages + `]}`
}

// pairsIn checks that each call's result is the one that the tool of its name
// gave in that turn, and that no id is used twice within a turn, or within the
// whole conversation. It returns the ids.
func pairsIn(t *testing.T, body []byte, wholeConversation bool) []string {
	t.Helper()
	var request struct {
		Messages []struct {
			Content   json.RawMessage
			ToolCalls []struct {
				ID       string
				Function struct{ Name string }
			} `json:"tool_calls"`
			CallID *string `json:"tool_call_id"`
		}
	}
	if err := json.Unmarshal(body, &request); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	names, used, all := map[string]string{}, map[string]bool{}, []string(nil)
	call := func(id, name string) {
		if id == "" || used[id] {
			t.Errorf("the id %q is used twice in\n%s", id, body)
		}
		names[id], used[id] = name, true
		all = append(all, id)
	}
	turn := 0
	result := func(id, text string) {
		if want := names[id] + fmt.Sprint(turn); text != want {
			t.Errorf("%q is answered with %q, want %q, in\n%s", id, text, want, body)
		}
		if delete(names, id); len(names) == 0 {
			turn += 2
			if !wholeConversation {
				clear(used)
			}
		}
	}
	for _, m := range request.Messages {
		for _, c := range m.ToolCalls {
			call(c.ID, c.Function.Name)
		}
		if m.CallID != nil {
			result(*m.CallID, stringIn(m.Content))
		}
		var blocks []struct {
			Type, ID, Name, Content string
			Call                    string `json:"tool_use_id"`
		}
		_ = json.Unmarshal(m.Content, &blocks) // a text has none
		for _, b := range blocks {
			switch b.Type {
			case "tool_use":
				call(b.ID, b.Name)
			case "tool_result":
				result(b.Call, b.Content)
			}
		}
	}
	return all
}

// oddIDs are ids that providers have given: the same in every turn, twice in a
// turn, the tool's name, none.
var oddIDs = [][]string{
	{"call_0", "call_1", "call_0", "call_1"},
	{"call_0", "call_0", "call_0", "call_0"},
	{"f", "g", "f", "g"},
	{"", "", "", ""},
	{"a b", "a b", "a/b", "a b"},
	{strings.Repeat("x", 60), strings.Repeat("x", 60), strings.Repeat("y", 60), "z"},
}

// Calls keep their results whatever ids a provider gave them, and have ids that
// the next one takes: in translation, and as edits where the dialect stays. As
// the conversation grows, the ids of what was said stay.
func TestOddCallIDs(t *testing.T) {
	chatToMessages := func(ids []string) []byte {
		_, enc := translate(t, llm.OpenAIChat, llm.Anthropic, []byte(loop(ids...)))
		if lost := enc.Changes.Paths(Dropped, Refused, Approximated); lost != nil {
			t.Errorf("%q: lost %q", ids, lost)
		}
		return enc.Body
	}
	chat := func(ids []string) []byte {
		body := []byte(loop(ids...))
		return Splice(body, ForeignIDs(body, "gpt-4o")...)
	}
	messages := func(ids []string) []byte {
		body := []byte(messagesLoop(ids...))
		return Splice(body, ForeignParts(body, "claude-sonnet-4-5", false)...)
	}
	for _, ids := range oddIDs {
		for name, way := range map[string]func([]string) []byte{"chat to messages": chatToMessages, "chat": chat, "messages": messages} {
			if name == "messages" && ids[0] == "" {
				continue // what has no id is no call in that protocol
			}
			t.Run(name+" "+ids[0], func(t *testing.T) {
				all := pairsIn(t, way(ids), name != "chat")
				if before := pairsIn(t, way(ids[:2]), name != "chat"); strings.Join(before, " ") != strings.Join(all[:2], " ") {
					t.Errorf("the ids were %q, and are %q", before, all[:2])
				}
				for _, id := range all {
					if name == "chat" && len(id) > 40 || name != "chat" && !isCallID(id) {
						t.Errorf("%q is no id that is taken", id)
					}
				}
			})
		}
	}
	good := []byte(messagesLoop("toolu_1", "toolu_2", "toolu_3", "toolu_4"))
	if edits := append(ForeignParts(good, "claude-sonnet-4-5", false), ForeignIDs([]byte(loop("a", "b", "a", "b")), "gpt-4o")...); edits != nil {
		t.Errorf("edited for nothing: %v", edits)
	}
	for _, e := range ForeignParts([]byte(messagesLoop("a", "b", "a", "c")), "claude-sonnet-4-5", false) {
		if e.Name != "messages[3].content[0].id" && e.Name != "messages[4].content[0].tool_use_id" {
			t.Errorf("an edit of %s", e.Name)
		}
	}
}

// A client is given no id that a call of its conversation has already, and
// any that is new as it is: so the next request leads back to it.
func TestAnswersHaveNewCallIDs(t *testing.T) {
	r, err := DecodeRequest(llm.Anthropic, []byte(messagesLoop("call_0", "x")))
	if err != nil {
		t.Fatal(err)
	}
	call := func(index, id string) string {
		return `{"tool_calls":[{"index":` + index + `,"id":"` + id + `","function":{"name":"f","arguments":"{}"}}]}`
	}
	stream := chunks(call("0", "call_0"), call("1", "call_1"), call("2", ""), call("3", "call_1"), "finish:tool_calls")
	for _, streams := range []bool{true, false} {
		reply := ReplyTo(r, 7)
		reply.Stream = streams
		w := Want{Dialect: llm.OpenAIChat, Op: OpChat, Stream: true, Status: 200, Reply: reply}
		var first []string
		for range 2 { // a target that is tried again answers alike
			out, _ := metered(t, w, stream, func() int { return 99 })
			ids := saidBy(t, llm.Anthropic, streams, out).IDs
			seen := map[string]bool{"call_0": true, "x": true}
			for _, id := range ids {
				if seen[id] || !isCallID(id) {
					t.Errorf("%q of %q", id, ids)
				}
				seen[id] = true
			}
			if len(ids) != 4 || ids[1] != "call_1" || first != nil && strings.Join(ids, " ") != strings.Join(first, " ") {
				t.Errorf("%q, at first %q", ids, first)
			}
			first = ids
		}
	}
	whole := []byte(`{"id":"c","model":"m","choices":[{"index":0,"message":{"content":null,"tool_calls":[{"id":"call_0","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`)
	out, _ := metered(t, Want{Dialect: llm.OpenAIChat, Op: OpChat, Status: 200, Reply: ReplyTo(r, 7)}, whole, func() int { return 99 })
	if bytes.Contains(out, []byte("call_0")) || !bytes.Contains(out, []byte(`"id":"call_`)) {
		t.Errorf("got %s", out)
	}
}
