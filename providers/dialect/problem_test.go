package dialect

import (
	"net/http/httptest"
	"testing"
	"time"

	"llmgw/providers/llm"
)

func TestWriteProblem(t *testing.T) {
	spent := Problem{Status: 402, Code: CodeCapExceeded, Message: "cap daily is spent", Retryable: true, RetryAfter: time.Hour}
	for _, c := range []struct {
		name   string
		d      llm.Dialect
		p      Problem
		status int
		body   string
		retry  string // x-should-retry
		after  string // Retry-After
	}{
		{"cap, chat", llm.OpenAIChat, spent, 402, `{"error":{"message":"cap daily is spent","type":"insufficient_quota","param":null,"code":"cap_exceeded"}}`, "false", ""},
		{"cap, responses", llm.OpenAIResponses, spent, 429, `{"error":{"message":"cap daily is spent","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`, "false", ""},
		{"cap, anthropic", llm.Anthropic, spent, 402, `{"type":"error","error":{"type":"billing_error","message":"cap daily is spent"},"request_id":"01CALL"}`, "false", ""},
		{"cap, gemini", llm.Gemini, spent, 402, `{"error":{"code":402,"message":"cap daily is spent","status":"RESOURCE_EXHAUSTED"}}`, "false", ""},
		{"all failed", llm.OpenAIChat, Problem{Status: 503, Code: "all_targets_failed", Message: "m", Retryable: true, RetryAfter: 1500 * time.Millisecond}, 503, `{"error":{"message":"m","type":"server_error","param":null,"code":"all_targets_failed"}}`, "", "2"},
		{"deadline", llm.Anthropic, Problem{Status: 504, Code: "deadline", Message: "m"}, 504, `{"type":"error","error":{"type":"timeout_error","message":"m"},"request_id":"01CALL"}`, "false", ""},
		{"no model", llm.OpenAIChat, Problem{Status: 404, Code: "model_not_found", Message: "m", Param: "model"}, 404, `{"error":{"message":"m","type":"invalid_request_error","param":"model","code":"model_not_found"}}`, "false", ""},
		{"no model, anthropic", llm.Anthropic, Problem{Status: 404, Code: "model_not_found", Message: "m"}, 404, `{"type":"error","error":{"type":"not_found_error","message":"m"},"request_id":"01CALL"}`, "false", ""},
		{"unauthorized", llm.OpenAIChat, Problem{Status: 401, Code: "unauthorized", Message: "m"}, 401, `{"error":{"message":"m","type":"authentication_error","param":null,"code":"unauthorized"}}`, "false", ""},
		{"own type", llm.OpenAIChat, Problem{Status: 400, Code: "bad_json", Message: "m", Type: "odd"}, 400, `{"error":{"message":"m","type":"odd","param":null,"code":"bad_json"}}`, "false", ""},
		{"bedrock", llm.Bedrock, Problem{Status: 400, Code: "bad_json", Message: "m"}, 400, `{"message":"m"}`, "false", ""},
		{"unknown dialect", "", Problem{Status: 403, Code: "forbidden_origin", Message: "m"}, 403, `{"error":{"message":"m","type":"permission_error","param":null,"code":"forbidden_origin"}}`, "false", ""},
	} {
		w := httptest.NewRecorder()
		w.Header().Set("x-llmgw-call-id", "01CALL")
		WriteProblem(w, c.d, c.p)
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s: %d %s\nwant %d %s", c.name, w.Code, w.Body, c.status, c.body)
		}
		h := w.Header()
		if h.Get("x-llmgw-error") != c.p.Code || h.Get("x-should-retry") != c.retry || h.Get("Retry-After") != c.after {
			t.Errorf("%s: headers %v", c.name, h)
		}
	}
}

func TestModelsList(t *testing.T) {
	models := []ModelInfo{{"gpt-4o", "openai", time.Unix(1715367049, 0)}, {"local/qwen", "ollama", time.Time{}}}
	for d, want := range map[llm.Dialect]string{
		llm.OpenAIChat: `{"data":[{"id":"gpt-4o","object":"model","created":1715367049,"owned_by":"openai"},{"id":"local/qwen","object":"model","created":0,"owned_by":"ollama"}],"object":"list"}`,
		llm.Anthropic:  `{"data":[{"type":"model","id":"gpt-4o","display_name":"gpt-4o","created_at":"2024-05-10T18:50:49Z"},{"type":"model","id":"local/qwen","display_name":"local/qwen","created_at":"1970-01-01T00:00:00Z"}],"first_id":"gpt-4o","has_more":false,"last_id":"local/qwen"}`,
		llm.Gemini:     `{"models":[{"name":"models/gpt-4o","displayName":"gpt-4o"},{"name":"models/local/qwen","displayName":"local/qwen"}]}`,
	} {
		if got := string(ModelsList(d, models)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", d, got, want)
		}
	}
	if got := string(ModelsList(llm.Anthropic, nil)); got != `{"data":[],"first_id":null,"has_more":false,"last_id":null}` {
		t.Errorf("no models: %s", got)
	}
}

func TestOneModel(t *testing.T) {
	m := ModelInfo{"gpt-4o", "openai", time.Unix(1715367049, 0)}
	for d, want := range map[llm.Dialect]string{
		llm.OpenAIChat: `{"id":"gpt-4o","object":"model","created":1715367049,"owned_by":"openai"}`,
		llm.Anthropic:  `{"type":"model","id":"gpt-4o","display_name":"gpt-4o","created_at":"2024-05-10T18:50:49Z"}`,
		llm.Gemini:     `{"name":"models/gpt-4o","displayName":"gpt-4o"}`,
	} {
		if got := string(OneModel(d, m)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", d, got, want)
		}
	}
}
