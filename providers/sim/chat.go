package sim

import (
	"encoding/json"
	"strings"

	"llmgw/providers/llm"
)

// chatRequest is what matters of POST /v1/chat/completions.
type chatRequest struct {
	Model         string `json:"model"`
	Messages      []chatMessage
	Stream        bool           `json:"stream"`
	StreamOptions *streamOptions `json:"stream_options"`
	Tools         []struct {
		Type     string
		Function struct {
			Name       string
			Parameters json.RawMessage
		}
	} `json:"tools"`
	ToolChoice          json.RawMessage `json:"tool_choice"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	N                   *int            `json:"n"`
	Stop                stopList        `json:"stop"`
	Logprobs            bool            `json:"logprobs"`
	ReasoningEffort     string          `json:"reasoning_effort"`
	ResponseFormat      *struct {
		Type       string
		JSONSchema struct{ Schema json.RawMessage } `json:"json_schema"`
	} `json:"response_format"`
}

type chatMessage struct {
	Role      string
	Content   content
	ToolCalls []json.RawMessage `json:"tool_calls"`
}

type streamOptions struct {
	IncludeUsage       bool  `json:"include_usage"`
	IncludeObfuscation *bool `json:"include_obfuscation"`
}

// readChat decodes and checks a request as OpenAI does.
func (c *call) readChat() (*ask, *problem) {
	var in chatRequest
	if p := c.decode(&in); p != nil {
		return nil, p
	}
	if in.Model == "" {
		return nil, openAIBadRequest("you must provide a model parameter", "", "")
	}
	if len(in.Messages) == 0 {
		return nil, openAIBadRequest("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
	}
	if in.StreamOptions != nil && !in.Stream {
		return nil, openAIBadRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options", "")
	}
	q := in.ask()
	return q, c.ready(q)
}

func (in *chatRequest) ask() *ask {
	q := &ask{
		model: in.Model, stream: in.Stream, n: value(in.N, 1), stops: in.Stop, logprobs: in.Logprobs,
		limit:     value(in.MaxCompletionTokens, value(in.MaxTokens, 0)),
		choice:    openAIToolChoice(in.ToolChoice),
		oneCall:   !value(in.ParallelToolCalls, true),
		reasoning: in.ReasoningEffort != "" && in.ReasoningEffort != "none" || reasons(in.Model),
	}
	if o := in.StreamOptions; o != nil {
		q.includeUsage, q.obfuscation = o.IncludeUsage, value(o.IncludeObfuscation, true)
	} else {
		q.obfuscation = true
	}
	if f := in.ResponseFormat; f != nil {
		q.schema, q.jsonObject = f.JSONSchema.Schema, f.Type == "json_object"
	}
	for _, t := range in.Tools {
		if t.Type == "function" {
			q.tools = append(q.tools, tool{t.Function.Name, t.Function.Parameters})
			q.addBlock("tools", block{raw: marshal(t.Function)})
		}
	}
	for _, m := range in.Messages {
		q.add(m.Role, m.Content)
		for _, raw := range m.ToolCalls {
			q.addBlock(m.Role, block{raw: raw})
		}
		q.afterTool = m.Role == "tool"
	}
	return q
}

// reasons tells the models that think without being asked to.
func reasons(model string) bool {
	for _, p := range []string{"o1", "o3", "o4", "gpt-5"} {
		if strings.HasPrefix(model, p) {
			return true
		}
	}
	return false
}

func openAIToolChoice(raw json.RawMessage) toolChoice {
	switch string(raw) {
	case `"none"`:
		return toolChoice{none: true}
	case `"required"`:
		return toolChoice{required: true}
	}
	var named struct{ Function struct{ Name string } }
	if json.Unmarshal(raw, &named) == nil && named.Function.Name != "" {
		return toolChoice{required: true, name: named.Function.Name}
	}
	return toolChoice{}
}

// chatHead is what every chunk and every body begins with.
type chatHead struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	Model   string `json:"model"`
}

type chatTail struct {
	Usage             json.RawMessage `json:"usage,omitempty"`
	ServiceTier       string          `json:"service_tier"`
	SystemFingerprint string          `json:"system_fingerprint"`
	Obfuscation       string          `json:"obfuscation,omitempty"`
}

// chatWriter renders one reply for chat completions.
type chatWriter struct {
	q    *ask
	r    *reply
	head chatHead
	rng  rng
	sent int64 // output tokens so far, for cumulative usage
}

func (c *call) chatWriter(r *reply) *chatWriter {
	w := &chatWriter{q: c.q, r: r, rng: rng(c.ident)}
	w.head = chatHead{ID: "chatcmpl-" + w.rng.token(29), Created: c.created(), Model: r.model}
	return w
}

func (w *chatWriter) tail(usage json.RawMessage) chatTail {
	t := chatTail{Usage: usage, ServiceTier: "default", SystemFingerprint: "fp_" + fingerprint(w.r.model)}
	if w.q.stream && w.q.obfuscation {
		t.Obfuscation = w.rng.token(1 + w.rng.below(12))
	}
	return t
}

// fingerprint is a function of the model, as a real one of its deployment.
func fingerprint(model string) string {
	r := rng(hashOf(model))
	return strings.ToLower(r.token(10))
}

type chatAnswerMessage struct {
	Role        string         `json:"role"`
	Content     *string        `json:"content"`
	ToolCalls   []chatToolCall `json:"tool_calls,omitempty"`
	Refusal     *string        `json:"refusal"`
	Annotations []string       `json:"annotations"`
}

type chatToolCall struct {
	Index    *int         `json:"index,omitempty"`
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function chatFunction `json:"function"`
}

type chatFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

type chatChoice struct {
	Index              int                `json:"index"`
	Message            *chatAnswerMessage `json:"message,omitempty"`
	Delta              json.RawMessage    `json:"delta,omitempty"`
	Logprobs           json.RawMessage    `json:"logprobs"`
	FinishReason       *string            `json:"finish_reason"`
	NativeFinishReason string             `json:"native_finish_reason,omitempty"` // OpenRouter's
}

// body is the answer that is not streamed.
func (w *chatWriter) body() []byte {
	w.head.Object = "chat.completion"
	var choices []chatChoice
	for i, ch := range w.r.choices {
		m := &chatAnswerMessage{Role: "assistant", Annotations: []string{}}
		switch {
		case len(ch.calls) > 0:
			for _, t := range ch.calls {
				m.ToolCalls = append(m.ToolCalls, chatToolCall{ID: "call_" + t.id, Type: "function", Function: chatFunction{t.name, strings.Join(t.args, "")}})
			}
		case ch.refusal != nil:
			m.Refusal = pointer(strings.Join(ch.refusal, ""))
		default:
			m.Content = pointer(strings.Join(ch.text, ""))
		}
		choices = append(choices, chatChoice{Index: i, Message: m, Logprobs: w.logprobs(ch.text...), FinishReason: openAIFinish(ch.finish), NativeFinishReason: native(ch.finish)})
	}
	return marshal(struct {
		chatHead
		Choices []chatChoice `json:"choices"`
		chatTail
	}{w.head, choices, w.tail(w.finalUsage(true))})
}

// openAIFinish is the finish_reason.
func openAIFinish(f finish) *string {
	switch f {
	case finishLength:
		return pointer("length")
	case finishTools:
		return pointer("tool_calls")
	case finishFilter:
		return pointer("content_filter")
	case finishError:
		return pointer("error")
	}
	return pointer("stop")
}

func native(f finish) string {
	if f == finishError {
		return "network_error"
	}
	return ""
}

// frames are the events of the stream.
func (w *chatWriter) frames() []frame {
	w.head.Object = "chat.completion.chunk"
	var out []frame
	for i, ch := range w.r.choices {
		out = append(out, w.roleFrame(i, ch))
	}
	for i, ch := range w.r.choices {
		out = append(out, w.contentFrames(i, ch)...)
	}
	for i, ch := range w.r.choices {
		out = append(out, w.finishFrame(i, ch))
	}
	if usage := w.finalUsage(w.q.includeUsage); usage != nil && w.r.mode != usageNull {
		data := marshal(struct {
			chatHead
			Choices []chatChoice `json:"choices"`
			chatTail
		}{w.head, []chatChoice{}, w.tail(usage)})
		out = append(out, frame{kind: frameUsage, data: data, usage: true})
	}
	return append(out, frame{kind: frameEnd, data: []byte("[DONE]")})
}

func (w *chatWriter) roleFrame(i int, ch choice) frame {
	delta := `{"role":"assistant","content":"","refusal":null}`
	if len(ch.calls) > 0 {
		delta = `{"role":"assistant","content":null}`
	}
	return w.chunk(frameOther, chatChoice{Index: i, Delta: json.RawMessage(delta), Logprobs: null})
}

func (w *chatWriter) contentFrames(i int, ch choice) []frame {
	var out []frame
	for _, t := range ch.text {
		out = append(out, w.piece(i, map[string]string{"content": t}, t))
	}
	for _, t := range ch.refusal {
		out = append(out, w.piece(i, map[string]string{"refusal": t}))
	}
	return append(out, w.callFrames(i, ch.calls)...)
}

// callFrames are the deltas of the tool calls: one after the other as OpenAI
// sends them, or alternating.
func (w *chatWriter) callFrames(i int, calls []toolCall) []frame {
	var out []frame
	longest := 0
	delta := func(n int, t chatToolCall) frame {
		if !w.r.noIndex {
			t.Index = &n
		}
		return w.piece(i, map[string][]chatToolCall{"tool_calls": {t}})
	}
	for n, t := range calls {
		out = append(out, delta(n, chatToolCall{ID: "call_" + t.id, Type: "function", Function: chatFunction{Name: t.name}}))
		longest = max(longest, len(t.args))
		for _, a := range t.args {
			if !w.r.tangled {
				out = append(out, delta(n, chatToolCall{Function: chatFunction{Arguments: a}}))
			}
		}
	}
	for k := 0; w.r.tangled && k < longest; k++ {
		for n, t := range calls {
			if k < len(t.args) {
				out = append(out, delta(n, chatToolCall{Function: chatFunction{Arguments: t.args[k]}}))
			}
		}
	}
	return out
}

// piece is a content chunk: one token.
func (w *chatWriter) piece(i int, delta any, text ...string) frame {
	w.sent++
	return w.chunk(frameContent, chatChoice{Index: i, Delta: marshal(delta), Logprobs: w.logprobs(text...)})
}

func (w *chatWriter) finishFrame(i int, ch choice) frame {
	return w.chunk(frameFinish, chatChoice{Index: i, Delta: json.RawMessage("{}"), Logprobs: null, FinishReason: openAIFinish(ch.finish), NativeFinishReason: native(ch.finish)})
}

func (w *chatWriter) chunk(kind frameKind, ch chatChoice) frame {
	usage, final := w.chunkUsage(kind)
	data := marshal(struct {
		chatHead
		Choices []chatChoice `json:"choices"`
		chatTail
	}{w.head, []chatChoice{ch}, w.tail(usage)})
	return frame{kind: kind, data: data, usage: final}
}

// chunkUsage is the usage member of a chunk that is there for something else.
func (w *chatWriter) chunkUsage(kind frameKind) (usage json.RawMessage, final bool) {
	switch {
	case kind == frameFinish && (w.r.mode == usageOnFinish || w.r.mode == usageCumulative):
		return openAIUsage(w.r.usage), true
	case w.r.mode == usageCumulative && kind == frameContent:
		u := w.r.usage
		u.Output.N = min(w.sent+u.Reasoning.N, u.Output.N)
		return openAIUsage(u), false
	case w.r.mode == usageNone || w.r.mode == usageOnFinish || w.r.mode == usageCumulative || !w.q.includeUsage:
		return nil, false
	}
	return null, false
}

// finalUsage is the usage of the body or of the stream's last chunk; nil: no
// such member.
func (w *chatWriter) finalUsage(asked bool) json.RawMessage {
	switch {
	case !asked || w.r.mode == usageNone:
		return nil
	case w.r.mode == usageNull:
		return null
	case w.q.stream && (w.r.mode == usageOnFinish || w.r.mode == usageCumulative):
		return nil
	}
	return openAIUsage(w.r.usage)
}

// logprobs are minimal: certain, and without alternatives.
func (w *chatWriter) logprobs(text ...string) json.RawMessage {
	if !w.q.logprobs || len(text) == 0 {
		return null
	}
	type entry struct {
		Token   string  `json:"token"`
		Logprob float64 `json:"logprob"`
		Bytes   []int   `json:"bytes"`
		Top     []int   `json:"top_logprobs"`
	}
	var out []entry
	for _, t := range text {
		e := entry{Token: t, Logprob: -0.25, Top: []int{}}
		for _, b := range []byte(t) {
			e.Bytes = append(e.Bytes, int(b))
		}
		out = append(out, e)
	}
	return marshal(map[string]any{"content": out, "refusal": nil})
}

var null = json.RawMessage("null")

// openAIUsage writes usage the way OpenAI counts: parts inside their wholes.
func openAIUsage(u llm.Usage) json.RawMessage {
	type promptDetails struct {
		Cached int64 `json:"cached_tokens"`
		Write  int64 `json:"cache_write_tokens,omitempty"`
		Audio  int64 `json:"audio_tokens"`
	}
	type completionDetails struct {
		Reasoning int64 `json:"reasoning_tokens"`
		Audio     int64 `json:"audio_tokens"`
		Accepted  int64 `json:"accepted_prediction_tokens"`
		Rejected  int64 `json:"rejected_prediction_tokens"`
	}
	return marshal(struct {
		Prompt     int64             `json:"prompt_tokens"`
		Completion int64             `json:"completion_tokens"`
		Total      int64             `json:"total_tokens"`
		In         promptDetails     `json:"prompt_tokens_details"`
		Out        completionDetails `json:"completion_tokens_details"`
	}{
		u.Input.N, u.Output.N, u.Input.N + u.Output.N,
		promptDetails{Cached: u.CachedInput.N, Write: u.CacheWrite.N},
		completionDetails{Reasoning: u.Reasoning.N},
	})
}

func pointer[T any](v T) *T { return &v }

func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
