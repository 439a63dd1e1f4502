package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/llm"
)

// requestID is unique to the arrival, in the provider's form.
func (c *call) requestID() string {
	r := rng(mix(c.ident, hashOf("request")))
	if c.dialect == llm.Anthropic {
		return "req_011C" + r.token(20)
	}
	return fmt.Sprintf("req_%016x%016x", r.next(), r.next())
}

// created is the answer's own date: fixed by its identity, not by the clock,
// so that a body's bytes can be compared.
func (c *call) created() int64 {
	const from = 1_760_000_000 // 2025-10-09
	return from + int64(c.ident%1_000_000)
}

// header returns the headers of any answer, rate limits included.
func (c *call) header() http.Header {
	h := http.Header{}
	h.Set("Date", c.sim.opt.Now().UTC().Format(http.TimeFormat))
	if c.dialect == llm.Anthropic {
		h.Set("Request-Id", c.row.RequestID)
		h.Set("Anthropic-Organization-Id", "00000000-0000-4000-8000-000000000000")
		c.anthropicLimits(h)
	} else {
		h.Set("X-Request-Id", c.row.RequestID)
		h.Set("Openai-Processing-Ms", strconv.Itoa(int(20+c.ident%400)))
		h.Set("Openai-Version", "2020-10-01")
		h.Set("Openai-Organization", "org-simulated")
		c.openAILimits(h)
	}
	c.retryAfter(h)
	return h
}

// openAILimits follow https://platform.openai.com/docs/guides/rate-limits
// (read 2026-11): a limit, what remains, and a duration such as 6m0s or 20ms.
func (c *call) openAILimits(h http.Header) {
	for _, d := range []struct {
		name        string
		limit, left int
	}{{"requests", 10_000, 9_999}, {"tokens", 2_000_000, 1_999_000}} {
		reset := 6 * time.Millisecond
		if c.fault.Reset > 0 {
			d.left, reset = 0, c.fault.Reset
		}
		h.Set("X-Ratelimit-Limit-"+d.name, strconv.Itoa(d.limit))
		h.Set("X-Ratelimit-Remaining-"+d.name, strconv.Itoa(d.left))
		h.Set("X-Ratelimit-Reset-"+d.name, reset.String())
	}
}

// anthropicLimits follow https://docs.claude.com/en/api/rate-limits (read
// 2026-11): the reset is an RFC 3339 time.
func (c *call) anthropicLimits(h http.Header) {
	for _, d := range []struct {
		name        string
		limit, left int
	}{{"requests", 4_000, 3_999}, {"input-tokens", 2_000_000, 1_999_000}, {"output-tokens", 400_000, 399_000}, {"tokens", 2_400_000, 2_398_000}} {
		reset := time.Second
		if c.fault.Reset > 0 {
			d.left, reset = 0, c.fault.Reset
		}
		prefix := "Anthropic-Ratelimit-" + d.name
		h.Set(prefix+"-Limit", strconv.Itoa(d.limit))
		h.Set(prefix+"-Remaining", strconv.Itoa(d.left))
		h.Set(prefix+"-Reset", c.sim.opt.Now().Add(reset).UTC().Format(time.RFC3339))
	}
}

func (c *call) retryAfter(h http.Header) {
	d := c.fault.RetryAfter
	if d == 0 && c.fault.RetryAs == RetrySeconds {
		return
	}
	switch c.fault.RetryAs {
	case RetryMillis:
		h.Set("Retry-After-Ms", strconv.FormatInt(d.Milliseconds(), 10))
	case RetryDate:
		h.Set("Retry-After", c.sim.opt.Now().Add(d).UTC().Format(http.TimeFormat))
	default:
		// Rounded up: a client that obeys must not come too early.
		h.Set("Retry-After", strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
	}
}

// unauthorized checks that a credential and, for Anthropic, a version came
// along; any value will do.
func (c *call) unauthorized() *problem {
	secret := credential(c.r)
	if c.dialect == llm.Anthropic {
		switch {
		case secret == "":
			return &problem{status: http.StatusUnauthorized, typ: "authentication_error", message: "x-api-key header is required"}
		case c.r.Header.Get("Anthropic-Version") == "":
			return &problem{status: http.StatusBadRequest, typ: "invalid_request_error", message: "anthropic-version: header is required"}
		}
		return nil
	}
	if strings.TrimSpace(secret) == "" {
		return &problem{status: http.StatusUnauthorized, typ: "invalid_request_error", message: "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from https://platform.openai.com/account/api-keys."}
	}
	return nil
}
