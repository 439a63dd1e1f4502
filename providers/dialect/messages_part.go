package dialect

import "llmgw/providers/llm"

func (m *messagesOut) parts(parts []*llm.Part) {
	for _, p := range parts {
		m.part(p)
	}
}

// part writes a block.
func (m *messagesOut) part(p *llm.Part) {
	switch p.Kind {
	case llm.Text:
		m.open("", '{')
		m.word("type", "text")
		m.text("text", p.Text)
		if m.own && p.Citations != nil {
			m.citations(p.Citations, true)
		}
	case llm.Image:
		m.media("image", p)
	case llm.Document:
		m.media("document", p)
	case llm.Call:
		id, named := m.named[p]
		if !named {
			id = p.Call.ID
		}
		m.call(id, p.Call)
	case llm.Result:
		m.result(p)
	case llm.Thinking:
		m.thoughtBlock(p.Thought, p.Thought.Signature != "")
	default:
		m.raw("", p.Native.Raw)
		return
	}
	m.cache(p.Path, p.Cache, llm.FieldCache)
	m.putBack("", p.Extra)
	m.close('{')
}

// media writes what is open of an image or a document.
func (m *messagesOut) media(kind string, p *llm.Part) {
	m.open("", '{')
	m.word("type", kind)
	m.open("source", '{')
	m.source(p.Media)
	m.putBack("source", p.Extra)
	m.close('{')
	if p.Kind == llm.Document {
		m.maybeText("title", p.Media.Name)
		m.maybeText("context", p.Media.Context)
	}
	if m.own && hasExtra("citations", p.Extra) {
		m.open("citations", '{')
		m.putBack("citations", p.Extra)
		m.close('{')
	}
}

func (m *messagesOut) source(media *llm.Media) {
	kind := media.Type
	switch {
	case media.Text != nil:
		m.word("type", "text")
		if !m.own {
			kind = "text/plain"
		}
	case media.Data != nil:
		m.word("type", "base64")
	case media.FileID != "":
		m.word("type", "file")
	default:
		m.word("type", "url")
		if !m.own {
			kind = ""
		}
	}
	if kind != "" {
		m.text("media_type", kind)
	}
	switch {
	case media.Text != nil:
		m.text("data", *media.Text)
	case media.Data != nil:
		m.quoted("data", media.Data)
	case media.FileID != "":
		m.text("file_id", media.FileID)
	case media.URL != "":
		m.text("url", media.URL)
	}
}

func (m *messagesOut) result(p *llm.Part) {
	r := p.Result
	id, named := m.named[p]
	if !named {
		id = r.CallID
	}
	m.open("", '{')
	m.word("type", "tool_result")
	m.text("tool_use_id", id)
	if len(r.Parts) > 0 || !r.Plain && m.own {
		m.content(r.Plain, pointers(r.Parts))
	}
	m.maybeBool("is_error", r.Error)
}

// call writes what is open of a tool call, in a request or an answer.
func (w *jsonOut) call(id string, c *llm.ToolCall) {
	w.open("", '{')
	w.word("type", "tool_use")
	if id != "" {
		w.text("id", id)
	}
	if c.Name != "" {
		w.text("name", c.Name)
	}
	w.item("input")
	w.out = append(w.out, inputOf(c)...)
}

// inputOf is a call's arguments as the object that Anthropic has them as. None
// are an empty object. What is no object is wrapped in one, as Anthropic says
// to do with arguments that came broken
// (platform.claude.com/docs, fine-grained tool streaming, 2026-11).
func inputOf(c *llm.ToolCall) []byte {
	value, err := validJSON(c.Args)
	switch {
	case c.Custom:
		return wrapped("input", c.Args)
	case len(c.Args) == 0:
		return []byte("{}")
	case err != nil || value[0] != '{':
		return wrapped("INVALID_JSON", c.Args)
	}
	return value
}

func wrapped(name string, text []byte) []byte {
	w := jsonOut{}
	w.open("", '{')
	w.quoted(name, text)
	w.close('{')
	return w.out
}

// thoughtBlock writes what is open of a thought, in a request or an answer.
func (w *jsonOut) thoughtBlock(t *llm.Thought, signature bool) {
	w.open("", '{')
	if t.Encrypted != "" {
		w.word("type", "redacted_thinking")
		w.text("data", t.Encrypted)
		return
	}
	w.word("type", "thinking")
	w.text("thinking", t.Text)
	if signature {
		w.text("signature", t.Signature)
	}
}
