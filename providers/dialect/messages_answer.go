package dialect

import (
	"slices"

	"llmgw/providers/llm"
)

// decodeMessagesAnswer reads a whole answer, but for its usage, which the meter
// reads.
func decodeMessagesAnswer(value []byte) *llm.Response {
	o := readObject(value)
	r := llm.Response{From: llm.Anthropic, ID: o.string("id"), Model: o.string("model")}
	r.Usage.Raw = o.take("usage", "{")
	c := llm.Choice{Finish: messagesFinish(&o)}
	blocks, _ := o.list("content")
	c.Parts = messagesBlocks(blocks, "content", "")
	for i := range c.Parts {
		answeredCall(&c.Parts[i])
		if t := c.Parts[i].Thought; t != nil {
			t.Origin = llm.Anthropic
		}
	}
	o.string("type")
	o.string("role")
	r.Choices = []llm.Choice{c}
	r.Extra = o.rest("")
	return &r
}

// answeredCall reads a call without "input", as some who speak the protocol
// write one that has no arguments. A request is read more strictly.
func answeredCall(p *llm.Part) {
	if p.Kind != llm.Native || p.Native.Type != "tool_use" {
		return
	}
	o := readObject(p.Native.Raw)
	if isNull(o.peek("input")) {
		*p = llm.Part{Kind: llm.Call, Path: p.Path, Call: &llm.ToolCall{ID: o.string("id"), Name: o.string("name"), Args: llm.Raw("{}")}}
	}
}

// messagesFinish takes why an answer ended
// (platform.claude.com/docs/en/build-with-claude/handling-stop-reasons, 2026-11).
func messagesFinish(o *object) llm.Finish {
	f := llm.Finish{Word: o.word("stop_reason"), Sequence: o.text("stop_sequence")}
	for _, w := range finishWords {
		if w.word == f.Word {
			f.Reason = w.reason
		}
	}
	return f
}

// finishWords are Anthropic's words for why an answer ended.
var finishWords = [...]struct {
	word   string
	reason llm.FinishReason
}{
	{"end_turn", llm.FinishStop},
	{"stop_sequence", llm.FinishStopSequence},
	{"max_tokens", llm.FinishLength},
	{"model_context_window_exceeded", llm.FinishContext},
	{"tool_use", llm.FinishToolCalls},
	{"refusal", llm.FinishFilter},
	{"pause_turn", llm.FinishPause},
}

// messagesFinishWord is a finish reason in Anthropic's words. One that it has
// no word for keeps the provider's: nothing that ended otherwise ends with
// "end_turn". What the model declined itself, OpenAI's models "stop" with.
func messagesFinishWord(f llm.Finish, calls, refused bool) string {
	reason := f.For(calls)
	if refused && reason == llm.FinishStop {
		reason = llm.FinishFilter
	}
	for _, w := range finishWords {
		if w.reason == reason {
			return w.word
		}
	}
	return f.Word
}

// messagesAnswer writes a whole answer. The protocol has one choice.
func (w *jsonOut) messagesAnswer(r *llm.Response) {
	own := r.From == llm.Anthropic
	var c llm.Choice
	if spoken := slices.IndexFunc(r.Choices, func(c llm.Choice) bool { return c.Parts != nil }); spoken >= 0 {
		c = r.Choices[spoken]
	} else if len(r.Choices) > 0 {
		c = r.Choices[0]
	}
	w.messageHead(r.ID, r.Model)
	w.open("content", '[')
	refused := false
	for i := range c.Parts {
		p := &c.Parts[i]
		refused = refused || p.Kind == llm.Refusal
		w.answerBlock(p, own)
	}
	w.close('[')
	if own {
		w.ownFinish(c.Finish)
		w.maybeRaw("usage", r.Usage.Raw)
		w.extra("", r.Extra)
	} else {
		w.messageFinish(c.Finish, c.Calls(), refused)
		w.messagesUsage(&r.Usage)
	}
	w.close('{')
}

// ownFinish puts back why an answer ended; nulls are among what is extra.
func (w *jsonOut) ownFinish(f llm.Finish) {
	if f.Said() {
		w.text("stop_reason", f.Word)
	}
	w.maybeText("stop_sequence", f.Sequence)
}

// messageHead writes what a message begins with, and leaves it open.
func (w *jsonOut) messageHead(id, model string) {
	w.open("", '{')
	w.text("id", id)
	w.word("type", "message")
	w.word("role", "assistant")
	w.text("model", model)
}

