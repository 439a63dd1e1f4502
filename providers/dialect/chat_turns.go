package dialect

import (
	"slices"
	"strings"

	"llmgw/providers/llm"
)

// chatMessage writes a message. Tool results come first, each a message of its
// own, as OpenAI wants them right behind the calls.
func (e *encoder) chatMessage(m *llm.Message) {
	rest := make([]*llm.Part, 0, len(m.Parts))
	results := 0
	for i := range m.Parts {
		p := &m.Parts[i]
		switch {
		case !e.own && !e.chatTakes(m.Role, p):
		case p.Kind == llm.Result:
			results++
			rest = append(rest, e.chatResult(m, p)...)
		default:
			rest = append(rest, p)
		}
	}
	e.nameExtra(m.Path, m.Extra)
	switch {
	case len(rest) == 0 && (results > 0 || !e.own && len(m.Parts) > 0): // nothing is left of it
	case m.Role == llm.Assistant:
		e.chatAssistant(m, rest)
	case len(m.Parts) == 1 && m.Parts[0].Kind == llm.Native && m.Parts[0].Path == m.Path:
		e.raw("", m.Parts[0].Native.Raw) // a message that is no object
	default:
		e.open("", '{')
		if role := e.chatRole(m); role != "" {
			e.text("role", role)
		}
		e.maybeText("name", m.Name)
		e.chatContent(m.Plain, rest)
		e.putBack("", m.Extra)
		e.close('{')
	}
}

// chatRole is the name of who speaks; what follows results is the user.
func (e *encoder) chatRole(m *llm.Message) string {
	switch {
	case m.Role == llm.ToolRole:
		return string(llm.User)
	case m.Role == llm.Developer && !e.own && !e.reasons():
		// Only OpenAI has the role, and takes "system" for it from older models.
		return string(llm.System)
	case !e.own && m.Role != llm.User && !instructs(m.Role):
		e.change(Approximated, m.Path, llm.FieldRole, "a role that OpenAI does not have became the user")
		return string(llm.User)
	}
	return string(m.Role)
}

// chatResult writes a tool's result as a message, and returns those of its
// parts that such a message cannot have.
func (e *encoder) chatResult(m *llm.Message, p *llm.Part) (moved []*llm.Part) {
	r := p.Result
	var texts []*llm.Part
	for i := range r.Parts {
		part := &r.Parts[i]
		switch {
		case part.Kind == llm.Text || e.own:
			texts = append(texts, part)
		case e.chatTakes(llm.User, part):
			e.lose(part.Path, llm.FieldResultImage)
			moved = append(moved, part)
		}
	}
	e.open("", '{')
	if r.CallID == "" && r.Name != "" {
		e.word("role", "function")
	} else {
		e.word("role", "tool")
		e.text("tool_call_id", e.callID(p.Path, r.CallID, llm.FieldResultID))
	}
	if r.Name != "" && (e.own || r.CallID == "") {
		e.text("name", r.Name)
	}
	if len(texts) == 0 && !e.own {
		e.text("content", "") // required, and some results are empty
	} else {
		e.chatContent(r.Plain, texts)
	}
	e.putBack("", m.Extra)
	e.close('{')
	if r.Error != nil && *r.Error {
		e.lose(p.Path, llm.FieldResultError)
	}
	if p.Cache != nil {
		e.lose(p.Path, llm.FieldCache)
	}
	e.nameExtra(p.Path, p.Extra)
	return moved
}

// maxCallID is the longest id of a tool call that OpenAI takes ("string too
// long. Expected a string with maximum length 40", agno-agi/agno#5382).
const maxCallID = 40

// callID is the id of a call, shortened alike in the call and its result.
func (e *encoder) callID(node, id string, f llm.Field) string {
	if e.own || len(id) <= maxCallID {
		return id
	}
	e.change(Edited, node, f, "OpenAI takes ids of 40 characters")
	return madeID(id, 0)
}

// chatContent writes "content": one string where the source had one or where
// there is one text and nothing else to say, else a list.
func (e *encoder) chatContent(plain bool, parts []*llm.Part) {
	one := len(parts) == 1 && parts[0].Kind == llm.Text
	switch {
	case plain && len(parts) == 0:
	case one && (plain || !e.own && (parts[0].Cache == nil || !e.t.CacheControl)):
		e.text("content", parts[0].Text)
		if !e.own {
			e.chatPartLosses(parts[0])
		}
	default:
		e.open("content", '[')
		from := len(e.out)
		for _, p := range parts {
			e.chatPart(p)
		}
		if len(e.out) == from && !e.own { // all are lost, and named; no list may be empty
			e.out = append(e.out[:from-1], `""`...)
			return
		}
		e.close('[')
	}
}

// chatPartLosses names what a text loses that becomes a plain string.
func (e *encoder) chatPartLosses(p *llm.Part) {
	e.nameExtra(p.Path, p.Extra)
	if p.Cache != nil && !e.t.CacheControl {
		e.lose(p.Path, llm.FieldCache)
	}
	if p.Citations != nil {
		e.lose(p.Path, llm.FieldCitations)
	}
}

