package sim

import (
	"encoding/json"
	"strings"

	"llmgw/providers/llm"
)

// messagesRequest is what matters of POST /v1/messages.
type messagesRequest struct {
	Model     string
	MaxTokens *int `json:"max_tokens"`
	System    content
	Messages  []struct {
		Role    string
		Content content
	}
	Stream     bool
	Tools      []json.RawMessage
	ToolChoice *struct {
		Type, Name             string
		DisableParallelToolUse bool `json:"disable_parallel_tool_use"`
	} `json:"tool_choice"`
	StopSequences stopList `json:"stop_sequences"`
	Thinking      *struct{ Type string }
	CacheControl  *cacheControl `json:"cache_control"` // on the whole request: its last block
	OutputConfig  *struct {
		Format *struct{ Schema json.RawMessage }
	} `json:"output_config"`
	OutputFormat *struct{ Schema json.RawMessage } `json:"output_format"`
}

// readMessages decodes and checks a request as Anthropic does.
func (c *call) readMessages() (*ask, *problem) {
	q, in, p := c.readPrompt()
	if p == nil && (in.MaxTokens == nil || *in.MaxTokens < 1) {
		p = anthropicBadRequest("max_tokens: Field required")
	}
	return q, p
}

// readCountTokens is readMessages without the limit.
func (c *call) readCountTokens() (*ask, *problem) {
	q, _, p := c.readPrompt()
	return q, p
}

func (c *call) readPrompt() (*ask, *messagesRequest, *problem) {
	var in messagesRequest
	if p := c.decode(&in); p != nil {
		return nil, nil, p
	}
	if in.Model == "" {
		return nil, nil, anthropicBadRequest("model: Field required")
	}
	if len(in.Messages) == 0 {
		return nil, nil, anthropicBadRequest("messages: at least one message is required")
	}
	q := in.ask()
	return q, &in, c.ready(q)
}

func anthropicBadRequest(message string) *problem {
	return &problem{status: 400, typ: "invalid_request_error", message: message}
}

func (in *messagesRequest) ask() *ask {
	q := &ask{model: in.Model, stream: in.Stream, n: 1, limit: value(in.MaxTokens, 0), stops: in.StopSequences}
	q.thinking = in.Thinking != nil && in.Thinking.Type != "disabled"
	if f := in.OutputFormat; f != nil {
		q.schema = f.Schema
	}
	if o := in.OutputConfig; o != nil && o.Format != nil {
		q.schema = o.Format.Schema
	}
	if t := in.ToolChoice; t != nil {
		q.choice = toolChoice{none: t.Type == "none", required: t.Type == "any" || t.Type == "tool", name: t.Name}
		q.oneCall = t.DisableParallelToolUse
	}
	for _, raw := range in.Tools {
		q.addAnthropicTool(raw)
	}
	q.add("system", in.System)
	for _, m := range in.Messages {
		q.add(m.Role, m.Content)
		q.afterTool = m.Content.has("tool_result")
	}
	if in.CacheControl != nil {
		last := &q.units[len(q.units)-1]
		last.marked, last.hour = true, in.CacheControl.TTL == "1h"
	}
	return q
}

// addAnthropicTool adds a tool; those that the provider runs itself have no
// schema and are never called here.
func (q *ask) addAnthropicTool(raw json.RawMessage) {
	var t struct {
		Name        string
		InputSchema json.RawMessage `json:"input_schema"`
	}
	b := block{raw: raw}
	if json.Unmarshal(raw, &t) != nil || json.Unmarshal(raw, &b) != nil {
		return
	}
	b.Type = "tool"
	q.addBlock("tools", b)
	if t.InputSchema != nil {
		q.tools = append(q.tools, tool{t.Name, t.InputSchema})
	}
}

func (c content) has(kind string) bool {
	for _, b := range c {
		if b.Type == kind {
			return true
		}
	}
	return false
}

// writeCountTokens answers the free question how long a prompt is.
func (c *call) writeCountTokens() answer {
	n := c.q.usage(0, 0).Input.N
	return c.ok(marshal(map[string]int64{"input_tokens": n}))
}

