package dialect

import (
	"strings"

	"llmgw/providers/llm"
)

// messages writes the body of a call to Anthropic's /v1/messages.
func (e *encoder) messages() {
	m := messagesOut{encoder: e, model: claudeOf(e.t.Model)}
	if e.own {
		m.ownTurns()
	} else {
		m.takeTurns()
	}
	m.write()
}

func (m *messagesOut) write() {
	r := m.req
	m.open("", '{')
	m.text("model", m.t.Model)
	m.maxTokens()
	m.writeSystem()
	m.open("messages", '[')
	for i := range m.turns {
		m.turn(&m.turns[i])
	}
	m.close('[')
	m.tools()
	m.choice()
	m.thinking()
	m.sampling()
	m.members()
	if !m.own {
		m.unsaid()
	}
	m.putBack("", r.Extra)
	m.nameExtra("", r.Extra)
	m.close('{')
}

// maxTokens writes the output limit, which Anthropic wants and other protocols
// do not.
func (m *messagesOut) maxTokens() {
	m.limit = m.req.MaxTokens
	most := m.t.MaxOutput
	switch {
	case m.own:
	case m.limit.Known && most.Known && m.limit.N > most.N:
		m.limit = most
		m.change(Edited, "", llm.FieldMaxTokens, "the most that the model generates")
	case m.limit.Known:
	case most.Known:
		m.limit = most
		m.change(Edited, "", llm.FieldMaxTokens, "Anthropic wants a limit; this is the most that the model generates")
	default:
		m.change(Refused, "", llm.FieldMaxTokens, "Anthropic wants a limit, and the most that the model generates is not known")
	}
	m.maybeCount("max_tokens", m.limit)
}

func (m *messagesOut) writeSystem() {
	switch {
	case m.own && m.system == nil && !hasSystem(m.req):
	case m.plain || !m.own && isPlain(m.system):
		m.text("system", m.system[0].Text)
	case m.own || len(m.system) > 0:
		m.open("system", '[')
		m.parts(m.system)
		m.close('[')
	}
}

// hasSystem tells whether there is a system prompt, be it empty.
func hasSystem(r *llm.Request) bool { return len(r.Messages) > 0 && r.Messages[0].Path == "system" }

// isPlain tells whether parts can be written as one string.
func isPlain(parts []*llm.Part) bool {
	return len(parts) == 1 && parts[0].Kind == llm.Text && parts[0].Cache == nil
}

func (m *messagesOut) turn(t *messagesTurn) {
	if m.own && t.role == "" && len(t.parts) == 1 && t.parts[0].Path == t.of.Path {
		m.raw("", t.parts[0].Native.Raw) // a message that is no object
		return
	}
	m.open("", '{')
	if t.role != "" {
		m.text("role", string(t.role))
	}
	m.content(t.of.Plain, t.parts)
	m.putBack("", t.of.Extra)
	m.close('{')
}

// content writes "content": one string where the source had one or nothing
// else is lost by it, else a list.
func (m *messagesOut) content(plain bool, parts []*llm.Part) {
	switch {
	case plain && len(parts) == 0:
	case plain && m.own, !m.own && isPlain(parts):
		m.text("content", parts[0].Text)
	default:
		m.open("content", '[')
		m.parts(parts)
		m.close('[')
	}
}

// sampling writes how tokens are drawn, as far as the model lets itself be told.
func (m *messagesOut) sampling() {
	s := m.req.Sampling
	if !m.own {
		s.Temperature = m.temperature(s.Temperature)
		s.TopP = m.topP(s.TopP, s.Temperature != nil)
		s.TopK = m.topK(s.TopK)
	}
	m.maybeRaw("temperature", s.Temperature)
	m.maybeRaw("top_p", s.TopP)
	m.maybeRaw("top_k", s.TopK)
}

const (
	fixedSampling  = "the model takes no sampling"
	noSampling     = "a model that thinks takes no sampling"
	oneWaySampling = "the model takes temperature or top_p, not both"
)

func (m *messagesOut) temperature(value llm.Raw) llm.Raw {
	n, _, ok := scaled(value, 6)
	switch {
	case value == nil || ok && n == 1e6:
		return value
	case !m.model.samples():
		m.change(Dropped, "", llm.FieldTemperature, fixedSampling)
		return nil
	case m.thought:
		m.change(Dropped, "", llm.FieldTemperature, noSampling)
		return nil
	case ok && n > 1e6:
		m.change(Approximated, "", llm.FieldTemperature, "Anthropic's highest is 1")
		return llm.Raw("1")
	}
	return value
}

