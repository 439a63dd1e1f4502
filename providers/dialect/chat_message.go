package dialect

import (
	"bytes"
	"strings"

	"llmgw/providers/llm"
)

// chatMessage reads a message of a request. One that is no object is kept as a
// part that only this dialect has.
func chatMessage(o object, path string) llm.Message {
	m := llm.Message{Path: path, Plain: true}
	if o.whole[0] != '{' {
		m.Parts = []llm.Part{nativePart(o.whole, path)}
		return m
	}
	m.Role = llm.Role(o.string("role"))
	switch m.Role {
	case llm.Assistant:
		m.Name = o.text("name")
		m.Parts, m.Plain = chatTurn(&o, path)
	case llm.ToolRole, "function":
		chatResult(&m, &o)
	default:
		m.Name = o.text("name")
		m.Parts, m.Plain = chatContent(&o, path)
	}
	m.Extra = o.rest("")
	return m
}

// chatTurn reads what a model said, in a request or in an answer: what it
// thought, what it said, what it calls.
func chatTurn(o *object, path string) (parts []llm.Part, plain bool) {
	parts = chatThoughts(o, path)
	content, plain := chatContent(o, path)
	parts = append(parts, content...)
	if refusal := o.word("refusal"); refusal != "" {
		parts = append(parts, llm.Part{Kind: llm.Refusal, Path: path + ".refusal", Text: refusal})
	}
	if stringIn(memberOf(o.peek("audio"), "id")) != "" {
		audio, _ := o.inner("audio")
		parts = append(parts, chatSound(&audio, path+".audio"))
	}
	return append(parts, chatCalls(o, path)...), plain
}

// chatSound reads audio that the model made, or the id it is known by.
func chatSound(o *object, path string) llm.Part {
	m := llm.Media{ID: o.string("id"), Data: bare(o.take("data", `"`)), Text: o.text("transcript")}
	return llm.Part{Kind: llm.Audio, Path: path, Media: &m, Extra: o.rest("")}
}

// chatResult reads a message that is a tool's result, or a function's in the
// deprecated form, which has no id.
func chatResult(m *llm.Message, o *object) {
	var r llm.ToolResult
	if m.Role == llm.ToolRole {
		r.CallID = o.string("tool_call_id")
	}
	r.Name = o.string("name")
	r.Parts, r.Plain = chatContent(o, m.Path)
	m.Role = llm.ToolRole
	m.Parts = []llm.Part{{Kind: llm.Result, Path: m.Path, Result: &r}}
}

// chatContent reads "content": a string, a list of parts, or nothing.
func chatContent(o *object, path string) (parts []llm.Part, plain bool) {
	if s, found := o.said("content"); found {
		return []llm.Part{{Kind: llm.Text, Path: path + ".content", Text: s}}, true
	}
	list, found := o.list("content")
	for i, part := range list {
		parts = append(parts, chatPart(part, atIn(path, ".content", i)))
	}
	return parts, !found
}

// chatPart reads a part of content; one that no other dialect has is kept whole.
func chatPart(o object, path string) llm.Part {
	p := llm.Part{Path: path}
	if !chatPartOf(&p, &o) {
		return nativePart(o.whole, path)
	}
	if p.Cache = cacheMark(&o, "cache_control"); p.Cache == nil {
		p.Cache = cacheMark(&o, "prompt_cache_breakpoint")
	}
	p.Extra = append(p.Extra, o.rest("")...)
	return p
}

// nativePart is a part that only its own dialect has.
func nativePart(value []byte, path string) llm.Part {
	kind := stringIn(memberOf(value, "type"))
	return llm.Part{Kind: llm.Native, Path: path, Native: &llm.NativePart{Type: kind, Raw: value}}
}

// chatPartOf reads what a part is; false when it is nothing that is known.
func chatPartOf(p *llm.Part, o *object) bool {
	kind := o.string("type")
	switch kind {
	case "text", "refusal":
		text, found := o.said(kind)
		p.Text = text
		if kind == "refusal" {
			p.Kind = llm.Refusal
		}
		return found
	case "thinking": // Mistral
		p.Kind, p.Thought = llm.Thinking, &llm.Thought{Raw: o.whole}
		list, found := o.list(kind)
		return found && texts(list, &p.Thought.Text)
	}
	inner, found := o.inner(kind)
	if !found || !chatMedia(p, &inner, kind) {
		return false
	}
	p.Extra = inner.rest(kind)
	return true
}

// texts joins the texts of a list of text parts; false when it is none.
func texts(list []object, text *string) bool {
	for _, o := range list {
		piece, found := o.said("text")
		if !found {
			return false
		}
		*text += piece
	}
	return true
}

// chatMedia reads an image, a film, a sound or a file; false when it is none.
func chatMedia(p *llm.Part, o *object, kind string) bool {
	var m llm.Media
	switch kind {
	case "image_url":
		p.Kind, m.Detail = llm.Image, o.text("detail")
		setURL(&m, o.take("url", `"`))
	case "video_url":
		p.Kind = llm.Video
		setURL(&m, o.take("url", `"`))
	case "input_audio":
		p.Kind = llm.Audio
		m.Data = bare(o.take("data", `"`))
		if format := o.text("format"); format != nil {
			m.Type = "audio/" + *format
		}
	case "file":
		p.Kind = llm.Document
		setURL(&m, o.take("file_data", `"`))
		m.FileID, m.Name = o.string("file_id"), o.text("filename")
	}
	p.Media = &m
	return m.Data != nil || m.URL != "" || m.FileID != ""
}

