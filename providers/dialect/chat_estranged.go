package dialect

import "bytes"

// ForeignIDs are the edits that let a chat call pass to a model of OpenAI's
// after another provider had a part in its conversation: ids of tool calls that
// are too long for it are replaced, the call's and its result's alike, by those
// that a translation gives them. Other providers' models get back what they
// wrote.
func ForeignIDs(body []byte, model string) []Edit {
	if !isOpenAIs(model) || !bytes.Contains(body, []byte(`tool_call`)) {
		return nil
	}
	var edits []Edit
	root := scan{b: body, at: skipSpace(body, 0)}
	for m := root.members(0); m.next(); {
		if string(m.name()) != "messages" {
			continue
		}
		for e := m.array(); e.next(); {
			edits = append(edits, longIDs(e.object(), at("messages", e.n-1))...)
		}
	}
	return edits
}

// longIDs are the edits of the ids in a message.
func longIDs(m walk, path string) []Edit {
	var edits []Edit
	for m.next() {
		switch string(m.name()) {
		case "tool_call_id":
			edits = append(edits, shorter(&m, path+".tool_call_id")...)
		case "tool_calls":
			for e := m.array(); e.next(); {
				for call := e.object(); call.next(); {
					if string(call.name()) == "id" {
						edits = append(edits, shorter(&call, at(path+".tool_calls", e.n-1)+".id")...)
					}
				}
			}
		}
	}
	return edits
}

// shorter is the edit of the id that is walked, if it is too long.
func shorter(m *walk, path string) []Edit {
	value := m.val()
	id := stringIn(value)
	if len(id) <= maxCallID {
		return nil
	}
	return []Edit{{Span: Span{m.item, m.item + len(value)}, New: quote(shortID(id)), Name: path}}
}
