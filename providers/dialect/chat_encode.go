package dialect

import (
	"strings"

	"llmgw/providers/llm"
)

// chat writes the body of a call to /chat/completions.
func (e *encoder) chat() error {
	r := e.req
	e.open("", '{')
	e.text("model", e.t.Model)
	e.chatMessages()
	e.chatTools()
	e.chatChoice()
	e.chatLimits()
	e.chatSampling()
	e.chatReasoning()
	e.chatFormat()
	e.chatMembers()
	e.chatStream()
	e.putBack("", r.Extra)
	e.nameExtra("", r.Extra)
	e.close('{')
	return nil
}

// spelled is the name of a member: in the request's own dialect the one that
// the client used.
func (e *encoder) spelled(f llm.Field, usual string) string {
	if name, other := e.req.Spelled[f]; other && e.own {
		return name
	}
	return usual
}

// reasons tells whether the model is one of OpenAI's that reason.
func (e *encoder) reasons() bool { return e.t.Reasons || openAIReasons(e.t.Model) }

func (e *encoder) chatLimits() {
	r := e.req
	usual := "max_tokens"
	if e.own || e.reasons() {
		usual = "max_completion_tokens"
	}
	limit := r.MaxTokens
	if most := e.t.MaxOutput; !e.own && limit.Known && most.Known && limit.N > most.N {
		// "max_tokens is too large: 32000. This model supports at most 16384
		// completion tokens, whereas you provided 32000." (gpt-4o, 2026-11)
		limit = most
		e.change(Edited, "", llm.FieldMaxTokens, "the most that the model generates")
	}
	e.maybeCount(e.spelled(llm.FieldMaxTokens, usual), limit)
	e.maybeCount("n", r.N)
	e.chatStops()
}

// maxStops is how many stop sequences OpenAI takes; its models that reason take
// none (openai-go v3.96.0 on stop: "Not supported with latest reasoning models
// o3 and o4-mini. Up to 4 sequences"; gpt-5 and later answer "Unsupported
// parameter: 'stop'", huggingface/smolagents#1662, #1868, #1893).
const maxStops = 4

// chatStops writes the stop sequences. Fewer than were asked for make another
// answer.
func (e *encoder) chatStops() {
	stops := e.req.Stop
	switch {
	case e.req.StopPlain && e.own:
		e.text("stop", stops[0])
		return
	case stops == nil, len(stops) == 0 && !e.own:
		return
	case e.own:
	case e.reasons():
		e.change(Refused, "", llm.FieldStop, "the model reasons and takes no stop sequences")
		return
	case isOpenAIs(e.t.Model) && len(stops) > maxStops:
		e.change(Refused, "", llm.FieldStop, "OpenAI takes 4 stop sequences; the first 4 were kept")
		stops = stops[:maxStops]
	}
	e.texts("stop", stops)
}

// chatSampling writes how tokens are drawn. OpenAI's models that reason refuse
// to be told (platform.openai.com/docs/guides/reasoning, 2026-11).
func (e *encoder) chatSampling() {
	s := &e.req.Sampling
	e.sampled("temperature", s.Temperature, llm.FieldTemperature)
	e.sampled("top_p", s.TopP, llm.FieldTopP)
	e.sampled("frequency_penalty", s.FrequencyPenalty, llm.FieldFrequencyPenalty)
	e.sampled("presence_penalty", s.PresencePenalty, llm.FieldPresencePenalty)
	e.maybeRaw("seed", s.Seed)
	e.maybeRaw("logit_bias", s.LogitBias)
	e.maybeBool("logprobs", s.Logprobs)
	e.maybeCount("top_logprobs", s.TopLogprobs)
	switch {
	case e.own:
		e.maybeRaw("top_k", s.TopK)
	case s.TopK != nil:
		e.lose("", llm.FieldTopK)
	}
}

func (e *encoder) sampled(name string, value llm.Raw, f llm.Field) {
	if value != nil && !e.own && e.reasons() && string(value) != "1" {
		e.change(Dropped, "", f, "the model reasons and takes no sampling")
		return
	}
	e.maybeRaw(name, value)
}

