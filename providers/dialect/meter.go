package dialect

import (
	"bytes"
	"mime"
	"net/http"
	"slices"
	"strings"

	"llmgw/providers/llm"
)

// Kind says what a piece of an answer is worth to whoever holds it back.
type Kind uint8

// The kinds. Before any content every neutral event is Preamble, after it Tail.
const (
	Preamble Kind = iota // no content yet: role-only delta, message_start, ping, comment, empty delta
	Content              // text, tool call, reasoning, refusal, audio, server-tool block; bytes that are not read
	Tail                 // after content, neither content nor end: usage, finish, a ping; anything after the end
	End                  // the dialect's end: data: [DONE], message_stop; a whole JSON body
	Failure              // an in-band error
	Withheld             // the usage chunk (choices: []) that only llmgw asked for
)

// String names the kind for tests and logs.
func (k Kind) String() string {
	return [...]string{"preamble", "content", "tail", "end", "failure", "withheld"}[k]
}

// Piece is a run of bytes of one kind. Raw is valid until the next call to the
// meter that made it.
type Piece struct {
	Raw  []byte
	Kind Kind
}

// Want says what was asked, so that the meter knows what the answer means.
type Want struct {
	Dialect llm.Dialect
	Op      Op
	Stream  bool        // a stream was asked for; what came decides how it is read
	Status  int         // of the answer
	Header  http.Header // of the answer

	// WithholdUsage marks the chat stream's usage chunk as [Withheld]: llmgw
	// asked for it, the client did not.
	WithholdUsage bool
}

// Result is what an answer said, as far as it has been read.
type Result struct {
	Usage  llm.Usage
	Model  string // as the answer names it first
	ID     string
	Finish string // the last finish or stop reason, in the provider's words

	// Fault is what is wrong with an answer whose status says all is well:
	// error_in_body, malformed, empty, truncated (the bytes ended before the
	// dialect's end did). Empty together with Complete is for information: a
	// finished answer with nothing in it.
	Fault     llm.Fault
	FaultText string // the provider's own words, or what was missed
	FaultRaw  []byte // the provider's error, as JSON; set for error statuses too

	Content     bool // any content was seen
	Complete    bool // the answer is whole: the dialect's end, or all that it promises, without an error
	Done        bool // the explicit mark of the end was seen
	EmptyAnswer bool // complete without any content
	Partial     bool // the bytes ended inside an event

	// UsageFinal tells that Usage is the provider's last word; a stream that
	// broke may have counted only its start.
	UsageFinal   bool
	Inconsistent bool // counts that contradict each other, or a negative one
	BYOK         bool // OpenRouter: billed to the caller's own key elsewhere
	// UpstreamCost is what OpenRouter says that key is charged, in pico-dollars.
	UpstreamCost llm.Count

	OutputBytes int64 // of generated text, arguments and reasoning, decoded
	BadEvents   int   // events that could not be read; they were relayed
}

// maxEvent is the largest event of a stream and maxBody the largest JSON body
// that is held in memory, in bytes; bodyEnd is how much of a larger body is.
const (
	maxEvent = 64 << 20
	maxBody  = 64 << 20
	bodyEnd  = 64 << 10
)

// maxSniff is how many bytes may tell what an answer is; when they are all
// white space, the content type decides.
const maxSniff = 4 << 10

// framing is how an answer's bytes are cut.
type framing uint8

const (
	undecided framing = iota
	asEvents
	asBody    // one JSON text, held until it is whole
	asBigBody // beyond maxBody: flows, but for its last bytes
	asOpaque
)

// reader understands the answers of one dialect.
type reader interface {
	// event reads one event of a stream into res. Tail is the kind of an event
	// that is neither content nor an end.
	event(res *Result, ev event) Kind
	// body reads a whole JSON body; value is well-formed.
	body(res *Result, value []byte) Kind
	// finished tells whether a stream that ended here may count as complete
	// although its explicit end was not seen.
	finished() bool
	// usage folds a usage object into res.
	usage(res *Result, value []byte)
}