// messageWriter renders one reply for messages.
type messageWriter struct {
	q    *ask
	r    *reply
	id   string
	open int   // index of the open content block
	sent int64 // output tokens so far, for cumulative usage
	out  []frame
}

func (c *call) messageWriter(r *reply) *messageWriter {
	noise := rng(c.ident)
	return &messageWriter{q: c.q, r: r, id: "msg_01" + noise.token(22)}
}

type anthropicMessage struct {
	ID           string          `json:"id"`
	Type         string          `json:"type"`
	Role         string          `json:"role"`
	Model        string          `json:"model"`
	Content      []any           `json:"content"`
	StopReason   *string         `json:"stop_reason"`
	StopSequence *string         `json:"stop_sequence"`
	Usage        json.RawMessage `json:"usage,omitempty"`
}

type textBlock struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type thinkingBlock struct {
	Type      string `json:"type"`
	Thinking  string `json:"thinking"`
	Signature string `json:"signature"`
}

type toolBlock struct {
	Type  string          `json:"type"`
	ID    string          `json:"id"`
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"`
}

func (w *messageWriter) message() anthropicMessage {
	return anthropicMessage{ID: w.id, Type: "message", Role: "assistant", Model: w.r.model, Content: []any{}}
}

// body is the answer that is not streamed. A refusal has words here as well:
// stop_reason alone tells it.
func (w *messageWriter) body() []byte {
	m, ch := w.message(), w.r.choices[0]
	if w.r.thinking != nil {
		m.Content = append(m.Content, thinkingBlock{"thinking", strings.Join(w.r.thinking, ""), w.r.sign})
	}
	if text := ch.words(); text != nil {
		m.Content = append(m.Content, textBlock{"text", strings.Join(text, "")})
	}
	for _, t := range ch.calls {
		m.Content = append(m.Content, toolBlock{"tool_use", "toolu_01" + t.id[:22], t.name, json.RawMessage(strings.Join(t.args, ""))})
	}
	m.StopReason, m.StopSequence = anthropicStop(ch)
	m.Usage = w.usage(w.r.usage, true)
	return marshal(m)
}

func (ch *choice) words() []string {
	if ch.refusal != nil {
		return ch.refusal
	}
	return ch.text
}

func anthropicStop(ch choice) (reason, sequence *string) {
	switch ch.finish {
	case finishSequence:
		return pointer("stop_sequence"), &ch.sequence
	case finishLength:
		return pointer("max_tokens"), nil
	case finishTools, finishForced:
		return pointer("tool_use"), nil
	case finishFilter, finishRefusal:
		return pointer("refusal"), nil
	}
	return pointer("end_turn"), nil
}

// frames are the events of the stream.
func (w *messageWriter) frames() []frame {
	ch := w.r.choices[0]
	w.start()
	if w.r.thinking != nil {
		w.begin(thinkingBlock{Type: "thinking"})
		for _, t := range w.r.thinking {
			w.delta(struct {
				Type     string `json:"type"`
				Thinking string `json:"thinking"`
			}{"thinking_delta", t})
		}
		w.delta(struct {
			Type      string `json:"type"`
			Signature string `json:"signature"`
		}{"signature_delta", w.r.sign})
		w.end()
	}
	if text := ch.words(); text != nil {
		w.begin(textBlock{Type: "text"})
		for _, t := range text {
			w.delta(textBlock{"text_delta", t})
		}
		w.end()
	}
	for _, t := range ch.calls {
		w.call(t)
	}
	w.finish(ch)
	return w.out
}

// start sends message_start, whose usage has the whole input and a
// placeholder for the output.
func (w *messageWriter) start() {
	m, u := w.message(), w.r.usage
	u.Output.N = min(u.Output.N, 1)
	m.Usage = w.usage(u, true)
	w.add(frameOther, "message_start", struct {
		Type    string           `json:"type"`
		Message anthropicMessage `json:"message"`
	}{"message_start", m})
}