// chatAssistant writes what the model said in an earlier turn.
func (e *encoder) chatAssistant(m *llm.Message, parts []*llm.Part) {
	var said, calls []*llm.Part
	if !e.own && !slices.ContainsFunc(parts, isSpoken) {
		for _, p := range parts {
			e.loseThought(p)
		}
		if len(parts) == 0 {
			e.change(Edited, m.Path, "", "OpenAI takes no empty message of the model's")
		}
		return
	}
	e.open("", '{')
	e.word("role", "assistant")
	e.maybeText("name", m.Name)
	for _, p := range parts {
		switch {
		case p.Kind == llm.Call, p.Kind == llm.Native && strings.Contains(p.Path, ".tool_calls["):
			calls = append(calls, p)
		case p.Kind == llm.Refusal && !strings.HasSuffix(p.Path, "]"):
			e.text("refusal", p.Text)
		case p.Kind == llm.Audio && e.own:
			e.chatSound("audio", p)
		case p.Kind != llm.Thinking && !isDetail(p) || e.own && strings.Contains(p.Path, ".content["):
			said = append(said, p)
		}
	}
	e.chatThoughts(m.Parts)
	if len(said) == 0 && !e.own {
		e.raw("content", []byte("null"))
	} else {
		e.chatContent(m.Plain, said)
	}
	e.chatCalls(calls)
	e.putBack("", m.Extra)
	e.close('{')
}

// isSpoken tells what an assistant's message cannot be without.
func isSpoken(p *llm.Part) bool { return p.Kind != llm.Thinking }

// isDetail tells a reasoning detail that is not understood.
func isDetail(p *llm.Part) bool {
	return p.Kind == llm.Native && strings.Contains(p.Path, ".reasoning_details[")
}

// chatSound puts back audio that the model made.
func (w *jsonOut) chatSound(name string, p *llm.Part) {
	m := p.Media
	w.open(name, '{')
	if m.ID != "" {
		w.text("id", m.ID)
	}
	if m.Data != nil {
		w.quoted("data", m.Data)
	}
	w.maybeText("transcript", m.Text)
	w.extra("", p.Extra)
	w.close('{')
}

// chatThoughts writes what the model thought, where the provider takes it.
func (e *encoder) chatThoughts(parts []llm.Part) {
	if e.own {
		e.ownThoughts(parts)
		return
	}
	text := ""
	for i := range parts {
		p := &parts[i]
		switch {
		case p.Kind != llm.Thinking:
			continue
		case p.Thought.Encrypted != "" || !e.t.Thoughts:
			e.loseThought(p)
		default:
			text += p.Thought.Text
			if p.Thought.Signature != "" {
				e.lose(p.Path, llm.FieldSignature)
			}
		}
		e.nameExtra(p.Path, p.Extra)
	}
	if text != "" {
		e.text("reasoning_content", text)
	}
}

// ownThoughts puts thoughts back where they stood.
func (w *jsonOut) ownThoughts(parts []llm.Part) {
	begun := false
	for i := range parts {
		p := &parts[i]
		switch {
		case strings.Contains(p.Path, ".reasoning_details["):
			if !begun {
				w.open("reasoning_details", '[')
				begun = true
			}
			if p.Kind == llm.Native {
				w.raw("", p.Native.Raw)
			} else {
				w.raw("", p.Thought.Raw)
			}
		case p.Kind == llm.Thinking && p.Thought.Raw == nil:
			w.text(p.Path[strings.LastIndexByte(p.Path, '.')+1:], p.Thought.Text)
		}
	}
	if begun {
		w.close('[')
	}
}

// chatCalls writes the calls of a turn.
func (e *encoder) chatCalls(calls []*llm.Part) {
	begun := false
	for _, p := range calls {
		if isFunctionCall(p) {
			if begun {
				e.close('[')
				begun = false
			}
			e.open("function_call", '{')
			e.text("name", p.Call.Name)
			e.quoted("arguments", p.Call.Args)
			e.putBack("", p.Extra)
			e.close('{')
			e.nameExtra(p.Path, p.Extra)
			continue
		}
		if !begun {
			e.open("tool_calls", '[')
			begun = true
		}
		e.chatCall(p)
	}
	if begun {
		e.close('[')
	}
}

func (e *encoder) chatCall(p *llm.Part) {
	if p.Kind == llm.Native {
		e.raw("", p.Native.Raw)
		return
	}
	c := *p.Call
	c.Name = e.toolName(p.Path, llm.FieldCallName, c.Name)
	e.open("", '{')
	e.text("id", e.callID(p.Path, c.ID, llm.FieldCallID))
	kind := e.callBody(&c)
	e.putBack(kind, p.Extra)
	e.close('{')
	e.putBack("", p.Extra)
	e.close('{')
	e.nameExtra(p.Path, p.Extra)
	if p.Cache != nil {
		e.lose(p.Path, llm.FieldCache)
	}
}

// callBody writes what is called with what, and leaves the object open. It
// returns the object's name.
func (w *jsonOut) callBody(c *llm.ToolCall) string {
	kind, args := "function", "arguments"
	if c.Custom {
		kind, args = "custom", "input"
	}
	w.word("type", kind)
	w.open(kind, '{')
	w.text("name", c.Name)
	w.quoted(args, c.Args)
	return kind
}
