package dialect

import (
	"bytes"
	"strings"

	"llmgw/providers/llm"
)

// payload is an inline medium: the characters of its base64 text in the body.
type payload struct {
	Span
	kind mediaKind
}

type mediaKind uint8

const (
	imageMedia mediaKind = iota
	wavMedia
	mp3Media
	documentMedia // has no maximum; the body is unbounded
)

// Audio becomes at most 32 tokens a second (ai.google.dev/gemini-api/docs/audio;
// OpenAI's models make 10, platform.openai.com/docs/guides/realtime-costs; both
// as of 2025). A second takes at least 8,000 bytes of WAV (telephone quality:
// 8 kHz, 8 bit) and 1,000 of MP3 (8 kbit/s is the least that MPEG-2 knows).
const (
	audioTokensPerSecond = 32
	wavBytesPerSecond    = 8000
	mp3BytesPerSecond    = 1000
	audioStart           = 64 // tokens, for a part of a second and for the frame
)

// tokens is what the medium becomes at most.
func (p *payload) tokens(f *family) int64 {
	decoded := int64(p.End-p.Start)/4*3 + 3
	switch p.kind {
	case imageMedia:
		return f.image
	case wavMedia:
		return decoded*audioTokensPerSecond/wavBytesPerSecond + audioStart
	case mp3Media:
		return decoded*audioTokensPerSecond/mp3BytesPerSecond + audioStart
	}
	return 0
}

// family is what is published about models whose names begin alike.
type family struct {
	prefix string
	image  int64 // most tokens an image becomes, whatever its size
	shaped int64 // prompt tokens that tools or a schema add beyond their bytes
}

const (
	// plainOverhead is for what a chat template says before the first message:
	// gpt-oss puts some 65 tokens there (harmony format: identity, date,
	// channels; github.com/openai/harmony, August 2025).
	plainOverhead = 128
	// unknownOverhead is that for models nothing is known of. It covers grok-4,
	// which added some 680 tokens when recorded (2025).
	unknownOverhead = 1024
	// shapedOverhead is for the prompt that makes a model use tools or keep to
	// a schema: 530 tokens for Claude 3 Opus, 346 for Claude 4 are published
	// (docs.anthropic.com, tool use, pricing, 2024 and 2025); recorded were some
	// 570 for Claude Opus 4.6 and 600 for Llama 4. OpenAI's models write tools
	// out shorter than the body has them.
	shapedOverhead = 1024
	// hostedOverhead is for each tool that Anthropic itself describes to the
	// model: 245 tokens for bash, 700 for the text editor, 735 + 499 for the
	// computer are published (same page, 2025); memory took 1,350 when recorded.
	hostedOverhead = 2048

	tiledImage = 1536 // 85 + 8 × 170, the most 512 px tiles of 2048 × 768 px; gpt-4.1: 1,536 patches
	claudeOld  = 1600 // long edge 1568 px
	claudeNew  = 4784 // long edge 2576 px: 92 × 52 patches of 28 px
	// unknownImage is Qwen2-VL's default (16,384 patches of 28 px, its model card,
	// 2024), the most of any model with a known maximum but gpt-4o-mini; it
	// covers gpt-5.4's detail "original", 10,000 patches × at most 1.62
	// (openai/codex#19865, April 2026).
	unknownImage = 16384
	// laterImage is for OpenAI's models after those: gpt-6 was seen to take
	// 11,970 patches (huggingface.co/datasets/JOHNISKING/image-token-cost), and
	// no budget was found but that no side keeps more than 6,000 px: 188 × 188
	// patches × 1.62.
	laterImage = 57258
)

