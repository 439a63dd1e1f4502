package sim

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// frameKind is what an event of a stream is for; faults go by it.
type frameKind int

const (
	frameOther frameKind = iota // role delta, message_start, ping, begin and end of a block
	frameContent
	frameFinish // why it ended
	frameUsage  // a chunk that is there for its usage only
	frameEnd    // [DONE], message_stop
	frameError
)

// frame is one event of a stream before it is written as SSE.
type frame struct {
	kind  frameKind
	event string // its name; "": none, as in OpenAI's streams
	data  []byte // JSON, or [DONE]
	usage bool   // the final usage is in it
}

// sse writes a frame as one event, in the accent the fault asks for.
func (f frame) sse(k Kind) []byte {
	newline, space := "\n", " "
	switch k {
	case CRLF:
		newline = "\r\n"
	case CR:
		newline = "\r"
	case NoSpace:
		space = ""
	}
	var b bytes.Buffer
	line := func(name string, value []byte) {
		b.WriteString(name + ":" + space)
		b.Write(value)
		b.WriteString(newline)
	}
	if k == Comments {
		b.WriteString(": keep-alive" + newline)
		line("id", []byte("7"))
		line("retry", []byte("3000"))
	}
	if f.event != "" {
		line("event", []byte(f.event))
	}
	if k == Multiline && bytes.HasPrefix(f.data, []byte("{")) {
		line("data", f.data[:1])
		line("data", f.data[1:])
	} else {
		line("data", f.data)
	}
	b.WriteString(newline)
	return b.Bytes()
}

// cutAt returns the index of the frame that follows n content frames, or of
// the first frame after all content when there is less: a cut is never after
// the finish.
func cutAt(frames []frame, n int) int {
	for i, f := range frames {
		if f.kind == frameContent && n == 0 || f.kind > frameContent {
			return i
		}
		if f.kind == frameContent {
			n--
		}
	}
	return len(frames)
}

// without returns frames without those of one kind.
func without(frames []frame, kind frameKind) []frame {
	return slices.DeleteFunc(slices.Clone(frames), func(f frame) bool { return f.kind == kind })
}

// marshal writes v as the providers do: no HTML escapes, characters as they
// are. All values here are made of strings, numbers and maps, so it cannot fail.
func marshal(v any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("sim: encoding an answer: " + err.Error())
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}
