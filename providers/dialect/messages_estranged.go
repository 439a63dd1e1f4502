package dialect

import (
	"slices"
	"strings"
)

// ForeignParts are the edits that let a messages call pass to a Claude model
// after another provider had a part in its conversation: thoughts that nobody
// signed are cut out, as Anthropic refuses them ("Invalid `signature` in
// `thinking` block"), and ids of tool calls that do not match its pattern, or
// that an earlier call has ("`tool_use` ids must be unique"), are replaced, the
// call's and its result's alike. There are none for a body that only Anthropic
// had a part in, nor for other providers' models: those may want their thoughts
// back.
//
// A signature that another service made looks like any, and whether a turn may
// go on without the thought that it began with differs by service: only
// Anthropic can tell. Once it has refused one ([RefusesThoughts]), thoughts are
// cut out whoever signed them, and in the middle of a turn thinking with them.
func ForeignParts(body []byte, model string, thoughts bool) []Edit {
	if claudeOf(model).major == 0 {
		return nil
	}
	f := foreignMessages{thoughts: thoughts, ids: callIDs{takes: isCallID}}
	members := listCut{}
	root := scan{b: body, at: skipSpace(body, 0)}
	for m := root.members(0); m.next(); {
		thinks := false
		switch string(m.name()) {
		case "messages":
			f.read(m.array())
		case "thinking":
			thinks = string(memberOf(m.val(), "type")) == `"enabled"`
		case "context_management":
			f.context(m.object())
		}
		members.add(Span{m.keyAt, m.item + len(m.val())}, thinks)
	}
	if !thoughts || !f.midTurn || !slices.Contains(members.cut, true) {
		return f.edits
	}
	for _, e := range members.edits() {
		e.Name = "thinking"
		f.edits = append(f.edits, e)
	}
	return append(f.edits, f.clearing.edits()...)
}

// RefusesThoughts tells whether an error of Anthropic's is about what the model
// thought in earlier turns: "messages.1.content.0: Invalid `signature` in
// `thinking` block", "messages.1.content.0.type: Expected `thinking` or
// `redacted_thinking`, but found `tool_use`", "`thinking` or `redacted_thinking`
// blocks in the latest assistant message cannot be modified" (2026-11).
func RefusesThoughts(text string) bool {
	says := func(word string) bool { return strings.Contains(text, word) }
	return says("thinking") && (says("signature") || says("Expected") || says("cannot be modified"))
}

// foreignMessages is a conversation that is walked.
type foreignMessages struct {
	thoughts bool // all of them are cut out
	ids      callIDs
	open     openCalls
	midTurn  bool    // the last message answers calls, so the model's turn goes on
	clearing listCut // what is to clear thoughts away, which Anthropic takes with thinking only
	edits    []Edit
}

func (f *foreignMessages) read(list walk) {
	messages := listCut{path: "messages"}
	for list.next() {
		blocks := f.blocks(list.object(), at("messages", list.n-1)+".content")
		empty := len(blocks.cut) > 0 && !slices.Contains(blocks.cut, false)
		messages.add(Span{list.item, list.item + len(list.val())}, empty)
		if !empty {
			f.edits = append(f.edits, blocks.edits()...)
		}
	}
	f.edits = append(f.edits, messages.edits()...)
}

// blocks reads a message: which of its blocks are to be cut out.
func (f *foreignMessages) blocks(message walk, path string) listCut {
	blocks := listCut{path: path}
	var found []foreignBlock
	for message.next() {
		if string(message.name()) != "content" {
			continue
		}
		blocks, found = listCut{path: path}, nil // of two the last one counts
		for e := message.array(); e.next(); {
			b := readForeign(e.object())
			found = append(found, b)
			blocks.add(Span{e.item, e.item + len(e.val())}, b.unsigned || f.thoughts && b.thought)
		}
	}
	f.rename(found, path)
	return blocks
}

// rename replaces the ids that Anthropic does not take.
func (f *foreignMessages) rename(blocks []foreignBlock, path string) {
	f.midTurn = false
	for i, b := range blocks {
		var is string
		switch {
		case b.id == "":
			continue
		case b.calls:
			is = f.ids.next("", b.id)
			f.open.add(b.id, is)
		default:
			found := false
			if is, found = f.open.answer(b.id); !found && !isCallID(b.id) {
				is = madeID(b.id, 0)
			}
			f.midTurn = true
		}
		if is != b.id {
			f.edits = append(f.edits, Edit{Span: b.at, New: quote(is), Name: at(path, i) + "." + b.member})
		}
	}
}

// context reads which edits of the context are asked for.
func (f *foreignMessages) context(o walk) {
	for o.next() {
		if string(o.name()) != "edits" {
			continue
		}
		f.clearing = listCut{path: "context_management.edits"}
		for e := o.array(); e.next(); {
			kind := stringIn(memberOf(e.val(), "type"))
			f.clearing.add(Span{e.item, e.item + len(e.val())}, strings.HasPrefix(kind, "clear_thinking"))
		}
	}
}

// foreignBlock is what matters in a block.
type foreignBlock struct {
	thought  bool
	unsigned bool // a thought without a signature

	calls  bool   // it is a call, else a result
	id     string // of that call, "" where it is neither
	member string // that has the id
	at     Span
}

func readForeign(m walk) (b foreignBlock) {
	var kind, signature []byte
	for m.next() {
		switch name := string(m.name()); name {
		case "type":
			kind = text(m.val())
		case "signature":
			signature = text(m.val())
		case "id", "tool_use_id":
			value := m.val()
			b.id, b.member, b.at = stringIn(value), name, Span{m.item, m.item + len(value)}
		}
	}
	b.thought = string(kind) == "thinking" || string(kind) == "redacted_thinking"
	b.unsigned = string(kind) == "thinking" && len(signature) == 0
	b.calls = string(kind) == "tool_use"
	if wants := map[bool]string{true: "id", false: "tool_use_id"}[b.calls]; b.member != wants || !b.calls && string(kind) != "tool_result" {
		b.id = ""
	}
	return b
}

// listCut is a list, or an object, of which some elements are cut out.
type listCut struct {
	path  string
	items []Span
	cut   []bool
}

func (l *listCut) add(item Span, cut bool) {
	l.items, l.cut = append(l.items, item), append(l.cut, cut)
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
