package dialect

import (
	"llmgw/providers/llm"
)

// messagesEncoder writes a messages stream. The protocol has one choice, whose
// blocks come one after the other.
type messagesEncoder struct {
	jsonOut
	started bool
	choice  int // the one that is told, which is the first that says anything
	order   sequencer
	events  []llm.Event
	parts   []blockOut
	blocks  int64 // begun so far
	calls   bool
	refused bool
	finish  llm.Finish
	usage   llm.Usage
}

// blockOut is a part by its number.
type blockOut struct {
	kind   llm.PartKind
	hidden bool // the protocol has no such block
	index  int64
	origin llm.Dialect // of a thought
}

func (m *messagesEncoder) encode(out []byte, e *llm.Event) []byte {
	m.out = out
	switch e.Kind {
	case llm.EventStart:
		m.start(e.ID, e.Model)
	case llm.EventPart, llm.EventDelta, llm.EventSignature, llm.EventCitation, llm.EventPartEnd:
		m.part(e)
	case llm.EventFinish:
		if e.Choice == m.choice {
			m.finish = e.Finish
		}
	case llm.EventUsage:
		m.usage = *e.Usage
	case llm.EventPing:
		m.out = append(m.out, "event: ping\ndata: {\"type\":\"ping\"}\n\n"...)
	case llm.EventError:
		m.out = append(m.out, sse("error", encodeProblem(llm.Anthropic, *e.Problem))...)
	case llm.EventEnd:
		m.end()
	}
	return m.out
}

// openEvent begins an event, closeEvent ends it.
func (m *messagesEncoder) openEvent(kind string) {
	m.out = append(append(append(m.out, "event: "...), kind...), "\ndata: "...)
	m.open("", '{')
	m.word("type", kind)
}

func (m *messagesEncoder) closeEvent() { m.out = append(m.out, "}\n\n"...) }

// start begins the message. What it consumes is told at its end: clients want
// numbers here, and let message_delta replace them. The two counts of the cache
// may be null but not absent (anthropic-sdk-typescript 1.12 on Usage): what
// clients add up would be no number.
func (m *messagesEncoder) start(id, model string) {
	if m.started {
		return
	}
	m.started = true
	m.openEvent("message_start")
	m.item("message")
	m.messageHead(id, model)
	m.raw("content", []byte("[]"))
	m.messageFinish(llm.Finish{}, false, false)
	m.raw("usage", []byte(`{"input_tokens":0,"cache_creation_input_tokens":null,"cache_read_input_tokens":null,"output_tokens":0}`))
	m.close('{')
	m.closeEvent()
}

// part writes the events of parts whose turn it is.
func (m *messagesEncoder) part(e *llm.Event) {
	if e.Kind == llm.EventPart && len(m.parts) == 0 && e.Choice != m.choice {
		m.choice, m.finish = e.Choice, llm.Finish{}
	}
	if e.Choice != m.choice {
		return
	}
	m.events = m.order.add(m.events[:0], e)
	for i := range m.events {
		m.block(&m.events[i])
	}
}

func (m *messagesEncoder) block(e *llm.Event) {
	if e.Kind == llm.EventPart {
		m.blockStart(e)
		return
	}
	b := &m.parts[e.Index]
	switch {
	case b.hidden, e.Kind == llm.EventSignature && b.origin != llm.Anthropic:
	case e.Kind == llm.EventPartEnd:
		m.openEvent("content_block_stop")
		m.number("index", b.index)
		m.closeEvent()
	default:
		m.openEvent("content_block_delta")
		m.number("index", b.index)
		m.open("delta", '{')
		m.delta(b, e)
		m.close('{')
		m.closeEvent()
	}
}

// blockStart begins a block. There are none for images and sound, for what
// others encrypted, nor for anything of others' own.
func (m *messagesEncoder) blockStart(e *llm.Event) {
	p := e.Part
	b := blockOut{kind: p.Kind, index: m.blocks}
	switch p.Kind {
	case llm.Text, llm.Refusal, llm.Call:
	case llm.Thinking:
		b.origin = p.Thought.Origin
		b.hidden = p.Thought.Encrypted != "" && b.origin != llm.Anthropic
	default:
		b.hidden = true
	}
	m.parts = append(m.parts, b)
	m.calls = m.calls || p.Kind == llm.Call
	m.refused = m.refused || p.Kind == llm.Refusal
	if b.hidden {
		return
	}
	m.blocks++
	m.openEvent("content_block_start")
	m.number("index", b.index)
	m.item("content_block")
	m.emptyBlock(p)
	m.close('{')
	m.closeEvent()
}

// emptyBlock writes a block as it begins, and leaves it open.
func (m *messagesEncoder) emptyBlock(p *llm.Part) {
	switch p.Kind {
	case llm.Call:
		m.call(p.Call.ID, &llm.ToolCall{Name: p.Call.Name})
	case llm.Thinking:
		m.thoughtBlock(&llm.Thought{Encrypted: p.Thought.Encrypted}, true)
	default:
		m.open("", '{')
		m.word("type", "text")
		m.word("text", "")
	}
}

// delta writes what is added to a block.
func (m *messagesEncoder) delta(b *blockOut, e *llm.Event) {
	kind, member := "text_delta", "text"
	switch {
	case e.Kind == llm.EventCitation:
		m.word("type", "citations_delta")
		m.citation("citation", e.Citation)
		return
	case e.Kind == llm.EventSignature:
		kind, member = "signature_delta", "signature"
	case b.kind == llm.Thinking:
		kind, member = "thinking_delta", "thinking"
	case b.kind == llm.Call:
		kind, member = "input_json_delta", "partial_json"
	}
	m.word("type", kind)
	m.text(member, e.Text)
}

// end writes why the message ended and what it consumed, and its end.
func (m *messagesEncoder) end() {
	m.start("", "")
	m.openEvent("message_delta")
	m.open("delta", '{')
	m.messageFinish(m.finish, m.calls, m.refused)
	m.close('{')
	m.open("usage", '{')
	m.usageCounts(&m.usage)
	m.close('{')
	m.closeEvent()
	m.openEvent("message_stop")
	m.closeEvent()
}
