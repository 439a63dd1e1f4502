package llm

// Response is a whole answer, in no dialect.
type Response struct {
	From    Dialect // it was read from; "" when it was gathered from events
	ID      string
	Model   string // as the provider names it
	Created Count  // Unix seconds
	Choices []Choice
	Usage   Usage // the service tier too
	Extra   []Extra
}

// Choice is one of the answers that were asked for.
type Choice struct {
	Index    int
	Parts    []Part // in the order in which they were made
	Finish   Finish
	Logprobs Raw // in the answer's dialect
	Extra    []Extra
}

// Calls tells whether the model calls any of the caller's tools.
func (c *Choice) Calls() bool {
	for i := range c.Parts {
		if c.Parts[i].Kind == Call {
			return true
		}
	}
	return false
}

// FinishReason is why an answer ended, in no dialect's words.
type FinishReason string

// The reasons. There is none for a word that no other dialect has.
const (
	FinishStop         FinishReason = "stop"          // the model had said all
	FinishStopSequence FinishReason = "stop_sequence" // one of the caller's stop sequences came up
	FinishLength       FinishReason = "length"        // the output limit
	FinishContext      FinishReason = "context"       // the model's context window
	FinishToolCalls    FinishReason = "tool_calls"    // the caller is to run tools
	FinishFilter       FinishReason = "filter"        // content policy, the provider's or the model's
	FinishPause        FinishReason = "pause"         // the provider wants to be called again to go on
)

// Finish is why an answer ended. The zero value says that the provider did not
// say; nobody may fill it in.
type Finish struct {
	Reason   FinishReason // "" for a word that has no neutral one
	Word     string       // the provider's own
	Sequence *string      // the stop sequence that came up, where the provider says
}

// Said tells whether the provider gave any reason.
func (f *Finish) Said() bool { return f.Word != "" }

// For is the neutral reason of an answer with or without tool calls. Providers
// say "stop" after a call that was forced, and "tool_calls" without any;
// clients run tools when the reason says so and only then.
func (f *Finish) For(calls bool) FinishReason {
	switch {
	case calls && f.Reason == FinishStop:
		return FinishToolCalls
	case !calls && f.Reason == FinishToolCalls:
		return FinishStop
	}
	return f.Reason
}
