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
	value, err := validJSON(ev.data)
	if err != nil || value[0] != '{' {
		if isDone(ev.data) { // proxies add OpenAI's end to other protocols
			return Tail
		}
		return unreadable(res, ev)
	}
	var e messagesEvent
	for m := objectIn(value); m.next(); {
		e.take(&m)
	}
	if e.kind == "" {
		e.kind = string(ev.name)
	}
	if text, raw, found := errorOf(value); found || e.kind == "error" {
		res.setFault(llm.ErrorInBody, text, raw)
		return Failure
	}
	switch e.kind {
	case "message_start":
		a.message(res, e.message)
	case "message_delta":
		return a.messageDelta(res, e.delta, e.usage)
	case "message_stop":
		return End
	case "content_block_start":
		return weighed(res, weighBlock(e.block))
	case "content_block_delta":
		return weighed(res, weighDelta(e.delta))
	}
	return Tail
}

// messagesEvent is the members of an event that matter.
type messagesEvent struct {
	kind                         string
	message, delta, block, usage []byte
}

func (e *messagesEvent) take(m *members) {
	switch string(m.key()) {
	case "type":
		e.kind = eventName(m.value())
	case "message":
		e.message = m.value()
	case "delta":
		e.delta = m.value()
	case "content_block":
		e.block = m.value()
	case "usage":
		e.usage = m.value()
	}
}

// eventName is stringIn without an allocation for the usual names.
func eventName(value []byte) string {
	for _, name := range [...]string{"content_block_delta", "content_block_start", "content_block_stop", "ping"} {
		if len(value) == len(name)+2 && string(value[1:len(value)-1]) == name {
			return name
		}
	}
	return stringIn(value)
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
		switch string(m.key()) {
		case "id":
			noteNames(res, m.value(), nil, nil)
		case "model":
			noteNames(res, nil, m.value(), nil)
		case "stop_reason":
			noteFinish(res, m.value())
		case "usage":
			a.usage(res, m.value())
		}
	}
}

func noteFinish(res *Result, value []byte) {
	if s := stringIn(value); s != "" {
		res.Finish = s
	}
}

func (a *messagesReader) messageDelta(res *Result, delta, usage []byte) Kind {
	for m := objectIn(delta); m.next(); {
		if string(m.key()) == "stop_reason" {
			noteFinish(res, m.value())
		}
	}
	a.usage(res, usage)
	res.UsageFinal = res.Usage.Known() && !isNull(usage)
	return Tail
}

// weighBlock weighs the start of a content block. Text, thinking and
// compaction start empty and are filled by deltas; a fallback block only says
// that another model goes on. Any other block (a tool's call or result,
// redacted thinking) is something that was made.
func weighBlock(block []byte) weight {
	w, kind := weight{}, ""
	for m := objectIn(block); m.next(); {
		switch string(m.key()) {
		case "type":
			kind = stringIn(m.value())
		case "text", "thinking", "content", "name":
			w = w.plus(weigh(m.value()))
		}
	}
	switch kind {
	case "text", "thinking", "compaction":
		return w
	case "fallback":
		return weight{}
	case "tool_use":
		return w
	}
	// What a server tool found was not generated.
	return weight{some: true}
}

// weighDelta weighs a content block's delta.
func weighDelta(delta []byte) weight {
	var w weight
	for m := objectIn(delta); m.next(); {
		switch string(m.key()) {
		case "type":
		case "text", "thinking", "partial_json", "content":
			w = w.plus(weigh(m.value()))
		default: // a signature, a citation
			w.some = w.some || weigh(m.value()).some
		}
	}
	return w
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
	var content []byte
	for m := objectIn(value); m.next(); {
		if string(m.key()) == "content" {
			content = m.value()
		}
	}
	if len(content) == 0 || content[0] != '[' {
		res.setFault(llm.Malformed, `the answer has no "content": `+excerpt(value), nil)
		return Failure
	}
	for e := arrayIn(content); e.next(); {
		w := weighBlock(e.value())
		for m := objectIn(e.value()); m.next(); {
			if string(m.key()) == "input" {
				w = w.plus(weight{text: int64(len(m.value()))})
			}
		}
		res.Content = weighed(res, w) == Content || res.Content
	}
	return End
}

// countBody reads the answer to count_tokens: a count of input tokens, which
// nobody charges for.
func (a *messagesReader) countBody(res *Result, value []byte) Kind {
	for m := objectIn(value); m.next(); {
		if string(m.key()) == "input_tokens" {
			res.Usage.Input, res.Usage.Output = countIn(m.value()), llm.Tokens(0)
		}
	}
	if !res.Usage.Input.Known {
		res.setFault(llm.Malformed, `the answer has no "input_tokens": `+excerpt(value), nil)
		return Failure
	}
	res.Usage.Raw = bytes.Clone(value)
	res.Content = true
	return End
}
