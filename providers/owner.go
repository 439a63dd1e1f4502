package providers

import "strings"

// families are the beginnings of the model names that their first-party
// provider, and nobody else, serves under these names (the providers' own model
// lists, 2026-11). The first match wins, so exceptions stand before their rule;
// an owner of "" is a model with open weights that many serve.
var families = []struct{ prefix, owner string }{
	{"gpt-oss", ""},
	{"gpt-", "openai"},
	{"chatgpt-", "openai"},
	{"codex-", "openai"},
	{"computer-use-", "openai"},
	{"text-embedding-3", "openai"},
	{"text-embedding-ada", "openai"},
	{"text-embedding-", "gemini"},
	{"text-moderation-", "openai"},
	{"omni-moderation-", "openai"},
	{"dall-e-", "openai"},
	{"whisper-1", "openai"},
	{"tts-1", "openai"},
	{"sora-", "openai"},
	{"davinci-002", "openai"},
	{"babbage-002", "openai"},
	{"claude-", "anthropic"},
	{"gemini-", "gemini"},
	{"imagen-", "gemini"},
	{"veo-", "gemini"},
	{"learnlm-", "gemini"},
	{"mistral-", "mistral"},
	{"ministral-", "mistral"},
	{"magistral-", "mistral"},
	{"codestral-", "mistral"},
	{"devstral-", "mistral"},
	{"pixtral-", "mistral"},
	{"voxtral-", "mistral"},
	{"open-mistral-", "mistral"},
	{"open-mixtral-", "mistral"},
	{"deepseek-r1-distill", ""},
	{"deepseek-", "deepseek"},
	{"grok-", "xai"},
	{"command-", "cohere"},
	{"c4ai-", "cohere"},
	{"embed-", "cohere"},
	{"rerank-", "cohere"},
	{"sonar", "perplexity"},
	{"r1-1776", "perplexity"},
}

// Owner returns the name of the first-party provider of a model, "" when it is
// not known or several serve it. A name with "/" or ":" belongs to nobody here:
// those are how aggregators and local servers call other companies' models.
func Owner(model string) string {
	model = strings.ToLower(model)
	if tuned, ok := strings.CutPrefix(model, "ft:"); ok { // OpenAI's fine-tuned models: ft:gpt-4o:org::id
		model, _, _ = strings.Cut(tuned, ":")
	}
	model = strings.TrimPrefix(model, "models/") // Gemini's own spelling
	if strings.ContainsAny(model, "/:") {
		return ""
	}
	if reasoningSeries(model) {
		return "openai"
	}
	for _, f := range families {
		if strings.HasPrefix(model, f.prefix) {
			return f.owner
		}
	}
	return ""
}

// reasoningSeries tells whether model is one of OpenAI's o1, o3, o4-mini, …
func reasoningSeries(model string) bool {
	return len(model) >= 2 && model[0] == 'o' && model[1] >= '1' && model[1] <= '9' &&
		(len(model) == 2 || model[2] == '-')
}