func (w *messageWriter) begin(block any) {
	w.add(frameOther, "content_block_start", struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
		Block any    `json:"content_block"`
	}{"content_block_start", w.open, block})
	if w.open == 0 {
		w.add(frameOther, "ping", struct {
			Type string `json:"type"`
		}{"ping"})
	}
}

func (w *messageWriter) delta(d any) {
	w.add(frameContent, "content_block_delta", struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
		Delta any    `json:"delta"`
	}{"content_block_delta", w.open, d})
	w.sent++
	if w.r.mode == usageCumulative {
		u := w.r.usage
		u.Output.N = min(w.sent, u.Output.N)
		w.messageDelta(frameOther, nil, nil, u)
	}
}

func (w *messageWriter) end() {
	w.add(frameOther, "content_block_stop", struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
	}{"content_block_stop", w.open})
	w.open++
}

// call is a tool_use block. Its first delta is empty, as the real one's.
func (w *messageWriter) call(t toolCall) {
	w.begin(toolBlock{"tool_use", "toolu_01" + t.id[:22], t.name, json.RawMessage("{}")})
	for _, a := range append([]string{""}, t.args...) {
		w.delta(struct {
			Type string `json:"type"`
			JSON string `json:"partial_json"`
		}{"input_json_delta", a})
	}
	w.end()
}

func (w *messageWriter) finish(ch choice) {
	reason, sequence := anthropicStop(ch)
	w.messageDelta(frameFinish, reason, sequence, w.r.usage)
	w.out[len(w.out)-1].usage = w.r.mode != usageNone && w.r.mode != usageNull
	w.add(frameEnd, "message_stop", struct {
		Type string `json:"type"`
	}{"message_stop"})
}

func (w *messageWriter) messageDelta(kind frameKind, reason, sequence *string, u llm.Usage) {
	type stop struct {
		Reason   *string `json:"stop_reason"`
		Sequence *string `json:"stop_sequence"`
	}
	w.add(kind, "message_delta", struct {
		Type  string          `json:"type"`
		Delta stop            `json:"delta"`
		Usage json.RawMessage `json:"usage,omitempty"`
	}{"message_delta", stop{reason, sequence}, w.usage(u, false)})
}

func (w *messageWriter) add(kind frameKind, event string, data any) {
	w.out = append(w.out, frame{kind: kind, event: event, data: marshal(data)})
}

// usage writes u the way Anthropic counts: input without the cached tokens.
// The split by cache life and the tier stand in message_start only.
func (w *messageWriter) usage(u llm.Usage, whole bool) json.RawMessage {
	switch w.r.mode {
	case usageNone:
		return nil
	case usageNull:
		return null
	}
	type creation struct {
		Short int64 `json:"ephemeral_5m_input_tokens"`
		Long  int64 `json:"ephemeral_1h_input_tokens"`
	}
	type searches struct {
		Web   int64 `json:"web_search_requests"`
		Fetch int64 `json:"web_fetch_requests"`
	}
	out := struct {
		Input    int64            `json:"input_tokens"`
		Write    int64            `json:"cache_creation_input_tokens"`
		Read     int64            `json:"cache_read_input_tokens"`
		Creation *creation        `json:"cache_creation,omitempty"`
		Output   int64            `json:"output_tokens"`
		Details  map[string]int64 `json:"output_tokens_details,omitempty"`
		Server   *searches        `json:"server_tool_use,omitempty"`
		Tier     string           `json:"service_tier,omitempty"`
	}{
		Input: u.Input.N - u.CachedInput.N - u.CacheWrite.N, Write: u.CacheWrite.N, Read: u.CachedInput.N, Output: u.Output.N,
	}
	if whole {
		out.Creation, out.Tier = &creation{u.CacheWrite.N - u.CacheWrite1h.N, u.CacheWrite1h.N}, "standard"
	}
	if w.q.thinking {
		out.Details = map[string]int64{"thinking_tokens": min(u.Reasoning.N, u.Output.N)}
	}
	if u.WebSearches.Known {
		out.Server = &searches{Web: u.WebSearches.N}
	}
	return marshal(out)
}
