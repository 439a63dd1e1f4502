package providers

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"llmgw/providers/llm"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// TestClassify is docs/failover.md's table with the words of real providers.
func TestClassify(t *testing.T) {
	for _, tc := range []struct {
		name    string
		dialect llm.Dialect
		status  int
		header  http.Header
		body    string
		want    llm.Fault
	}{
		{"ok", llm.OpenAIChat, 200, nil, `{"choices":[]}`, ""},
		{"created", llm.OpenAIChat, 201, nil, ``, ""},
		{"a web page", llm.OpenAIChat, 200, http.Header{"Content-Type": {"text/html"}}, `<p>Sign in</p>`, llm.Malformed},
		{"a web page without a type", llm.OpenAIChat, 200, nil, " \n<!DOCTYPE html><title>x</title>", llm.Malformed},
		{"a redirect", llm.OpenAIChat, 302, http.Header{"Location": {"https://login"}}, ``, llm.Malformed},
		{"not modified", llm.OpenAIChat, 304, nil, ``, llm.Malformed},

		{"429", llm.OpenAIChat, 429, nil, `{"error":{"message":"Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000","type":"tokens","code":"rate_limit_exceeded"}}`, llm.RateLimited},
		{"429 without words", llm.OpenAIChat, 429, nil, ``, llm.RateLimited},
		{"429 Anthropic", llm.Anthropic, 429, nil, `{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit"}}`, llm.RateLimited},
		{"429 Gemini words its limits like a quota", llm.Gemini, 429, nil, `{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED"}}`, llm.RateLimited},
		{"429 Mistral", llm.OpenAIChat, 429, nil, `{"object":"error","message":"Service tier capacity exceeded for this model.","type":"invalid_request_error","code":"3505"}`, llm.RateLimited},
		{"413 Groq", llm.OpenAIChat, 413, nil, `{"error":{"message":"Request too large for model x on tokens per minute (TPM): Limit 6000, Requested 9000","type":"tokens","code":"rate_limit_exceeded"}}`, llm.RateLimited},
		{"400 Bedrock throttling", llm.Bedrock, 400, http.Header{"X-Amzn-Errortype": {"ThrottlingException:http://x"}}, `{"message":"Too many requests"}`, llm.RateLimited},

		{"402", llm.OpenAIChat, 402, nil, `{"error":{"message":"Insufficient credits","code":402}}`, llm.Quota},
		{"402 DeepSeek", llm.OpenAIChat, 402, nil, `{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}`, llm.Quota},
		{"429 insufficient_quota", llm.OpenAIChat, 429, nil, `{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`, llm.Quota},
		{"429 billing", llm.OpenAIChat, 429, nil, `{"error":{"message":"Your account is not active","type":"billing_not_active","code":"billing_not_active"}}`, llm.Quota},
		{"400 hard limit", llm.OpenAIChat, 400, nil, `{"error":{"message":"Billing hard limit has been reached","code":"billing_hard_limit_reached"}}`, llm.Quota},
		{"400 Anthropic credit", llm.Anthropic, 400, nil, `{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}}`, llm.Quota},
		{"400 Anthropic usage limits", llm.Anthropic, 400, nil, `{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}`, llm.Quota},
		{"403 xAI credits", llm.OpenAIChat, 403, nil, `{"code":"The caller does not have permission","error":"Your newly created team doesn't have any credits yet."}`, llm.Quota},
		{"403 Anthropic billing", llm.Anthropic, 403, nil, `{"type":"error","error":{"type":"billing_error","message":"Check your billing"}}`, llm.Quota},
		{"a subscription used up", llm.Anthropic, 429, http.Header{"Anthropic-Ratelimit-Unified-Status": {"rejected"}, "Anthropic-Ratelimit-Unified-Representative-Claim": {"five_hour"}}, `{"type":"error","error":{"type":"rate_limit_error","message":"limit"}}`, llm.Quota},
		{"a subscription used up for one family", llm.Anthropic, 429, http.Header{"Anthropic-Ratelimit-Unified-Status": {"rejected"}, "Anthropic-Ratelimit-Unified-Representative-Claim": {"seven_day_opus"}}, `{}`, llm.RateLimited},
		{"a subscription throttled", llm.Anthropic, 429, http.Header{"Anthropic-Ratelimit-Unified-Status": {"allowed"}}, `{}`, llm.RateLimited},

		{"529", llm.Anthropic, 529, nil, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, llm.Overloaded},
		{"503", llm.OpenAIChat, 503, nil, `upstream connect error`, llm.Overloaded},
		{"500 overloaded", llm.Anthropic, 500, nil, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, llm.Overloaded},
		{"500", llm.OpenAIChat, 500, nil, `{"error":{"message":"The server had an error","type":"server_error"}}`, llm.ServerError},
		{"502 page", llm.OpenAIChat, 502, http.Header{"Content-Type": {"text/html"}}, `<html><head><title>502</title></head><body><h1>Bad gateway</h1></body></html>`, llm.ServerError},
		{"504", llm.OpenAIChat, 504, nil, ``, llm.ServerError},
		{"520", llm.OpenAIChat, 520, nil, ``, llm.ServerError},
		{"408", llm.OpenAIChat, 408, nil, ``, llm.ServerError},

		{"401", llm.OpenAIChat, 401, nil, `{"error":{"message":"Incorrect API key provided: sk-ab***cd.","type":"invalid_request_error","code":"invalid_api_key"}}`, llm.Auth},
		{"403", llm.Anthropic, 403, nil, `{"type":"error","error":{"type":"permission_error","message":"Your API key does not have permission"}}`, llm.Auth},
		{"403 country", llm.OpenAIChat, 403, nil, `{"error":{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported"}}`, llm.Auth},
		{"400 Gemini key", llm.Gemini, 400, nil, `{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}`, llm.Auth},
		{"400 xAI key", llm.OpenAIChat, 400, nil, `{"code":"Client specified an invalid argument","error":"Incorrect API key provided: x."}`, llm.Auth},
		{"403 model of another project", llm.OpenAIChat, 403, nil, `{"error":{"message":"Project proj_x does not have access to model gpt-5","code":"model_not_found"}}`, llm.ModelNotFound},

		{"404 OpenAI", llm.OpenAIChat, 404, nil, `{"error":{"code":"model_not_found","message":"The model x does not exist or you do not have access to it.","param":null,"type":"invalid_request_error"}}`, llm.ModelNotFound},
		{"400 OpenAI Responses", llm.OpenAIResponses, 400, nil, `{"error":{"code":"model_not_found","message":"The requested model 'x' does not exist.","param":"model","type":"invalid_request_error"}}`, llm.ModelNotFound},
		{"404 Anthropic", llm.Anthropic, 404, nil, `{"error":{"message":"model: claude-x","type":"not_found_error"},"type":"error"}`, llm.ModelNotFound},
		{"404 Gemini", llm.Gemini, 404, nil, `{"error":{"code":404,"message":"models/x is not found for API version v1beta, or is not supported for generateContent.","status":"NOT_FOUND"}}`, llm.ModelNotFound},
		{"404 Cohere", llm.OpenAIChat, 404, nil, `{"id":"8","message":"model 'x' not found, make sure the correct model ID was used"}`, llm.ModelNotFound},
		{"404 Ollama", llm.OpenAIChat, 404, nil, `{"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error","param":null,"code":null}}`, llm.ModelNotFound},
		{"404 Ollama, older", llm.OpenAIChat, 404, nil, `{"error":"model 'x' not found"}`, llm.ModelNotFound},
		{"404 vLLM", llm.OpenAIChat, 404, nil, `{"object":"error","message":"The model x does not exist.","type":"NotFoundError","param":null,"code":404}`, llm.ModelNotFound},
		{"404 OpenRouter", llm.OpenAIChat, 404, nil, `{"error":{"message":"No endpoints found for x/y.","code":404}}`, llm.ModelNotFound},
		{"400 OpenRouter", llm.OpenAIChat, 400, nil, `{"error":{"message":"x/y is not a valid model ID","code":400}}`, llm.ModelNotFound},
		{"400 DeepSeek", llm.OpenAIChat, 400, nil, `{"error":{"message":"Model Not Exist","type":"invalid_request_error","code":"invalid_request_error"}}`, llm.ModelNotFound},
		{"400 Mistral", llm.OpenAIChat, 400, nil, `{"object":"error","message":"Invalid model: x","type":"invalid_model","param":null,"code":"1500"}`, llm.ModelNotFound},
		{"400 Groq", llm.OpenAIChat, 400, nil, `{"error":{"message":"The model x has been decommissioned","type":"invalid_request_error","code":"model_decommissioned"}}`, llm.ModelNotFound},
		{"400 Bedrock", llm.Bedrock, 400, nil, `{"message":"The provided model identifier is invalid."}`, llm.ModelNotFound},
		{"404 Azure", llm.OpenAIChat, 404, nil, `{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}`, llm.ModelNotFound},
		{"404 of something else", llm.OpenAIChat, 404, nil, `{"error":{"message":"No such File object: file-x","type":"invalid_request_error","param":"id","code":null}}`, llm.RefusedRequest},
		{"404 path", llm.OpenAIChat, 404, nil, `404 page not found`, llm.RefusedRequest},

		{"context OpenAI", llm.OpenAIChat, 400, nil, `{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`, llm.ContextLength},
		{"context OpenAI Responses", llm.OpenAIResponses, 400, nil, `{"error":{"message":"Your input exceeds the context window of this model.","type":"invalid_request_error","code":null}}`, llm.ContextLength},
		{"context Anthropic", llm.Anthropic, 400, nil, `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 211034 tokens > 200000 maximum"}}`, llm.ContextLength},
		{"context Anthropic with output", llm.Anthropic, 400, nil, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000\"}}", llm.ContextLength},
		{"context Gemini", llm.Gemini, 400, nil, `{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}`, llm.ContextLength},
		{"context Bedrock", llm.Bedrock, 400, nil, `{"message":"Input is too long for requested model."}`, llm.ContextLength},
		{"context vLLM", llm.OpenAIChat, 400, nil, `{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}`, llm.ContextLength},
		{"context Groq", llm.OpenAIChat, 400, nil, `{"error":{"message":"Please reduce the length of the messages or completion.","type":"invalid_request_error","code":"context_length_exceeded"}}`, llm.ContextLength},
		{"context Mistral", llm.OpenAIChat, 400, nil, `{"object":"error","message":"Prompt contains 40000 tokens, too large for model with 32768 maximum context length","type":"invalid_request_error"}`, llm.ContextLength},
		{"context xAI", llm.OpenAIChat, 400, nil, `{"error":"This model's maximum prompt length is 131072 but the request contains 537812 tokens."}`, llm.ContextLength},
		{"context llama.cpp", llm.OpenAIChat, 400, nil, `{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}`, llm.ContextLength},
		{"context in a cut body", llm.OpenAIChat, 400, nil, `{"error":{"code":"context_length_exceeded","message":"This mod`, llm.ContextLength},

		{"policy OpenAI", llm.OpenAIChat, 400, nil, `{"error":{"code":"content_policy_violation","message":"Your request was rejected as a result of our safety system.","type":"invalid_request_error"}}`, llm.Refused},
		{"policy OpenAI reasoning", llm.OpenAIResponses, 400, nil, `{"error":{"message":"Invalid prompt: your prompt was flagged as potentially violating our usage policy.","type":"invalid_request_error","code":"invalid_prompt"}}`, llm.Refused},
		{"policy Azure", llm.OpenAIChat, 400, nil, `{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}`, llm.Refused},
		{"policy Anthropic", llm.Anthropic, 400, nil, `{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}`, llm.Refused},
		{"policy OpenRouter", llm.OpenAIChat, 403, nil, `{"error":{"code":403,"message":"x requires moderation on OpenRouter. Your input was flagged for violence."}}`, llm.Refused},
		{"policy DeepSeek", llm.OpenAIChat, 400, nil, `{"error":{"message":"Content Exists Risk","type":"invalid_request_error"}}`, llm.Refused},

		{"400", llm.OpenAIChat, 400, nil, `{"error":{"code":null,"message":"Web search options not supported with this model.","param":"web_search_options","type":"invalid_request_error"}}`, llm.RefusedRequest},
		{"400 tool use", llm.OpenAIChat, 400, nil, `{"error":{"code":"tool_use_failed","failed_generation":"maybe","message":"Tool choice is required, but model did not call a tool","type":"invalid_request_error"}}`, llm.RefusedRequest},
		{"422 Mistral", llm.OpenAIChat, 422, nil, `{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","x"],"msg":"Extra inputs are not permitted"}]},"type":"invalid_request_error"}`, llm.RefusedRequest},
		{"422 FastAPI", llm.OpenAIChat, 422, nil, `{"detail":[{"loc":["body","messages"],"msg":"field required"}]}`, llm.RefusedRequest},
		{"413 Anthropic", llm.Anthropic, 413, nil, `{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}`, llm.RefusedRequest},
		{"409", llm.OpenAIChat, 409, nil, ``, llm.RefusedRequest},
		{"418 nonsense", llm.OpenAIChat, 418, nil, "\x00\xff{", llm.RefusedRequest},
		{"400 in an array", llm.Gemini, 400, nil, `[{"error":{"code":400,"message":"Invalid JSON payload","status":"INVALID_ARGUMENT"}}]`, llm.RefusedRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := Classify(tc.dialect, tc.status, tc.header, []byte(tc.body), now)
			if v.Fault != tc.want {
				t.Errorf("got %s (%s), want %s", v.Fault, v.Text, tc.want)
			}
			if wide := tc.want == llm.Auth || tc.want == llm.Quota; v.CredentialWide != wide {
				t.Errorf("credential-wide: %v", v.CredentialWide)
			}
		})
	}
}

