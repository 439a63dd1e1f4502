package dialect

import (
	"slices"
	"strings"
)

// ForeignParts are the edits that let a messages call pass to a Claude model
// after another provider had a part in its conversation: thoughts that nobody
// signed are cut out, as Anthropic refuses them ("Invalid `signature` in
// `thinking` block"), and ids of tool calls that do not match its pattern are
// replaced, the call's and its result's alike. There are none for a body that
// only Anthropic had a part in, nor for other providers' models: those may want
// their thoughts back.
//
// A signature that another service made looks like any: only Anthropic can tell.
// Once it has refused one ([RefusesSignature]), thoughts are cut out whoever
// signed them.
func ForeignParts(body []byte, model string, thoughts bool) []Edit {
	if claudeOf(model).major == 0 {
		return nil
	}
	var edits []Edit
	root := scan{b: body, at: skipSpace(body, 0)}
	for m := root.members(0); m.next(); {
		if string(m.name()) != "messages" {
			continue
		}
		messages := listCut{path: "messages"}
		for e := m.array(); e.next(); {
			blocks := listCut{path: at("messages", e.n-1) + ".content", thoughts: thoughts}
			ids := blocks.read(e.object())
			empty := len(blocks.cut) > 0 && !slices.Contains(blocks.cut, false)
			messages.add(&e, empty)
			if !empty {
				edits = append(append(edits, ids...), blocks.edits()...)
			}
		}
		edits = append(edits, messages.edits()...)
	}
	return edits
}

// RefusesSignature tells whether an error of Anthropic's is about a thought that
// it did not sign: "messages.1.content.0: Invalid `signature` in `thinking`
// block".
func RefusesSignature(text string) bool {
	return strings.Contains(text, "signature") && strings.Contains(text, "thinking")
}

// listCut is a list of which some elements are cut out.
type listCut struct {
	path     string
	thoughts bool // all of them
	items    []Span
	cut      []bool
}

// add takes the element that is walked.
func (l *listCut) add(e *walk, cut bool) {
	value := e.val()
	l.items = append(l.items, Span{e.item, e.item + len(value)})
	l.cut = append(l.cut, cut)
}

// edits cut the elements out, each with a comma beside it.
func (l *listCut) edits() []Edit {
	var edits []Edit
	for i, span := range l.items {
		toEnd := !slices.Contains(l.cut[i:], false)
		switch {
		case !l.cut[i]:
			continue
		case !toEnd:
			span.End = l.items[i+1].Start
		case i > 0:
			span.Start = l.items[i-1].End
		}
		edits = append(edits, Edit{Span: span, Name: at(l.path, i)})
	}
	return edits
}

// read reads a message: which of its blocks are to be cut out, and the edits of
// ids within it.
func (l *listCut) read(message walk) []Edit {
	var ids []Edit
	for message.next() {
		if string(message.name()) != "content" {
			continue
		}
		*l, ids = listCut{path: l.path, thoughts: l.thoughts}, nil // of two the last one counts
		for e := message.array(); e.next(); {
			b := foreignBlock(e.object())
			l.add(&e, b.unsigned || l.thoughts && b.thought)
			if b.id.End > 0 {
				b.id.Name = at(l.path, e.n-1) + "." + b.id.Name
				ids = append(ids, b.id)
			}
		}
	}
	return ids
}

// foreign is what another provider left in a block.
type foreign struct {
	thought  bool // a thought
	unsigned bool // a thought without a signature
	id       Edit // of an id that Anthropic does not take
}

func foreignBlock(m walk) foreign {
	var kind, signature []byte
	var f foreign
	for m.next() {
		name := string(m.name())
		switch name {
		case "type":
			kind = text(m.val())
		case "signature":
			signature = text(m.val())
		case "id", "tool_use_id":
			value := m.val()
			if id := stringIn(value); id != "" && !isCallID(id) {
				f.id = Edit{Span: Span{m.item, m.item + len(value)}, New: quote(madeID(id, 0)), Name: name}
			}
		}
	}
	f.thought = string(kind) == "thinking" || string(kind) == "redacted_thinking"
	f.unsigned = string(kind) == "thinking" && len(signature) == 0
	if string(kind) != "tool_use" && string(kind) != "tool_result" {
		f.id = Edit{}
	}
	return f
}
