package dialect

import (
	"strings"

	"llmgw/providers/llm"
)

// decodeChatAnswer reads a whole answer, but for its usage, which the meter
// reads.
func decodeChatAnswer(value []byte) *llm.Response {
	o := readObject(value)
	r := llm.Response{From: llm.OpenAIChat, ID: o.string("id"), Model: o.string("model"), Created: o.count("created")}
	r.Usage.ServiceTier = o.word("service_tier")
	r.Usage.Raw = o.take("usage", "{")
	choices, _ := o.list("choices")
	for i, choice := range choices {
		r.Choices = append(r.Choices, chatChoiceOf(choice, i))
	}
	o.string("object")
	r.Extra = o.rest("")
	return &r
}

// chatChoiceOf reads one choice of an answer; n is its place in the list, which
// is its index where the provider leaves that out.
func chatChoiceOf(o object, n int) llm.Choice {
	c := llm.Choice{Index: n, Finish: chatFinish(o.word("finish_reason"))}
	if index := o.count("index"); index.Known {
		c.Index = int(index.N)
	}
	c.Logprobs = o.take("logprobs", "{")
	if m, found := o.inner("message"); found {
		m.string("role")
		c.Parts, _ = chatTurn(&m, "message")
		// These two stay in Extra as well: their place in the answer is their own.
		chatCited(c.Parts, m.items("annotations"))
		c.Parts = append(c.Parts, chatImages(&m)...)
		c.Parts = append(c.Parts, chatSounds(&m)...)
		c.Extra = m.rest("message")
	}
	c.Extra = append(c.Extra, o.rest("")...)
	return c
}

// chatFinish reads a finish reason, in any provider's words.
func chatFinish(word string) llm.Finish {
	f := llm.Finish{Word: word}
	switch strings.ToLower(word) {
	case "stop", "end_turn", "eos":
		f.Reason = llm.FinishStop
	case "length", "max_tokens", "model_length":
		f.Reason = llm.FinishLength
	case "tool_calls", "tool_use", "function_call":
		f.Reason = llm.FinishToolCalls
	case "content_filter", "refusal", "safety":
		f.Reason = llm.FinishFilter
	}
	return f
}

// finishOf is why an answer ended for which two reasons were given: what says
// that something is missing is not taken back.
func finishOf(said, again llm.Finish) llm.Finish {
	whole := again.Reason == llm.FinishStop || again.Reason == llm.FinishToolCalls || again.Reason == llm.FinishStopSequence
	if said.Said() && said.Reason != llm.FinishStop && said.Reason != llm.FinishToolCalls && said.Reason != llm.FinishStopSequence && whole {
		return said
	}
	return again
}

// chatFinishWord is a finish reason in the protocol's words. One that it has no
// word for keeps the provider's: nothing that ended otherwise ends with "stop".
func chatFinishWord(f llm.Finish, calls bool, to *Reply) string {
	switch f.For(calls) {
	case llm.FinishStop, llm.FinishStopSequence:
		return "stop"
	case llm.FinishLength, llm.FinishContext:
		return "length"
	case llm.FinishToolCalls:
		if to.functions {
			return "function_call"
		}
		return "tool_calls"
	case llm.FinishFilter:
		return "content_filter"
	}
	return f.Word
}

// chatCited adds an answer's annotations to the text they are about.
func chatCited(parts []llm.Part, annotations []object) {
	for i := range parts {
		if parts[i].Kind == llm.Text {
			for _, a := range annotations {
				parts[i].Citations = append(parts[i].Citations, chatCitation(a.whole))
			}
			return
		}
	}
}

func chatCitation(value []byte) llm.Citation {
	o := readObject(memberOf(value, "url_citation"))
	return llm.Citation{
		URL: o.string("url"), Title: o.string("title"), Quote: o.string("content"),
		Start: o.count("start_index"), End: o.count("end_index"), Raw: value,
	}
}

const imagesPath = "message.images"

// chatImages reads the images that a model made (OpenRouter's "images").
func chatImages(o *object) []llm.Part {
	var parts []llm.Part
	for i, image := range o.items("images") {
		parts = append(parts, chatPart(image, at(imagesPath, i)))
	}
	return parts
}

