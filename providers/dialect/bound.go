package dialect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"llmgw/providers/llm"
)

// Bound is how much a request can cost at most, in tokens, as far as its body
// tells. Where [Bound.Unbounded] is empty, a provider charges at most
// [Bound.Input] prompt tokens for it.
type Bound struct {
	// TextBytes are the bytes that become at most one prompt token each: all
	// but inline media. Tokens of byte-level BPE stand for a byte or more, a
	// JSON string is never shorter than the text it spells, and the syntax
	// around a message or tool is longer than what a chat template adds to it.
	// Where the body is not valid UTF-8 they count threefold, as each bad byte
	// is read as U+FFFD.
	TextBytes   int64
	Media       int   // inline media items
	MediaTokens int64 // what they become at most, see media.go
	Overhead    int64 // prompt tokens that the provider adds unasked, see overheadOf

	MaxOutput   llm.Count // output limit asked for × Choices; unknown: the model's own limit, for each
	Choices     int       // answers asked for, see [Facts]
	LeastOutput int64     // Anthropic refuses an output limit that is not above this: thinking.budget_tokens

	CacheWrite CacheMark

	// Unbounded says why the body does not bound the cost, each cause once:
	// "image_url" (remote), "document", "file_id", "server_tool:web_search", …
	Unbounded []string

	// Services are what the body asks for besides the standard service, as price
	// books name it: "priority", "fast", "geo-us".
	Services []string

	causeAt  int // where the first of causes was found: after its value
	d        llm.Dialect
	models   []string // OpenRouter's "models": any of them may answer
	raw      bool     // no chat template around it
	shaped   bool     // tools or a schema
	hosted   int      // tools that the provider describes to the model
	size     int      // of the body
	width    int64    // tokens a byte
	payloads []payload
	causes   []string // of Unbounded, whatever the model
}

// CacheMark is the dearest prompt cache write that a body marks. Writes that a
// provider makes unasked are a matter of its price, not of the body.
type CacheMark uint8

// The marks, in order of price.
const (
	CacheWriteNone CacheMark = iota
	CacheWrite5m             // for five minutes or, at OpenAI, thirty
	CacheWrite1h             // for an hour, or a time nobody knows the price of
)

// Input is how many prompt tokens the request can be charged for at most.
func (b *Bound) Input() int64 { return b.TextBytes + b.MediaTokens + b.Overhead }

// For is the bound when the request goes to model, as after a reroute: media
// and unasked prompts depend on it.
func (b Bound) For(model string) Bound {
	f := b.family(model)
	b.MediaTokens = 0
	for _, p := range b.payloads {
		b.MediaTokens += p.tokens(f)
	}
	b.Overhead = b.overheadOf(f)
	b.Unbounded = b.causes
	if searches(model) || slices.ContainsFunc(b.models, searches) {
		b.Unbounded = append(slices.Clone(b.causes), "searching_model")
	}
	return b
}

// After is how many prompt tokens the body's bytes from at on can become at
// most, for that model. A medium that ends behind at counts whole.
func (b *Bound) After(model string, at int) int64 {
	f := b.family(model)
	text, media := b.size-at, int64(0)
	for _, p := range b.payloads {
		if p.End > at {
			text -= p.End - max(p.Start, at)
			media += p.tokens(f)
		}
	}
	return int64(text)*b.width + media
}

// maxCauses bounds the list of causes, which a body could make long.
const maxCauses = 16

// because notes a cause, and where the first one is.
func (b *bounder) because(cause string) {
	if len(b.causes) == 0 && b.at != nil {
		b.causeAt = b.at.at
	}
	if len(b.causes) < maxCauses && !slices.Contains(b.causes, cause) {
		b.causes = append(b.causes, cause)
	}
}

