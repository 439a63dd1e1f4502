package dialect

import (
	"net/http"
	"testing"

	"llmgw/providers/llm"
)

func TestDetect(t *testing.T) {
	anthropic := http.Header{"Anthropic-Version": {"2023-06-01"}}
	xkey := http.Header{"X-Api-Key": {"sk-ant-x"}}
	google := http.Header{"X-Goog-Api-Key": {"AIza"}}
	for _, c := range []struct {
		method, path string
		header       http.Header
		want         Endpoint
	}{
		{"POST", "/v1/chat/completions", nil, Endpoint{Dialect: llm.OpenAIChat, Op: OpChat, Rest: "/chat/completions"}},
		{"POST", "/v1/chat/completions", anthropic, Endpoint{Dialect: llm.OpenAIChat, Op: OpChat, Rest: "/chat/completions"}},
		{"GET", "/v1/chat/completions", nil, Endpoint{Dialect: llm.OpenAIChat, Op: OpOther, Rest: "/chat/completions"}},
		{"POST", "/v1/chat/completions/x", nil, Endpoint{Dialect: llm.OpenAIChat, Op: OpOther, Rest: "/chat/completions/x"}},
		{"POST", "/v1/completions", nil, Endpoint{Dialect: llm.OpenAIChat, Op: OpCompletions, Rest: "/completions"}},
		{"POST", "/v1/embeddings", nil, Endpoint{Dialect: llm.OpenAIChat, Op: OpEmbeddings, Rest: "/embeddings"}},
		{"POST", "/v1/messages", nil, Endpoint{Dialect: llm.Anthropic, Op: OpMessages, Rest: "/messages"}},
		{"POST", "/v1/messages/count_tokens", nil, Endpoint{Dialect: llm.Anthropic, Op: OpCountTokens, Rest: "/messages/count_tokens"}},
		{"POST", "/v1/messages/batches", nil, Endpoint{Dialect: llm.Anthropic, Op: OpOther, Rest: "/messages/batches"}},
		{"POST", "/v1/responses", nil, Endpoint{Dialect: llm.OpenAIResponses, Op: OpOther, Rest: "/responses"}},
		{"GET", "/v1/responses/resp_1/input_items", nil, Endpoint{Dialect: llm.OpenAIResponses, Op: OpOther, Rest: "/responses/resp_1/input_items"}},
		{"GET", "/v1/models", nil, Endpoint{Dialect: llm.OpenAIChat, Op: OpModels, Rest: "/models"}},
		{"GET", "/v1/models", anthropic, Endpoint{Dialect: llm.Anthropic, Op: OpModels, Rest: "/models"}},
		{"GET", "/v1/models/meta/llama-4", nil, Endpoint{Dialect: llm.OpenAIChat, Op: OpModels, Rest: "/models/meta/llama-4"}},
		{"GET", "/v1/models/llama3:8b", nil, Endpoint{Dialect: llm.OpenAIChat, Op: OpModels, Rest: "/models/llama3:8b"}},
		{"DELETE", "/v1/models/ft:mine", nil, Endpoint{Dialect: llm.OpenAIChat, Op: OpOther, Rest: "/models/ft:mine"}},
		{"GET", "/v1/models", google, Endpoint{Dialect: llm.Gemini, Op: OpOther, Rest: "/models"}},
		{"POST", "/v1/models/g:generateContent", nil, Endpoint{Dialect: llm.Gemini, Op: OpOther, Rest: "/models/g:generateContent"}},
		{"POST", "/v1beta/models/g:streamGenerateContent", nil, Endpoint{Dialect: llm.Gemini, Op: OpOther, Rest: "/models/g:streamGenerateContent"}},
		{"POST", "/v1/files", nil, Endpoint{Dialect: llm.OpenAIChat, Op: OpOther, Rest: "/files"}},
		{"POST", "/v1/files", xkey, Endpoint{Dialect: llm.Anthropic, Op: OpOther, Rest: "/files"}},
		{"POST", "/p/my%20app/v1/messages", nil, Endpoint{Dialect: llm.Anthropic, Op: OpMessages, Project: "my app", Rest: "/messages"}},
		{"POST", "/provider/groq/openai/v1/a%2Fb", nil, Endpoint{Op: OpOther, Provider: "groq", Rest: "/openai/v1/a%2Fb"}},
		{"GET", "/p/x/provider/y/models", nil, Endpoint{Op: OpOther, Project: "x", Provider: "y", Rest: "/models"}},
	} {
		got, ok := Detect(c.method, c.path, c.header)
		if !ok || got != c.want {
			t.Errorf("%s %s: %+v, %v; want %+v", c.method, c.path, got, ok, c.want)
		}
	}
	for _, path := range []string{
		"", "/", "/healthz", "/v1", "/v1/", "/v1beta/", "/v2/models", "/v1x/models", "/chat/completions",
		"/p/x", "/p/x/", "/p//v1/models", "/p/x/healthz", "/provider/y", "/provider/y/", "/provider//models", "/p/%zz/v1/models",
	} {
		if got, ok := Detect("GET", path, nil); ok {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestOpFor(t *testing.T) {
	for _, c := range []struct {
		d            llm.Dialect
		method, rest string
		want         Op
	}{
		{llm.OpenAIChat, "POST", "/chat/completions", OpChat},
		{llm.OpenAIChat, "POST", "/v1/chat/completions", OpChat},
		{llm.OpenAIChat, "POST", "/openai/deployments/x/chat/completions", OpChat},
		{llm.OpenAIChat, "POST", "/completions", OpCompletions},
		{llm.OpenAIChat, "POST", "/v1/embeddings", OpEmbeddings},
		{llm.OpenAIChat, "GET", "/v1/models", OpModels},
		{llm.OpenAIChat, "GET", "/models/x/y", OpModels},
		{llm.OpenAIChat, "POST", "/messages", OpOther},
		{llm.Anthropic, "POST", "/v1/messages", OpMessages},
		{llm.Anthropic, "POST", "/v1/messages/count_tokens", OpCountTokens},
		{llm.Anthropic, "POST", "/chat/completions", OpOther},
		{llm.Gemini, "GET", "/models", OpOther},
		{"", "POST", "/chat/completions", OpOther},
	} {
		if got := OpFor(c.d, c.method, c.rest); got != c.want {
			t.Errorf("%s %s %s: %s, want %s", c.d, c.method, c.rest, got, c.want)
		}
	}
}
