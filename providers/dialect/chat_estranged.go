package dialect

import "bytes"

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
