package dialect

import (
	"net/http"

	"llmgw/providers/llm"
)

// Want says what was asked, so that the meter knows what the answer means.
type Want struct {
	Dialect llm.Dialect
	Op      Op
	Stream  bool        // a stream was asked for; what came decides how it is read
	Status  int         // of the answer
	Header  http.Header // of the answer

	// WithholdUsage marks the chat stream's usage chunk as [Withheld]: llmgw
	// asked for it, the client did not.
	WithholdUsage bool

	// Reply, where it is set, is how the client wants the answer, in a dialect
	// other than the upstream's: the pieces are then the client's bytes, and only
	// that. The body of an error status stays the provider's, for whoever judges
	// it: [TranslateError] words it.
	Reply *Reply
}

// Result is what an answer said, as far as it has been read.
type Result struct {
	Usage  llm.Usage
	Model  string // as the answer names it first
	ID     string
	Finish string // the last finish or stop reason, in the provider's words

	// Fault is what is wrong with an answer whose status says all is well:
	// error_in_body, malformed, empty, truncated (the bytes ended before the
	// dialect's end did). Empty together with Complete is for information: a
	// finished answer with nothing in it.
	Fault     llm.Fault
	FaultText string // the provider's own words, or what was missed
	FaultRaw  []byte // the provider's error, as JSON; set for error statuses too

	Content     bool // any content was seen
	Complete    bool // the answer is whole: the dialect's end, or all that it promises, without an error
	Done        bool // the explicit mark of the end was seen
	EmptyAnswer bool // complete without any content
	Partial     bool // the bytes ended inside an event

	// UsageFinal tells that Usage is the provider's last word; a stream that
	// broke may have counted only its start.
	UsageFinal   bool
	Inconsistent bool // counts that contradict each other, or a negative one
	BYOK         bool // OpenRouter: billed to the caller's own key elsewhere
	// UpstreamCost is what OpenRouter says that key is charged, in pico-dollars.
	UpstreamCost llm.Count

	// Lost names what of the answer the client's dialect has no words for, each
	// kind once: "answer.image". Only a translation loses anything.
	Lost []string

	OutputBytes int64 // of generated text, arguments and reasoning, decoded
	BadEvents   int   // events that could not be read; they were relayed
}