// Meter reads an answer's bytes as they pass, cuts them into pieces that are
// safe to hold back or forward, and folds usage. The pieces' bytes are the
// bytes fed, all of them, in order, for any way of feeding. Not safe for
// concurrent use.
type Meter struct {
	want   Want
	answer reader // nil: the bytes pass unread
	res    Result

	framing framing
	split   splitter
	events  eventReader
	body    []byte // asBody: what came so far; undecided: what was sniffed
	maxBody int
	started bool // the first block, which may begin with a byte order mark, was read
	valid   bool // some event was read as what the dialect says
	ended   bool
	last    Kind
	pieces  []Piece
}

// NewMeter returns a meter for one answer.
func NewMeter(w Want) *Meter {
	m := &Meter{want: w, split: splitter{limit: maxEvent}, maxBody: maxBody}
	switch {
	case w.Dialect == llm.OpenAIChat && w.Op != OpModels:
		m.answer = &chatReader{op: w.Op, withhold: w.WithholdUsage}
	case w.Dialect == llm.Anthropic && w.Op != OpModels:
		m.answer = &messagesReader{op: w.Op}
	}
	switch kind := contentType(w.Header); {
	case !ok2xx(w.Status):
		m.framing = asBody
	case m.strict():
		m.framing = undecided
	case kind == "application/json":
		m.framing = asBody
	default:
		m.framing = asOpaque
	}
	return m
}

// strict tells whether the answer has a shape that it can be held to.
func (m *Meter) strict() bool {
	return m.answer != nil && m.want.Op != OpOther && ok2xx(m.want.Status)
}

func ok2xx(status int) bool { return status >= 200 && status < 300 }

func contentType(h http.Header) string {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind, _, _ = strings.Cut(h.Get("Content-Type"), ";")
	}
	return strings.ToLower(strings.TrimSpace(kind))
}

// Feed takes the next bytes of the answer, decoded if they were compressed,
// and returns the pieces that they complete. The pieces are valid until the
// next call and may share memory with p.
func (m *Meter) Feed(p []byte) []Piece {
	m.pieces = m.pieces[:0]
	if len(p) > 0 {
		m.feed(p)
	}
	return m.pieces
}

// Close takes the end of the answer's bytes and returns the rest of the
// pieces. An unterminated last event is still read.
func (m *Meter) Close() []Piece {
	m.pieces = m.pieces[:0]
	if m.framing == undecided {
		m.settle(m.sniff(m.body, true), m.body)
	}
	switch m.framing {
	case asEvents:
		m.closeEvents()
	case asOpaque:
		m.res.Complete = !m.ended
	default:
		m.closeBody()
	}
	return m.pieces
}

// Result returns what was read so far; it is final after Close. Before that the
// next call to the meter overwrites Usage.Raw.
func (m *Meter) Result() Result { return m.res }

func (m *Meter) feed(p []byte) {
	switch m.framing {
	case undecided:
		if len(m.body) > 0 {
			p = append(m.body, p...)
		}
		m.settle(m.sniff(p, false), p)
	case asEvents:
		m.feedEvents(p)
	case asBody:
		m.body = append(m.body, p...)
		if len(m.body) > m.maxBody {
			m.framing = asBigBody
			m.flow()
		}
	case asBigBody:
		m.body = append(m.body, p...)
		m.flow()
	case asOpaque:
		m.emit(p, m.opaqueKind())
	}
}

// settle fixes the framing and reads what was sniffed, or keeps that for later.
func (m *Meter) settle(f framing, sniffed []byte) {
	m.framing = f
	if f == undecided {
		m.body = slices.Clone(sniffed)
		return
	}
	m.body = nil
	if len(sniffed) > 0 {
		m.feed(sniffed)
	}
}

// sniff tells a stream from a body by its first bytes: some providers answer a
// stream with a JSON error, and some call a stream application/json. Where
// they say nothing, the content type decides.
func (m *Meter) sniff(head []byte, all bool) framing {
	byType := asBody
	if contentType(m.want.Header) == "text/event-stream" {
		byType = asEvents
	}
	window := head[:min(len(head), maxSniff)]
	all = all || len(window) == maxSniff
	start := bytes.TrimLeft(trimMark(window), " \t\r\n")
	switch {
	case len(start) == 0 && all:
		return byType
	case len(start) == 0 || bytes.HasPrefix([]byte(byteOrderMark), start) && !all:
		return undecided
	case start[0] == '{' || start[0] == '[' || start[0] == '<':
		return asBody
	case start[0] == ':' || byType == asEvents:
		return asEvents
	}
	for _, field := range []string{"data:", "event:", "id:", "retry:"} {
		switch {
		case bytes.HasPrefix(start, []byte(field)):
			return asEvents
		case strings.HasPrefix(field, string(start)) && !all:
			return undecided
		}
	}
	return asBody
}

