package dialect

import (
	"slices"
	"strconv"
	"strings"

	"llmgw/providers/llm"
)

// maxTools is how many tools OpenAI takes ("Invalid 'tools': array too long.
// Expected an array with maximum length 128", 2026-11). Other providers of the
// protocol have limits of their own.
const maxTools = 128

// efforts are OpenAI's words for how much a model is to reason, from the least
// to the most.
var efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// effortsOf are the efforts that one of OpenAI's models takes; known is false
// for the models of others and for those that this does not know yet. The API's
// refusals list them: "Unsupported value: 'minimal' is not supported with the
// 'gpt-5.1' model. Supported values are: 'none', 'low', 'medium', and 'high'."
// (openai/openai-agents-python#2089; each model was asked each word in
// enricoros/big-AGI#1159, 2026-07; anomalyco/models.dev#2351, 2026-06; for the
// chat models Laisky/one-api#120 and egoist/chatwise-releases#1257).
func effortsOf(model string) (words []string, known bool) {
	name := bareModel(model)
	if fixedEffort(name) || strings.HasPrefix(name, "gpt-5-chat") {
		return nil, true
	}
	if openAIReasons(name) && name[0] == 'o' {
		return efforts[2:5], true
	}
	version, kind, _ := strings.Cut(strings.TrimPrefix(name, "gpt-"), "-")
	switch {
	case !openAIReasons(name) || strings.Contains(kind, "codex"):
		return nil, false
	case strings.HasPrefix(kind, "chat"):
		return efforts[3:4], true
	case strings.HasPrefix(kind, "pro") && version == "5":
		return efforts[4:5], true
	case strings.HasPrefix(kind, "pro"):
		return efforts[3:6], true
	}
	switch version {
	case "5":
		return efforts[1:5], true
	case "5.1":
		return []string{"none", "low", "medium", "high"}, true
	case "5.2", "5.4", "5.5":
		return []string{"none", "low", "medium", "high", "xhigh"}, true
	case "5.6":
		return []string{"none", "low", "medium", "high", "xhigh", "max"}, true
	}
	return nil, false
}

// nearestEffort is the effort of a model's that is nearest to the one that is
// asked for, of two the higher; "" where there is no such effort.
func nearestEffort(asked string, takes []string) string {
	at := slices.Index(efforts, asked)
	if at < 0 {
		return ""
	}
	nearest, apart := "", len(efforts)
	for _, word := range takes {
		if d := slices.Index(efforts, word) - at; max(d, -d) <= apart {
			nearest, apart = word, max(d, -d)
		}
	}
	return nearest
}

// toolsUnreasoned tells whether OpenAI's chat protocol gives a model tools only
// where it does not reason: "Function tools with reasoning_effort are not
// supported for gpt-5.6 in /v1/chat/completions. To use function tools, use
// /v1/responses or set reasoning_effort to 'none'." gpt-5.6 says so to a call
// without an effort too, since it reasons unasked (BerriAI/litellm#34569, 2026-07;
// gpt-5.4: openai/openai-openapi#541, 2026-05). A service that sells the models
// of several makers ("openai/gpt-5.6") need not ask OpenAI in this protocol.
func toolsUnreasoned(model string) bool {
	if strings.Contains(model, "/") {
		return false
	}
	version, kind, _ := strings.Cut(strings.TrimPrefix(bareModel(model), "gpt-"), "-")
	return slices.Contains([]string{"5.4", "5.5", "5.6"}, version) && !strings.HasPrefix(kind, "chat")
}

// oneCall tells whether a model is one of OpenAI's that refuse to be told
// whether they may call several tools at once: "Unsupported parameter:
// 'parallel_tool_calls' is not supported with this model."
// (run-llama/llama_index#20865, 2026-03; tensorzero/tensorzero#2805).
func oneCall(model string) bool {
	return openAIReasons(model) && bareModel(model)[0] == 'o'
}

// chatParallel writes whether several tools may be called in a turn.
func (e *encoder) chatParallel() {
	several := e.parallel()
	if several != nil && !e.own && oneCall(e.t.Model) {
		if !*several {
			e.change(Dropped, "", llm.FieldParallel, "the model does not let itself be told")
		}
		return
	}
	e.maybeBool("parallel_tool_calls", several)
}

// chatEffort writes an effort: the one that was asked for or that belongs to
// the budget, or the nearest that the model has.
func (e *encoder) chatEffort(r *llm.Reasoning) {
	takes, known := effortsOf(e.t.Model)
	known = known && !e.t.Reasons
	switch {
	case e.offered != nil && toolsUnreasoned(e.t.Model):
		e.word("reasoning_effort", "none")
		e.nameUnreasoned(r)
	case known && takes == nil:
		e.nameEffort(r, Dropped, "the model does not reason")
	case r.Effort != nil:
		e.askedEffort(*r.Effort, takes, known)
	case r.Budget.Known:
		word := effortOf(r.Budget.N)
		if known {
			word = nearestEffort(word, takes)
		}
		e.word("reasoning_effort", word)
	}
	if r.Budget.Known && !(known && takes == nil) {
		e.lose("", llm.FieldBudget)
	}
}

func (e *encoder) askedEffort(asked string, takes []string, known bool) {
	if !known || slices.Contains(takes, asked) {
		e.text("reasoning_effort", asked)
		return
	}
	near := nearestEffort(asked, takes)
	if near == "" {
		e.change(Dropped, "", llm.FieldEffort, "an effort that the model does not have")
		return
	}
	e.change(Approximated, "", llm.FieldEffort, "the nearest effort that the model has")
	e.word("reasoning_effort", near)
}

// nameEffort names what asks for an effort.
func (e *encoder) nameEffort(r *llm.Reasoning, fate Fate, why string) {
	if r.Effort != nil {
		e.change(fate, "", llm.FieldEffort, why)
	}
	if r.Budget.Known {
		e.change(fate, "", llm.FieldBudget, why)
	}
}

// nameUnreasoned names that the model is kept from reasoning.
func (e *encoder) nameUnreasoned(r *llm.Reasoning) {
	const why = "the model has tools in this protocol only where it does not reason"
	switch {
	case r.Effort != nil && *r.Effort != "none":
		e.change(Approximated, "", llm.FieldEffort, why)
	case r.Effort == nil && !r.Budget.Known && r.Mode != "disabled":
		e.change(Edited, "", llm.FieldEffort, why)
	}
}

// limitsNamed are the words before the limit in refusals of a higher one, each
// with the word that tells it from other refusals.
var limitsNamed = []struct{ before, about string }{
	{"model supports at most ", "completion tokens"},              // OpenAI: "This model supports at most 16384 completion tokens"
	{" > ", "maximum allowed number of output tokens"},            // Anthropic: "max_tokens: 128000 > 64000, which is the …"
	{"must be less than or equal to `", "value for `max_tokens`"}, // Groq, behind "`max_tokens` "
}

// NamedLimit is the most that a model generates, as a refusal of more tells;
// unknown where it does not.
func NamedLimit(text string) llm.Count {
	for _, named := range limitsNamed {
		_, rest, found := strings.Cut(text, named.before)
		if !found || !strings.Contains(rest, named.about) {
			continue
		}
		digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if n, err := strconv.ParseInt(rest[:max(digits, 0)], 10, 64); err == nil && n > 0 {
			return llm.Tokens(n)
		}
	}
	return llm.Count{}
}
