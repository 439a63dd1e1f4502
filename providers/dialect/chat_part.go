package dialect

import (
	"strings"

	"llmgw/providers/llm"
)

// chatPart writes a part of content, or names it as lost.
func (e *encoder) chatPart(p *llm.Part) {
	switch p.Kind {
	case llm.Text:
		e.chatWords(p, "text")
	case llm.Refusal:
		e.chatWords(p, "refusal")
	case llm.Image:
		e.chatImage(p)
	case llm.Video:
		e.chatMedia(p, "video_url", func() { e.chatURL("url", p.Media) })
	case llm.Audio:
		e.chatAudio(p)
	case llm.Document:
		e.chatDocument(p)
	case llm.Thinking:
		e.raw("", p.Thought.Raw)
	case llm.Native:
		e.raw("", p.Native.Raw)
	}
}

// chatWords writes a part that is text.
func (e *encoder) chatWords(p *llm.Part, kind string) {
	e.open("", '{')
	e.word("type", kind)
	e.text(kind, p.Text)
	e.closePart(p)
	if p.Citations != nil {
		e.lose(p.Path, llm.FieldCitations)
	}
}

// closePart writes what every kind of part may have.
func (e *encoder) closePart(p *llm.Part) {
	e.chatCache(p.Path, p.Cache, llm.FieldCache)
	e.putBack("", p.Extra)
	e.close('{')
	e.nameExtra(p.Path, p.Extra)
}

// chatMedia writes a part that is a medium; write fills the object that is
// named as its type.
func (e *encoder) chatMedia(p *llm.Part, kind string, write func()) {
	e.open("", '{')
	e.word("type", kind)
	e.open(kind, '{')
	write()
	e.putBack(kind, p.Extra)
	e.close('{')
	e.closePart(p)
}

// chatURL writes a medium as a URL, or as the data that is one.
func (w *jsonOut) chatURL(name string, m *llm.Media) {
	if m.Data == nil {
		w.text(name, m.URL)
		return
	}
	w.item(name)
	w.out = appendEscaped(append(w.out, `"data:`...), m.Type)
	w.out = appendEscaped(append(w.out, ";base64,"...), m.Data)
	w.out = append(w.out, '"')
}

func (e *encoder) chatImage(p *llm.Part) {
	if p.Media.FileID != "" {
		e.lose(p.Path, llm.FieldImageFile)
		e.nameExtra(p.Path, p.Extra)
		return
	}
	e.chatMedia(p, "image_url", func() {
		e.chatURL("url", p.Media)
		e.maybeText("detail", p.Media.Detail)
	})
}

func (e *encoder) chatAudio(p *llm.Part) {
	format, known := strings.CutPrefix(p.Media.Type, "audio/")
	if p.Media.Data == nil {
		e.lose(p.Path, llm.FieldAudio)
		return
	}
	e.chatMedia(p, "input_audio", func() {
		e.quoted("data", p.Media.Data)
		if known {
			e.text("format", format)
		}
	})
}

// chatDocument writes a file. OpenAI's chat protocol has no URLs for files, and
// ids are those of its own store.
func (e *encoder) chatDocument(p *llm.Part) {
	m := p.Media
	switch {
	case m.Text != nil && !e.own:
		e.chatTextDocument(p)
		return
	case !e.own && m.Data == nil && m.URL != "":
		e.lose(p.Path, llm.FieldDocURL)
		e.nameExtra(p.Path, p.Extra)
		return
	case !e.own && m.FileID != "" && e.req.From != llm.OpenAIResponses:
		e.lose(p.Path, llm.FieldDocFile)
		e.nameExtra(p.Path, p.Extra)
		return
	}
	e.chatMedia(p, "file", func() {
		switch {
		case m.Data != nil && m.Type == "":
			e.quoted("file_data", m.Data)
		case m.Data != nil || m.URL != "":
			e.chatURL("file_data", m)
		}
		if m.FileID != "" {
			e.text("file_id", m.FileID)
		}
		e.chatFileName(p)
	})
	if m.Context != nil {
		e.lose(p.Path, llm.FieldDocContext)
	}
}

// chatFileName writes a file's name. OpenAI wants one with data ("Missing
// required parameter: 'messages[0].content[0].file.filename'").
func (e *encoder) chatFileName(p *llm.Part) {
	switch m := p.Media; {
	case m.Name != nil:
		e.text("filename", *m.Name)
	case e.own || m.Data == nil:
	default:
		_, kind, _ := strings.Cut(m.Type, "/")
		e.text("filename", "document."+kind)
		e.change(Edited, p.Path, llm.FieldDocName, "OpenAI wants a name")
	}
}

// chatTextDocument writes a document of plain text as text: the protocol's
// files are PDFs.
func (e *encoder) chatTextDocument(p *llm.Part) {
	e.open("", '{')
	e.word("type", "text")
	e.text("text", *p.Media.Text)
	e.closePart(p)
	e.lose(p.Path, llm.FieldDocText)
	if p.Media.Name != nil {
		e.change(Dropped, p.Path, llm.FieldDocName, "text has no file name")
	}
	if p.Media.Context != nil {
		e.lose(p.Path, llm.FieldDocContext)
	}
}
