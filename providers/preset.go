package providers

import (
	"net/url"
	"slices"
	"strings"

	"llmgw/providers/llm"
)

// Preset is what is known about a service before anything is configured.
type Preset struct {
	Name    string
	Kind    Kind
	BaseURL string
	Env     []string // variables its key is usually kept in, the first one set wins
	Local   bool     // a server on this machine: free, no key, exists when it answers

	// ChatOnly services don't speak /v1/responses.
	ChatOnly bool
	// NoIncludeUsage services refuse stream_options or send usage unasked.
	NoIncludeUsage bool

	Source string // where the base URL is documented, read 2026-11
}

// presets in the order they are listed to users. OPENAI_BASE_URL and its like
// are deliberately no part of it: an exported one points at llmgw itself.
var presets = []Preset{
	{Name: "openai", Kind: OpenAI, BaseURL: "https://api.openai.com/v1", Env: []string{"OPENAI_API_KEY"},
		Source: "https://platform.openai.com/docs/api-reference"},
	{Name: "anthropic", Kind: Anthropic, BaseURL: "https://api.anthropic.com", Env: []string{"ANTHROPIC_API_KEY"},
		Source: "https://docs.claude.com/en/api/overview"},
	{Name: "gemini", Kind: Gemini, BaseURL: "https://generativelanguage.googleapis.com", Env: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"},
		Source: "https://ai.google.dev/api"},
	// Refuses stream_options with 422 extra_forbidden; every stream ends with usage.
	{Name: "mistral", Kind: OpenAI, BaseURL: "https://api.mistral.ai/v1", Env: []string{"MISTRAL_API_KEY"},
		ChatOnly: true, NoIncludeUsage: true, Source: "https://docs.mistral.ai/api"},
	{Name: "groq", Kind: OpenAI, BaseURL: "https://api.groq.com/openai/v1", Env: []string{"GROQ_API_KEY"},
		Source: "https://console.groq.com/docs/openai"},
	{Name: "deepseek", Kind: OpenAI, BaseURL: "https://api.deepseek.com", Env: []string{"DEEPSEEK_API_KEY"},
		Source: "https://api-docs.deepseek.com"},
	{Name: "xai", Kind: OpenAI, BaseURL: "https://api.x.ai/v1", Env: []string{"XAI_API_KEY"},
		Source: "https://docs.x.ai/docs/api-reference"},
	{Name: "openrouter", Kind: OpenAI, BaseURL: "https://openrouter.ai/api/v1", Env: []string{"OPENROUTER_API_KEY"},
		Source: "https://openrouter.ai/docs/api-reference/overview"},
	{Name: "together", Kind: OpenAI, BaseURL: "https://api.together.xyz/v1", Env: []string{"TOGETHER_API_KEY"},
		ChatOnly: true, Source: "https://docs.together.ai/docs/openai-api-compatibility"},
	{Name: "fireworks", Kind: OpenAI, BaseURL: "https://api.fireworks.ai/inference/v1", Env: []string{"FIREWORKS_API_KEY"},
		Source: "https://docs.fireworks.ai/tools-sdks/openai-compatibility"},
	{Name: "cerebras", Kind: OpenAI, BaseURL: "https://api.cerebras.ai/v1", Env: []string{"CEREBRAS_API_KEY"},
		ChatOnly: true, Source: "https://inference-docs.cerebras.ai/resources/openai"},
	// Sends cumulative usage in every chunk.
	{Name: "perplexity", Kind: OpenAI, BaseURL: "https://api.perplexity.ai", Env: []string{"PERPLEXITY_API_KEY"},
		ChatOnly: true, NoIncludeUsage: true, Source: "https://docs.perplexity.ai/guides/chat-completions-guide"},
	{Name: "cohere", Kind: OpenAI, BaseURL: "https://api.cohere.ai/compatibility/v1", Env: []string{"COHERE_API_KEY"},
		ChatOnly: true, Source: "https://docs.cohere.com/docs/compatibility-api"},
	{Name: "ollama", Kind: OpenAI, BaseURL: "http://127.0.0.1:11434/v1", Local: true,
		Source: "https://docs.ollama.com/api/openai-compatibility"},
	{Name: "lmstudio", Kind: OpenAI, BaseURL: "http://127.0.0.1:1234/v1", Local: true,
		Source: "https://lmstudio.ai/docs/developer/openai-compat"},
	{Name: "vllm", Kind: OpenAI, BaseURL: "http://127.0.0.1:8000/v1", Local: true,
		Source: "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"},
	{Name: "llamacpp", Kind: OpenAI, BaseURL: "http://127.0.0.1:8080/v1", Local: true,
		Source: "https://github.com/ggml-org/llama.cpp/tree/master/tools/server"},
}

// Presets returns the services llmgw knows, in the order to list them.
func Presets() []Preset { return slices.Clone(presets) }

// presetNamed returns the preset called name; ok is false when there is none.
func presetNamed(name string) (p Preset, ok bool) {
	i := slices.IndexFunc(presets, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return presets[i], true
}

// domains are the companies' own: regional addresses, and where subscriptions
// are served (Codex with a ChatGPT login: chatgpt.com; 2026-11).
var domains = []struct{ name, company string }{
	{"openai.com", "openai"}, {"chatgpt.com", "openai"},
	{"anthropic.com", "anthropic"}, {"claude.com", "anthropic"}, {"claude.ai", "anthropic"},
}

// presetAt returns the remote preset whose service is at the URL's host.
func presetAt(base *url.URL) (Preset, bool) {
	for _, p := range presets {
		if u, err := url.Parse(p.BaseURL); err == nil && !p.Local && strings.EqualFold(u.Host, base.Host) {
			return p, true
		}
	}
	host := strings.TrimSuffix(strings.ToLower(base.Hostname()), ".")
	for _, d := range domains {
		if host == d.name || strings.HasSuffix(host, "."+d.name) {
			return presetNamed(d.company)
		}
	}
	return Preset{}, false
}

// FromEnv returns the providers that exist without configuration: openai,
// anthropic and gemini always, every other service whose usual variable is set.
func FromEnv(env func(string) (string, bool)) ([]*Provider, error) {
	var all []*Provider
	for _, preset := range presets {
		always := preset.Name == "openai" || preset.Name == "anthropic" || preset.Name == "gemini"
		if _, set := preset.key(env); preset.Local || (!always && !set) {
			continue
		}
		p, err := New(Config{Name: preset.Name}, env)
		if err != nil {
			return nil, err
		}
		p.Implicit = true
		all = append(all, p)
	}
	return all, nil
}

// key returns the service's key from its usual variables.
func (p Preset) key(env func(string) (string, bool)) (string, bool) {
	for _, name := range p.Env {
		if v, _ := env(name); strings.TrimSpace(v) != "" {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// firstParty is the provider a dialect comes from, "" for the others.
func firstParty(d llm.Dialect) string {
	switch d {
	case llm.OpenAIChat, llm.OpenAIResponses:
		return "openai"
	case llm.Anthropic:
		return "anthropic"
	case llm.Gemini:
		return "gemini"
	}
	return ""
}