func TestVerdictText(t *testing.T) {
	for _, tc := range []struct{ body, want string }{
		{`{"error":{"message":"It \u001b[31mbroke\u001b[0m\n\n\u202etwice"}}`, `It \x1b[31mbroke\x1b[0m \u202etwice`},
		{`<html><head><title>502 Bad Gateway</title><style>p{}</style></head><body><h1>Oh</h1>no</body></html>`, "502 Bad Gateway Oh no"},
		{`{"error":"plain"}`, "plain"},
		{`{"message":["a","b"]}`, `["a","b"]`},
		{`{"unknown":"shape"}`, `{"unknown":"shape"}`},
		{"  upstream  connect\terror ", "upstream connect error"},
		{"", ""},
	} {
		if got := Classify(llm.OpenAIChat, 500, nil, []byte(tc.body), now).Text; got != tc.want {
			t.Errorf("%q reads %q, want %q", tc.body, got, tc.want)
		}
	}
	long := Classify(llm.OpenAIChat, 500, nil, []byte(`{"error":{"message":"`+strings.Repeat("é", 5000)+` insufficient"}}`), now).Text
	if len(long) > maxText || !utf8.ValidString(long) || !strings.HasSuffix(long, "…") {
		t.Errorf("a long text is cut to %d bytes: %q", len(long), long)
	}
}

