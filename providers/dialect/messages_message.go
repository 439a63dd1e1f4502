package dialect

import (
	"llmgw/providers/llm"
)

// messagesMessage reads a message of a request. One that is no object is kept
// as a part that only this dialect has.
func messagesMessage(o object, path string) llm.Message {
	m := llm.Message{Path: path, Plain: true}
	if o.whole[0] != '{' {
		m.Parts = []llm.Part{nativePart(o.whole, path)}
		return m
	}
	m.Role = llm.Role(o.word("role"))
	m.Parts, m.Plain = messagesContent(&o, path)
	m.Extra = o.rest("")
	return m
}

// messagesContent reads "content": a string, a list of blocks, or nothing.
func messagesContent(o *object, path string) (parts []llm.Part, plain bool) {
	if s, found := o.said("content"); found {
		return []llm.Part{{Path: path + ".content", Text: s}}, true
	}
	blocks, found := o.list("content")
	return messagesBlocks(blocks, path, ".content"), !found
}

// messagesBlocks reads the blocks of the list at path and member.
func messagesBlocks(blocks []object, path, member string) []llm.Part {
	if len(blocks) == 0 {
		return nil
	}
	parts := make([]llm.Part, len(blocks))
	for i, block := range blocks {
		parts[i] = messagesBlock(block, atIn(path, member, i))
	}
	return parts
}

// messagesBlock reads a block; one that no other dialect has is kept whole.
func messagesBlock(o object, path string) llm.Part {
	p := llm.Part{Path: path}
	if !messagesBlockOf(&p, &o) {
		return nativePart(o.whole, path)
	}
	p.Cache = cacheMark(&o, cacheControl)
	p.Extra = append(p.Extra, o.rest("")...)
	return p
}

// messagesBlockOf reads what a block is; false when it is nothing that is known.
func messagesBlockOf(p *llm.Part, o *object) bool {
	switch o.string("type") {
	case "text":
		return messagesText(p, o)
	case "image":
		p.Kind = llm.Image
		return messagesMedia(p, o)
	case "document":
		p.Kind = llm.Document
		return messagesMedia(p, o)
	case "tool_use":
		p.Kind = llm.Call
		p.Call = &llm.ToolCall{ID: o.word("id"), Name: o.word("name"), Args: o.take("input", "{")}
		return p.Call.Args != nil
	case "tool_result":
		p.Kind = llm.Result
		r := llm.ToolResult{CallID: o.word("tool_use_id"), Error: o.flag("is_error")}
		r.Parts, r.Plain = messagesContent(o, p.Path)
		p.Result = &r
		return r.CallID != ""
	case "thinking":
		text, found := o.said("thinking")
		if !found {
			return false
		}
		p.Kind, p.Thought = llm.Thinking, &llm.Thought{Text: text, Signature: o.word("signature")}
	case "redacted_thinking":
		p.Kind, p.Thought = llm.Thinking, &llm.Thought{Encrypted: o.word("data")}
		if p.Thought.Encrypted == "" {
			return false
		}
	default:
		return false
	}
	if p.Thought.Signed() {
		p.Thought.Origin = llm.Anthropic
	}
	return true
}

func messagesText(p *llm.Part, o *object) (found bool) {
	if p.Text, found = o.said("text"); !found {
		return false
	}
	if list, found := o.list("citations"); found {
		p.Citations = make([]llm.Citation, len(list))
		for i, c := range list {
			p.Citations[i] = messagesCitation(c)
		}
	}
	return true
}

// messagesCitation reads a citation: of a place on the web, or in something
// that the request held.
func messagesCitation(o object) llm.Citation {
	c := llm.Citation{Raw: o.whole, URL: o.string("url"), Title: o.string("title"), Quote: o.string("cited_text")}
	if c.Title == "" {
		c.Title = o.string("document_title")
	}
	return c
}

// messagesMedia reads an image or a document. A document made of blocks is one
// that only this dialect has.
func messagesMedia(p *llm.Part, o *object) bool {
	s, found := o.inner("source")
	if !found {
		return false
	}
	m := llm.Media{}
	kind := s.word("type")
	m.Type = s.word("media_type")
	switch kind {
	case "base64":
		m.Data = bare(s.take("data", `"`))
	case "url":
		m.URL = s.word("url")
	case "file":
		m.FileID = s.word("file_id")
	case "text":
		m.Text = s.text("data")
	}
	if p.Kind == llm.Document {
		m.Name, m.Context = o.text("title"), o.text("context")
	}
	p.Media = &m
	p.Extra = s.rest("source")
	if c, found := o.inner("citations"); found {
		p.Extra = append(p.Extra, c.rest("citations")...)
	}
	return m.Data != nil || m.URL != "" || m.FileID != "" || m.Text != nil && p.Kind == llm.Document
}