// chatSounds reads audio that the model made and that has no id, or a piece of
// it: no protocol but this one has any.
func chatSounds(o *object) []llm.Part {
	if inner := readObject(o.peek("audio")); len(inner.members) == 0 {
		return nil
	}
	return []llm.Part{{Kind: llm.Audio, Media: &llm.Media{}}}
}

// chatAnswer writes a whole answer.
func (w *jsonOut) chatAnswer(r *llm.Response, to *Reply) {
	w.open("", '{')
	w.text("id", r.ID)
	w.word("object", "chat.completion")
	w.number("created", r.Created.Or(to.Created))
	w.text("model", r.Model)
	w.open("choices", '[')
	for i := range r.Choices {
		w.chatChoice(&r.Choices[i], r.From == llm.OpenAIChat, to)
	}
	w.close('[')
	w.chatUsage(&r.Usage, r.From == llm.OpenAIChat)
	if r.Usage.ServiceTier != "" {
		w.text("service_tier", r.Usage.ServiceTier)
	}
	if r.From == llm.OpenAIChat {
		w.extra("", r.Extra)
	}
	w.close('{')
}

// chatChoice writes a choice; own tells that the answer came in this protocol.
func (w *jsonOut) chatChoice(c *llm.Choice, own bool, to *Reply) {
	w.open("", '{')
	w.number("index", int64(c.Index))
	w.open("message", '{')
	w.word("role", "assistant")
	w.chatSaid(c.Parts, own)
	w.chatSaidThoughts(c.Parts, own)
	w.chatSaidCalls(c.Parts, own, to)
	if own {
		w.extra("message", c.Extra)
	}
	w.close('{')
	if own && c.Logprobs != nil {
		w.raw("logprobs", c.Logprobs)
	} else if !own {
		w.raw("logprobs", []byte("null"))
	}
	switch {
	case c.Finish.Said() && own:
		w.text("finish_reason", c.Finish.Word)
	case c.Finish.Said():
		w.text("finish_reason", chatFinishWord(c.Finish, c.Calls(), to))
	case !own:
		w.raw("finish_reason", []byte("null"))
	}
	if own {
		w.extra("", c.Extra)
	}
	w.close('{')
}

// chatSaid writes what the model said: all texts as one, all refusals as one.
func (w *jsonOut) chatSaid(parts []llm.Part, own bool) {
	var words [2]struct {
		text  string
		found bool
	}
	var cited []llm.Citation
	for i := range parts {
		p := &parts[i]
		switch {
		case p.Kind == llm.Text || p.Kind == llm.Refusal:
			said := &words[p.Kind]
			said.text, said.found = said.text+p.Text, true
			cited = append(cited, p.Citations...)
		case own && p.Kind == llm.Audio && p.Media.ID != "":
			w.chatSound("audio", p)
		}
	}
	for kind, name := range []string{"content", "refusal"} {
		switch {
		case words[kind].found:
			w.text(name, words[kind].text)
		case !own: // required, and null
			w.raw(name, []byte("null"))
		}
	}
	if !own {
		w.chatAnnotations(cited)
	}
}

// chatAnnotations writes the citations that have a URL: the protocol has no
// others.
func (w *jsonOut) chatAnnotations(cited []llm.Citation) {
	begun := false
	for i := range cited {
		c := &cited[i]
		if c.URL == "" {
			continue
		}
		if !begun {
			w.open("annotations", '[')
			begun = true
		}
		w.open("", '{')
		w.word("type", "url_citation")
		w.open("url_citation", '{')
		w.text("url", c.URL)
		w.text("title", c.Title)
		w.maybeCount("start_index", c.Start)
		w.maybeCount("end_index", c.End)
		w.close('{')
		w.close('{')
	}
	if begun {
		w.close('[')
	}
}

