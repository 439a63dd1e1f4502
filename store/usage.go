package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// TargetUse is how one target fared lately.
type TargetUse struct {
	Provider, Model string

	Attempts int64 // sent ones, of calls that have ended and of those that run
	Running  int64 // part of Attempts: no outcome yet
	Faults   int64 // part of Attempts: the target failed; a client that left is no fault of its

	Took    Latency       // of attempts that were answered whole
	Output  int64         // tokens of attempts whose count and times are known
	Writing time.Duration // from first content to end of the same attempts

	Cost     price.Money // charged, estimates included
	Unpriced int64       // attempts whose cost is not known and not in it

	OK, Failed []int64 // attempts by slice of the span, oldest first
}

// TokensPerSecond is how fast answers were written; unknown without any.
func (u *TargetUse) TokensPerSecond() (int64, bool) {
	if u.Writing <= 0 {
		return 0, false
	}
	return int64(float64(u.Output) / u.Writing.Seconds()), true
}

// Add adds what another target did in the same slices.
func (u *TargetUse) Add(o *TargetUse) {
	u.Attempts, u.Running, u.Faults = u.Attempts+o.Attempts, u.Running+o.Running, u.Faults+o.Faults
	u.Output, u.Writing = u.Output+o.Output, u.Writing+o.Writing
	u.Cost, u.Unpriced = u.Cost+o.Cost, u.Unpriced+o.Unpriced
	for i, n := range o.Took {
		u.Took[i] += n
	}
	for i := range o.OK {
		u.OK[i] += o.OK[i]
		u.Failed[i] += o.Failed[i]
	}
}

// UseLimit is how many attempts [Reader.Use] looks at: a busy gateway's last
// day is more than a person waits for.
const UseLimit = 20_000

// lateStart is how long after its call's arrival an attempt usually starts at
// the latest: the calls before a span are looked through for so long.
const lateStart = 10 * time.Minute

// Use returns how targets fared from since until now, by provider and model, in
// that many slices. It looks at the newest [UseLimit] attempts; from is since,
// or the first instant they reach back to.
func (r *Reader) Use(ctx context.Context, since, now time.Time, slices int) (list []TargetUse, from time.Time, err error) {
	first, err := r.firstAttempt(ctx, since.Add(-lateStart))
	if err != nil {
		return nil, since, err
	}
	u := useFold{since: since, slice: max(now.Sub(since)/time.Duration(slices), 1), slices: slices, by: map[[2]string]*TargetUse{}}
	oldest, n := now, 0
	err = r.each(ctx, func(f *fields) error {
		oldest = u.take(f)
		n++
		return nil
	}, `SELECT provider, model, outcome, started_at, duration_us, first_token_us, output_tokens, cost, cost_source
		FROM attempts WHERE k >= ? AND started_at >= ? AND outcome <> 'skipped' ORDER BY k DESC LIMIT ?`,
		first, micros(since), UseLimit)
	if from = since; n == UseLimit {
		from = oldest
	}
	return u.list(), from, err
}

// firstAttempt is the key from which on the attempts of calls are that arrived
// at or after an instant.
func (r *Reader) firstAttempt(ctx context.Context, since time.Time) (k int64, err error) {
	k = attemptKey(1<<52, 0) // nothing is that new
	err = r.one(ctx, func(f *fields) error {
		k = attemptKey(f.int(), 0)
		return nil
	}, "SELECT n FROM calls WHERE id >= ? ORDER BY id LIMIT 1", firstID(since))
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return k, err
}

// useFold adds attempts up by target.
type useFold struct {
	since  time.Time
	slice  time.Duration
	slices int
	by     map[[2]string]*TargetUse
}

// take adds a row of Use's query and returns when the attempt started.
func (u *useFold) take(f *fields) time.Time {
	target := [2]string{f.text(), f.text()}
	outcome, started := f.text(), f.time()
	took, first := f.span(), f.span()
	output, cost, source := f.maybe(), f.amount(), f.text()
	t := u.by[target]
	if t == nil {
		t = &TargetUse{Provider: target[0], Model: target[1], OK: make([]int64, u.slices), Failed: make([]int64, u.slices)}
		u.by[target] = t
	}
	at := min(max(int(started.Sub(u.since)/u.slice), 0), u.slices-1)
	t.Attempts++
	switch {
	case outcome == OutcomeRunning:
		t.Running++
		return started
	case TargetFailed(outcome):
		t.Faults++
		t.Failed[at]++
	default:
		t.OK[at]++
	}
	if outcome == OutcomeOK && took >= 0 {
		t.Took.Add(took)
	}
	if outcome == OutcomeOK && output.Known && first >= 0 && took > first {
		t.Output += output.N
		t.Writing += took - first
	}
	if cost.Known {
		t.Cost += cost.Money
	} else if source != "" {
		t.Unpriced++
	}
	return started
}

