package dialect

import (
	"slices"
	"strings"

	"llmgw/providers/llm"
)

// messagesOut writes a request in Anthropic's messages protocol.
type messagesOut struct {
	*encoder
	model   claude
	system  []*llm.Part
	plain   bool // the system prompt was one string
	turns   []messagesTurn
	ids     callIDs
	named   map[*llm.Part]string // the ids of calls and results
	limit   llm.Count            // of output tokens
	thought bool                 // the model is to think
	forced  bool                 // the model must call a tool, which it cannot be told together with thinking
	grammar grammar              // what the model is held to
}

// messagesTurn is a message that is to be written.
type messagesTurn struct {
	role  llm.Role
	parts []*llm.Part
	of    *llm.Message // the first of those that it is made of
	last  llm.Role     // in the source, of the last of them
}

// ownTurns keeps the messages as they are.
func (m *messagesOut) ownTurns() {
	for i := range m.req.Messages {
		msg := &m.req.Messages[i]
		parts := pointers(msg.Parts)
		if msg.Path == "system" {
			m.system, m.plain = parts, msg.Plain
			continue
		}
		m.turns = append(m.turns, messagesTurn{msg.Role, parts, msg, msg.Role})
	}
}

func pointers(parts []llm.Part) []*llm.Part {
	all := make([]*llm.Part, len(parts))
	for i := range parts {
		all[i] = &parts[i]
	}
	return all
}

// takeTurns makes turns of another dialect's messages, such as Anthropic takes:
// instructions before all others, users and models by turns, results first and
// right behind their calls, no text that is empty.
func (m *messagesOut) takeTurns() {
	all := m.req.Messages
	leading := leadingInstructions(all)
	for i := range all {
		msg := &all[i]
		m.nameExtra(msg.Path, msg.Extra)
		if msg.Name != nil {
			m.lose(msg.Path, llm.FieldName)
		}
		parts := m.takeParts(msg)
		switch {
		case i < leading:
			m.system = append(m.system, parts...)
		case len(parts) > 0:
			m.addTurn(m.roleOf(all, i), parts, msg)
		case len(msg.Parts) == 0:
			m.change(Edited, msg.Path, "", "Anthropic takes no empty message")
		}
	}
	m.pair()
	m.checkPrefill()
}

// leadingInstructions counts the instructions before the conversation. Where
// there is nothing else the last one is what the model is to answer.
func leadingInstructions(all []llm.Message) int {
	n := slices.IndexFunc(all, func(m llm.Message) bool { return !instructs(m.Role) })
	if n < 0 {
		n = max(len(all)-1, 0)
	}
	return n
}

func instructs(r llm.Role) bool { return r == llm.System || r == llm.Developer }

// roleOf is who speaks the i-th message. An instruction within the conversation
// is one where the model takes it there: behind a user, before the model.
func (m *messagesOut) roleOf(all []llm.Message, i int) llm.Role {
	switch role := all[i].Role; {
	case role == llm.Assistant:
		return role
	case role == llm.User, role == llm.ToolRole:
		return llm.User
	case !instructs(role):
		m.change(Approximated, all[i].Path, llm.FieldRole, "a role that Anthropic does not have became the user")
		return llm.User
	}
	last := len(m.turns) - 1
	next := slices.IndexFunc(all[i:], func(m llm.Message) bool { return !instructs(m.Role) })
	follows := last >= 0 && m.turns[last].role != llm.Assistant
	if m.model.instructedMidway() && follows && (next < 0 || all[i+next].Role == llm.Assistant) {
		return llm.System
	}
	m.change(Approximated, all[i].Path, "", "an instruction within the conversation became the user's text")
	return llm.User
}

// addTurn adds parts to the turn that goes on, or as a new one.
func (m *messagesOut) addTurn(role llm.Role, parts []*llm.Part, msg *llm.Message) {
	last := len(m.turns) - 1
	if last < 0 || m.turns[last].role != role {
		m.turns = append(m.turns, messagesTurn{role, parts, msg, msg.Role})
		return
	}
	t := &m.turns[last]
	if msg.Role == t.last && msg.Role != llm.ToolRole {
		m.change(Edited, msg.Path, "", "joined with the message before it, which has the same role")
	}
	t.last = msg.Role
	t.parts = append(t.parts, parts...)
}

