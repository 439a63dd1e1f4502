package dialect

import "bytes"

// Thread is what a messages call asks of the thread that Anthropic keeps of a
// conversation (beta message-threads-2026-08-12; anthropic-sdk-typescript 1.12
// on "thread"). The zero value asks for none.
type Thread struct {
	Asked    bool   // it begins a thread, or goes on with one
	Previous string // the id of the answer that it goes on from; "" where it begins one
}

// ThreadIn reads the "thread" of a body that [Peek] accepted.
func ThreadIn(body []byte) Thread {
	if !bytes.Contains(body, []byte(`"thread"`)) {
		return Thread{}
	}
	for m := range Members(body) {
		if string(m.Name) == "thread" && m.Value[0] == '{' {
			return Thread{Asked: true, Previous: stringIn(memberOf(m.Value, "previous_message_id"))}
		}
	}
	return Thread{}
}
