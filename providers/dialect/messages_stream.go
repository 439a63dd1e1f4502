package dialect

import (
	"bytes"
	"strings"

	"llmgw/providers/llm"
)

// messagesDecoder reads the events of a messages stream.
type messagesDecoder struct {
	started bool
	blocks  []blockState // in the order in which they began
	finish  llm.Finish
	objects objectReader
}

// blockState is a block that is being made.
type blockState struct {
	index int64 // the provider's
	kind  llm.PartKind
	input llm.Raw // what a call began with
	args  bool    // some of a call's arguments came
	done  bool
}

func (d *messagesDecoder) decode(events []llm.Event, ev event) []llm.Event {
	o := d.objects.read(ev.data)
	kind := or(o.string("type"), string(ev.name))
	if !d.started && (strings.HasPrefix(kind, "content_block_") || kind == "message_delta") {
		return impossible(events, kind+" before message_start")
	}
	switch kind {
	case "message_start":
		return d.start(events, &o)
	case "content_block_start":
		events = d.begin(events, o.count("index").N, o.peek("content_block"))
	case "content_block_delta":
		if delta, found := o.inner("delta"); found {
			events = d.delta(events, o.count("index").N, &delta)
		}
	case "content_block_stop":
		if at := d.at(o.count("index").N); at >= 0 {
			events = d.endBlock(events, at)
		}
	case "message_delta":
		if delta, found := o.inner("delta"); found {
			if f := messagesFinish(&delta); f.Said() {
				d.finish = finishOf(d.finish, f)
				events = append(d.end(events), llm.Event{Kind: llm.EventFinish, Finish: d.finish})
			}
		}
	case "ping":
		events = append(events, llm.Event{Kind: llm.EventPing})
	}
	return events
}

// impossible appends what is wrong with an event that cannot be.
func impossible(events []llm.Event, why string) []llm.Event {
	return append(events, llm.Event{Kind: llm.EventError, Problem: &llm.Problem{Message: "the stream cannot be followed: " + why}})
}

// start begins the message.
func (d *messagesDecoder) start(events []llm.Event, o *object) []llm.Event {
	m, found := o.inner("message")
	switch {
	case d.started:
		return impossible(events, "a second message_start")
	case !found:
		return impossible(events, "message_start without a message")
	}
	d.started = true
	events = append(events, llm.Event{Kind: llm.EventStart, ID: m.string("id"), Model: m.string("model")})
	for i, block := range m.items("content") { // some begin with a part of it
		events = d.begin(events, int64(i), block.whole)
	}
	return events
}

// at finds the open block with the provider's index, -1 when there is none.
func (d *messagesDecoder) at(index int64) int {
	for i := len(d.blocks) - 1; i >= 0; i-- {
		if b := &d.blocks[i]; b.index == index && !b.done {
			return i
		}
	}
	return -1
}

// begin begins a part as its block does; what the block already holds comes as
// deltas.
func (d *messagesDecoder) begin(events []llm.Event, index int64, value []byte) []llm.Event {
	p := messagesBlock(readObject(bytes.Clone(value)), "")
	answeredCall(&p)
	switch {
	case p.Kind == llm.Native && p.Native.Type == "":
		return impossible(events, "a block of no type")
	case d.at(index) >= 0:
		return impossible(events, "a block that begins twice")
	}
	b := blockState{index: index, kind: p.Kind}
	text, signature, cited := p.Text, "", p.Citations
	switch p.Kind {
	case llm.Thinking:
		p.Thought.Origin = llm.Anthropic
		text, signature = p.Thought.Text, p.Thought.Signature
		p.Thought.Text, p.Thought.Signature = "", ""
	case llm.Call:
		b.input, p.Call.Args = p.Call.Args, nil
	}
	p.Text, p.Citations = "", nil
	at := len(d.blocks)
	d.blocks = append(d.blocks, b)
	events = append(events, llm.Event{Kind: llm.EventPart, Index: at, Part: &p})
	for i := range cited {
		events = append(events, llm.Event{Kind: llm.EventCitation, Index: at, Citation: &cited[i]})
	}
	events = appendText(events, llm.EventDelta, at, text)
	return appendText(events, llm.EventSignature, at, signature)
}

// appendText appends an event that adds text, if there is any.
func appendText(events []llm.Event, kind llm.EventKind, at int, text string) []llm.Event {
	if text == "" {
		return events
	}
	return append(events, llm.Event{Kind: kind, Index: at, Text: text})
}

// delta adds to a block. A block whose start was left out begins with its first
// delta, where that says what it is.
func (d *messagesDecoder) delta(events []llm.Event, index int64, o *object) []llm.Event {
	kind := o.string("type")
	at := d.at(index)
	if at < 0 {
		start := map[string]string{"text_delta": `{"type":"text","text":""}`, "thinking_delta": `{"type":"thinking","thinking":""}`}[kind]
		if start == "" {
			return impossible(events, kind+" of no block")
		}
		events = d.begin(events, index, []byte(start))
		at = len(d.blocks) - 1
	}
	b := &d.blocks[at]
	switch {
	case kind == "text_delta" && b.kind == llm.Text:
		return appendText(events, llm.EventDelta, at, o.string("text"))
	case kind == "thinking_delta" && b.kind == llm.Thinking:
		return appendText(events, llm.EventDelta, at, o.string("thinking"))
	case kind == "signature_delta" && b.kind == llm.Thinking:
		return appendText(events, llm.EventSignature, at, o.string("signature"))
	case kind == "input_json_delta" && b.kind == llm.Call:
		text := o.string("partial_json")
		b.args = b.args || text != ""
		return appendText(events, llm.EventDelta, at, text)
	case kind == "citations_delta" && b.kind == llm.Text:
		c := messagesCitation(readObject(bytes.Clone(o.peek("citation"))))
		return append(events, llm.Event{Kind: llm.EventCitation, Index: at, Citation: &c})
	case b.kind == llm.Native: // which is lost, and named, as a whole
		return events
	}
	return impossible(events, kind+" in a block of "+b.kind.String())
}

// endBlock ends a block. A call whose arguments never came has those that it began
// with, an empty object: no text at all is no JSON for others.
func (d *messagesDecoder) endBlock(events []llm.Event, at int) []llm.Event {
	b := &d.blocks[at]
	b.done = true
	if b.kind == llm.Call && !b.args {
		events = appendText(events, llm.EventDelta, at, string(b.input))
	}
	return append(events, llm.Event{Kind: llm.EventPartEnd, Index: at})
}

func (d *messagesDecoder) end(events []llm.Event) []llm.Event {
	for at := range d.blocks {
		if !d.blocks[at].done {
			events = d.endBlock(events, at)
		}
	}
	return events
}