// Cause is the first of Unbounded with its place in body, of which the bound is:
// "image_url at messages[2].content[0].image_url.url"; "" where there is none.
func (b *Bound) Cause(body []byte) string {
	if len(b.Unbounded) == 0 {
		return ""
	}
	if place := placeOf(body, b.causeAt); place != "" {
		return b.Unbounded[0] + " at " + place
	}
	return b.Unbounded[0]
}

// placeOf is the path of the innermost value that the byte before at belongs
// to; "" for none.
func placeOf(body []byte, at int) string {
	var path strings.Builder
	sc := scan{b: body, at: skipSpace(body, 0)}
	for depth := 0; descend(&sc, at-1, depth, &path); depth++ {
	}
	return path.String()
}

// descend moves sc to the item of its value that holds the byte at; false for
// a value without items.
func descend(sc *scan, at, depth int, path *strings.Builder) bool {
	if sc.at >= len(sc.b) || sc.b[sc.at] != '{' && sc.b[sc.at] != '[' {
		return false
	}
	object := sc.b[sc.at] == '{'
	m := sc.elements(depth)
	if object {
		m = sc.members(depth)
	}
	for m.next() {
		if m.val(); at < m.item || at >= m.at {
			continue
		}
		switch {
		case !object:
			fmt.Fprintf(path, "[%d]", m.n-1)
		case path.Len() > 0:
			path.WriteString("." + label(m.name()))
		default:
			path.WriteString(label(m.name()))
		}
		sc.at = m.item
		return true
	}
	return false
}

// bounder collects a bound, and facts, while the body's members pass.
type bounder struct {
	peeker
	Bound
	at *scan // how far the body was read
}

// BoundOf finds what a request can cost at most. It reads the body once and
// decodes nothing. A body that [Peek] refuses and an operation whose cost is
// not known are unbounded.
func BoundOf(d llm.Dialect, op Op, body []byte) Bound {
	b := bounder{peeker: peeker{d: d, op: op, body: body, n: 1, texts: 1}}
	b.Bound.d, b.size, b.width = d, len(body), 1
	if !utf8.Valid(body) {
		b.width = int64(len(string(utf8.RuneError)))
	}
	if !bounded(d, op) {
		b.because("endpoint")
	} else if !b.scan() {
		b.because("malformed")
	}
	text := len(body)
	for _, p := range b.payloads {
		text -= p.End - p.Start
	}
	b.TextBytes = int64(text) * b.width
	b.models = b.facts.Models
	b.raw = op == OpCompletions || op == OpEmbeddings
	b.Choices = max(b.n, b.best) * b.texts
	b.MaxOutput = b.maxOutput()
	return b.For(b.facts.Model)
}

// bounded tells whether the cost of an operation follows from its body.
func bounded(d llm.Dialect, op Op) bool {
	switch d {
	case llm.OpenAIChat:
		return op == OpChat || op == OpCompletions || op == OpEmbeddings
	case llm.Anthropic:
		return op == OpMessages || op == OpCountTokens
	}
	return false
}

// maxOutput is the limit asked for, for all choices together.
func (b *bounder) maxOutput() llm.Count {
	limit, n := b.facts.MaxTokens, int64(b.Choices)
	switch {
	case b.op == OpEmbeddings || b.op == OpCountTokens:
		return llm.Tokens(0)
	case limit.Known && limit.N > math.MaxInt64/n:
		return llm.Tokens(math.MaxInt64)
	}
	return llm.Count{N: limit.N * n, Known: limit.Known}
}

// scan reads the body; false when [Peek] would refuse it.
func (b *bounder) scan() bool {
	sc := scan{b: b.body, at: skipSpace(b.body, 0)}
	if sc.at >= len(b.body) || b.body[sc.at] != '{' {
		return false
	}
	b.at = &sc
	m := sc.members(0)
	for previous := 0; m.next(); previous = sc.at {
		b.look(&m)
		if b.peeker.member(&m, previous) != nil {
			return false
		}
	}
	return sc.end() == nil
}

