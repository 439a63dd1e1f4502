package dialect

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"llmgw/providers/llm"
)

// takeParts are the parts of another dialect's message that Anthropic takes;
// what is left out is named.
func (m *messagesOut) takeParts(msg *llm.Message) []*llm.Part {
	var parts []*llm.Part
	thoughts := messagesThoughts{m: m}
	for i := range msg.Parts {
		p := &msg.Parts[i]
		if p.Kind == llm.Thinking {
			parts = thoughts.take(parts, p)
			continue
		}
		if p = m.takePart(msg.Role, p); p != nil {
			parts = append(parts, p)
		}
	}
	thoughts.drop()
	return parts
}

// takePart is the part as Anthropic takes it from that role, nil when it does
// not.
func (m *messagesOut) takePart(role llm.Role, p *llm.Part) *llm.Part {
	m.nameExtra(p.Path, p.Extra)
	switch {
	case p.Kind == llm.Text:
		return m.takeText(p)
	case p.Kind == llm.Refusal:
		m.change(Approximated, within(p.Path, "refusal"), "", "a refusal became text")
		return m.takeText(&llm.Part{Path: p.Path, Text: p.Text, Cache: p.Cache})
	case p.Kind == llm.Native:
		m.loseNative(p)
	case p.Kind == llm.Audio && p.Media.ID != "":
		m.lose(strings.TrimSuffix(p.Path, ".audio"), llm.FieldAudioID)
	case p.Kind == llm.Audio:
		m.lose(p.Path, llm.FieldAudio)
	case p.Kind == llm.Video:
		m.lose(p.Path, llm.FieldVideo)
	case role == llm.Assistant != (p.Kind == llm.Call), instructs(role):
		m.change(Refused, p.Path, "", "Anthropic takes no "+p.Kind.String()+" in a message of this role")
	case p.Kind == llm.Call:
		return m.takeCall(p)
	case p.Kind == llm.Result:
		return m.takeResult(p)
	case p.Kind == llm.Image:
		return m.takeImage(p)
	case p.Kind == llm.Document:
		return m.takeDocument(p)
	}
	return nil
}

// within is the path of a part's member, where the part is not the member
// itself.
func within(path, member string) string {
	if strings.HasSuffix(path, "]") {
		return path + "." + member
	}
	return path
}

// takeText leaves out what Anthropic refuses: "text content blocks must be
// non-empty", "text content blocks must contain non-whitespace text".
func (m *messagesOut) takeText(p *llm.Part) *llm.Part {
	if strings.TrimSpace(p.Text) == "" {
		m.change(Edited, p.Path, "", "Anthropic takes no empty text")
		return nil
	}
	if p.Citations != nil {
		m.lose(p.Path, llm.FieldCitations)
	}
	return p
}

// takeCall names arguments that are no object: Anthropic takes nothing else.
func (m *messagesOut) takeCall(p *llm.Part) *llm.Part {
	switch value, err := validJSON(p.Call.Args); {
	case p.Call.Custom:
		m.change(Approximated, p.Path, llm.FieldCallCustom, "free text became an object")
	case len(p.Call.Args) > 0 && (err != nil || value[0] != '{'):
		m.change(Approximated, p.Path, llm.FieldArgs, "arguments that are no JSON object were put into one")
	}
	return p
}

// takeResult looks through what a result holds.
func (m *messagesOut) takeResult(p *llm.Part) *llm.Part {
	result := *p.Result
	result.Parts = nil
	for i := range p.Result.Parts {
		part := &p.Result.Parts[i]
		if part.Kind == llm.Text && part.Text == "" {
			continue // a result may have no content, which says the same
		}
		if part = m.takePart(llm.ToolRole, part); part != nil {
			result.Parts = append(result.Parts, *part)
		}
	}
	taken := *p
	taken.Result = &result
	return &taken
}

func (m *messagesOut) takeImage(p *llm.Part) *llm.Part {
	switch {
	case p.Media.FileID != "":
		m.lose(p.Path, llm.FieldImageFile)
		return nil
	case p.Media.Data == nil && !isWeb(p.Media.URL):
		m.change(Refused, p.Path, llm.FieldImage, "Anthropic takes base64 or an address on the web")
		return nil
	}
	if p.Media.Detail != nil {
		m.lose(p.Path, llm.FieldDetail)
	}
	if p.Media.Data == nil {
		return p
	}
	return m.takeImageType(p)
}

