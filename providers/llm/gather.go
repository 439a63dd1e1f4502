package llm

import (
	"slices"
	"strings"
)

// Gatherer puts a stream's events together to the answer they are.
type Gatherer struct {
	res   Response
	texts map[textKey]*strings.Builder // that deltas add to: a string of its own for each would be copied every time
}

// textKey is a text of a part.
type textKey struct {
	choice, index int
	signature     bool
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
			c.Parts[e.Index].add(e, g.grow)
		}
	}
}

// grow adds a delta to a text, which begins with what there is of it.
func (g *Gatherer) grow(e *Event, text *string) {
	key := textKey{e.Choice, e.Index, e.Kind == EventSignature}
	b := g.texts[key]
	if b == nil {
		if g.texts == nil {
			g.texts = make(map[textKey]*strings.Builder)
		}
		b = &strings.Builder{}
		b.WriteString(*text)
		g.texts[key] = b
	}
	b.WriteString(e.Text)
	*text = b.String()
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

// add appends a delta; grow adds to a text.
func (p *Part) add(e *Event, grow func(*Event, *string)) {
	switch {
	case e.Kind == EventCitation:
		p.Citations = append(p.Citations, *e.Citation)
	case e.Kind == EventSignature && p.Thought != nil:
		grow(e, &p.Thought.Signature)
	case p.Kind == Thinking && p.Thought != nil:
		grow(e, &p.Thought.Text)
	case p.Kind == Call && p.Call != nil:
		p.Call.Args = append(p.Call.Args, e.Text...)
	default:
		grow(e, &p.Text)
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