// look walks the members that hold media, tools or cache marks.
func (b *bounder) look(m *walk) {
	switch string(m.name()) {
	case "messages", "system":
		b.content(m)
	case "tools":
		for e := m.array(); e.next(); {
			b.tool(e.object())
		}
	case "functions", "response_format", "output_config", "output_format":
		b.shaped = b.shaped || asked(m.val())
	case "cache_control", "prompt_cache_options":
		b.mark(m.object())
	case "thinking":
		b.thinking(m.object())
	case "modalities":
		for e := m.array(); e.next(); {
			if kind := text(e.val()); len(kind) > 0 && string(kind) != "text" {
				b.because(label(kind) + " output")
			}
		}
	case "context_management":
		b.edits(m.object())
	case "extra_body", "google":
		b.extra(m.object())
	case "service_tier", "speed":
		b.serves("", m)
	case "inference_geo":
		b.serves("geo-", m)
	default:
		b.member(m)
	}
}

// serves notes a service that the body asks for by name.
func (b *bounder) serves(prefix string, m *walk) {
	if word := text(m.val()); len(word) > 0 && string(word) != "global" {
		b.Services = append(b.Services, prefix+strings.ToLower(label(word)))
	}
}

// member notes the members that make the provider bring tokens of its own.
func (b *bounder) member(m *walk) {
	cause := ""
	switch name := m.name(); string(name) {
	case "previous_response_id", "conversation", "container", "mcp_servers":
		cause = string(name)
	case "web_search_options", "search_parameters", "search_settings", "enable_search":
		cause = string(name)
	case "plugins", "preset", "data_sources", "prediction":
		// The tokens of a prediction that was not met are charged as output.
		cause = string(name)
	case "thread", "thread_id":
		cause = "thread"
	case "cached_content", "cachedContent":
		cause = "cached_content"
	case "audio":
		cause = "audio output"
	case "fallbacks":
		// Anthropic's own: passes of further models, billed beside the answer.
		if b.peeker.d == llm.Anthropic && chainOf(m.val(), false) == nil {
			cause = "fallbacks"
		}
	}
	if cause != "" && asked(m.val()) {
		b.because(cause)
	}
}

// asked tells whether a member's value asks for what its name says. An empty
// object does: web_search_options {} turns the search on.
func asked(value []byte) bool {
	if isNull(value) || value[0] == 'f' || string(value) == `""` {
		return false
	}
	e := arrayIn(value)
	return value[0] != '[' || e.next()
}

// content walks messages, a message's content or what a block holds: a list of
// items, one item, or plain text.
func (b *bounder) content(m *walk) {
	if m.starts('{') {
		b.item(m.object())
		return
	}
	for e := m.array(); e.next(); {
		b.item(e.object())
	}
}

// item walks a message or a block of content. What a model or a tool wrote
// ("input", "tool_calls") is not looked into: there, media are text.
func (b *bounder) item(m walk) {
	var src source
	var kind []byte
	for m.next() {
		switch string(m.name()) {
		case "type":
			kind = text(m.val())
		case "content":
			b.content(&m)
		case "source":
			src.read(b, m.object())
		case "image_url":
			b.imageURL(&m)
		case "input_audio":
			b.audio(m.object())
		case "file":
			b.file(m.object())
		case "file_id":
			b.because("file_id")
		case "video_url", "input_video":
			b.because("video")
		case "audio":
			if asked(m.val()) {
				b.because("audio_id")
			}
		case "cache_control", "prompt_cache_breakpoint":
			b.mark(m.object())
		}
	}
	src.settle(b, string(kind) == "document")
}

// mark reads a cache marker; its life is the provider's shortest unless it
// says so.
func (b *bounder) mark(m walk) {
	if m.at < len(m.b) && m.b[m.at] == '{' {
		b.CacheWrite = max(b.CacheWrite, CacheWrite5m)
	}
	for m.next() {
		if string(m.name()) != "ttl" {
			continue
		}
		switch ttl := text(m.val()); string(ttl) {
		case "", "5m", "30m":
		default:
			b.CacheWrite = CacheWrite1h
		}
	}
}