// families are sorted so that the first prefix that fits is the right one.
// Images: platform.openai.com/docs/guides/images-vision, "Calculating costs",
// 2025 and March 2026 (tiles: base + 8 × tile; patches: 1,536 × multiplier);
// platform.claude.com/docs/en/build-with-claude/vision, 2025 and April 2026.
var families = []family{
	{"gpt-4o-mini", 2833 + 8*5667, 0},
	{"gpt-4.1-mini", 2489, 0}, // × 1.62
	{"gpt-4.1-nano", 3779, 0}, // × 2.46
	{"gpt-4", tiledImage, 0},
	{"chatgpt-4o", tiledImage, 0},
	{"gpt-5-mini", 2489, 0}, // × 1.62
	{"gpt-5-nano", 3779, 0}, // × 2.46
	{"gpt-5-", tiledImage, 0},
	{"gpt-5.", unknownImage, 0},
	{"gpt-", laterImage, 0},
	{"o1-", tiledImage, 0},
	{"o3-", tiledImage, 0},
	{"o4-mini", 2642, 0}, // × 1.72
	{"claude-3", claudeOld, shapedOverhead},
	{"claude-haiku-4-5", claudeOld, shapedOverhead},
	{"claude-opus-4-0", claudeOld, shapedOverhead},
	{"claude-opus-4-1", claudeOld, shapedOverhead},
	{"claude-opus-4-2025", claudeOld, shapedOverhead},
	{"claude-opus-4-5", claudeOld, shapedOverhead},
	{"claude-opus-4-6", claudeOld, shapedOverhead},
	{"claude-sonnet-4-0", claudeOld, shapedOverhead},
	{"claude-sonnet-4-2025", claudeOld, shapedOverhead},
	{"claude-sonnet-4-5", claudeOld, shapedOverhead},
	{"claude-sonnet-4-6", claudeOld, shapedOverhead},
	{"claude-", claudeNew, shapedOverhead},
}

var (
	anyClaude = family{"", claudeNew, shapedOverhead}
	anyModel  = family{"", unknownImage, shapedOverhead}
)

// family finds what is published about a model, or what holds for any that
// speaks the dialect.
func (b *Bound) family(model string) *family {
	name := bareModel(model)
	for i := range families {
		f := &families[i]
		if len(b.models) == 0 && (strings.HasPrefix(name, f.prefix) || name+"-" == f.prefix) {
			return f
		}
	}
	if b.d == llm.Anthropic {
		return &anyClaude
	}
	return &anyModel
}

// bareModel is a model's name without who serves it or whose it is, as in
// "openrouter/anthropic/claude-3.5-haiku", "ft:gpt-4o:acme" and
// "us.anthropic.claude-3-haiku", spelt as the provider itself does.
func bareModel(model string) string {
	name := strings.ToLower(model[strings.LastIndexByte(model, '/')+1:])
	name = strings.TrimPrefix(name, "ft:")
	if _, bedrock, found := strings.Cut(name, "anthropic."); found {
		name = bedrock
	}
	if strings.HasPrefix(name, "claude-") {
		name = strings.ReplaceAll(name, ".", "-")
	}
	return name
}

// overheadOf is how many prompt tokens have no bytes in the body.
func (b *Bound) overheadOf(f *family) int64 {
	overhead := int64(plainOverhead)
	if f == &anyModel && !b.raw {
		overhead = unknownOverhead
	}
	if b.shaped {
		overhead += f.shaped
	}
	return overhead + int64(b.hosted)*hostedOverhead
}

