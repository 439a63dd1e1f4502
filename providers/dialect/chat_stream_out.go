package dialect

import (
	"llmgw/providers/llm"
)

// chatEncoder writes a chat stream.
type chatEncoder struct {
	jsonOut
	to      Reply
	head    []byte // what every chunk begins with
	choices []chatOut
	usage   llm.Usage
}

// chatOut is what a choice has got so far.
type chatOut struct {
	index    int
	parts    []partOut
	calls    int
	thoughts int
	finish   llm.Finish
}

// partOut is a part by its number: which call, or which thought it is.
type partOut struct {
	kind   llm.PartKind
	number int
	custom bool        // a call that takes free text
	origin llm.Dialect // of a thought
	shown  bool        // a thought of which text was told
}

func (c *chatEncoder) encode(out []byte, e *llm.Event) []byte {
	c.out = out
	switch e.Kind {
	case llm.EventStart:
		c.start(e)
	case llm.EventPart:
		c.part(e)
	case llm.EventDelta, llm.EventSignature, llm.EventCitation:
		if ch := c.choice(e.Choice); e.Index < len(ch.parts) {
			c.delta(ch, &ch.parts[e.Index], e)
		}
	case llm.EventFinish:
		c.choice(e.Choice).finish = e.Finish
	case llm.EventUsage:
		c.usage = *e.Usage
	case llm.EventPing:
		c.out = append(c.out, ": ping\n\n"...)
	case llm.EventError:
		c.out = append(c.out, sse("", encodeProblem(llm.OpenAIChat, *e.Problem))...)
	case llm.EventEnd:
		c.end()
	}
	return c.out
}

func (c *chatEncoder) start(e *llm.Event) {
	if c.head != nil {
		return // an answer keeps its first id, whoever goes on with it
	}
	w := jsonOut{out: []byte("data: ")}
	w.open("", '{')
	w.text("id", e.ID)
	w.word("object", "chat.completion.chunk")
	w.number("created", e.Created.Or(c.to.Created))
	w.text("model", e.Model)
	c.head = w.out
}

// choice finds a choice; a new one says first who speaks.
func (c *chatEncoder) choice(index int) *chatOut {
	for i := range c.choices {
		if c.choices[i].index == index {
			return &c.choices[i]
		}
	}
	c.choices = append(c.choices, chatOut{index: index})
	ch := &c.choices[len(c.choices)-1]
	c.openDelta(ch)
	c.word("role", "assistant")
	c.closeDelta()
	return ch
}

// openDelta begins a chunk with one delta, closeDelta ends it.
func (c *chatEncoder) openDelta(ch *chatOut) {
	c.out = append(c.out, c.head...)
	c.open("choices", '[')
	c.open("", '{')
	c.number("index", int64(ch.index))
	c.open("delta", '{')
}

func (c *chatEncoder) closeDelta() {
	c.close('{')
	c.raw("finish_reason", []byte("null"))
	c.endChunk()
}

func (c *chatEncoder) endChunk() { c.out = append(c.out, "}]}\n\n"...) }

// part begins a part, and writes what is known of it.
func (c *chatEncoder) part(e *llm.Event) {
	ch := c.choice(e.Choice)
	p := partOut{kind: e.Part.Kind}
	switch e.Part.Kind {
	case llm.Call:
		p.number, p.custom = ch.calls, e.Part.Call.Custom
		ch.calls++
		c.call(ch, p, e.Part.Call)
	case llm.Thinking:
		p.number, p.origin = ch.thoughts, e.Part.Thought.Origin
		ch.thoughts++
		if e.Part.Thought.Encrypted != "" {
			c.detail(ch, p, *e.Part.Thought)
		}
	}
	ch.parts = append(ch.parts, p)
}

func (c *chatEncoder) call(ch *chatOut, p partOut, call *llm.ToolCall) {
	c.openDelta(ch)
	if c.to.functions {
		c.open("function_call", '{')
		c.text("name", call.Name)
		c.text("arguments", "")
		c.close('{')
		c.closeDelta()
		return
	}
	c.open("tool_calls", '[')
	c.open("", '{')
	c.number("index", int64(p.number))
	c.text("id", call.ID)
	c.callBody(call)
	c.out = append(c.out, "}}]"...)
	c.closeDelta()
}

// delta writes what is added to a part.
func (c *chatEncoder) delta(ch *chatOut, p *partOut, e *llm.Event) {
	switch {
	case e.Kind == llm.EventCitation:
		if e.Citation.URL == "" {
			return // the protocol has no others
		}
		c.openDelta(ch)
		c.chatAnnotations([]llm.Citation{*e.Citation})
	case e.Kind == llm.EventSignature:
		c.detail(ch, *p, llm.Thought{Signature: e.Text, Hidden: !p.shown})
		return
	case p.kind == llm.Call:
		c.openDelta(ch)
		c.callDelta(*p, e.Text)
	case p.kind == llm.Thinking:
		p.shown = p.shown || e.Text != ""
		c.openDelta(ch)
		c.text("reasoning_content", e.Text)
		c.details(*p, llm.Thought{Text: e.Text})
	case p.kind == llm.Text, p.kind == llm.Refusal:
		c.openDelta(ch)
		c.text(map[llm.PartKind]string{llm.Text: "content", llm.Refusal: "refusal"}[p.kind], e.Text)
	default:
		return
	}
	c.closeDelta()
}

func (c *chatEncoder) callDelta(p partOut, args string) {
	if c.to.functions {
		c.open("function_call", '{')
		c.text("arguments", args)
		c.close('{')
		return
	}
	c.open("tool_calls", '[')
	c.open("", '{')
	c.number("index", int64(p.number))
	if p.custom {
		c.open("custom", '{')
		c.text("input", args)
	} else {
		c.open("function", '{')
		c.text("arguments", args)
	}
	c.out = append(c.out, "}}]"...)
}

// detail writes a chunk with a piece of a thought that somebody signed.
func (c *chatEncoder) detail(ch *chatOut, p partOut, t llm.Thought) {
	c.openDelta(ch)
	c.details(p, t)
	c.closeDelta()
}

func (c *chatEncoder) details(p partOut, t llm.Thought) {
	if p.origin == "" {
		return
	}
	t.Origin = p.origin
	c.open("reasoning_details", '[')
	c.chatDetail(&t, p.number)
	c.close('[')
}

// end writes how each choice finished, the usage if it was asked for, and the
// end of the stream.
func (c *chatEncoder) end() {
	for i := range c.choices {
		ch := &c.choices[i]
		if !ch.finish.Said() {
			continue
		}
		c.openDelta(ch)
		c.close('{')
		c.text("finish_reason", chatFinishWord(ch.finish, ch.calls > 0, &c.to))
		c.endChunk()
	}
	if c.to.IncludeUsage && c.usage.Known() && c.head != nil {
		c.out = append(c.out, c.head...)
		c.raw("choices", []byte("[]"))
		c.chatUsage(&c.usage, false)
		if c.usage.ServiceTier != "" {
			c.text("service_tier", c.usage.ServiceTier)
		}
		c.out = append(c.out, "}\n\n"...)
	}
	c.out = append(c.out, "data: [DONE]\n\n"...)
}