// tool reads what a tool is: the caller's own, one the provider describes to
// the model and the caller runs, or one the provider runs, which brings what
// it finds into the prompt and passes over it again.
func (b *bounder) tool(m walk) {
	b.shaped = true
	var kind []byte
	for m.next() {
		switch string(m.name()) {
		case "type":
			kind = text(m.val())
		case "cache_control":
			b.mark(m.object())
		}
	}
	switch name := label(undated(kind)); name {
	case "", "function", "custom":
	case "bash", "text_editor", "computer", "memory":
		b.hosted++
	default:
		b.because("server_tool:" + name)
	}
}

// undated cuts the version off the name of a provider's tool:
// web_search_20250305.
func undated(kind []byte) []byte {
	i := bytes.LastIndexByte(kind, '_')
	if i < 0 || len(kind)-i != len("_20250305") || skipDigits(kind, i+1) != len(kind) {
		return kind
	}
	return kind[:i]
}

func (b *bounder) thinking(m walk) {
	for m.next() {
		if string(m.name()) == "budget_tokens" {
			b.LeastOutput = countIn(m.val()).N
		}
	}
}

// edits looks for compaction, an extra pass over the prompt that the totals of
// the answer leave out.
func (b *bounder) edits(m walk) {
	for m.next() {
		if string(m.name()) != "edits" {
			continue
		}
		for e := m.array(); e.next(); {
			for edit := e.object(); edit.next(); {
				if string(edit.name()) == "type" && bytes.HasPrefix(text(edit.val()), []byte("compact")) {
					b.because("compaction")
				}
			}
		}
	}
}

// extra looks through what Gemini's OpenAI-compatible endpoint takes besides.
func (b *bounder) extra(m walk) {
	for m.next() {
		switch string(m.name()) {
		case "extra_body", "google":
			b.extra(m.object())
		case "cached_content", "cachedContent":
			if asked(m.val()) {
				b.because("cached_content")
			}
		}
	}
}

// text is what a short string value says, nil for any other value.
func text(value []byte) []byte {
	switch {
	case !isString(value):
		return nil
	case bytes.IndexByte(value, '\\') >= 0:
		return []byte(unquote(value))
	}
	return value[1 : len(value)-1]
}

// label is a word of the body as it may stand in a record: "other" unless it
// is short and harmless.
func label(word []byte) string {
	const longest = 48
	for _, c := range word {
		if c|0x20-'a' > 25 && c-'0' > 9 && bytes.IndexByte([]byte("_-:."), c) < 0 {
			return "other"
		}
	}
	if len(word) > longest {
		return "other"
	}
	return string(word)
}

// PrefixBound is the length of what two bodies have in common at their start.
//
// Where the call before, of the same session and model, was reported with r
// prompt tokens, the next one has at most r + Bound.After(model, prefix) + 64.
// The common bytes are a part of what r counted, and no prompt has fewer tokens
// than its own start but for the word at the cut; what is new becomes at most
// a token a byte. The 64 are for that word, which may split in other ways once
// it goes on. That holds only if both bodies are bounded, and the next one's
// Overhead is not the larger: tools that come in behind the cut bring a prompt
// of the provider's with them.
func PrefixBound(prev, next []byte) int {
	const block = 4096 // bytes.Equal is fastest, but does not say where
	n, i := min(len(prev), len(next)), 0
	for i+block <= n && bytes.Equal(prev[i:i+block], next[i:i+block]) {
		i += block
	}
	for ; i+8 <= n; i += 8 {
		differ := binary.LittleEndian.Uint64(prev[i:]) ^ binary.LittleEndian.Uint64(next[i:])
		if differ != 0 {
			return i + bits.TrailingZeros64(differ)/8
		}
	}
	for i < n && prev[i] == next[i] {
		i++
	}
	return i
}