// takeImageType keeps to the types of images that Anthropic reads: "Input
// should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'" (2026-11).
func (m *messagesOut) takeImageType(p *llm.Part) *llm.Part {
	media := *p.Media
	media.Type = strings.ToLower(media.Type)
	if media.Type == "image/jpg" {
		media.Type = "image/jpeg"
	}
	switch media.Type {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
	default:
		m.change(Refused, p.Path, llm.FieldImage, "Anthropic reads JPEG, PNG, GIF and WebP")
		return nil
	}
	if media.Type == p.Media.Type {
		return p
	}
	m.change(Edited, p.Path, llm.FieldImage, "Anthropic's word for the type")
	taken := *p
	taken.Media = &media
	return &taken
}

// isWeb tells an address on the web from other URLs.
func isWeb(url string) bool {
	return strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")
}

// takeDocument takes a PDF, or a text, which Anthropic wants without base64.
// Some clients of OpenAI's leave out what makes base64 a data URL.
func (m *messagesOut) takeDocument(p *llm.Part) *llm.Part {
	media := *p.Media
	if media.URL != "" && !isWeb(media.URL) {
		media.Data, media.URL = []byte(media.URL), ""
	}
	switch {
	case media.FileID != "":
		m.lose(p.Path, llm.FieldDocFile)
		return nil
	case media.Type == "" && media.Name != nil && strings.HasSuffix(strings.ToLower(*media.Name), ".pdf"):
		media.Type = typePDF
	case strings.HasPrefix(media.Type, "text/") && media.Data != nil:
		media.Text = textOf(media.Data)
		media.Data = nil
	}
	if media.Text == nil && media.URL == "" && media.Type != typePDF {
		m.change(Refused, p.Path, llm.FieldDocument, "Anthropic reads PDF and text")
		return nil
	}
	taken := *p
	taken.Media = &media
	return &taken
}

const typePDF = "application/pdf"

// textOf decodes base64 text, nil when it is none.
func textOf(data []byte) *string {
	text := make([]byte, base64.StdEncoding.DecodedLen(len(data)))
	n, err := base64.StdEncoding.Decode(text, data)
	if err != nil || !utf8.Valid(text[:n]) {
		return nil
	}
	return new(string(text[:n]))
}

// messagesThoughts takes what the model thought in an earlier turn. Only what
// Anthropic signed can go back to it. A thought may come in pieces, the last of
// which is its signature, from clients that keep a stream's deltas as a list.
type messagesThoughts struct {
	m      *messagesOut
	pieces []*llm.Part
}

func (s *messagesThoughts) take(parts []*llm.Part, p *llm.Part) []*llm.Part {
	t := p.Thought
	s.m.nameExtra(p.Path, p.Extra)
	if !t.Signed() {
		s.pieces = append(s.pieces, p)
		return parts
	}
	// A client that keeps only the last of a stream's pieces (openai-node 7 puts
	// members that it does not know over one another) has a signature of a text
	// that is gone, which Anthropic refuses. A thought that was not shown has no
	// text to lose: it came without.
	lost := t.Encrypted == "" && !t.Hidden && t.Text == "" && len(s.pieces) == 0
	if t.Origin != llm.Anthropic || s.m.t.Thoughtless || lost {
		s.drop()
		s.lose(p)
		return parts
	}
	whole := llm.Thought{Signature: t.Signature, Encrypted: t.Encrypted, Origin: t.Origin}
	if t.Encrypted == "" && t.Text == "" {
		for _, piece := range s.pieces {
			whole.Text += piece.Thought.Text
		}
		s.pieces = nil
	}
	s.drop()
	whole.Text += t.Text
	return append(parts, &llm.Part{Kind: llm.Thinking, Path: p.Path, Thought: &whole})
}

// drop names the pieces that nobody signed.
func (s *messagesThoughts) drop() {
	for _, p := range s.pieces {
		s.lose(p)
	}
	s.pieces = nil
}

// lose names a thought and its signature.
func (s *messagesThoughts) lose(p *llm.Part) {
	t := p.Thought
	if t.Encrypted != "" {
		s.m.lose(p.Path, llm.FieldEncrypted)
		return
	}
	s.m.change(Dropped, within(p.Path, "text"), "", takingOf(llm.Anthropic, llm.FieldThought).why)
	if t.Signature != "" {
		s.m.lose(p.Path, llm.FieldSignature)
	}
}
