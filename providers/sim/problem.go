package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"llmgw/providers/llm"
)

// problem is an error as a provider words it.
type problem struct {
	status               int
	typ, code            string // OpenAI has both, Anthropic the type only
	message, param, html string // html: instead of JSON
	location             string // of a redirect
}

// wording is how a provider puts one error into words.
type wording struct {
	status             int
	typ, code, message string
}

// problem renders p in the dialect.
func (c *call) problem(p *problem) answer {
	h := c.header()
	h.Set("Content-Type", "application/json")
	body := c.errorBody(p)
	if p.html != "" {
		h.Set("Content-Type", "text/html")
		body = []byte(p.html)
	}
	if p.location != "" {
		h.Set("Location", p.location)
	}
	return answer{status: p.status, header: h, body: body}
}

// errorBody is the JSON of an error; errors inside streams look the same.
func (c *call) errorBody(p *problem) []byte {
	if c.dialect == llm.Anthropic {
		type inner struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		}
		return marshal(struct {
			Type      string `json:"type"`
			Error     inner  `json:"error"`
			RequestID string `json:"request_id"`
		}{"error", inner{p.typ, p.message}, c.row.RequestID})
	}
	type inner struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	return marshal(struct {
		Error inner `json:"error"`
	}{inner{p.message, p.typ, orNull(p.param), orNull(p.code)}})
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// faultProblem is the error that a status fault orders.
func (c *call) faultProblem() *problem {
	status := c.fault.status()
	switch {
	case status < 400:
		return redirect(status)
	case status == http.StatusBadGateway && c.fault.Code == "":
		return &problem{status: status, html: badGatewayPage}
	case c.dialect == llm.Anthropic:
		return c.anthropicProblem(status, c.fault.Code)
	}
	return c.openAIProblem(status, c.fault.Code)
}

func redirect(status int) *problem {
	return &problem{
		status: status, location: "/v1/redirected",
		html: "<html>\r\n<head><title>" + http.StatusText(status) + "</title></head>\r\n<body>\r\n<center><h1>" + http.StatusText(status) + "</h1></center>\r\n</body>\r\n</html>\r\n",
	}
}

const badGatewayPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

const htmlPage = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body><h1>Checking your browser</h1></body></html>\n"

func (c *call) model() string {
	return cmp.Or(c.row.Model, "unknown")
}

// openAIProblem words the errors of
// https://platform.openai.com/docs/guides/error-codes (read 2026-11); 402 is
// what OpenAI-compatible services such as DeepSeek answer.
func (c *call) openAIProblem(status int, code string) *problem {
	const badRequest, server = "invalid_request_error", "server_error"
	known := []wording{
		{http.StatusBadRequest, badRequest, "context_length_exceeded", "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens. Please reduce the length of the messages."},
		{http.StatusBadRequest, badRequest, "content_policy", "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt."},
		{http.StatusBadRequest, badRequest, "usage_limit", "You have reached your specified API usage limits."},
		{http.StatusUnauthorized, badRequest, "invalid_api_key", "Incorrect API key provided: " + last4(credential(c.r)) + ". You can find your API key at https://platform.openai.com/account/api-keys."},
		{http.StatusPaymentRequired, "unknown_error", "invalid_request_error", "Insufficient Balance"},
		{http.StatusForbidden, "request_forbidden", "unsupported_country_region_territory", "Country, region, or territory not supported"},
		{http.StatusNotFound, badRequest, "model_not_found", "The model `" + c.model() + "` does not exist or you do not have access to it."},
		{http.StatusTooManyRequests, "requests", "rate_limit_exceeded", "Rate limit reached for " + c.model() + " in organization org-simulated on requests per min (RPM): Limit 500, Used 500, Requested 1. Please try again in " + cmp.Or(c.fault.RetryAfter, c.fault.Reset).String() + ". Visit https://platform.openai.com/account/rate-limits to learn more."},
		{http.StatusTooManyRequests, "insufficient_quota", "insufficient_quota", "You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."},
		{http.StatusInternalServerError, server, "", "The server had an error while processing your request. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if the error persists. (Please include the request ID " + c.row.RequestID + " in your message.)"},
		{http.StatusServiceUnavailable, server, "", "That model is currently overloaded with other requests. You can retry your request, or contact us through our help center at help.openai.com if the error persists."},
		{529, "overloaded_error", "overloaded", "The engine is currently overloaded, please try again later"},
	}
	p := pick(known, status, code, badRequest, server)
	switch p.code {
	case "content_policy":
		p.code = "invalid_prompt"
	case "context_length_exceeded":
		p.param = "messages"
	}
	return p
}