// pair puts each call and its result together, and leaves out those that stand
// alone, as Anthropic refuses them.
func (m *messagesOut) pair() {
	m.ids.takes, m.named = isCallID, map[*llm.Part]string{}
	for i := range m.turns {
		t := &m.turns[i]
		switch t.role {
		case llm.Assistant:
			var answers []*llm.Part
			if i+1 < len(m.turns) && m.turns[i+1].role == llm.User {
				answers = m.turns[i+1].parts
			}
			t.parts = m.pairCalls(t.parts, answers)
		case llm.User:
			t.parts = m.resultsFirst(t.parts)
		}
	}
	m.turns = slices.DeleteFunc(m.turns, func(t messagesTurn) bool { return len(t.parts) == 0 })
}

// pairCalls names the calls of a turn, and the results among the answers that
// belong to them; what has no result is left out.
func (m *messagesOut) pairCalls(parts, answers []*llm.Part) []*llm.Part {
	return slices.DeleteFunc(parts, func(p *llm.Part) bool {
		if p.Kind != llm.Call {
			return false
		}
		for _, answer := range answers {
			if answer.Kind == llm.Result && m.named[answer] == "" && answersCall(answer.Result, p.Call) {
				id := m.ids.next("", p.Call.ID)
				m.nameID(p.Path, llm.FieldCallID, p.Call.ID, id)
				m.nameID(answer.Path, llm.FieldResultID, p.Call.ID, id)
				m.named[p], m.named[answer] = id, id
				return false
			}
		}
		m.change(Refused, p.Path, "", "the call has no result behind it")
		return true
	})
}

// answersCall tells whether a result can be a call's: by its id, or by the
// tool's name, where it says that, of a provider that has no ids.
func answersCall(r *llm.ToolResult, c *llm.ToolCall) bool {
	if r.CallID == "" && c.ID == "" {
		return r.Name == "" || r.Name == c.Name
	}
	return r.CallID == c.ID
}

func (m *messagesOut) nameID(path string, f llm.Field, was, is string) {
	if was != is {
		m.change(Edited, path, f, "Anthropic wants ids of letters, digits, _ and -, each used once")
	}
}

// resultsFirst moves a turn's results before all else, and leaves out those of
// no call.
func (m *messagesOut) resultsFirst(parts []*llm.Part) []*llm.Part {
	var results, rest []*llm.Part
	for _, p := range parts {
		switch {
		case p.Kind != llm.Result:
			rest = append(rest, p)
		case m.named[p] == "":
			m.change(Refused, p.Path, "", "the result is of no call in the turn before it")
		default:
			if len(rest) > 0 {
				m.change(Edited, p.Path, "", "results stand first in a turn")
			}
			results = append(results, p)
		}
	}
	return append(results, rest...)
}

// checkPrefill sees to a conversation that ends with the model's words, which
// it is to continue.
func (m *messagesOut) checkPrefill() {
	last := len(m.turns) - 1
	if last < 0 || m.turns[last].role != llm.Assistant {
		return
	}
	t := &m.turns[last]
	if !m.model.prefills() {
		m.change(Refused, t.of.Path, "", "the model does not continue a turn of its own")
		m.turns = m.turns[:last]
		return
	}
	end := &t.parts[len(t.parts)-1]
	if text := strings.TrimRight((*end).Text, " \t\r\n"); (*end).Kind == llm.Text && text != (*end).Text {
		m.change(Edited, (*end).Path, "", "Anthropic takes no white space at the end of an answer's beginning")
		trimmed := **end
		trimmed.Text = text
		*end = &trimmed
	}
}

// isCallID tells whether Anthropic takes an id ("String should match pattern
// '^[a-zA-Z0-9_-]+$'").
func isCallID(id string) bool {
	for i := range len(id) {
		switch c := id[i]; {
		case c-'0' <= 9, c|0x20-'a' <= 'z'-'a', c == '_', c == '-':
		default:
			return false
		}
	}
	return id != ""
}
