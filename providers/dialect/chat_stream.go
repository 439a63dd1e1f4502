package dialect

import (
	"bytes"

	"llmgw/providers/llm"
)

// chatDecoder reads the chunks of a chat stream, of OpenAI and of those who
// speak its protocol with an accent.
type chatDecoder struct {
	started bool
	choices []chatState
	objects objectReader
}

// chatState is what is open in a choice.
type chatState struct {
	index int
	parts int          // begun so far
	open  bool         // a part that is no call is open
	kind  llm.PartKind // of that part
	at    int          // its index
	last  int          // the text that annotations are about, -1 before any
	sound bool         // audio came
	calls []callState

	finish llm.Finish
}

// callState is a tool call that is being made. It begins with its name, which
// some providers send after its id.
type callState struct {
	number int64 // the provider's index
	id     string
	name   string // "" before it began
	at     int    // its part
	args   []byte // so far
	done   bool
}

func (d *chatDecoder) decode(events []llm.Event, ev event) []llm.Event {
	o := d.objects.read(ev.data)
	id, model := o.string("id"), o.string("model")
	choices, _ := o.list("choices")
	for i := range choices {
		if !d.started {
			d.started = true
			events = append(events, llm.Event{Kind: llm.EventStart, ID: id, Model: model, Created: o.count("created")})
		}
		events = d.choice(events, &choices[i])
	}
	return events
}

func (d *chatDecoder) choice(events []llm.Event, o *object) []llm.Event {
	s := d.state(int(o.count("index").N))
	if delta, found := o.inner("delta"); found {
		events = s.delta(events, &delta, o.peek("logprobs"))
	}
	if message, found := o.inner("message"); found { // some send a whole one
		events = s.delta(events, &message, o.peek("logprobs"))
	}
	if finish := o.string("finish_reason"); finish != "" {
		events = s.closeAll(events)
		s.finish = finishOf(s.finish, chatFinish(finish))
		events = append(events, llm.Event{Kind: llm.EventFinish, Choice: s.index, Finish: s.finish})
	}
	return events
}

func (d *chatDecoder) end(events []llm.Event) []llm.Event {
	for i := range d.choices {
		events = d.choices[i].closeAll(events)
	}
	return events
}

// state finds the state of a choice.
func (d *chatDecoder) state(index int) *chatState {
	for i := range d.choices {
		if d.choices[i].index == index {
			return &d.choices[i]
		}
	}
	d.choices = append(d.choices, chatState{index: index, last: -1})
	return &d.choices[len(d.choices)-1]
}

// delta reads what a chunk adds to a choice.
func (s *chatState) delta(events []llm.Event, o *object, logprobs []byte) []llm.Event {
	for _, p := range chatThoughts(o, "delta") {
		events = s.thought(events, &p)
	}
	content, _ := chatContent(o, "delta")
	for i := range content {
		events = s.part(events, &content[i])
	}
	if refusal := o.string("refusal"); refusal != "" {
		events = s.part(events, &llm.Part{Kind: llm.Refusal, Text: refusal})
	}
	if n := len(events); n > 0 && !isNull(logprobs) && events[n-1].Kind == llm.EventDelta {
		events[n-1].Logprobs = logprobs
	}
	if s.last >= 0 {
		for _, a := range o.items("annotations") {
			c := chatCitation(bytes.Clone(a.whole))
			events = append(events, llm.Event{Kind: llm.EventCitation, Choice: s.index, Index: s.last, Citation: &c})
		}
	}
	for _, p := range chatImages(o) {
		events = s.part(events, &p)
	}
	for _, p := range chatSounds(o) {
		if !s.sound {
			events = s.part(events, &p)
		}
		s.sound = true
	}
	return s.callDeltas(events, o)
}

// begin begins a part; one that is open and no call ends with it.
func (s *chatState) begin(events []llm.Event, p *llm.Part) []llm.Event {
	events = s.close(events)
	events = append(events, llm.Event{Kind: llm.EventPart, Choice: s.index, Index: s.parts, Part: p})
	s.parts++
	return events
}

// close ends the open part that is no call.
func (s *chatState) close(events []llm.Event) []llm.Event {
	if s.open {
		s.open = false
		events = append(events, llm.Event{Kind: llm.EventPartEnd, Choice: s.index, Index: s.at})
	}
	return events
}

// closeAll ends every open part.
func (s *chatState) closeAll(events []llm.Event) []llm.Event {
	events = s.close(events)
	for i := range s.calls {
		events = s.calls[i].close(events, s.index)
	}
	return events
}

// text adds text to the open part of that kind, or begins one with p.
func (s *chatState) text(events []llm.Event, p *llm.Part, text string) []llm.Event {
	if !s.open || s.kind != p.Kind {
		if text == "" {
			return events // the empty text of a role-only delta is no part
		}
		events = s.begin(events, p)
		s.open, s.kind, s.at = true, p.Kind, s.parts-1
		if p.Kind == llm.Text {
			s.last = s.at
		}
	}
	if text == "" {
		return events
	}
	return append(events, llm.Event{Kind: llm.EventDelta, Choice: s.index, Index: s.at, Text: text})
}