func TestWaitsInBodies(t *testing.T) {
	for _, tc := range []struct {
		body string
		want time.Duration
	}{
		{`{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"x","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.07s"}]}}`, 34070 * time.Millisecond},
		{`{"error":{"message":"Rate limit reached. Please try again in 5.289s. Visit https://x","code":"rate_limit_exceeded"}}`, 5289 * time.Millisecond},
		{`{"error":{"message":"Please try again in 1m30s."}}`, 90 * time.Second},
		{`{"error":{"message":"Please retry after 22 seconds."}}`, 22 * time.Second},
		{`{"error":{"message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}`, 8*24*time.Hour + 15*time.Hour},
		{`{"error":{"message":"Please try again in a moment"}}`, -1},
		{`{"error":{"message":"Please try again in 5 minutes"}}`, -1},
	} {
		v := Classify(llm.OpenAIChat, 429, nil, []byte(tc.body), now)
		if v.Told != (tc.want >= 0) || (v.Told && v.RetryAfter != tc.want) {
			t.Errorf("%s: told %v, %s", tc.body, v.Told, v.RetryAfter)
		}
	}
}

func TestHeadersCountMoreThanWords(t *testing.T) {
	v := Classify(llm.OpenAIChat, 429, http.Header{"Retry-After": {"2"}}, []byte(`{"error":{"message":"Please try again in 50s"}}`), now)
	if v.RetryAfter != 2*time.Second {
		t.Errorf("told %s, want 2s", v.RetryAfter)
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(429, "Retry-After", "1e400", `{"error":{"code":1,"message":null,"details":[{}]}}`)
	f.Add(500, "X-Ratelimit-Reset", "9223372036854775807", `[[[`)
	f.Add(403, "Content-Type", "text/html", `<html><script>`)
	f.Fuzz(func(t *testing.T, status int, name, value, body string) {
		v := Classify(llm.OpenAIChat, status, http.Header{name: {value}}, []byte(body), now)
		if (v.Fault == "") != (status < 300) && v.Fault != llm.Malformed {
			t.Errorf("%d is %q", status, v.Fault)
		}
		if v.RetryAfter < 0 || len(v.Text) > maxText+64 || !utf8.ValidString(v.Text) {
			t.Errorf("wait %s, text %q", v.RetryAfter, v.Text)
		}
		if strings.ContainsAny(v.Text, "\x1b\n\r\x00") {
			t.Errorf("control characters in %q", v.Text)
		}
	})
}
