package dialect

import (
	"bytes"

	"llmgw/providers/llm"
)

// messagesReader reads answers of Anthropic's messages protocol.
type messagesReader struct {
	op    Op
	parts usageParts
}

func (a *messagesReader) event(res *Result, ev event) Kind {
	var e messagesEvent
	if !e.parse(ev.data) {
		if isDone(ev.data) { // proxies add OpenAI's end to other protocols
			return Tail
		}
		return unreadable(res, ev)
	}
	kind := e.kind
	if len(kind) == 0 {
		kind = ev.name
	}
	if e.err != nil || string(kind) == "error" {
		text, raw, _ := errorOf(ev.data)
		res.setFault(llm.ErrorInBody, text, raw)
		return Failure
	}
	switch string(kind) {
	case "content_block_delta":
		return weighed(res, e.delta)
	case "content_block_start":
		return weighed(res, e.block)
	case "message_start":
		a.message(res, e.message)
	case "message_delta":
		noteFinish(res, e.stop)
		a.usage(res, e.usage)
		res.UsageFinal = res.UsageFinal || res.Usage.Known() && !isNull(e.usage) && !isNull(e.stop)
	case "message_stop":
		return End
	}
	return Tail
}

// messagesEvent is what matters in an event; values as they stand in the text,
// nil when absent.
type messagesEvent struct {
	kind           []byte // without its quotes
	message, usage []byte
	stop           []byte // delta.stop_reason
	err            []byte
	delta, block   weight
}

// parse reads a JSON object in one pass; false for anything else. Members come
// in any order, so the delta is weighed before its event's type is known.
func (e *messagesEvent) parse(data []byte) bool {
	s := scan{b: data, at: skipSpace(data, 0)}
	if s.at >= len(data) || data[s.at] != '{' {
		return false
	}
	for m := s.members(0); m.next(); {
		switch string(m.name()) {
		case "type":
			if v := m.val(); isString(v) {
				e.kind = v[1 : len(v)-1]
			}
		case "message":
			e.message = m.val()
		case "usage":
			e.usage = m.val()
		case "delta":
			e.takeDelta(m.object())
		case "content_block":
			e.block, _ = weighBlock(m.object())
		case "error":
			if v := m.val(); isError(v) {
				e.err = v
			}
		}
	}
	return s.end() == nil
}

func (e *messagesEvent) takeDelta(m walk) {
	for m.next() {
		switch string(m.name()) {
		case "type":
		case "stop_reason":
			e.stop = m.val()
		case "text", "thinking", "partial_json", "content":
			e.delta = e.delta.plus(weigh(m.val()))
		default: // a signature, a citation
			e.delta.some = e.delta.some || weigh(m.val()).some
		}
	}
}

// weighed counts generated text and tells content from an empty delta.
func weighed(res *Result, w weight) Kind {
	res.OutputBytes += w.text
	if w.some {
		return Content
	}
	return Tail
}

// message reads a message object: the whole answer, or the start of one.
func (a *messagesReader) message(res *Result, value []byte) {
	for m := objectIn(value); m.next(); {
		switch string(m.name()) {
		case "id":
			noteNames(res, m.val(), nil, nil)
		case "model":
			noteNames(res, nil, m.val(), nil)
		case "stop_reason":
			noteFinish(res, m.val())
		case "usage":
			a.usage(res, m.val())
		}
	}
}

func noteFinish(res *Result, value []byte) {
	if s := stringIn(value); s != "" {
		res.Finish = s
	}
}

// weighBlock weighs a content block, or the start of one, and returns its
// input's length. Text, thinking and compaction start empty and are filled by
// deltas, a tool call by its name; a fallback block only says that another
// model goes on. Any other block (a tool's result, redacted thinking) is
// something, but what a server tool found was not generated.
func weighBlock(m walk) (w weight, input int64) {
	var kind []byte
	for m.next() {
		switch string(m.name()) {
		case "type":
			kind = m.val()
		case "text", "thinking", "content", "name":
			w = w.plus(weigh(m.val()))
		case "input":
			input = int64(len(m.val()))
		}
	}
	switch string(kind) {
	case `"text"`, `"thinking"`, `"compaction"`, `"tool_use"`:
		return w, input
	case `"fallback"`:
		return weight{}, 0
	}
	return weight{some: true}, input
}

// finished: an answer in this protocol is whole with message_stop only.
func (a *messagesReader) finished() bool { return false }

func (a *messagesReader) body(res *Result, value []byte) Kind {
	if text, raw, found := errorOf(value); found {
		res.setFault(llm.ErrorInBody, text, raw)
		return Failure
	}
	if a.op == OpCountTokens {
		return a.countBody(res, value)
	}
	a.message(res, value)
	content := memberOf(value, "content")
	if !isList(content) {
		res.setFault(llm.Malformed, `the answer has no "content": `+excerpt(value), nil)
		return Failure
	}
	for e := arrayIn(content); e.next(); {
		w, input := weighBlock(e.object())
		w.text += input
		res.Content = weighed(res, w) == Content || res.Content
	}
	return End
}

// countBody reads the answer to count_tokens: a count of input tokens, which
// nobody charges for.
func (a *messagesReader) countBody(res *Result, value []byte) Kind {
	res.Usage.Input, res.Usage.Output = countIn(memberOf(value, "input_tokens")), llm.Tokens(0)
	if !res.Usage.Input.Known {
		res.setFault(llm.Malformed, `the answer has no "input_tokens": `+excerpt(value), nil)
		return Failure
	}
	res.Usage.Raw = bytes.Clone(value)
	res.Content = true
	return End
}
