package dialect

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"

	"llmgw/providers/llm"
)

// streamDecoder turns the events of a provider's stream into neutral ones. It
// need not see to errors, usage and the end: the meter does.
type streamDecoder interface {
	// decode appends what one event tells. Its data is a JSON object, and gone
	// with the next call: parts and citations must not share its memory. Where
	// the event does not follow from those before it, it ends with an EventError
	// that says why: what is guessed at could look like an answer.
	decode(events []llm.Event, ev event) []llm.Event
	// end appends the ends of the parts that are open when the stream ends.
	end(events []llm.Event) []llm.Event
}

// streamEncoder turns neutral events into the bytes of a client's stream. It
// keeps a finish reason back until EventEnd, so that a stream that breaks after
// one does not look finished.
type streamEncoder interface {
	encode(out []byte, e *llm.Event) []byte
}

// translation makes a client's bytes of an answer in another dialect, as the
// meter reads it.
type translation struct {
	from   llm.Dialect
	to     Reply
	dec    streamDecoder
	enc    streamEncoder
	gather *llm.Gatherer // the client wants no stream: all is kept until the end
	kept   int           // bytes of the events that were gathered
	halves halves
	losses losses
	id     string // of the answer
	ids    callIDs
	events []llm.Event
	out    []byte // of the current call to the meter
}

func newTranslation(from llm.Dialect, to Reply) *translation {
	t := &translation{from: from, to: to, losses: losses{to: to.Dialect}, ids: callIDs{used: maps.Clone(to.ids)}}
	switch from {
	case llm.OpenAIChat:
		t.dec = &chatDecoder{}
	case llm.Anthropic:
		t.dec = &messagesDecoder{}
	}
	switch to.Dialect {
	case llm.OpenAIChat:
		t.enc = &chatEncoder{to: to}
	case llm.Anthropic:
		t.enc = &messagesEncoder{}
	}
	if !to.Stream {
		t.gather = &llm.Gatherer{}
	}
	return t
}

// own is what the client gets of bytes that need no translation: nothing where
// the answer is translated.
func (m *Meter) own(raw []byte) []byte {
	if m.to != nil {
		return nil
	}
	return raw
}

// failed is what the client gets of an answer that failed.
func (m *Meter) failed(raw []byte) []byte {
	if m.to != nil {
		return m.to.failed(&m.res)
	}
	return raw
}

// translate makes the client's bytes of one event of the upstream's stream.
// What an event says that cannot be read cannot be told, and must not be left
// out unseen; only the last one may be cut off by the end of the bytes.
func (m *Meter) translate(kind Kind, ev event, unreadable bool) ([]byte, Kind) {
	switch {
	case ev.name == nil && ev.data == nil:
		return m.to.ping(), kind
	case unreadable && m.closing:
		return nil, kind
	case unreadable:
		m.fault(llm.Malformed, "an event cannot be read, nor translated: "+excerpt(ev.data), nil)
		kind = Failure
	case m.to.keeps(ev) > m.maxBody:
		m.fault(llm.Malformed, tooLarge, nil)
		kind = Failure
	}
	if kind != Failure {
		out, wrong := m.to.event(kind, ev, &m.res)
		m.res.Lost = m.to.losses.names
		switch {
		case wrong != "":
			m.fault(llm.Malformed, wrong, nil)
		case kind == Content && !m.to.losses.told && m.res.Lost != nil:
			return out, Preamble // nothing that this client can be given yet
		default:
			return out, kind
		}
	}
	m.ended = true
	return m.to.failed(&m.res), Failure
}

// translateBody makes the client's bytes of a whole answer.
func (m *Meter) translateBody(value []byte, kind Kind) {
	if kind != Failure {
		content, end, wrong := m.to.body(value, &m.res)
		m.res.Lost = m.to.losses.names
		if wrong == "" {
			m.emit(content, Content)
			m.emit(end, kind)
			return
		}
		m.res.Complete = false
		m.fault(llm.Malformed, wrong, nil)
	}
	m.emit(m.to.failed(&m.res), Failure)
}

// endUnsaid writes the client's end of a stream that ended without its own, but
// said all that it had promised.
func (m *Meter) endUnsaid() {
	if m.to == nil || m.res.Done {
		return
	}
	m.to.events = nil
	out, wrong := m.to.end(&m.res)
	if wrong != "" {
		m.res.Complete = false
		m.fault(llm.Malformed, wrong, nil)
		m.emit(m.to.failed(&m.res), Failure)
		return
	}
	m.emit(out, End)
}

// event translates one event of the upstream's stream; res is what the answer
// has said up to it. What is wrong with an event that cannot be is returned.
func (t *translation) event(kind Kind, ev event, res *Result) (out []byte, wrong string) {
	from := len(t.out)
	t.events = t.events[:0]
	if len(ev.data) > 0 && !isDone(ev.data) {
		ev.data = t.halves.mend(ev.data)
		t.events = t.dec.decode(t.events, ev)
	}
	if kind == End {
		return t.end(res)
	}
	wrong = t.take()
	return t.out[from:], wrong
}

