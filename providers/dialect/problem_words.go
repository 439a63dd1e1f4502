package dialect

import (
	"net/http"

	"llmgw/providers/llm"
)

// problemOf reads a provider's error: the body of an error status, or the error
// inside an answer (status 0).
func problemOf(status int, value []byte) llm.Problem {
	text, raw, _ := errorOf(value)
	o := readObject(raw)
	p := llm.Problem{Status: status, Message: text, Type: o.string("type"), Param: o.string("param")}
	if n := o.count("code"); n.Known { // OpenRouter's is the HTTP status
		if status == 0 {
			p.Status = int(min(n.N, 599))
		}
	} else {
		p.Code = o.string("code")
	}
	return p
}

// encodeProblem words a provider's error in the client's dialect: its message
// as it is, the type that the dialect has for the status, the provider's own
// word for it as code where the dialect has codes.
func encodeProblem(d llm.Dialect, p llm.Problem) []byte {
	status := p.Status
	if status < 400 {
		status = problemStatus(p)
	}
	return problemBody(d, Problem{Status: status, Code: or(p.Code, p.Type), Message: p.Message, Param: p.Param}, "")
}

// problemStatus is the HTTP status that an error inside a stream would have had
// (docs.anthropic.com/en/api/errors and platform.openai.com/docs/guides/error-codes,
// 2026-11).
func problemStatus(p llm.Problem) int {
	for _, word := range []string{p.Code, p.Type} {
		switch word {
		case "invalid_request_error", "context_length_exceeded":
			return http.StatusBadRequest
		case "authentication_error", "invalid_api_key":
			return http.StatusUnauthorized
		case "billing_error", "insufficient_quota":
			return http.StatusPaymentRequired
		case "permission_error":
			return http.StatusForbidden
		case "not_found_error", "model_not_found":
			return http.StatusNotFound
		case "request_too_large":
			return http.StatusRequestEntityTooLarge
		case "rate_limit_error", "rate_limit_exceeded":
			return http.StatusTooManyRequests
		case "timeout_error":
			return http.StatusGatewayTimeout
		case "overloaded_error":
			return 529
		}
	}
	return http.StatusInternalServerError
}
