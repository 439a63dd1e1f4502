package proxy

import (
	"net/http"
	"strings"

	"llmgw/providers/dialect"
)

// clientPrefixes maps the start of a User-Agent to the tool behind it, as the
// tools sent it on 2026-11-21. The order matters: tools that embed an SDK come
// before the SDK.
var clientPrefixes = []struct{ prefix, name string }{
	{"codex_", "codex"},
	{"codex-", "codex"},
	{"claude-cli/", "claude"},
	{"GeminiCLI", "gemini-cli"},
	{"opencode/", "opencode"},
	{"QwenCode/", "qwen"},
	{"aider", "aider"},
	{"OpenAI/JS", "openai-js"},
	{"OpenAI/Python", "openai-python"},
	{"AsyncOpenAI/Python", "openai-python"},
	{"OpenAI/Go", "openai-go"},
	{"Anthropic/JS", "anthropic-js"},
	{"Anthropic/Python", "anthropic-python"},
	{"AsyncAnthropic/Python", "anthropic-python"},
	{"Anthropic/Go", "anthropic-go"},
	{"google-genai-sdk/", "google-genai"},
	{"langchainjs", "langchain-js"},
	{"Agents/JavaScript", "openai-agents"},
	{"ai-sdk", "ai-sdk"},
	{"ai/", "ai-sdk"},
	{"curl/", "curl"},
	{"python-requests/", "python-requests"},
	{"python-httpx/", "httpx"},
	{"Go-http-client/", "go-http"},
}

// clientName names the tool that calls: by User-Agent, else by the header the
// tool is known for, else the User-Agent's first product.
func clientName(h http.Header) string {
	ua := h.Get("User-Agent")
	for _, p := range clientPrefixes {
		if strings.HasPrefix(ua, p.prefix) {
			return p.name
		}
	}
	if o := h.Get("Originator"); strings.HasPrefix(o, "codex") {
		return "codex"
	}
	product, _, _ := strings.Cut(ua, " ")
	product, _, _ = strings.Cut(product, "/")
	return cut(product, 64)
}

// sessionHeaders are where tools say which conversation a call belongs to, the
// most explicit first.
var sessionHeaders = []string{
	"X-Llmgw-Session", "Session-Id", "Session_id", "X-Claude-Code-Session-Id", "X-Session-Id", "X-Session-Affinity",
}

// sessionOf finds the call's session: a header, else what the body says.
func sessionOf(h http.Header, facts *dialect.Facts) string {
	for _, name := range sessionHeaders {
		if v := h.Get(name); v != "" {
			return cut(v, 128)
		}
	}
	return cut(facts.SessionHint, 128)
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
