package dialect

import (
	"bytes"

	"llmgw/providers/llm"
)

// ForeignIDs are the edits that let a chat call pass to a model of OpenAI's
// after another provider had a part in its conversation: ids of tool calls that
// are too long for it, empty, or twice in a turn are replaced, the call's and
// its result's alike. Other providers' models get back what they wrote.
func ForeignIDs(body []byte, model string) []Edit {
	if !isOpenAIs(model) || !bytes.Contains(body, []byte(`tool_call`)) {
		return nil
	}
	var f foreignChat
	root := scan{b: body, at: skipSpace(body, 0)}
	for m := root.members(0); m.next(); {
		if string(m.name()) != "messages" {
			continue
		}
		for e := m.array(); e.next(); {
			f.message(e.object(), at("messages", e.n-1))
		}
	}
	return f.edits
}

// foreignChat is a conversation that is walked.
type foreignChat struct {
	open  openCalls // of the last turn that calls
	edits []Edit
}

// isChatCallID tells whether OpenAI takes an id.
func isChatCallID(id string) bool { return len(id) <= maxCallID }

func (f *foreignChat) message(m walk, path string) {
	for m.next() {
		switch string(m.name()) {
		case "tool_call_id":
			if value := m.val(); isString(value) {
				was := stringIn(value)
				is, found := f.open.answer(was)
				if !found && !isChatCallID(was) {
					is = madeID(was, 0)
				}
				f.edit(&m, value, was, is, path+".tool_call_id")
			}
		case "tool_calls":
			f.calls(m.array(), path+".tool_calls")
		}
	}
}

func (f *foreignChat) calls(list walk, path string) {
	f.open = nil
	ids := callIDs{takes: isChatCallID}
	for list.next() {
		for m := list.object(); m.next(); {
			if string(m.name()) == "id" && m.starts('"') {
				value := m.val()
				was := stringIn(value)
				is := ids.next("", was)
				f.open.add(was, is)
				f.edit(&m, value, was, is, at(path, list.n-1)+".id")
			}
		}
	}
}

// edit replaces the id that is walked, if it is another now.
func (f *foreignChat) edit(m *walk, value []byte, was, is, path string) {
	if was != is {
		f.edits = append(f.edits, Edit{Span: Span{m.item, m.item + len(value)}, New: quote(is), Name: path})
	}
}

// ForeignThoughts are the edits that cut out of a chat call's history what
// another protocol's model thought, which llmgw told the client as
// reasoning_content and reasoning_details: thoughts in a format of OpenRouter's
// that names who signed them, and the text beside them. With all, whatever is
// said of thoughts there, as strict services refuse it.
func ForeignThoughts(body []byte, all bool) []Edit {
	if !bytes.Contains(body, []byte(`"reasoning_`)) {
		return nil
	}
	var edits []Edit
	root := scan{b: body, at: skipSpace(body, 0)}
	for m := root.members(0); m.next(); {
		if string(m.name()) != "messages" {
			continue
		}
		for e := m.array(); e.next(); {
			edits = append(edits, thoughtsOf(e.object(), at("messages", e.n-1), all)...)
		}
	}
	return edits
}

// thoughtsOf are the edits of one message.
func thoughtsOf(m walk, path string, all bool) []Edit {
	var members listCut
	var names []string
	foreign := all
	for m.next() {
		name := string(m.name())
		value := m.val()
		members.add(Span{m.keyAt, m.item + len(value)}, false)
		names = append(names, name)
		foreign = foreign || name == "reasoning_details" && areSigned(value)
	}
	if !foreign {
		return nil
	}
	var gone []string
	for i, name := range names {
		if name == "reasoning_content" || name == "reasoning_details" {
			members.cut[i] = true
			gone = append(gone, llm.Join(path, name))
		}
	}
	edits := members.edits()
	for i := range edits {
		edits[i].Name = gone[i]
	}
	return edits
}

// areSigned tells whether any of a message's reasoning details names another
// protocol as the one that can read it.
func areSigned(details []byte) bool {
	list := arrayIn(details)
	for list.next() {
		if thoughtOrigin(stringIn(memberOf(list.val(), "format"))) != "" {
			return true
		}
	}
	return false
}