// messageFinish writes why an answer ended; null where the provider did not say.
func (w *jsonOut) messageFinish(f llm.Finish, calls, refused bool) {
	if f.Said() {
		w.text("stop_reason", messagesFinishWord(f, calls, refused))
	} else {
		w.raw("stop_reason", []byte("null"))
	}
	if f.Sequence != nil {
		w.text("stop_sequence", *f.Sequence)
	} else {
		w.raw("stop_sequence", []byte("null"))
	}
}

// answerBlock writes a block of an answer. The protocol has no images and no
// sound in answers, nor anything of others' own.
func (w *jsonOut) answerBlock(p *llm.Part, own bool) {
	switch p.Kind {
	case llm.Text, llm.Refusal:
		if p.Text == "" && !own {
			return
		}
		w.open("", '{')
		w.word("type", "text")
		w.text("text", p.Text)
		if p.Citations != nil {
			w.citations(p.Citations, own)
		}
	case llm.Thinking:
		if t := p.Thought; own {
			w.thoughtBlock(t, t.Signature != "")
		} else if !w.foreignThought(t) {
			return
		}
	case llm.Call:
		w.call(p.Call.ID, p.Call)
	case llm.Native:
		if own {
			w.raw("", p.Native.Raw)
		}
		return
	default:
		return
	}
	if own {
		w.extra("", p.Extra)
	}
	w.close('{')
}

// foreignThought writes what is open of a thought; false when nothing of it can
// be read. What another provider signed has the empty signature here: so nobody
// takes it for one of Anthropic's when it comes back.
func (w *jsonOut) foreignThought(t *llm.Thought) bool {
	shown := llm.Thought{Text: t.Text}
	if t.Origin == llm.Anthropic {
		shown.Signature, shown.Encrypted = t.Signature, t.Encrypted
	}
	if shown.Text == "" && !shown.Signed() {
		return false
	}
	w.thoughtBlock(&shown, true)
	return true
}

// citations writes what a text rests on. Of another protocol's citations the
// place on the web is known, and not Anthropic's index.
func (w *jsonOut) citations(all []llm.Citation, own bool) {
	w.open("citations", '[')
	for i := range all {
		if own {
			w.raw("", all[i].Raw)
		} else {
			w.citation("", &all[i])
		}
	}
	w.close('[')
}

func (w *jsonOut) citation(name string, c *llm.Citation) {
	w.open(name, '{')
	w.word("type", "web_search_result_location")
	w.text("url", c.URL)
	w.text("title", c.Title)
	w.text("cited_text", c.Quote)
	w.word("encrypted_index", "")
	w.close('{')
}

// messagesUsage writes what the answer consumed. In this protocol the input is
// without what was read from the cache and written to it. What the provider did
// not report is null.
func (w *jsonOut) messagesUsage(u *llm.Usage) {
	w.open("usage", '{')
	w.usageCounts(u)
	switch u.ServiceTier {
	case "default", "standard":
		w.word("service_tier", "standard")
	case "priority":
		w.word("service_tier", "priority")
	}
	w.close('{')
}

// usageCounts writes the counts of a usage object.
func (w *jsonOut) usageCounts(u *llm.Usage) {
	// The three are disjoint here, and their sum is the input: some providers
	// report the same tokens as read and as written.
	input, read, written := u.Input, u.CachedInput, u.CacheWrite
	read.N = min(read.N, input.N)
	written.N = min(written.N, input.N-read.N)
	input.N -= read.N + written.N
	w.countOrNull("input_tokens", input)
	written.Known, read.Known = written.Known && u.Input.Known, read.Known && u.Input.Known
	w.countOrNull("cache_creation_input_tokens", written)
	w.countOrNull("cache_read_input_tokens", read)
	w.countOrNull("output_tokens", u.Output)
	if u.Reasoning.Known {
		w.open("output_tokens_details", '{')
		w.number("thinking_tokens", u.Reasoning.N)
		w.close('{')
	}
	if u.WebSearches.Known {
		w.open("server_tool_use", '{')
		w.number("web_search_requests", u.WebSearches.N)
		w.close('{')
	}
}

func (w *jsonOut) countOrNull(name string, c llm.Count) {
	if c.Known {
		w.number(name, c.N)
	} else {
		w.raw(name, []byte("null"))
	}
}
