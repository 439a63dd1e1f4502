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
// bytes fed, all of them, in order, for any way of feeding; or, with a
// [Want.Reply], what they are in the client's dialect. Not safe for concurrent
// use.
type Meter struct {
	want   Want
	answer reader // nil: the bytes pass unread
	res    Result
	to     *translation // nil: the bytes pass as they came

	framing framing
	split   splitter
	events  eventReader
	body    []byte // asBody: what came so far; undecided: what was sniffed
	maxBody int
	started bool // the first block, which may begin with a byte order mark, was read
	valid   bool // some event was read as what the dialect says
	ended   bool
	closing bool // the bytes have ended
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
	if w.Reply != nil && ok2xx(w.Status) {
		m.to = newTranslation(w.Dialect, *w.Reply)
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
	m.begin()
	if len(p) > 0 {
		m.feed(p)
	}
	return m.pieces
}

// begin forgets what the last call returned.
func (m *Meter) begin() {
	m.pieces = m.pieces[:0]
	if m.to != nil {
		m.to.out = m.to.out[:0]
	}
}

// Close takes the end of the answer's bytes and returns the rest of the
// pieces. An unterminated last event is still read.
func (m *Meter) Close() []Piece {
	m.begin()
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

// Whole tells whether the answer is one text, not a stream of events.
func (m *Meter) Whole() bool { return m.framing == asBody || m.framing == asBigBody }

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
			m.tooBig()
		}
	case asBigBody:
		m.body = append(m.body, p...)
		m.flow()
	case asOpaque:
		m.emit(m.own(p), m.opaqueKind())
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
			m.emit(m.own(block), m.last)
		case cutBlock:
			m.emit(m.readBlock(block))
		case cutOver:
			m.fault(llm.Malformed, "an event is larger than 64 MB", nil)
			m.emit(m.failed(block), Failure)
			m.framing = asOpaque
			m.ended = true
			m.feed(rest)
			return
		}
		p = rest
	}
}

// readBlock reads one event and says what it is, and what the client gets.
func (m *Meter) readBlock(block []byte) ([]byte, Kind) {
	text := block
	if !m.started {
		text = trimMark(block)
	}
	m.started = true
	if m.ended {
		return m.own(block), Tail
	}
	ev, bad := m.events.read(text), m.res.BadEvents
	kind := m.readEvent(ev)
	if m.to != nil {
		return m.translate(kind, ev, m.res.BadEvents > bad)
	}
	return block, kind
}

// readEvent reads one event and says what it is.
func (m *Meter) readEvent(ev event) Kind {
	bad, kind := m.res.BadEvents, Tail
	// An event without data is not dispatched (WHATWG HTML, section 9.2.6); an
	// error is one all the same.
	if len(bytes.TrimSpace(ev.data)) > 0 || string(ev.name) == "error" {
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
		m.closing = true
		m.emit(m.readBlock(block))
		m.res.Partial = m.res.BadEvents > bad
	}
	res := &m.res
	switch {
	case res.Fault != "":
	case res.Done || m.answer.finished():
		m.completed()
		m.endUnsaid()
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
