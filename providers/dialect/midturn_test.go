package dialect

import (
	"slices"
	"strings"
	"testing"
)

// A turn that another provider began is not thought in, which is named; the
// next one is, and so is one of Anthropic's own, wherever it is carried on.
func TestThinkingWithinATurn(t *testing.T) {
	const (
		user    = `{"role":"user","content":"Weather?"}`
		foreign = `{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"rain"}`
		again   = `{"role":"assistant","content":"Hm.","tool_calls":[{"id":"c2","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c2","content":"sun"}`
		unknown = `{"role":"assistant","reasoning_content":"hm","content":null,"tool_calls":[{"id":"c5","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c5","content":"fog"}`
		own     = `{"role":"assistant","content":null,"reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"c2ln","format":"anthropic-claude-v1"}],"tool_calls":[{"id":"c3","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c3","content":"snow"}`
		bare    = `{"role":"assistant","content":null,"reasoning_details":[{"type":"reasoning.text","text":"","signature":"c2ln","format":"anthropic-claude-v1"}],"tool_calls":[{"id":"c6","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c6","content":"hail"}`
		hidden  = `{"role":"assistant","content":null,"reasoning_details":[{"type":"reasoning.text","signature":"c2ln","format":"anthropic-claude-v1"}],"tool_calls":[{"id":"c7","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c7","content":"wind"}`
		said    = `{"role":"assistant","content":"Rain."}`
	)
	const dropped = "dropped reasoning_effort"
	for _, c := range []struct {
		model, name string
		turns       []string
		thinks      bool
	}{
		{"claude-sonnet-4-5", "first", []string{user}, true},
		{"claude-sonnet-4-5", "a foreign turn", []string{user, foreign}, false},
		{"claude-sonnet-4-5", "a foreign turn, of several calls", []string{user, foreign, again}, false},
		{"claude-sonnet-4-5", "a foreign turn with unsigned thoughts", []string{user, unknown}, false},
		{"claude-sonnet-4-5", "a foreign turn that Anthropic went on with", []string{user, foreign, own}, false},
		{"claude-sonnet-4-5", "its own turn", []string{user, own}, true},
		{"claude-sonnet-4-5", "its own turn, the second call without a thought", []string{user, own, again}, true},
		{"claude-sonnet-4-5", "its own turn, of whose thought only the signature is left", []string{user, bare}, false},
		{"claude-sonnet-4-5", "its own turn, of a thought that was not shown", []string{user, hidden}, true},
		{"claude-sonnet-4-5", "the next turn", []string{user, foreign, said, user}, true},
		{"claude-sonnet-4-5", "the next turn, unanswered", []string{user, foreign, again, said, user, own}, true},
		{"claude-sonnet-4-5", "a foreign turn after its own", []string{user, own, said, user, foreign}, false},
		{"claude-opus-4-8", "a model that decides by itself", []string{user, foreign}, true},
	} {
		got, changes := toClaude(t, c.model, `"max_tokens":9000,"reasoning_effort":"low","tools":[{"type":"function","function":{"name":"f"}}],"messages":[`+strings.Join(c.turns, ",")+`]`)
		named := slices.Contains(changes, dropped)
		if thinks := strings.Contains(got, `"thinking":{"type"`); thinks != c.thinks || named == thinks {
			t.Errorf("%s: thinks %v, named %v:\n%s", c.name, thinks, named, got)
		}
	}
}
