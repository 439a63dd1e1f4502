package dialect

import "testing"

// The thread is the body's own, whatever its messages speak of.
func TestThreadIn(t *testing.T) {
	for body, want := range map[string]Thread{
		`{"messages":[]}`: {},
		`{"messages":[{"role":"user","content":"\"thread\""}],"metadata":{"thread":{"type":"create"}}}`: {},
		`{"thread":null}`:              {},
		`{"thread":{"type":"create"}}`: {Asked: true},
		` { "thread" : {"type":"continue", "previous_message_id":"msg_1"} , "messages":[]}`: {Asked: true, Previous: "msg_1"},
		`{"thread":{"type":"continue","previous_message_id":null}}`:                         {Asked: true},
	} {
		if got := ThreadIn([]byte(body)); got != want {
			t.Errorf("%s: %+v", body, got)
		}
	}
}
