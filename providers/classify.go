package providers

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/llm"
)

// Verdict is what an upstream's refusal means.
type Verdict struct {
	Fault      llm.Fault     // "" for none: the answer may be committed
	RetryAfter time.Duration // how long the provider asks to wait, when Told; not bounded
	Told       bool
	// CredentialWide faults concern everything the credential is used for; the
	// others only the model that was asked for.
	CredentialWide bool
	Text           string // the provider's own words, cleaned, at most 500 bytes; may quote the request
}

// Classify says what an answer's status, headers and body (or its first bytes)
// mean, by docs/failover.md's table. It judges what HTTP shows: a 2xx is a fault
// only when it is a web page; errors inside one are the meter's to find.
func Classify(d llm.Dialect, status int, h http.Header, body []byte, now time.Time) Verdict {
	if status < 300 {
		if isHTML(h, body) {
			return Verdict{Fault: llm.Malformed, Text: strings.TrimSuffix("a web page instead of an answer: "+wordsOf(body), ": ")}
		}
		return Verdict{}
	}
	if status < 400 {
		return Verdict{Fault: llm.Malformed, Text: clean("a redirect to " + h.Get("Location"))}
	}
	e := readError(h, body)
	v := Verdict{Fault: e.fault(status), Text: e.text}
	if d == llm.Anthropic || e.hasUnified(h) {
		e.subscription(h, &v)
	}
	switch v.Fault {
	case llm.Auth, llm.Quota:
		v.CredentialWide = true
	}
	if v.RetryAfter, v.Told = WaitHint(h, now); !v.Told {
		v.RetryAfter, v.Told = e.wait(now)
	}
	return v
}

// StatusInside is the HTTP status that an error which came inside a success (its
// JSON, or nil) names as its own code: OpenRouter, vLLM and Gemini do. 502 where
// it names none that is an error's.
func StatusInside(raw []byte) int {
	e := readError(nil, raw)
	for _, word := range []string{e.code, e.kind} {
		if n, err := strconv.Atoi(word); err == nil && n >= 400 && n <= 599 {
			return n
		}
	}
	return http.StatusBadGateway
}

// fault is the table. Words count more than the status only where providers are
// known to use one status for several things.
func (e *upstreamError) fault(status int) llm.Fault {
	switch {
	case status == http.StatusPaymentRequired:
		return llm.Quota
	case status == http.StatusTooManyRequests:
		if e.isQuota() {
			return llm.Quota
		}
		return llm.RateLimited
	case status == 529, status == http.StatusServiceUnavailable, status >= 400 && e.kind == "overloaded_error":
		return llm.Overloaded
	case status >= 500, status == http.StatusRequestTimeout:
		return llm.ServerError
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return e.forbidden()
	}
	return e.badRequest(status)
}

// forbidden tells apart what providers answer with 401 and 403.
func (e *upstreamError) forbidden() llm.Fault {
	switch {
	case e.isQuota():
		return llm.Quota
	case e.code == "model_not_found":
		return llm.ModelNotFound // OpenAI: the project may not use the model
	case e.isRefused():
		return llm.Refused // OpenRouter: flagged by moderation
	}
	return llm.Auth
}

// badRequest tells apart what providers answer with 400, 404, 413, 422 and the
// like.
func (e *upstreamError) badRequest(status int) llm.Fault {
	switch {
	case e.isQuota():
		return llm.Quota
	case e.code == "rate_limit_exceeded" || e.kind == "throttlingexception":
		return llm.RateLimited // Groq sends 413, Bedrock 400
	case e.isAuth():
		return llm.Auth // Gemini and xAI send 400 for a bad key
	case e.isContextLength():
		return llm.ContextLength
	case e.isRefused():
		return llm.Refused
	case e.isModelNotFound(status):
		return llm.ModelNotFound
	}
	return llm.RefusedRequest
}

// subscription reads what Anthropic says about a plan's limits. A plan whose
// whole allowance is used up is no rate limit to wait out on another model; one
// that is used up for a single family of models is.
func (e *upstreamError) subscription(h http.Header, v *Verdict) {
	if v.Fault != llm.RateLimited || h.Get("Anthropic-Ratelimit-Unified-Status") != "rejected" {
		return
	}
	switch h.Get("Anthropic-Ratelimit-Unified-Representative-Claim") {
	case "", "five_hour", "seven_day", "overage":
		v.Fault = llm.Quota
	}
}

func (e *upstreamError) hasUnified(h http.Header) bool {
	return h.Get("Anthropic-Ratelimit-Unified-Status") != ""
}

// says tells whether the error's words contain one of the phrases.
func (e *upstreamError) says(phrases ...string) bool {
	for _, p := range phrases {
		if strings.Contains(e.low, p) {
			return true
		}
	}
	return false
}