// tooLarge is what is wrong with an answer that would be held for too long.
const tooLarge = "the answer is larger than 64 MB, too large to be translated"

// keeps counts the bytes that wait for the end of the answer, this event's
// included; a client's stream takes each at once.
func (t *translation) keeps(ev event) int {
	if t.gather != nil {
		t.kept += len(ev.data)
	}
	return t.kept
}

// adopt gives a call the name that the client knows its tool by, and an id that
// no other call of the conversation has. Other parts stay.
func (t *translation) adopt(p *llm.Part) (wrong string) {
	switch {
	case p == nil || p.Kind != llm.Call:
		return ""
	case p.Call.Name == "":
		return "the answer calls a tool without a name"
	}
	t.to.rename(p)
	p.Call.ID = t.ids.next(t.id, p.Call.ID)
	return ""
}

// ping passes on that the provider is alive.
func (t *translation) ping() []byte {
	from := len(t.out)
	t.events = append(t.events[:0], llm.Event{Kind: llm.EventPing})
	t.take()
	return t.out[from:]
}

// take writes the events, or keeps them for an answer that is not streamed. It
// returns what is wrong with one that cannot be.
func (t *translation) take() (wrong string) {
	for i := range t.events {
		e := &t.events[i]
		if e.Problem != nil {
			return e.Problem.Message
		}
		if e.Kind == llm.EventStart {
			t.id = e.ID
		}
		if wrong = t.adopt(e.Part); wrong != "" {
			return wrong
		}
		t.losses.note(e)
		if t.gather != nil {
			t.gather.Add(e)
		} else {
			t.out = t.enc.encode(t.out, e)
		}
	}
	return ""
}

// end writes the end of the answer, now that the upstream's was read.
func (t *translation) end(res *Result) (out []byte, wrong string) {
	from := len(t.out)
	t.events = t.dec.end(t.events)
	if res.Usage.Known() {
		t.events = append(t.events, llm.Event{Kind: llm.EventUsage, Usage: &res.Usage})
	}
	t.events = append(t.events, llm.Event{Kind: llm.EventEnd})
	if wrong = or(t.take(), t.losses.all()); wrong != "" {
		return nil, wrong
	}
	if t.gather != nil {
		t.out = encodeAnswer(t.out, t.gather.Response(), &t.to)
	}
	return t.out[from:], ""
}

// failed writes the error that came inside the answer.
func (t *translation) failed(res *Result) []byte {
	p := llm.Problem{Message: res.FaultText}
	if res.FaultRaw != nil {
		p = problemOf(0, res.FaultRaw)
	}
	if t.gather == nil {
		from := len(t.out)
		t.out = t.enc.encode(t.out, &llm.Event{Kind: llm.EventError, Problem: &p})
		return t.out[from:]
	}
	return encodeProblem(t.to.Dialect, p)
}

// body translates a whole answer, which is well-formed. For a client that wants
// a stream the last event is apart.
func (t *translation) body(value []byte, res *Result) (content, end []byte, wrong string) {
	r := decodeAnswer(t.from, value)
	r.Usage = res.Usage
	if !t.to.Stream {
		wrong = t.whole(r)
		return nil, encodeAnswer(nil, r, &t.to), wrong
	}
	all := r.Events()
	last := len(all) - 1
	t.events = all[:last]
	wrong = t.take()
	n := len(t.out)
	t.events = all[last:]
	t.take()
	return t.out[:n], t.out[n:], or(wrong, t.losses.all())
}

// whole looks through an answer that is told as a whole.
func (t *translation) whole(r *llm.Response) (wrong string) {
	t.id = r.ID
	for i := range r.Choices {
		for j := range r.Choices[i].Parts {
			if wrong = t.adopt(&r.Choices[i].Parts[j]); wrong != "" {
				return wrong
			}
		}
	}
	all := r.Events()
	for i := range all {
		t.losses.note(&all[i])
	}
	return t.losses.all()
}

// decodeAnswer reads a whole answer, but for its usage.
func decodeAnswer(d llm.Dialect, value []byte) *llm.Response {
	switch d {
	case llm.OpenAIChat:
		return decodeChatAnswer(value)
	case llm.Anthropic:
		return decodeMessagesAnswer(value)
	}
	return &llm.Response{From: d}
}

// encodeAnswer appends a whole answer in the client's dialect.
func encodeAnswer(out []byte, r *llm.Response, to *Reply) []byte {
	w := jsonOut{out: out}
	switch to.Dialect {
	case llm.OpenAIChat:
		w.chatAnswer(r, to)
	case llm.Anthropic:
		w.messagesAnswer(r)
	}
	return w.out
}

// TranslateError words a provider's error in the client's dialect. The
// provider's message is kept as it is.
func TranslateError(to llm.Dialect, status int, body []byte) []byte {
	value := errorValue(body)
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return encodeProblem(to, llm.Problem{Status: status, Message: fmt.Sprintf("the provider answered %d %s and said nothing", status, http.StatusText(status))})
	case value == nil:
		return encodeProblem(to, llm.Problem{Status: status, Message: excerpt(body)})
	}
	return encodeProblem(to, problemOf(status, value))
}
