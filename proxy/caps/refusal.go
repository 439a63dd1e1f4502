package caps

import (
	"fmt"
	"time"

	"llmgw/providers/price"
)

// Reason is why a cap refuses a call.
type Reason string

// The reasons of a [Refusal].
const (
	ReasonRoom      Reason = "room"      // more than is left
	ReasonQueue     Reason = "queue"     // what is left is kept for calls that wait
	ReasonUnpriced  Reason = "unpriced"  // no price is known, so nothing can be held
	ReasonUnbounded Reason = "unbounded" // the body does not bound the cost
	ReasonOutput    Reason = "output"    // nothing bounds the output
	ReasonService   Reason = "service"   // no price is known of the service that is asked for
	ReasonUnmetered Reason = "unmetered" // nobody reads there what a call uses
)

// Refusal is a cap that does not let a call pass. Where several refuse, it is
// the first, in the order of the configuration, that waiting cannot help; else
// the first.
type Refusal struct {
	Cap, Each          string
	Reason             Reason
	Limit, Spent, Held price.Money
	Room               price.Money  // what could be held now, never below 0
	Need               price.Amount // the least that would have to fit, clamping included
	ResetsAt           time.Time    // when the window ends; rolling: when Need could fit; zero: never
	Holders            []string     // ids of the running calls that hold money there
	Why                string       // what of the call is not bounded or priced, by who asked; "": not said
	CanWait            bool         // what they give back may be enough
	Action, Substitute string       // of the cap
	timezone           *time.Location
}

// Error says which cap refuses, why, and how it stands.
func (r *Refusal) Error() string {
	name := "cap " + r.Cap
	if r.Each != "" {
		name += " of " + r.Each
	}
	stands := fmt.Sprintf("of %s USD %s are spent and %s held", r.Limit, r.Spent, r.Held)
	text := fmt.Sprintf("%s: %s; this call needs %s and %s would fit", name, stands, r.Need.Money, r.Room)
	if r.Reason == ReasonQueue {
		text += ", but other calls wait for it"
	}
	if what := unmeasuredWords[r.Reason]; what != "" {
		if r.Why != "" {
			what += " (" + r.Why + ")"
		}
		text = name + " lets no call pass " + what + "; " + stands
	}
	if !r.ResetsAt.IsZero() {
		text += "; resets " + r.ResetsAt.In(r.timezone).Format(time.RFC3339)
	}
	return text
}

// unmeasuredWords say of which calls a hard cap can hold nothing.
var unmeasuredWords = map[Reason]string{
	ReasonUnpriced:  "whose model has no known price",
	ReasonUnbounded: "whose cost its body does not bound",
	ReasonOutput:    "whose output nothing bounds: it sets no limit, and none is known of the model",
	ReasonService:   "whose service has no known price",
	ReasonUnmetered: "whose path is not meterable",
}

// Hint says what the owner of the cap can do.
func (r *Refusal) Hint() string {
	switch r.Reason {
	case ReasonUnpriced:
		return `give the model a price under [prices.model."provider/model"]`
	case ReasonOutput:
		return "send max_tokens, give the model max_output under [prices.model.\"provider/model\"], or let the cap put a limit in with clamp = true"
	case ReasonService:
		return "ask for the standard service, or send the call where no hard cap counts it"
	case ReasonUnmetered:
		return "ask over a path that is metered (/v1/chat/completions, /v1/completions, /v1/embeddings, /v1/messages), or send the call where no hard cap counts it; GET, HEAD, OPTIONS and DELETE are free"
	case ReasonUnbounded:
		return `set unbounded = "window" for the cap to hold the model's whole context window`
	}
	return "raise usd of the cap, ask for less output, or wait for the reset"
}

// verdict is a refusal before anybody asked for its details.
type verdict struct {
	account *account // nil: no refusal
	reason  Reason
	need    price.Amount
	canWait bool
}

func (l *Ledger) refusal(v verdict) *Refusal {
	a := v.account
	return &Refusal{
		Cap: a.cap.Name, Each: a.value, Reason: v.reason,
		Limit: a.cap.usd, Spent: a.spent, Held: a.held, Room: max(a.room(), 0),
		Need: v.need, ResetsAt: a.resets(v.need.Money), CanWait: v.canWait,
		Holders: calls(l.holders(a)), Action: a.cap.Action, Substitute: a.cap.Substitute,
		timezone: a.cap.period.zone,
	}
}

// holders lists who holds money that counts in a now.
func (l *Ledger) holders(a *account) []Holder {
	var all []Holder
	for _, h := range l.active {
		for _, p := range h.shares {
			if p.account == a && p.amount > 0 && (p.span.counted || a.cap.period.rolling()) {
				all = append(all, Holder{Call: h.ask.Call, N: h.ask.N, Amount: p.amount, Since: h.at})
			}
		}
	}
	return all
}

func calls(holders []Holder) []string {
	ids := make([]string, len(holders))
	for i, h := range holders {
		ids[i] = h.Call
	}
	return ids
}