// setURL sets a URL, or the data that it holds.
func setURL(m *llm.Media, literal []byte) {
	const mark, longest = ";base64,", 100
	text := bare(literal)
	head := bytes.Index(text[:min(len(text), longest)], []byte(mark))
	if kind, isData := bytes.CutPrefix(text[:max(head, 0)], []byte("data:")); isData && bytes.IndexByte(kind, ';') < 0 {
		m.Type, m.Data = string(kind), text[head+len(mark):]
		return
	}
	m.URL = string(text)
}

// bare is the text of a string literal: a part of it unless it has escapes.
func bare(literal []byte) []byte {
	switch {
	case len(literal) == 0:
		return nil
	case bytes.IndexByte(literal, '\\') >= 0:
		return []byte(unquote(literal))
	}
	return literal[1 : len(literal)-1]
}

// chatThoughts reads what the model thought: OpenRouter's "reasoning_details",
// which have the signatures, else the text that others send.
func chatThoughts(o *object, path string) []llm.Part {
	var parts []llm.Part
	if list := o.filled("reasoning_details"); list != nil {
		for i, thought := range list {
			parts = append(parts, chatThought(thought, atIn(path, ".reasoning_details", i)))
		}
		return parts
	}
	for _, name := range []string{"reasoning_content", "reasoning"} {
		if text := o.text(name); text != nil {
			thought := llm.Thought{Text: *text}
			return []llm.Part{{Kind: llm.Thinking, Path: path + "." + name, Thought: &thought}}
		}
	}
	return nil
}

// chatThought reads one of OpenRouter's reasoning details
// (openrouter.ai/docs/use-cases/reasoning-tokens).
func chatThought(o object, path string) llm.Part {
	t := llm.Thought{Raw: o.whole, ID: o.string("id"), Signature: o.string("signature"), Encrypted: o.string("data")}
	switch stringIn(o.peek("type")) {
	case "reasoning.text":
		t.Hidden = o.peek("text") == nil
		t.Text = o.string("text")
	case "reasoning.summary":
		t.Text, t.Summary = o.string("summary"), true
	case "reasoning.encrypted":
	default:
		return nativePart(o.whole, path)
	}
	o.string("type")
	o.count("index")
	if format := o.string("format"); t.Signed() {
		t.Origin = thoughtOrigin(format)
	}
	return llm.Part{Kind: llm.Thinking, Path: path, Thought: &t, Extra: o.rest("")}
}

// thoughtFormats are OpenRouter's words for who made a thought.
var thoughtFormats = [...]struct {
	prefix string
	d      llm.Dialect
	word   string
}{
	{"anthropic-claude", llm.Anthropic, "anthropic-claude-v1"},
	{"openai-responses", llm.OpenAIResponses, "openai-responses-v1"},
	{"google-gemini", llm.Gemini, "google-gemini-v1"},
}

// thoughtOrigin is the dialect of a thought in that format, "" when unknown.
func thoughtOrigin(format string) llm.Dialect {
	for _, f := range thoughtFormats {
		if strings.HasPrefix(format, f.prefix) {
			return f.d
		}
	}
	return ""
}

// chatCalls reads "tool_calls", and the deprecated "function_call".
func chatCalls(o *object, path string) []llm.Part {
	var parts []llm.Part
	for i, call := range o.filled("tool_calls") {
		parts = append(parts, chatCall(call, atIn(path, ".tool_calls", i)))
	}
	if stringIn(memberOf(o.peek("function_call"), "name")) != "" {
		f, _ := o.inner("function_call")
		call := llm.ToolCall{Name: f.string("name"), Args: arguments(&f, "arguments")}
		parts = append(parts, llm.Part{Kind: llm.Call, Path: path + ".function_call", Call: &call, Extra: f.rest("")})
	}
	return parts
}

func chatCall(o object, path string) llm.Part {
	kind := stringIn(o.peek("type"))
	if kind == "" { // some providers leave it out
		kind = "function"
	}
	inner, found := o.inner(kind)
	if !found || kind != "function" && kind != "custom" {
		return nativePart(o.whole, path)
	}
	call := llm.ToolCall{ID: o.string("id"), Name: inner.string("name"), Custom: kind == "custom"}
	if call.Custom {
		call.Args = arguments(&inner, "input")
	} else {
		call.Args = arguments(&inner, "arguments")
	}
	o.string("type")
	return llm.Part{Kind: llm.Call, Path: path, Call: &call, Extra: append(inner.rest(kind), o.rest("")...)}
}

// arguments takes a call's arguments: JSON text in a string or, from Ollama,
// the object itself.
func arguments(o *object, name string) llm.Raw {
	if literal := o.take(name, `"`); literal != nil {
		return append(llm.Raw{}, unquote(literal)...)
	}
	return o.take(name, "{")
}
