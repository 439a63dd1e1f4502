// Package llm is the vocabulary the rest of the program uses about a call:
// dialects, faults, token counts. It knows no JSON and no HTTP and imports
// nothing of ours, so that every other package may speak it.
package llm

// Dialect is a wire protocol between a client and a provider.
type Dialect string

// The dialects. A value is what records, filters and configuration say.
const (
	OpenAIChat      Dialect = "openai-chat"
	OpenAIResponses Dialect = "openai-responses"
	Anthropic       Dialect = "anthropic"
	Gemini          Dialect = "gemini"
	Bedrock         Dialect = "bedrock"
)

// Fault is a failed attempt, classified: OpenTelemetry's error.type. The zero
// value is no fault.
type Fault string

// The faults. Up to [RefusedRequest] they can be seen before a byte of the
// answer reached the client; [Truncated] and [ClientGone] also after it.
const (
	Connect         Fault = "connect"         // no connection: DNS, TCP, TLS; nothing was sent
	Reset           Fault = "reset"           // the connection broke before an answer
	Timeout         Fault = "timeout"         // silent past the attempt's share of the deadline
	RateLimited     Fault = "rate_limited"    // 429
	Quota           Fault = "quota"           // out of credit or over a usage limit
	Overloaded      Fault = "overloaded"      // 503, 529
	ServerError     Fault = "server_error"    // any other 5xx, 408
	ErrorInBody     Fault = "error_in_body"   // 200 with an error inside
	Malformed       Fault = "malformed"       // 200 that is not what the protocol says
	Empty           Fault = "empty"           // 200 with nothing in it
	Auth            Fault = "auth"            // 401, 403 on the credential that was sent
	ModelNotFound   Fault = "model_not_found" // the provider does not know the model
	ContextLength   Fault = "context_length"  // the prompt is too long for the model
	Refused         Fault = "refused"         // content policy
	RefusedRequest  Fault = "bad_request"     // any other 4xx
	Truncated       Fault = "truncated"       // the answer broke after commit
	ClientGone      Fault = "client_gone"     // the client hung up before the end
	DeadlineReached Fault = "deadline"        // the call's own deadline passed
	NotRecorded     Fault = "not_recorded"    // the call could not be committed to the record
)

// Count is a number of tokens (or of searches, or of pico-dollars) that may be
// unknown. Unknown is the zero value and is never shown or summed as 0; an
// explicit zero is Known.
type Count struct {
	N     int64
	Known bool
}

// Tokens returns the known count n.
func Tokens(n int64) Count { return Count{N: n, Known: true} }

// Or returns the count, or n when it is unknown.
func (c Count) Or(n int64) int64 {
	if c.Known {
		return c.N
	}
	return n
}

// Add returns c+d, unknown only when both are.
func (c Count) Add(d Count) Count {
	return Count{N: c.N + d.N, Known: c.Known || d.Known}
}

// Usage is what a provider said an answer consumed, in one convention whatever
// the provider's own is: Input is every prompt token (cached and written ones
// included), Output every generated token (reasoning included). The other
// counts are parts of those two.
type Usage struct {
	Input        Count // all prompt tokens
	CachedInput  Count // part of Input read from the provider's prompt cache
	CacheWrite   Count // part of Input written to it (5 min and 1 h together)
	CacheWrite1h Count // part of CacheWrite with a one-hour life
	Output       Count // all generated tokens
	Reasoning    Count // part of Output spent on thinking
	InputAudio   Count // part of Input
	OutputAudio  Count // part of Output
	WebSearches  Count // searches the provider ran and charges per search

	ServiceTier  string // as the answer reports it; "" when it does not
	ReportedCost Count  // pico-dollars the provider itself named as the charge
	Raw          []byte // the provider's usage object, as JSON, last one seen (merged where a stream gives it in parts)
}

// Known tells whether the provider reported any token count at all.
func (u *Usage) Known() bool {
	return u.Input.Known || u.Output.Known
}

// maxPlausible is more tokens than a single call can have: a trillion.
const maxPlausible = 1 << 40

// Plausible tells whether a single call can have had so many tokens. Counts
// beyond that are a provider's mistake, or its malice: sums of a few of them
// are no numbers any more.
func (u *Usage) Plausible() bool {
	for _, c := range [...]Count{
		u.Input, u.CachedInput, u.CacheWrite, u.CacheWrite1h, u.Output, u.Reasoning, u.InputAudio, u.OutputAudio, u.WebSearches,
	} {
		if c.N > maxPlausible {
			return false
		}
	}
	return true
}