// searches tells whether a model looks things up by itself, so that its prompt
// is not the caller's.
func searches(model string) bool {
	name := bareModel(model)
	for _, part := range []string{"search-preview", "search-api", "sonar", "compound", "deep-research", ":online"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// inline notes a medium that is base64 text within the body.
func (b *bounder) inline(at Span, kind mediaKind) {
	b.payloads = append(b.payloads, payload{at, kind})
	b.Media++
	if kind == documentMedia {
		b.because("document")
	}
}

// imageURL reads an image part of a chat: {"url": …}, or the URL itself.
func (b *bounder) imageURL(m *walk) {
	if m.starts('"') {
		b.imageAt(Span{m.item, m.item + len(m.val())})
		return
	}
	for u := m.object(); u.next(); {
		if string(u.name()) == "url" {
			value := u.val()
			b.imageAt(Span{u.item, u.item + len(value)})
		}
	}
}

// imageAt takes the image that a string literal names or holds.
func (b *bounder) imageAt(literal Span) {
	data, kind := dataURL(b.body, literal)
	if data.End > 0 && kind == "image" {
		b.inline(data, imageMedia)
		return
	}
	b.because("image_url")
}

// dataURL finds the base64 text in the string literal of a data URL, and the
// first half of its media type; an absent span for anything else.
func dataURL(body []byte, literal Span) (data Span, kind string) {
	const longest = 128 // of what stands before the data
	value := literal.of(body)
	head := value[:min(len(value), longest)]
	comma := bytes.Index(head, []byte(";base64,"))
	slash := bytes.IndexByte(head, '/')
	if comma < 0 || slash < 0 || slash > comma || !bytes.HasPrefix(head, []byte(`"data:`)) {
		return Span{}, ""
	}
	// Some JSON writers escape a slash.
	kind = strings.TrimSuffix(string(head[len(`"data:`):slash]), `\`)
	return Span{literal.Start + comma + len(";base64,"), literal.End - 1}, kind
}

// audio reads an input_audio part.
func (b *bounder) audio(m walk) {
	var data Span
	kind := documentMedia
	for m.next() {
		switch value := m.val(); string(m.name()) {
		case "data":
			data = inner(Span{m.item, m.item + len(value)}, value)
		case "format":
			switch string(text(value)) {
			case "wav":
				kind = wavMedia
			case "mp3":
				kind = mp3Media
			}
		}
	}
	switch {
	case data.End == 0:
	case kind == documentMedia:
		// Lossless and variable rates can hold silence in next to no bytes.
		b.because("audio")
	default:
		b.inline(data, kind)
	}
}

// inner is a string literal without its quotes, absent for another value.
func inner(at Span, value []byte) Span {
	if !isString(value) {
		return Span{}
	}
	return Span{at.Start + 1, at.End - 1}
}

// file reads a file part: text within it counts as text. A PDF's pages have
// no relation to its bytes, compressed as they are.
func (b *bounder) file(m walk) {
	for m.next() {
		value := m.val()
		switch string(m.name()) {
		case "file_id":
			if asked(value) {
				b.because("file_id")
			}
		case "file_data":
			at := Span{m.item, m.item + len(value)}
			if !isString(value) {
				continue
			}
			switch data, kind := dataURL(b.body, at); {
			case kind == "text":
			case data.End > 0:
				b.inline(data, documentMedia)
			default:
				b.because("document")
			}
		}
	}
}

// source is where a block of Anthropic's has its image or document from.
type source struct {
	kind, media []byte
	data        Span
	remote      bool
	file        bool
}

func (s *source) read(b *bounder, m walk) {
	for m.next() {
		switch string(m.name()) {
		case "type":
			s.kind = text(m.val())
		case "media_type":
			s.media = text(m.val())
		case "data":
			value := m.val()
			s.data = inner(Span{m.item, m.item + len(value)}, value)
		case "url":
			s.remote = asked(m.val())
		case "file_id":
			s.file = asked(m.val())
		case "content":
			b.content(&m)
		}
	}
}

// settle takes what the source holds or names, once its block was read.
func (s *source) settle(b *bounder, document bool) {
	switch {
	case s.file:
		b.because("file_id")
	case s.remote && document:
		b.because("document")
	case s.remote:
		b.because("image_url")
	}
	switch {
	case string(s.kind) != "base64" || s.data.End == 0:
	case bytes.HasPrefix(s.media, []byte("image/")):
		b.inline(s.data, imageMedia)
	default:
		b.inline(s.data, documentMedia)
	}
}