func (e *encoder) chatMembers() {
	r := e.req
	if !e.own || r.Spelled[llm.FieldTools] != "functions" {
		e.chatParallel()
	}
	e.maybeText("verbosity", r.Verbosity)
	e.chatUser("user", r.User, llm.FieldUser)
	e.chatUser("safety_identifier", r.SafetyID, llm.FieldSafetyID)
	e.maybeText("prompt_cache_key", r.CacheKey)
	e.maybeRaw("metadata", r.Metadata)
	e.maybeBool("store", r.Store)
	if r.Modalities != nil {
		e.texts("modalities", r.Modalities)
	}
	e.onlyOwn("audio", r.Voice, llm.FieldVoice)
	e.onlyOwn("web_search_options", r.WebSearch, llm.FieldWebSearch)
	e.chatTier()
}

// maxUserID is the longest identifier of a user that OpenAI takes: "a maximum
// length of 128 characters" (openai-go v3.96.0 on safety_identifier, which
// replaces user). Claude Code sends more.
const maxUserID = 128

func (e *encoder) chatUser(name string, id *string, f llm.Field) {
	if id != nil && len(*id) > maxUserID && !e.own {
		e.change(Dropped, "", f, "OpenAI takes identifiers of 128 characters")
		return
	}
	e.maybeText(name, id)
}

// onlyOwn writes what only the request's own dialect understands.
func (e *encoder) onlyOwn(name string, value llm.Raw, f llm.Field) {
	switch {
	case e.own:
		e.maybeRaw(name, value)
	case value != nil:
		e.lose("", f)
	}
}

// chatTier writes the service tier. Other companies' tiers are other things.
func (e *encoder) chatTier() {
	tier := e.req.ServiceTier
	if tier == nil {
		return
	}
	switch {
	case e.own || e.req.From == llm.OpenAIResponses || *tier == "auto":
		e.text("service_tier", *tier)
	default:
		e.lose("", llm.FieldServiceTier)
	}
}

func (e *encoder) chatStream() {
	r := e.req
	e.maybeBool("stream", r.Stream)
	streams := r.Stream != nil && *r.Stream
	switch {
	case e.own && (r.IncludeUsage != nil || hasExtra("stream_options", r.Extra)):
		e.open("stream_options", '{')
		e.maybeBool("include_usage", r.IncludeUsage)
		e.putBack("stream_options", r.Extra)
		e.close('{')
	case !e.own && streams && e.t.IncludeUsage:
		e.raw("stream_options", []byte("{"+includeUsageMember+"}"))
	}
}

// hasExtra tells whether any extra member stands in the object in, or below it.
func hasExtra(in string, extra []llm.Extra) bool {
	for i := range extra {
		if extra[i].In == in || strings.HasPrefix(extra[i].In, in+".") {
			return true
		}
	}
	return false
}

// chatReasoning writes how much the model is to think.
func (e *encoder) chatReasoning() {
	r := e.req.Reasoning
	switch {
	case r == nil && !e.own:
		r = &llm.Reasoning{}
	case r == nil:
		return
	case e.own:
		if e.req.Spelled[llm.FieldEffort] == "" {
			e.maybeText("reasoning_effort", r.Effort)
		}
		e.extra("", r.Source)
		return
	case r.Mode != "":
		e.lose("", llm.FieldThinking)
	}
	e.chatEffort(r)
	if r.Display != nil {
		e.lose("", llm.FieldDisplay)
	}
}

// fixedEffort tells whether a model is one of OpenAI's that take no effort.
func fixedEffort(model string) bool {
	name := bareModel(model)
	return strings.HasPrefix(name, "gpt-3") || strings.HasPrefix(name, "gpt-4") || strings.HasPrefix(name, "chatgpt-4")
}

// effortOf is the effort nearest to a budget of thinking tokens. OpenRouter
// goes the other way with 20, 50 and 80 % of the output limit; these are the
// budgets that coding agents ask for when told to think a little, hard, harder.
func effortOf(budget int64) string {
	switch {
	case budget <= 4096:
		return "low"
	case budget <= 16384:
		return "medium"
	}
	return "high"
}