func (m *messagesOut) topP(value llm.Raw, tempered bool) llm.Raw {
	n, _, ok := scaled(value, 6)
	switch {
	case value == nil:
	case !m.model.samples():
		m.change(Dropped, "", llm.FieldTopP, fixedSampling)
		return nil
	case m.thought && !(ok && n >= 950_000):
		m.change(Dropped, "", llm.FieldTopP, noSampling)
		return nil
	case tempered && m.model.samplesOneWay():
		m.change(Dropped, "", llm.FieldTopP, oneWaySampling)
		return nil
	}
	return value
}

func (m *messagesOut) topK(value llm.Raw) llm.Raw {
	switch {
	case value == nil:
	case !m.model.samples():
		m.change(Dropped, "", llm.FieldTopK, fixedSampling)
		return nil
	case m.thought:
		m.change(Dropped, "", llm.FieldTopK, noSampling)
		return nil
	}
	return value
}

// members writes what stands at the top and needs no thought.
func (m *messagesOut) members() {
	r := m.req
	m.stops()
	m.maybeBool("stream", r.Stream)
	user := r.User
	switch {
	case m.own:
	case user == nil:
		user = r.SafetyID
	case r.SafetyID != nil && *r.SafetyID != *user:
		m.change(Dropped, "", llm.FieldSafetyID, "Anthropic takes one identifier of a user")
	}
	if user != nil || m.own && hasExtra("metadata", r.Extra) {
		m.open("metadata", '{')
		m.maybeText("user_id", user)
		m.putBack("metadata", r.Extra)
		m.close('{')
	}
	m.tier()
}

// stops writes the stop sequences. Anthropic refuses one that is all white
// space.
func (m *messagesOut) stops() {
	if m.req.Stop == nil {
		return
	}
	all := m.req.Stop
	if !m.own {
		all = nil
		for _, s := range m.req.Stop {
			if strings.TrimSpace(s) != "" {
				all = append(all, s)
			}
		}
		if len(all) < len(m.req.Stop) {
			m.change(Refused, "", llm.FieldStop, "Anthropic takes no stop sequence of white space")
		}
	}
	if len(all) > 0 || m.own {
		m.texts("stop_sequences", all)
	}
}

// tier writes the service tier. Only OpenAI's "auto" and "default" have a like.
func (m *messagesOut) tier() {
	tier := m.req.ServiceTier
	switch {
	case tier == nil:
	case m.own, *tier == "auto":
		m.text("service_tier", *tier)
	case *tier == "default":
		m.word("service_tier", "standard_only")
	default:
		m.lose("", llm.FieldServiceTier)
	}
}

// unsaid names what Anthropic has no member for.
func (m *messagesOut) unsaid() {
	r, s := m.req, &m.req.Sampling
	for _, gone := range []struct {
		asked bool
		f     llm.Field
	}{
		{r.N.Known && r.N.N != 1, llm.FieldN},
		{s.FrequencyPenalty != nil, llm.FieldFrequencyPenalty},
		{s.PresencePenalty != nil, llm.FieldPresencePenalty},
		{s.Seed != nil, llm.FieldSeed},
		{s.LogitBias != nil, llm.FieldLogitBias},
		{s.Logprobs != nil && *s.Logprobs, llm.FieldLogprobs},
		{s.TopLogprobs.Known && s.TopLogprobs.N > 0, llm.FieldTopLogprobs},
		{r.Verbosity != nil, llm.FieldVerbosity},
		{r.CacheKey != nil, llm.FieldCacheKey},
		{r.Metadata != nil, llm.FieldMetadata},
		{r.Store != nil && *r.Store, llm.FieldStore},
		{asksMore(r.Modalities), llm.FieldModalities},
		{r.Voice != nil, llm.FieldVoice},
		{r.WebSearch != nil, llm.FieldWebSearch},
	} {
		if gone.asked {
			m.lose("", gone.f)
		}
	}
}

// asksMore tells whether anything but text is asked for.
func asksMore(modalities []string) bool {
	for _, kind := range modalities {
		if kind != "text" {
			return true
		}
	}
	return false
}