func (e *upstreamError) isQuota() bool {
	switch e.code {
	case "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance", "credit_balance_too_low":
		return true
	}
	switch e.kind {
	case "insufficient_quota", "billing_error":
		return true
	case "resource_exhausted":
		// Gemini words its per-minute limits like a spent quota, so its words
		// tell nothing; they come with a time to retry.
		return false
	}
	return e.says(
		"insufficient_quota",               // as a word, in a body that was cut
		"exceeded your current quota",      // OpenAI
		"credit balance is too low",        // Anthropic, 400
		"api usage limits",                 // Anthropic, 400: "You have reached your specified API usage limits"
		"insufficient balance",             // DeepSeek
		"insufficient credits",             // OpenRouter
		"doesn't have any credits",         // xAI, 403
		"used all available credits",       // xAI
		"reached its monthly spending",     // xAI
		"exceeded your monthly included",   // Hugging Face
		"billing hard limit",               // OpenAI
		"account is not active",            // OpenAI, billing_not_active
		"key limit exceeded",               // OpenRouter, 403
		"upgrade your plan or add credits", // Perplexity and others
	)
}

func (e *upstreamError) isAuth() bool {
	return e.code == "invalid_api_key" || e.says("api_key_invalid", "api key not valid", "incorrect api key", "api key expired")
}

func (e *upstreamError) isContextLength() bool {
	switch e.code {
	case "context_length_exceeded", "context_window_exceeded", "model_context_window_exceeded", "string_above_max_length":
		return true
	}
	switch {
	case e.kind == "exceed_context_size_error": // llama.cpp
		return true
	case e.says("input token count") && e.says("exceeds the maximum"): // Gemini
		return true
	case e.says("input length") && e.says("exceed"): // Ollama; Anthropic: "input length and `max_tokens` exceed context limit"
		return true
	}
	return e.says(
		"prompt is too long",           // Anthropic: "prompt is too long: 211k tokens > 200000 maximum"
		"prompt too long",              // Ollama
		"maximum context length",       // OpenAI, vLLM, DeepSeek, OpenRouter, Together
		"exceeds the context window",   // OpenAI Responses
		"context window exceeds limit", // MiniMax
		"context length exceeded",
		"context_length_exceeded",       // as a word inside a wrapped error
		"maximum prompt length",         // xAI
		"reduce the length of the mess", // Groq and OpenAI: "Please reduce the length of the messages"
		"too large for model with",      // Mistral: "Prompt contains n tokens, too large for model with m maximum context length"
		"input is too long",             // Bedrock: "Input is too long for requested model"
		"too many input tokens",         // Bedrock, Cohere
		"too many tokens",               // Cohere: "too many tokens: total number of tokens in the prompt cannot exceed …"
		"exceeds the available context", // llama.cpp
		"greater than the context len",  // LM Studio
		"longer than the model's context",
		"tokens to keep from the initial prompt", // LM Studio
		"exceeded model token limit",             // Moonshot
	)
}

func (e *upstreamError) isRefused() bool {
	switch e.code {
	case "content_policy_violation", "content_filter", "content_policy", "moderation_blocked", "responsibleaipolicyviolation",
		"invalid_prompt", "cyber_policy_violation", "data_inspection_failed":
		return true
	}
	return e.says(
		"content filtering policy",  // Anthropic: "Output blocked by content filtering policy"
		"content management policy", // Azure
		"content policy",
		"usage policy", // OpenAI Responses: "violating our usage policy"
		"usage policies",
		"safety system",       // OpenAI images
		"requires moderation", // OpenRouter: "requires moderation … your input was flagged"
		"input was flagged",
		"content exists risk",   // DeepSeek
		"inappropriate content", // Alibaba
		"violates safety",
		"content violates usage guide", // xAI
	)
}

func (e *upstreamError) isModelNotFound(status int) bool {
	switch e.code {
	case "model_not_found", "model_decommissioned", "invalid_model", "deploymentnotfound", "model_not_available":
		return true
	}
	if e.kind == "invalid_model" {
		return true
	}
	if status == http.StatusNotFound && (strings.HasPrefix(e.low, "model:") || e.says("model")) {
		return e.says("model:", "not found", "not exist", "no endpoints found", "unknown model", "not available", "not supported", "unable to access", "have access")
	}
	return e.says(
		"model not exist",             // DeepSeek, 400
		"is not a valid model",        // OpenRouter, 400
		"invalid model",               // Mistral, Perplexity, 400
		"model identifier is invalid", // Bedrock, 400
		"no endpoints found",          // OpenRouter
		"model does not exist",
		"has been decommissioned",      // Groq
		"model_not_found",              // as a word inside a wrapped error
		"is not found for api version", // Gemini
	)
}