const byteOrderMark = "\xef\xbb\xbf"

func trimMark(b []byte) []byte { return bytes.TrimPrefix(b, []byte(byteOrderMark)) }

func (m *Meter) emit(raw []byte, kind Kind) {
	if len(raw) > 0 {
		m.pieces = append(m.pieces, Piece{Raw: raw, Kind: kind})
		m.last = kind
	}
}

// opaqueKind is the kind of bytes that are not read: content, unless they
// follow an event that was too large to be one.
func (m *Meter) opaqueKind() Kind {
	if m.res.Fault != "" {
		return Tail
	}
	m.res.Content = true
	return Content
}

func (m *Meter) feedEvents(p []byte) {
	for len(p) > 0 {
		block, rest, found := m.split.next(p)
		switch found {
		case cutNone:
			return
		case cutLate:
			m.emit(block, m.last)
		case cutBlock:
			m.emit(block, m.readBlock(block))
		case cutOver:
			m.fault(llm.Malformed, "an event is larger than 64 MB", nil)
			m.emit(block, Failure)
			m.framing = asOpaque
			m.ended = true
			m.feed(rest)
			return
		}
		p = rest
	}
}

// readBlock reads one event and says what it is.
func (m *Meter) readBlock(block []byte) Kind {
	if !m.started {
		block = trimMark(block)
	}
	m.started = true
	if m.ended {
		return Tail
	}
	bad, kind := m.res.BadEvents, Tail
	// An event without data is not dispatched (WHATWG HTML, section 9.2.6); an
	// error is one all the same.
	if ev := m.events.read(block); len(bytes.TrimSpace(ev.data)) > 0 || string(ev.name) == "error" {
		kind = m.answer.event(&m.res, ev)
		m.valid = m.valid || m.res.BadEvents == bad
	}
	switch kind {
	case Content:
		m.res.Content = true
	case End:
		m.ended, m.res.Done = true, true
	case Tail:
		if !m.res.Content {
			return Preamble
		}
	}
	return kind
}

// fault notes what is wrong; the first finding stands.
func (m *Meter) fault(f llm.Fault, text string, raw []byte) {
	m.res.setFault(f, text, raw)
}

func (r *Result) setFault(f llm.Fault, text string, raw []byte) {
	if r.Fault == "" {
		r.Fault, r.FaultText, r.FaultRaw = f, text, slices.Clone(raw)
	}
}

// closeEvents reads an unterminated last event and judges the stream.
func (m *Meter) closeEvents() {
	if block := m.split.flush(); len(block) > 0 {
		bad := m.res.BadEvents
		m.emit(block, m.readBlock(block))
		m.res.Partial = m.res.BadEvents > bad
	}
	res := &m.res
	switch {
	case res.Fault != "":
	case res.Done || m.answer.finished():
		m.completed()
	case res.BadEvents > 0 && !m.valid:
		m.fault(llm.Malformed, "the stream holds no event that can be read", nil)
	case !m.valid:
		m.fault(llm.Empty, "the stream ended without any event", nil)
	default:
		m.fault(llm.Truncated, "the stream ended before the answer did", nil)
	}
}

// completed notes a whole answer, and that it is empty where it is. Stopping
// for a stated reason (a limit, a filter) explains an empty answer.
func (m *Meter) completed() {
	res := &m.res
	res.Complete, res.EmptyAnswer = true, !res.Content
	if !res.EmptyAnswer {
		return
	}
	switch strings.ToLower(res.Finish) {
	case "", "stop", "end_turn", "eos":
		m.fault(llm.Empty, "the answer is finished and holds nothing", nil)
	}
}
