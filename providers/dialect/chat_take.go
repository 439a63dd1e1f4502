package dialect

import (
	"slices"

	"llmgw/providers/llm"
)

// chatMessages writes the messages.
func (e *encoder) chatMessages() {
	all := e.req.Messages
	if !e.own {
		e.paired = pairedCalls(all)
	}
	e.open("messages", '[')
	for i := range all {
		if i < len(all)-1 || e.own || e.chatLast(&all[i]) {
			e.chatMessage(&all[i])
		}
	}
	e.close('[')
}

// chatLast tells whether another dialect's last message can be written. The
// beginning of an answer is continued by some providers of the protocol;
// OpenAI's models answer it.
func (e *encoder) chatLast(m *llm.Message) bool {
	begins := m.Role == llm.Assistant && slices.ContainsFunc(m.Parts, func(p llm.Part) bool { return p.Kind == llm.Text })
	switch {
	case !begins:
	case isOpenAIs(e.t.Model) || e.t.Reasons:
		e.change(Refused, m.Path, "", "the model does not continue a turn of its own")
		return false
	default:
		e.change(Approximated, m.Path, "", "not every provider continues a turn of the model's")
	}
	return true
}

// chatTakes tells whether a part of another dialect can be written as a message
// of that role has it; what cannot is named.
func (e *encoder) chatTakes(role llm.Role, p *llm.Part) bool {
	switch p.Kind {
	case llm.Text, llm.Refusal:
		return true
	case llm.Native:
		e.loseNative(p)
	case llm.Call, llm.Result:
		if e.paired[p] {
			return true
		}
		e.change(Refused, p.Path, "", "OpenAI takes a call with its result right behind it, and neither alone")
	case llm.Thinking:
		if role == llm.Assistant {
			return true
		}
		e.loseThought(p)
	default:
		if role != llm.Assistant && !instructs(role) {
			return true
		}
		e.change(Refused, p.Path, "", "OpenAI takes no "+p.Kind.String()+" in a message of this role")
	}
	return false
}

// loseThought names a thought that the provider does not take back.
func (e *encoder) loseThought(p *llm.Part) {
	if p.Thought.Encrypted != "" {
		e.lose(p.Path, llm.FieldEncrypted)
	} else {
		e.lose(p.Path, llm.FieldThought)
	}
	if p.Thought.Signature != "" {
		e.lose(p.Path, llm.FieldSignature)
	}
}

// pairedCalls are the calls that have their result right behind their message,
// and those results.
func pairedCalls(all []llm.Message) map[*llm.Part]bool {
	paired := map[*llm.Part]bool{}
	for i := range all {
		if all[i].Role != llm.Assistant {
			continue
		}
		results := resultsIn(all[i+1:])
		for j := range all[i].Parts {
			call := &all[i].Parts[j]
			if call.Kind != llm.Call {
				continue
			}
			n := slices.IndexFunc(results, func(r *llm.Part) bool { return !paired[r] && answersCall(r.Result, call.Call) })
			if n >= 0 {
				paired[call], paired[results[n]] = true, true
			}
		}
	}
	return paired
}

// resultsIn are the results that messages begin with, before anything else.
func resultsIn(messages []llm.Message) []*llm.Part {
	var results []*llm.Part
	for i := range messages {
		if role := messages[i].Role; role != llm.User && role != llm.ToolRole {
			return results
		}
		others := len(messages[i].Parts) == 0
		for j := range messages[i].Parts {
			p := &messages[i].Parts[j]
			if p.Kind == llm.Result {
				results = append(results, p)
			}
			others = others || p.Kind != llm.Result || slices.ContainsFunc(p.Result.Parts, isNoText)
		}
		if others {
			return results
		}
	}
	return results
}

// isNoText tells a part of a result that follows it as the user's.
func isNoText(p llm.Part) bool { return p.Kind != llm.Text }
