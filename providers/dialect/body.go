package dialect

import (
	"bytes"
	"fmt"

	"llmgw/providers/llm"
)

// closeBody judges a body that is not a stream, now that it is whole.
func (m *Meter) closeBody() {
	switch {
	case m.framing == asBigBody:
		m.closeBigBody()
	case !ok2xx(m.want.Status):
		m.closeError()
	case !m.strict():
		m.closePassed()
	default:
		m.closeAnswer()
	}
}

// closeAnswer reads the JSON answer to a call.
func (m *Meter) closeAnswer() {
	if m.want.Status == 204 || len(bytes.TrimSpace(m.body)) == 0 {
		m.fault(llm.Empty, "the body is empty", nil)
		m.emit(m.failed(m.body), Failure)
		return
	}
	value, err := validJSON(trimMark(m.body))
	if err != nil {
		m.fault(llm.Malformed, fmt.Sprintf("%v: %s", err, excerpt(m.body)), nil)
		m.emit(m.failed(m.body), Failure)
		return
	}
	kind := m.answer.body(&m.res, value)
	m.res.UsageFinal = m.res.Usage.Known()
	if kind == End {
		m.completed()
	}
	if m.to != nil {
		m.translateBody(value, kind)
		return
	}
	m.emit(m.body, kind)
}

// closePassed ends a body of no known shape: whatever it is, it is the answer.
// Its usage is taken where it has some.
func (m *Meter) closePassed() {
	if value, err := validJSON(trimMark(m.body)); err == nil && m.answer != nil {
		m.usageMember(value)
	}
	m.res.UsageFinal = m.res.Usage.Known()
	m.res.Complete = true
	m.res.Content = len(m.body) > 0
	m.emit(m.body, End)
}

// closeError ends the body of an error status. What it says is for whoever
// classifies the status.
func (m *Meter) closeError() {
	m.res.FaultText = excerpt(m.body)
	if value := errorValue(m.body); value != nil {
		text, raw, _ := errorOf(value)
		m.res.FaultText, m.res.FaultRaw = text, bytes.Clone(raw)
	}
	m.res.Complete = true
	m.emit(m.body, End)
}

// errorValue is the JSON of an error's body, or of the first event of one sent
// as a stream; nil when it is neither.
func errorValue(body []byte) []byte {
	body = trimMark(body)
	if value, err := validJSON(body); err == nil {
		return value
	}
	var events eventReader
	value, err := validJSON(events.read(body).data)
	if err != nil {
		return nil
	}
	return value
}

// tooBig gives up holding a body: it flows from here on, or fails where it
// would have to be translated.
func (m *Meter) tooBig() {
	if m.to == nil {
		m.framing = asBigBody
		m.flow()
		return
	}
	m.body = nil
	m.framing, m.ended = asOpaque, true
	m.fault(llm.Malformed, tooLarge, nil)
	m.emit(m.failed(nil), Failure)
}

// flow passes on a body that is too large to hold, but for its last bytes:
// they are its end, and providers put usage there.
func (m *Meter) flow() {
	if n := len(m.body) - bodyEnd; n > 0 {
		passed := m.body[:n]
		m.body = bytes.Clone(m.body[n:])
		m.emit(passed, m.opaqueKind())
	}
}

// closeBigBody reads the usage in the last bytes of a large body: a "usage"
// key from which on the text, taken as an object, is well-formed up to the
// body's end is a member of the top level.
func (m *Meter) closeBigBody() {
	for end := len(m.body); ; {
		at := bytes.LastIndex(m.body[:end], []byte(`"usage"`))
		if at < 0 {
			break
		}
		if value, err := validJSON(append([]byte{'{'}, m.body[at:]...)); err == nil {
			m.usageMember(value)
			break
		}
		end = at
	}
	m.res.UsageFinal = m.res.Usage.Known()
	m.res.Complete = bytes.HasSuffix(bytes.TrimSpace(m.body), []byte("}"))
	if !m.res.Complete {
		m.fault(llm.Truncated, "the body ended before its JSON did", nil)
	}
	m.emit(m.body, End)
}

// usageMember folds the member "usage" of a JSON object.
func (m *Meter) usageMember(value []byte) {
	if m.answer == nil {
		return
	}
	for o := objectIn(value); o.next(); {
		if string(o.name()) == "usage" {
			m.answer.usage(&m.res, o.val())
		}
	}
}

// excerpt is the start of a body for an error message.
func excerpt(body []byte) string {
	const limit = 200
	body = bytes.TrimSpace(body)
	if len(body) > limit {
		return string(bytes.ToValidUTF8(body[:limit], nil)) + "…"
	}
	return string(bytes.ToValidUTF8(body, nil))
}

// errorOf finds the error a JSON value reports and the provider's words for
// it. The common shapes: {"error": {"message": …}}, {"error": "…"}, vLLM's
// {"object": "error", "message": …}, {"type": "error", …}, a lone "message" or
// "detail".
func errorOf(value []byte) (text string, raw []byte, found bool) {
	marked := false
	for m := objectIn(value); m.next(); {
		switch string(m.name()) {
		case "error":
			if isError(m.val()) {
				return errorText(m.val()), m.val(), true
			}
		case "object", "type":
			marked = marked || stringIn(m.val()) == "error"
		}
	}
	return errorText(value), value, marked
}

// isError tells an error member from the empty ones of chunks without error.
func isError(value []byte) bool {
	switch {
	case isNull(value), value[0] == 'f':
		return false
	case value[0] == '"':
		return len(value) > 2
	}
	o, a := objectIn(value), arrayIn(value)
	return o.next() || a.next() || value[0] != '{' && value[0] != '['
}

// errorText finds the words in an error: itself, or its message.
func errorText(value []byte) string {
	if isString(value) {
		return unquote(value)
	}
	for m := objectIn(value); m.next(); {
		switch string(m.name()) {
		case "message", "msg", "detail":
			if s := stringIn(m.val()); s != "" {
				return s
			}
		}
	}
	return excerpt(value)
}