// TargetFailed tells whether an outcome is the target's failure: not a success,
// and not something that the client, llmgw or the loser of a race did.
func TargetFailed(outcome string) bool {
	switch outcome {
	case OutcomeOK, OutcomeSkipped, OutcomeLostHedge, OutcomeRunning, OutcomeInterrupted,
		string(llm.ClientGone), string(llm.DeadlineReached), string(llm.NotRecorded), string(llm.RefusedRequest), string(llm.Refused), string(llm.ContextLength):
		return false
	}
	return true
}

func (u *useFold) list() []TargetUse {
	var out []TargetUse
	for _, t := range u.by {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b TargetUse) int {
		if c := strings.Compare(a.Provider, b.Provider); c != 0 {
			return c
		}
		return strings.Compare(a.Model, b.Model)
	})
	return out
}

// FaultRow is an attempt at which a target failed, and what came next.
type FaultRow struct {
	CallID  string
	Attempt Attempt
}

// faultsAmong is how many of the newest attempts [Reader.Faults] looks at.
const faultsAmong = 5_000

// Faults returns the newest failures of a provider's targets, of one model or
// with "" of all, newest first, among the newest few thousand attempts since an
// instant.
func (r *Reader) Faults(ctx context.Context, provider, model string, since time.Time, limit int) (list []FaultRow, err error) {
	first, err := r.firstAttempt(ctx, since.Add(-lateStart))
	if err != nil {
		return nil, err
	}
	newest := "SELECT k FROM attempts WHERE k >= ? ORDER BY k DESC LIMIT ?"
	err = r.each(ctx, func(f *fields) error {
		id := f.text()
		_, a, err := readAttempt(f.row[1:])
		if err == nil && TargetFailed(a.Outcome) && len(list) < limit {
			a.CallID = id
			list = append(list, FaultRow{CallID: id, Attempt: a})
		}
		return err
	}, "SELECT coalesce((SELECT id FROM calls WHERE n = k / 1024), ''), "+strings.Join(attemptColumns, ", ")+
		" FROM attempts WHERE k IN ("+newest+") AND provider = ? AND (? = '' OR model = ?) AND outcome NOT IN ('ok', 'skipped', 'running') ORDER BY k DESC LIMIT ?",
		first, faultsAmong, provider, model, model, 10*limit)
	return list, err
}

// CapRefusal is a target that was skipped for want of money.
type CapRefusal struct {
	At   time.Time
	Call string // id
	Said string // by the cap, which it names: "cap day: of 20 USD …"
}

// By returns the rest of what was said where it was by that cap.
func (r *CapRefusal) By(c *Cap) (said string, ok bool) {
	name := "cap " + c.Name
	if c.Each != "" {
		name += " of " + c.Each
	}
	said, ok = strings.CutPrefix(r.Said, name)
	return strings.TrimPrefix(said, ":"), ok && (strings.HasPrefix(said, ": of ") || strings.HasPrefix(said, " lets no "))
}

// refusalsAmong is how many of the newest attempts [Reader.CapRefusals] looks
// at: it is asked every second while calls come.
const refusalsAmong = 1_000

// CapRefusals returns what caps refused since an instant, newest first, among
// the newest thousand attempts.
func (r *Reader) CapRefusals(ctx context.Context, since time.Time, limit int) (list []CapRefusal, err error) {
	first, err := r.firstAttempt(ctx, since.Add(-lateStart))
	if err != nil {
		return nil, err
	}
	err = r.each(ctx, func(f *fields) error {
		list = append(list, CapRefusal{Call: f.text(), At: f.time(), Said: f.text()})
		return nil
	}, `SELECT coalesce((SELECT id FROM calls WHERE n = k / 1024), ''), started_at, error FROM
			(SELECT k, started_at, error, skipped FROM attempts WHERE k >= ? ORDER BY k DESC LIMIT ?)
		WHERE skipped = 'cap' AND started_at >= ? ORDER BY k DESC LIMIT ?`, first, refusalsAmong, micros(since), limit)
	return list, err
}