// part takes a part of content: a piece of text, or a whole one of another kind.
func (s *chatState) part(events []llm.Event, p *llm.Part) []llm.Event {
	switch p.Kind {
	case llm.Text, llm.Refusal:
		return s.text(events, &llm.Part{Kind: p.Kind}, p.Text)
	case llm.Thinking:
		return s.thought(events, p)
	}
	if p.Media != nil {
		p.Media.Data = bytes.Clone(p.Media.Data)
	}
	if p.Native != nil {
		p.Native.Raw = bytes.Clone(p.Native.Raw)
	}
	events = s.begin(events, p)
	return append(events, llm.Event{Kind: llm.EventPartEnd, Choice: s.index, Index: s.parts - 1})
}

// thought takes a piece of reasoning. Text and signature come apart; what is
// encrypted is whole.
func (s *chatState) thought(events []llm.Event, p *llm.Part) []llm.Event {
	if p.Kind != llm.Thinking {
		return events
	}
	t := *p.Thought
	t.Raw = nil
	if t.Encrypted != "" {
		events = s.begin(events, &llm.Part{Kind: llm.Thinking, Thought: &t})
		return append(events, llm.Event{Kind: llm.EventPartEnd, Choice: s.index, Index: s.parts - 1})
	}
	text, signature := t.Text, t.Signature
	t.Text, t.Signature = "", ""
	events = s.text(events, &llm.Part{Kind: llm.Thinking, Thought: &t}, text)
	if signature != "" && s.open && s.kind == llm.Thinking {
		events = append(events, llm.Event{Kind: llm.EventSignature, Choice: s.index, Index: s.at, Text: signature})
	}
	return events
}

// callDeltas reads the pieces of tool calls.
func (s *chatState) callDeltas(events []llm.Event, o *object) []llm.Event {
	calls, _ := o.list("tool_calls")
	for _, call := range calls {
		events = s.callDelta(events, call)
	}
	if f, found := o.inner("function_call"); found {
		events = s.callPiece(events, llm.Count{}, &llm.ToolCall{Name: f.string("name"), Args: arguments(&f, "arguments")})
	}
	return events
}

func (s *chatState) callDelta(events []llm.Event, o object) []llm.Event {
	call := llm.ToolCall{ID: o.string("id")}
	if custom, found := o.inner("custom"); found {
		call.Custom, call.Name, call.Args = true, custom.string("name"), arguments(&custom, "input")
	} else if function, found := o.inner("function"); found {
		call.Name, call.Args = function.string("name"), arguments(&function, "arguments")
	}
	return s.callPiece(events, o.count("index"), &call)
}

// callPiece adds a piece to the call that it belongs to, or begins one. A call
// whose arguments are whole ends when another one begins: nothing can be added
// to a JSON value.
func (s *chatState) callPiece(events []llm.Event, number llm.Count, call *llm.ToolCall) []llm.Event {
	c := s.callOf(number, call)
	if c == nil && call.ID == "" && call.Name == "" {
		return impossible(events, "a piece of a tool call that never began")
	}
	if c == nil {
		s.calls = append(s.calls, callState{number: number.Or(int64(len(s.calls))), id: call.ID})
		c = &s.calls[len(s.calls)-1]
	}
	args := call.Args
	if c.name == "" && call.Name != "" {
		events = s.beginCall(events, c, call)
		args = append(c.args, args...)
		c.args = nil
	}
	if len(args) == 0 || c.done {
		return events
	}
	c.args = append(c.args, args...)
	if c.name == "" {
		return events
	}
	return append(events, llm.Event{Kind: llm.EventDelta, Choice: s.index, Index: c.at, Text: string(args)})
}

// beginCall begins a call, now that its name is known.
func (s *chatState) beginCall(events []llm.Event, c *callState, call *llm.ToolCall) []llm.Event {
	events = s.close(events)
	for i := range s.calls {
		if other := &s.calls[i]; other != c && other.whole() {
			events = other.close(events, s.index)
		}
	}
	c.name, c.at = call.Name, s.parts
	return s.begin(events, &llm.Part{Kind: llm.Call, Call: &llm.ToolCall{ID: c.id, Name: c.name, Custom: call.Custom}})
}

// callOf finds the call that a piece belongs to; nil when it begins one. Some
// providers leave out the index, some give every call the same, some repeat id
// and name in each piece; some have no ids, or the tool's name for one.
func (s *chatState) callOf(number llm.Count, call *llm.ToolCall) *callState {
	for i := len(s.calls) - 1; i >= 0; i-- {
		c := &s.calls[i]
		switch {
		case number.Known && c.number != number.N,
			call.ID != "" && c.id != "" && c.id != call.ID,
			call.Name != "" && c.name != "" && (c.name != call.Name || len(call.Args) > 0 && c.whole()):
		case number.Known, call.ID != "" && c.id != "", call.Name == "" || c.name == "":
			return c
		}
	}
	return nil
}

// whole tells whether nothing can be added to the arguments.
func (c *callState) whole() bool {
	if n := len(c.args); n == 0 || c.args[0] != '{' || c.args[n-1] != '}' {
		return false
	}
	_, err := validJSON(c.args)
	return err == nil
}

// close ends the call.
func (c *callState) close(events []llm.Event, choice int) []llm.Event {
	if c.done {
		return events
	}
	if c.name == "" {
		return impossible(events, "a call of a tool without a name")
	}
	c.done = true
	return append(events, llm.Event{Kind: llm.EventPartEnd, Choice: choice, Index: c.at})
}
