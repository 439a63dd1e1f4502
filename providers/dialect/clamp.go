package dialect

import (
	"strconv"
	"strings"

	"llmgw/providers/llm"
)

// SetMaxTokens are the edits that make n the output limit for each choice, named
// as the member they change; none where the body's limit is no higher, where
// nothing is generated, and for an empty body. The caller's own spelling stays; a body
// that has both and asks for more in both takes two edits (OpenAI refuses that,
// langchain-ai/langgraph#5943; other servers pick one).
//
// A body without a limit gets max_tokens, but max_completion_tokens for
// OpenAI's reasoning models, which refuse the older name ("Unsupported
// parameter"; OpenAI's API reference calls max_tokens deprecated "and not
// compatible with o-series models"). Everybody else takes max_tokens, while
// Mistral refuses the newer name (422, BerriAI/litellm#9583) and llama.cpp
// forks and older Ollamas ignore it without a word (abetlen/llama-cpp-python#1907,
// ikawrakow/ik_llama.cpp#2321): no clamp at all. Where a name does not tell,
// reasons says that the model has refused a call as OpenAI's do
// ([RefusesAsReasoning]).
func (f *Facts) SetMaxTokens(d llm.Dialect, op Op, body []byte, n int64, reasons bool) []Edit {
	if op != OpChat && op != OpCompletions && op != OpMessages || f.members == 0 {
		return nil
	}
	value := strconv.FormatInt(n, 10)
	var edits []Edit
	said := f.said(body)
	for i, at := range f.limits {
		old := at.of(body)
		switch {
		case old == nil, said && isNull(old):
			continue
		case countIn(old).Known && countIn(old).N <= n:
			continue
		}
		edits = append(edits, Edit{Span: at, New: []byte(value), Name: limitNames[i]})
	}
	if edits != nil || said {
		return edits
	}
	name := limitNames[0]
	if d == llm.OpenAIChat && op == OpChat && (reasons || openAIReasons(f.Model)) {
		name = limitNames[1]
	}
	member := `"` + name + `":` + value + ","
	return []Edit{{Span: Span{f.openEnd, f.openEnd}, New: []byte(member), Name: name}}
}

// limitNames are the members that [Facts] knows as output limits, in the order
// of its limits.
var limitNames = [2]string{"max_tokens", "max_completion_tokens"}

// said tells whether the body has any limit that is not null.
func (f *Facts) said(body []byte) bool {
	for _, at := range f.limits {
		if !isNull(at.of(body)) {
			return true
		}
	}
	return false
}

// openAIReasons tells whether a model is one of OpenAI's that reason, which
// all of theirs since gpt-5 do; gpt-oss is served by others.
func openAIReasons(model string) bool {
	name := bareModel(model)
	if strings.HasPrefix(name, "o") && len(name) > 1 && name[1]-'0' <= 9 {
		return true
	}
	version, found := strings.CutPrefix(name, "gpt-")
	return found && version != "" && version[0]-'0' <= 9 && version[0] >= '5' ||
		strings.HasPrefix(name, "codex-") || strings.HasPrefix(name, "computer-use")
}

// RefusesAsReasoning tells whether an error is what OpenAI's models that reason
// say to the output limit of others: "Unsupported parameter: 'max_tokens' is not
// supported with this model. Use 'max_completion_tokens' instead."
// (anomalyco/opencode#37964). Deployments of Azure's have names of their owners'
// choosing. Nothing else tells as much: who does not take a temperature need not
// know the newer name of the limit, and would ignore it.
func RefusesAsReasoning(text string) bool {
	return strings.Contains(text, "'max_tokens'") && strings.Contains(text, "'max_completion_tokens'")
}

// isOpenAIs tells whether a model is one of OpenAI's, as far as its name tells.
func isOpenAIs(model string) bool { return openAIReasons(model) || fixedEffort(model) }
