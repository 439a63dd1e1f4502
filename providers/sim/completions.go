package sim

import (
	"encoding/json"
	"strings"
)

// completionRequest is what matters of POST /v1/completions.
type completionRequest struct {
	Model         string
	Prompt        stopList // a string or a list of them; tokens are not understood
	Stream        bool
	StreamOptions *streamOptions `json:"stream_options"`
	MaxTokens     *int           `json:"max_tokens"`
	N             *int
	Stop          stopList
}

func (c *call) readCompletion() (*ask, *problem) {
	var in completionRequest
	if p := c.decode(&in); p != nil {
		return nil, p
	}
	if in.Model == "" {
		return nil, openAIBadRequest("you must provide a model parameter", "", "")
	}
	const usual = 16 // max_tokens of this endpoint when absent
	q := &ask{model: in.Model, stream: in.Stream, stops: in.Stop, limit: value(in.MaxTokens, usual)}
	q.n = value(in.N, 1) * max(len(in.Prompt), 1)
	q.includeUsage = in.StreamOptions != nil && in.StreamOptions.IncludeUsage
	for _, text := range in.Prompt {
		q.add("user", content{{Type: "text", Text: text}})
	}
	return q, c.ready(q)
}

type completionChoice struct {
	Text         string          `json:"text"`
	Index        int             `json:"index"`
	Logprobs     json.RawMessage `json:"logprobs"`
	FinishReason *string         `json:"finish_reason"`
}

type completionAnswer struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"`
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Choices []completionChoice `json:"choices"`
	Usage   json.RawMessage    `json:"usage,omitempty"`
}

// writeCompletion shares the chat writer's rules about usage.
func (c *call) writeCompletion() answer {
	r := c.bend(c.compose())
	c.row.Usage = openAITold(r.usage)
	c.row.Usage.ServiceTier = ""
	w := c.chatWriter(r)
	head := completionAnswer{ID: "cmpl-" + w.rng.token(29), Object: "text_completion", Created: c.created(), Model: r.model}
	if c.q.stream {
		return c.okStream(w.completionFrames(head))
	}
	for i, ch := range r.choices {
		head.Choices = append(head.Choices, completionChoice{strings.Join(ch.words(), ""), i, null, openAIFinish(ch.finish)})
	}
	head.Usage = w.finalUsage(true)
	a := c.ok(marshal(head))
	a.usage = r.mode != usageNone && r.mode != usageNull
	return a
}

func (w *chatWriter) completionFrames(head completionAnswer) []frame {
	var out []frame
	add := func(kind frameKind, choices ...completionChoice) {
		a := head
		a.Choices = append([]completionChoice{}, choices...)
		f := frame{kind: kind}
		a.Usage, f.usage = w.chunkUsage(kind)
		if kind == frameUsage {
			a.Usage, f.usage = w.finalUsage(true), true
		}
		f.data = marshal(a)
		out = append(out, f)
	}
	for i, ch := range w.r.choices {
		for _, t := range ch.words() {
			w.sent++
			add(frameContent, completionChoice{t, i, null, nil})
		}
		add(frameFinish, completionChoice{"", i, null, openAIFinish(ch.finish)})
	}
	if usage := w.finalUsage(w.q.includeUsage); usage != nil && w.r.mode != usageNull {
		add(frameUsage)
	}
	return append(out, frame{kind: frameEnd, data: []byte("[DONE]")})
}
