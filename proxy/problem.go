package proxy

import (
	"net/http"
	"time"

	"llmgw/providers/dialect"
)

// The codes of llmgw's own errors: x-llmgw-error, the error
// column of the record and the body say the same word.
const (
	codeAllFailed       = "all_targets_failed"
	codeDeadline        = "deadline"
	codeModelNotFound   = "model_not_found"
	codeUnsupported     = "unsupported"
	codeBadJSON         = "bad_json"
	codeNotFound        = "not_found"
	codeUnauthorized    = "unauthorized"
	codeForbiddenOrigin = "forbidden_origin"
	codeTooLarge        = "too_large"
	codeLoop            = "loop"
	codeNotRecorded     = "not_recorded"
	codeClientGone      = "client_gone"
	codeShutdown        = "shutdown"
	codeNotCached       = "not_cached"
)

// problem is an error of llmgw's own on its way to the caller.
type problem struct {
	code       string
	message    string
	as         int  // status instead of the code's own; 0: that
	cooling    bool // all targets are cooling down: 503 instead of 502
	retryAfter time.Duration
}

func (p problem) status() int {
	if p.as != 0 {
		return p.as
	}
	switch p.code {
	case codeModelNotFound, codeNotFound, dialect.CodeThreadNotFound:
		return http.StatusNotFound
	case codeUnsupported, codeBadJSON:
		return http.StatusBadRequest
	case codeUnauthorized:
		return http.StatusUnauthorized
	case codeForbiddenOrigin:
		return http.StatusForbidden
	case codeTooLarge:
		return http.StatusRequestEntityTooLarge
	case codeLoop:
		return http.StatusLoopDetected
	case codeNotRecorded, codeShutdown:
		return http.StatusServiceUnavailable
	case codeDeadline, codeNotCached:
		return http.StatusGatewayTimeout // for an absent answer of a cache: RFC 9111 section 5.2.1.7
	case codeClientGone:
		return statusClientGone
	case dialect.CodeCapExceeded:
		return http.StatusPaymentRequired
	}
	if p.cooling {
		return http.StatusServiceUnavailable
	}
	return http.StatusBadGateway
}

// notRecorded is the problem of a call that cannot begin.
func notRecorded() problem {
	return problem{code: codeNotRecorded, message: "the call could not be recorded, so it was not sent (see [store] on_error); llmgw db check tells what is wrong with the database"}
}

// statusClientGone is nginx's 499: nobody is there to read it, the record is.
const statusClientGone = 499

// wire is the problem as the dialects write it. A retry helps only where the
// cause may pass by itself.
func (p problem) wire() dialect.Problem {
	return dialect.Problem{
		Status: p.status(), Code: p.code, Message: "llmgw: " + p.message,
		Retryable:  p.code == codeAllFailed || p.code == codeNotRecorded || p.code == codeShutdown,
		RetryAfter: p.retryAfter,
	}
}
