package llm

// EventKind says what happened in a stream.
type EventKind uint8

// The events, in the order that a stream has them: one EventStart; the parts of
// each choice; one EventFinish for each choice; EventUsage any number of times,
// the last one counts; EventEnd, only when the upstream's own end was read.
// EventPing comes anywhere, EventError is the last.
//
// A part is EventPart, then any number of deltas, then EventPartEnd. Several
// parts of a choice may be open at once (OpenAI interleaves parallel tool
// calls); deltas name the part they belong to.
const (
	EventStart     EventKind = iota // ID, Model, Created
	EventPart                       // Part begins: its kind and what is known of it; deltas bring the rest
	EventDelta                      // Text is appended: text, refusal, reasoning, or a piece of a call's arguments
	EventSignature                  // Text is the signature of the Thinking part
	EventCitation                   // Citation is added to the Text part
	EventPartEnd                    // the part is whole
	EventFinish                     // Finish
	EventUsage                      // Usage, all that is known so far
	EventPing                       // nothing, but the provider is alive
	EventError                      // Problem
	EventEnd                        // the answer is whole
)

// String names the kind for tests.
func (k EventKind) String() string {
	return [...]string{"start", "part", "delta", "signature", "citation", "part end", "finish", "usage", "ping", "error", "end"}[k]
}

// Event is one step of a streamed answer. A choice's parts are numbered from 0
// in the order in which they begin.
type Event struct {
	Kind   EventKind
	Choice int // of part, delta and finish events
	Index  int // of the part, within its choice

	ID, Model string
	Created   Count // Unix seconds

	Part     *Part
	Text     string // a piece may end inside a JSON escape of a call's arguments, never inside a character
	Logprobs Raw    // of a text delta, in the answer's dialect
	Citation *Citation
	Finish   Finish
	Usage    *Usage
	Problem  *Problem
}

// Problem is an error that a provider answers with.
type Problem struct {
	Status  int    // HTTP status; 0 when it came inside a stream
	Type    string // the provider's word for it, "" when it has none
	Code    string
	Message string // the provider's own words
	Param   string // the member of the request that is to blame, in the words of the provider's dialect
}