// anthropicProblem words the errors of https://docs.claude.com/en/api/errors
// (read 2026-11). The code only picks the words here: the dialect has no codes.
func (c *call) anthropicProblem(status int, code string) *problem {
	const badRequest, server = "invalid_request_error", "api_error"
	known := []wording{
		{http.StatusBadRequest, badRequest, "context_length_exceeded", "prompt is too long: 209713 tokens > 200000 maximum"},
		{http.StatusBadRequest, badRequest, "content_policy", "Output blocked by content filtering policy"},
		{http.StatusBadRequest, badRequest, "credit_balance", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."},
		{http.StatusBadRequest, badRequest, "usage_limit", "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."},
		{http.StatusUnauthorized, "authentication_error", "invalid_api_key", "invalid x-api-key"},
		{http.StatusPaymentRequired, "billing_error", "", "Your account has a billing issue. Please check your payment information in Plans & Billing."},
		{http.StatusForbidden, "permission_error", "", "Your API key does not have permission to use the specified resource."},
		{http.StatusNotFound, "not_found_error", "model_not_found", "model: " + c.model()},
		{http.StatusRequestEntityTooLarge, "request_too_large", "", "Request exceeds the maximum size"},
		{http.StatusTooManyRequests, "rate_limit_error", "rate_limit_exceeded", "This request would exceed your organization's rate limit of 4,000 requests per minute. For details, refer to: https://docs.claude.com/en/api/rate-limits."},
		{http.StatusTooManyRequests, "rate_limit_error", "insufficient_quota", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."},
		{http.StatusInternalServerError, server, "", "Internal server error"},
		{http.StatusGatewayTimeout, "timeout_error", "", "Request timed out"},
		{529, "overloaded_error", "", "Overloaded"},
	}
	return pick(known, status, code, badRequest, server)
}

// pick finds the error of a status and, when given, a code; one that is not
// listed gets the status in words.
func pick(known []wording, status int, code, badRequest, server string) *problem {
	i := slices.IndexFunc(known, func(w wording) bool {
		return w.status == status && (w.code == code || code == "") && (code != "" || status != http.StatusBadRequest)
	})
	if i >= 0 {
		w := known[i]
		return &problem{status: w.status, typ: w.typ, code: w.code, message: w.message}
	}
	p := &problem{status: status, typ: badRequest, code: code, message: cmp.Or(http.StatusText(status), "Error") + "."}
	if status >= http.StatusInternalServerError {
		p.typ = server
	}
	return p
}

func openAIBadRequest(message, param, code string) *problem {
	return &problem{status: http.StatusBadRequest, typ: "invalid_request_error", message: message, param: param, code: code}
}

func (c *call) noSuchPath() *problem {
	if c.dialect == llm.Anthropic {
		return &problem{status: http.StatusNotFound, typ: "not_found_error", message: "Not found"}
	}
	return &problem{status: http.StatusNotFound, typ: "invalid_request_error", message: fmt.Sprintf("Invalid URL (%s %s)", c.r.Method, c.r.URL.Path)}
}

func (c *call) wrongMethod() *problem {
	if c.dialect == llm.Anthropic {
		return &problem{status: http.StatusMethodNotAllowed, typ: "invalid_request_error", message: "Method Not Allowed"}
	}
	return &problem{
		status: http.StatusMethodNotAllowed, typ: "invalid_request_error", code: "method_not_supported",
		message: fmt.Sprintf("Not allowed to %s on %s. (HINT: Perhaps you meant to use a different HTTP method?)", c.r.Method, c.r.URL.Path),
	}
}

func (c *call) badJSON() *problem {
	if c.dialect == llm.Anthropic {
		return &problem{status: http.StatusBadRequest, typ: "invalid_request_error", message: "The request body is not valid JSON."}
	}
	return openAIBadRequest("We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)", "", "")
}

func (c *call) wrongType(e *json.UnmarshalTypeError) *problem {
	field := cmp.Or(e.Field, "body")
	if c.dialect == llm.Anthropic {
		return &problem{status: http.StatusBadRequest, typ: "invalid_request_error", message: field + ": Input should be a valid " + e.Type.Kind().String()}
	}
	return openAIBadRequest(fmt.Sprintf("Invalid type for '%s': expected %s, but got %s instead.", field, e.Type.Kind(), e.Value), field, "invalid_type")
}

func (c *call) unknownModel() *problem {
	if c.q == nil || c.sim.opt.Models == nil || c.q.model == echoModel || slices.Contains(c.sim.opt.Models, c.q.model) {
		return nil
	}
	return c.modelNotFound()
}

func (c *call) modelNotFound() *problem {
	if c.dialect == llm.Anthropic {
		return c.anthropicProblem(http.StatusNotFound, "model_not_found")
	}
	return c.openAIProblem(http.StatusNotFound, "model_not_found")
}

// rejectedField is the answer of a service that is older than a member of the
// body.
func (c *call) rejectedField() *problem {
	if c.fault.Kind != RejectField {
		return nil
	}
	var members map[string]json.RawMessage
	name := c.fault.Code
	if json.Unmarshal(c.body, &members) != nil || members[name] == nil {
		return nil
	}
	if c.dialect == llm.Anthropic {
		return &problem{status: http.StatusBadRequest, typ: "invalid_request_error", message: name + ": Extra inputs are not permitted"}
	}
	return openAIBadRequest("Unknown parameter: '"+name+"'.", name, "unknown_parameter")
}

// errorInside is the error that arrives under a status of 200.
func (c *call) errorInside() *problem {
	code := c.fault.Code
	if c.dialect == llm.Anthropic {
		p := &problem{typ: cmp.Or(code, "overloaded_error"), message: "Overloaded"}
		if code != "" && code != "overloaded_error" {
			p.message = strings.ReplaceAll(code, "_", " ")
		}
		return p
	}
	return &problem{typ: cmp.Or(code, "server_error"), code: code, message: "The server had an error processing your request. Sorry about that!"}
}

// replaced is the answer of the faults that leave nothing of the healthy one.
func (c *call) replaced() (answer, bool) {
	streamed := c.q != nil && c.q.stream
	switch c.fault.Kind {
	case OKErrorBody:
		return c.ok(c.errorBody(c.errorInside())), true
	case ErrorFirst, ErrorAfterStart:
		return c.ok(c.errorBody(c.errorInside())), !streamed
	case OKEmpty:
		a := c.ok(nil)
		if streamed {
			a.header.Set("Content-Type", "text/event-stream; charset=utf-8")
		}
		return a, true
	case OKHTML:
		a := c.ok([]byte(htmlPage))
		a.header.Set("Content-Type", "text/html; charset=utf-8")
		return a, true
	}
	return answer{}, false
}
