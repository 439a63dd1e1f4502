package dialect

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"llmgw/providers/llm"
)

// Problem is an error of llmgw's own.
type Problem struct {
	Status     int           // HTTP status; 0 is 502, and a spent cap has its own per dialect
	Code       string        // such as "cap_exceeded", "deadline", …
	Message    string        // for the person who reads it
	Type       string        // replaces the dialect's error type; usually ""
	Retryable  bool          // the same call may succeed later
	RetryAfter time.Duration // told to the client when above 0 and Retryable
	Param      string        // the member of the request that is to blame, or ""
}

// CodeThreadNotFound is the code of a call that goes on with a conversation
// which nobody who may be asked keeps. Anthropic's SDKs read it from the
// details of its error, and send the whole conversation
// (anthropic-sdk-typescript 1.12, ThreadState).
const CodeThreadNotFound = "thread_not_found"

// CodeCapExceeded is the code of a call that a spend cap refused.
const CodeCapExceeded = "cap_exceeded"

// inDialect fixes the status where there is none, and status and code where a
// dialect's clients need others. A spent cap is 402, except for OpenAI's
// Responses: Codex repeats a 402 but stops at once on 429 insufficient_quota
// without Retry-After.
func (p Problem) inDialect(d llm.Dialect) Problem {
	if p.Status == 0 {
		p.Status = http.StatusBadGateway
	}
	if p.Code == CodeCapExceeded {
		p.Status, p.Retryable, p.RetryAfter = http.StatusPaymentRequired, false, 0
		if d == llm.OpenAIResponses {
			p.Status, p.Code = http.StatusTooManyRequests, "insufficient_quota"
		}
	}
	return p
}

// WriteProblem answers with p in the dialect's shape, so that the client's SDK
// raises what it would raise for the provider's own error.
func WriteProblem(w http.ResponseWriter, d llm.Dialect, p Problem) {
	h := w.Header()
	h.Set("x-llmgw-error", p.Code)
	p = p.inDialect(d)
	h.Set("Content-Type", "application/json")
	h.Del("Content-Length")
	if !p.Retryable {
		h.Set("x-should-retry", "false")
	}
	if p.Retryable && p.RetryAfter > 0 {
		seconds := (p.RetryAfter + time.Second - 1) / time.Second
		h.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	body := problemBody(d, p, h.Get("x-llmgw-call-id"))
	w.WriteHeader(p.Status)
	// Nobody is left to tell when the client cannot be written to.
	_, _ = w.Write(body)
}

type openAIProblem struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    string  `json:"code"`
}

type anthropicProblem struct {
	Type  string `json:"type"`
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`

		Details map[string]string `json:"details,omitempty"`
	} `json:"error"`
	RequestID string `json:"request_id,omitempty"`
}

type geminiProblem struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
}

// problemBody words p as the dialect's error object.
func problemBody(d llm.Dialect, p Problem, callID string) []byte {
	switch d {
	case llm.Anthropic:
		body := anthropicProblem{Type: "error", RequestID: callID}
		body.Error.Type, body.Error.Message = or(p.Type, anthropicType(p)), p.Message
		if p.Code == CodeThreadNotFound {
			body.Error.Details = map[string]string{"error_code": p.Code}
		}
		return marshal(body)
	case llm.Gemini:
		return marshal(map[string]any{"error": geminiProblem{p.Status, p.Message, or(p.Type, googleStatus(p))}})
	case llm.Bedrock:
		return marshal(map[string]string{"message": p.Message})
	}
	return marshal(map[string]any{"error": openAIError(p)})
}

func openAIError(p Problem) openAIProblem {
	e := openAIProblem{Message: p.Message, Type: or(p.Type, openAIType(p)), Code: p.Code}
	if p.Param != "" {
		e.Param = &p.Param
	}
	return e
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

// marshal writes what cannot fail to be written.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// anthropicType is the type for a status (docs.anthropic.com/en/api/errors,
// and the error types of anthropic-sdk-go v1.84.0).
func anthropicType(p Problem) string {
	switch p.Status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusPaymentRequired:
		return "billing_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusServiceUnavailable, 529:
		return "overloaded_error"
	case http.StatusGatewayTimeout:
		return "timeout_error"
	}
	if p.Status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}

// openAIType is the type for a status, as OpenAI's API answers it.
func openAIType(p Problem) string {
	switch p.Status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusPaymentRequired:
		return "insufficient_quota"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusTooManyRequests:
		if p.Code == "insufficient_quota" {
			return p.Code
		}
		return "rate_limit_error"
	}
	if p.Status >= 500 {
		return "server_error"
	}
	return "invalid_request_error"
}

// googleStatus is the canonical code for a status (google.rpc.Code).
func googleStatus(p Problem) string {
	switch p.Status {
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusPaymentRequired, http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	case http.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED"
	}
	if p.Status >= 500 {
		return "INTERNAL"
	}
	return "INVALID_ARGUMENT"
}

// ErrorEvent is the event that tells a client that its stream broke: the
// official SDKs raise on it, where a stream that only ends may look whole. It is
// to be flushed before the connection is aborted. After an upstream that
// stopped inside an event ([Result.Partial]) write a blank line first, or better
// leave that last piece out.
func ErrorEvent(d llm.Dialect, _ Op, p Problem) []byte {
	p = p.inDialect(d)
	switch d {
	case llm.Anthropic:
		return sse("error", problemBody(d, p, ""))
	case llm.OpenAIResponses:
		// OpenAI's own event has the members at the top; its SDKs raise on the
		// "error" member.
		return sse("error", marshal(map[string]any{
			"type": "error", "code": p.Code, "message": p.Message, "param": nil, "error": openAIError(p),
		}))
	}
	return sse("", problemBody(d, p, ""))
}

func sse(name string, data []byte) []byte {
	var out []byte
	if name != "" {
		out = append(append(append(out, "event: "...), name...), '\n')
	}
	out = append(append(out, "data: "...), data...)
	return append(out, '\n', '\n')
}
