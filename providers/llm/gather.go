package llm

import "slices"

// Gatherer puts a stream's events together to the answer they are.
type Gatherer struct {
	res Response
}

// Add takes the next event. Deltas of a part or choice that never began are
// ignored.
func (g *Gatherer) Add(e *Event) {
	switch e.Kind {
	case EventStart:
		g.res.ID, g.res.Model, g.res.Created = e.ID, e.Model, e.Created
	case EventPart:
		c := g.choice(e.Choice)
		c.Parts = append(c.Parts, e.Part.clone())
	case EventFinish:
		g.choice(e.Choice).Finish = e.Finish
	case EventUsage:
		g.res.Usage = *e.Usage
	case EventDelta, EventSignature, EventCitation:
		if c := g.choice(e.Choice); e.Index < len(c.Parts) {
			c.Parts[e.Index].add(e)
		}
	}
}

// Response is the answer so far.
func (g *Gatherer) Response() *Response { return &g.res }

// choice returns the choice of that index, new if it is.
func (g *Gatherer) choice(index int) *Choice {
	i, found := slices.BinarySearchFunc(g.res.Choices, index, func(c Choice, i int) int { return c.Index - i })
	if !found {
		g.res.Choices = slices.Insert(g.res.Choices, i, Choice{Index: index})
	}
	return &g.res.Choices[i]
}

// clone copies what deltas change.
func (p *Part) clone() Part {
	c := *p
	if p.Thought != nil {
		t := *p.Thought
		c.Thought = &t
	}
	if p.Call != nil {
		t := *p.Call
		t.Args = slices.Clone(t.Args)
		c.Call = &t
	}
	return c
}

// add appends a delta.
func (p *Part) add(e *Event) {
	switch {
	case e.Kind == EventCitation:
		p.Citations = append(p.Citations, *e.Citation)
	case e.Kind == EventSignature && p.Thought != nil:
		p.Thought.Signature += e.Text
	case p.Kind == Thinking && p.Thought != nil:
		p.Thought.Text += e.Text
	case p.Kind == Call && p.Call != nil:
		p.Call.Args = append(p.Call.Args, e.Text...)
	default:
		p.Text += e.Text
	}
}

// Events are the stream that tells the answer: what a [Gatherer] makes this
// answer of, but for Extra. The last one is EventEnd.
func (r *Response) Events() []Event {
	events := []Event{{Kind: EventStart, ID: r.ID, Model: r.Model, Created: r.Created}}
	for i := range r.Choices {
		c := &r.Choices[i]
		for j := range c.Parts {
			events = c.Parts[j].events(events, c.Index, j)
		}
		if c.Finish.Said() {
			events = append(events, Event{Kind: EventFinish, Choice: c.Index, Finish: c.Finish})
		}
	}
	if r.Usage.Known() {
		events = append(events, Event{Kind: EventUsage, Usage: &r.Usage})
	}
	return append(events, Event{Kind: EventEnd})
}

func (p *Part) events(events []Event, choice, index int) []Event {
	start, text, signature := p.clone(), p.Text, ""
	start.Text, start.Citations = "", nil
	switch p.Kind {
	case Thinking:
		text, signature = p.Thought.Text, p.Thought.Signature
		start.Thought.Text, start.Thought.Signature = "", ""
	case Call:
		text, start.Call.Args = string(p.Call.Args), nil
	}
	at := Event{Choice: choice, Index: index}
	next := func(kind EventKind) *Event {
		events = append(events, at)
		e := &events[len(events)-1]
		e.Kind = kind
		return e
	}
	next(EventPart).Part = &start
	if text != "" {
		next(EventDelta).Text = text
	}
	for i := range p.Citations {
		next(EventCitation).Citation = &p.Citations[i]
	}
	if signature != "" {
		next(EventSignature).Text = signature
	}
	next(EventPartEnd)
	return events
}