// chatSaidThoughts writes what the model thought: the text where clients look
// for it, and what its provider signed where it can be sent back from.
func (w *jsonOut) chatSaidThoughts(parts []llm.Part, own bool) {
	if own {
		w.ownThoughts(parts)
		return
	}
	text, found, signed := "", false, false
	for i := range parts {
		if t := parts[i].Thought; t != nil {
			text, signed = text+t.Text, signed || t.Origin != ""
			found = found || t.Encrypted == ""
		}
	}
	if found {
		w.text("reasoning_content", text)
	}
	if !signed {
		return
	}
	w.open("reasoning_details", '[')
	index := 0
	for i := range parts {
		if t := parts[i].Thought; t != nil {
			shown := *t
			shown.Hidden = t.Text == ""
			w.chatDetail(&shown, index)
			index++
		}
	}
	w.close('[')
}

// chatDetail writes a thought, or a piece of one, as OpenRouter has it.
func (w *jsonOut) chatDetail(t *llm.Thought, index int) {
	w.open("", '{')
	switch {
	case t.Encrypted != "":
		w.word("type", "reasoning.encrypted")
		w.text("data", t.Encrypted)
	case t.Summary:
		w.word("type", "reasoning.summary")
		w.text("summary", t.Text)
	default:
		w.word("type", "reasoning.text")
		if !t.Hidden {
			w.text("text", t.Text)
		}
	}
	if t.Signature != "" {
		w.text("signature", t.Signature)
	}
	if t.ID != "" {
		w.text("id", t.ID)
	}
	for _, f := range thoughtFormats {
		if f.d == t.Origin {
			w.word("format", f.word)
		}
	}
	w.number("index", int64(index))
	w.close('{')
}

// chatSaidCalls writes what the model calls.
func (w *jsonOut) chatSaidCalls(parts []llm.Part, own bool, to *Reply) {
	begun := false
	for i := range parts {
		p := &parts[i]
		isCall := p.Kind == llm.Call || own && p.Kind == llm.Native && strings.Contains(p.Path, ".tool_calls[")
		switch {
		case !isCall:
		case isFunctionCall(p) || !own && to.functions:
			if begun {
				w.close('[')
				begun = false
			}
			w.open("function_call", '{')
			w.text("name", p.Call.Name)
			w.quoted("arguments", p.Call.Args)
			w.close('{')
		default:
			if !begun {
				w.open("tool_calls", '[')
				begun = true
			}
			w.chatSaidCall(p, own)
		}
	}
	if begun {
		w.close('[')
	}
}

// isFunctionCall tells a call in the deprecated form.
func isFunctionCall(p *llm.Part) bool {
	return p.Kind == llm.Call && strings.HasSuffix(p.Path, ".function_call")
}

func (w *jsonOut) chatSaidCall(p *llm.Part, own bool) {
	if p.Kind == llm.Native {
		w.raw("", p.Native.Raw)
		return
	}
	w.open("", '{')
	w.text("id", p.Call.ID)
	kind := w.callBody(p.Call)
	if own {
		w.extra(kind, p.Extra)
	}
	w.close('{')
	if own {
		w.extra("", p.Extra)
	}
	w.close('{')
}

// chatUsage writes what the answer consumed. In this protocol too the prompt
// includes what was cached, and the completion what was thought. What the
// provider did not report is left out.
func (w *jsonOut) chatUsage(u *llm.Usage, own bool) {
	switch {
	case own:
		w.maybeRaw("usage", u.Raw)
		return
	case !u.Known():
		return
	}
	w.open("usage", '{')
	w.maybeCount("prompt_tokens", u.Input)
	w.maybeCount("completion_tokens", u.Output)
	if u.Input.Known && u.Output.Known {
		w.number("total_tokens", u.Input.N+u.Output.N)
	}
	w.counts("prompt_tokens_details", []namedCount{
		{"cached_tokens", u.CachedInput}, {"cache_write_tokens", u.CacheWrite}, {"audio_tokens", u.InputAudio},
	})
	w.counts("completion_tokens_details", []namedCount{
		{"reasoning_tokens", u.Reasoning}, {"audio_tokens", u.OutputAudio},
	})
	w.close('{')
}

type namedCount struct {
	name string
	n    llm.Count
}

// counts writes an object of the counts that are known, if any is.
func (w *jsonOut) counts(name string, all []namedCount) {
	begun := false
	for _, c := range all {
		if !c.n.Known {
			continue
		}
		if !begun {
			w.open(name, '{')
			begun = true
		}
		w.number(c.name, c.n.N)
	}
	if begun {
		w.close('{')
	}
}
