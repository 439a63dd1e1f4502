package store

import (
	"time"

	"github.com/oklog/ulid/v2"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// Status is how a call stands or ended.
type Status string

// The statuses of a call. A call is [StatusRunning] from its first commit to
// its last; one whose server died before that is [StatusInterrupted].
const (
	StatusOK          Status = "ok"
	StatusError       Status = "error"
	StatusTruncated   Status = "truncated"
	StatusClientGone  Status = "client_gone"
	StatusBlocked     Status = "blocked"
	StatusRunning     Status = "running"
	StatusInterrupted Status = "interrupted"
)

// The outcomes of an attempt that are not an [llm.Fault].
const (
	OutcomeOK          = "ok"
	OutcomeSkipped     = "skipped"
	OutcomeLostHedge   = "lost_hedge"
	OutcomeRunning     = "running"
	OutcomeInterrupted = "interrupted"
)

// The bases of an amount: what a cost rests on.
const (
	CostReported     = "reported"      // usage the provider reported × the frozen price
	CostProviderCost = "provider_cost" // the provider named the cost itself
	CostEstimated    = "estimated"     // usage was estimated, or the hold was charged
	CostUnpriced     = "unpriced"      // no price is known: the amount is unknown
	CostCache        = "cache"         // answered from the cache
	CostFree         = "free"          // a provider configured as free
	CostPlan         = "plan"          // paid by the client's subscription
)

// CacheHit is the value of [Call].Cache for an answer from the cache.
const CacheHit = "hit"

// Call is what a client asked once. Times are recorded to the microsecond;
// strings are empty and amounts unknown where there is nothing to say.
type Call struct {
	ID         string        // ULID minted at StartedAt, see [NewID]
	Seq        int64         // change sequence of the last write; set by the store
	StartedAt  time.Time     // arrival of the request
	FinishedAt time.Time     // zero while running, and when interrupted
	FirstToken time.Duration // arrival to first content; below zero: unknown

	Project, Client, Session string
	Key                      string // credential the caller presented, as k_ and eight hex digits

	Dialect        llm.Dialect // the caller's
	Endpoint       string      // operation: chat, messages, …
	Method, Path   string
	Stream         bool
	ModelRequested string
	Route          string // name of the route, empty when none matched
	RouteReason    string // why these targets

	Status     Status
	HTTPStatus int    // what the caller got; 0: nothing
	Error      string // code of llmgw's own (proxy/problem.go) or a fault
	ErrorText  string // in the words of who said it, credentials replaced

	Provider, Model   string // served by; on failure the last one tried
	ModelReported     string // what the answer called itself
	UpstreamRequestID string
	FinishReason      string

	Cache      string // hit, miss, bypass, off
	CachedFrom string // id of the call whose answer was replayed
	CacheNote  string // why it was no hit, or who had answered and when

	Dropped []string          // parameters that the target could not express
	Edits   []string          // declared edits of the request, and of the answer's encoding
	Tags    map[string]string // of x-llmgw-tags

	Usage      llm.Usage    // of the answer that was served; only the five counts are kept
	Cost       price.Amount // of all attempts together
	CostSource string
	Worth      price.Amount // what a cache hit or a subscription call would have cost

	RequestBytes, ResponseBytes int64 // bodies as received from and sent to the client
	Redactions                  int   // credentials replaced in the recorded bodies
	RemoteAddr, UserAgent       string
}

// Running tells whether the call has not ended yet.
func (c *Call) Running() bool { return c.Status == StatusRunning }

// Attempt is one try of a call at one target, or one target that was skipped.
type Attempt struct {
	CallID string
	N      int // 1-based, at most [MaxAttempts]

	Provider, Model string
	Key             string // credential used, as k_ and eight hex digits

	StartedAt  time.Time
	Duration   time.Duration // below zero, or while running: unknown
	FirstToken time.Duration // from StartedAt; below zero: unknown

	Outcome    string // ok, an [llm.Fault], skipped, lost_hedge, running, interrupted
	HTTPStatus int    // 0: no answer
	Error      string // in the provider's words, credentials replaced
	Skipped    string // breaker, cooldown, cap, unsupported, auth, deadline
	Why        string // why the next thing happened
	Hedge      bool
	Waited     time.Duration // waited before this attempt: told, or for a cap

	UpstreamRequestID, ModelReported, Finish string

	Usage      llm.Usage
	Price      string // the price frozen for this attempt, as the price book writes it
	Cost       price.Amount
	CostSource string
	Held       price.Amount // set aside before it was sent; unknown: nothing was
	Worth      price.Amount // what it would have cost outside a subscription

	// Overrun is by how much it cost more than a hard cap held for it, as it was
	// charged first; unknown where it did not.
	Overrun price.Amount

	DNS, Dial, TLS, Wait time.Duration // phases; below zero: did not happen or unknown
	SentBytes            int64
	ReceivedBytes        int64
	Reused               bool // the connection was
}

// Charged tells whether the attempt costs something, known or not. One that
// failed before any content has no basis: nobody bills for it.
func (a *Attempt) Charged() bool { return a.Sent() && (a.Cost.Known || a.CostSource != "") }

// MaxAttempts is how many attempts of one call can be recorded.
const MaxAttempts = 1<<attemptBits - 1

// Sent tells whether anything was asked of the provider.
func (a *Attempt) Sent() bool { return a.Outcome != OutcomeSkipped }

// Body is bytes that went by, kept for people to look at.
type Body struct {
	CallID      string
	Part        string // request, response, attempt.N, attempt.N.request
	Data        []byte // cut after [Options].BodiesMax bytes
	Size        int64  // true size in bytes; 0: that of Data
	Truncated   bool   // Data is not all of it; Size alone says nothing, credentials are replaced
	ContentType string
	Headers     string // header block, credentials replaced
}

// Change is what [Store.Commit] makes durable in one transaction: new values
// of a call and of those of its attempts that changed. Bodies may reach the
// file a moment later than the rest.
type Change struct {
	Call     *Call // nil: only the attempts or bodies of a call already recorded
	Attempts []*Attempt
	Bodies   []Body
	Final    bool // the last change of this call

	Cached   *Cached // answer to keep, in the same transaction
	Replayed *Cached // answer that was given again: its hits rise by one

	// Queued is called once the change is in line, before anybody waits for it:
	// what is queued later becomes durable no sooner. Nil: nothing.
	Queued func()
}

// The values of Live.Phase.
const (
	LiveReading   = "read"    // the request comes in
	LiveAsking    = "wait"    // a provider was asked and has not begun to answer
	LiveStreaming = "stream"  // the answer goes to the client
	LiveWaiting   = "waiting" // before another try, see Live.Note
)

// Live is the passing state of a running call, for the screen only.
type Live struct {
	CallID          string
	Phase           string    // LiveReading, …
	Note            string    // what a waiting call waits for, in words: "cap daily"
	Until           time.Time // when that is over at the latest; zero: not known
	Provider, Model string
	Attempt         int
	Bytes           int64     // of the answer so far
	Tokens          llm.Count // estimated output so far
	Tail            string    // last few words of the output
	UpdatedAt       time.Time
}

// CallRow is a call with its attempts in order. It marshals to the object that
// `llmgw logs --format jsonl` prints.
type CallRow struct {
	Call
	Attempts []Attempt

	// left is what a filter that goes by place does not select: numbers of
	// attempts, 0 for that it is a call.
	left map[int]bool
}

// NewID mints the ULID of a call that started at t. Ids of one process sort in
// the order in which they were minted.
func NewID(t time.Time) string {
	return ulid.MustNew(ulid.Timestamp(t), ulid.DefaultEntropy()).String()
}
