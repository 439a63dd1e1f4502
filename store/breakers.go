package store

import (
	"context"
	"time"
)

// BreakerChange is a moment at which a target's breaker went to another state.
type BreakerChange struct {
	At    time.Time
	State string // BreakerClosed, BreakerOpen or BreakerHalfOpen
}

// BreakerChanges returns how the breaker of a target went since an instant,
// oldest first, as far as calls came to see it: a skipped one shows that it was
// open, one that was let pass afterwards was a probe. Where it opened is taken
// to be the end of the failure before the first skip. It looks at the newest
// [UseLimit] attempts; before the first change the breaker was closed.
func (r *Reader) BreakerChanges(ctx context.Context, provider, model string, since time.Time) ([]BreakerChange, error) {
	first, err := r.firstAttempt(ctx, since.Add(-lateStart))
	if err != nil {
		return nil, err
	}
	w := breakerWatch{state: BreakerClosed}
	err = r.each(ctx, func(f *fields) error {
		w.see(f.time(), f.span(), f.text(), f.text())
		return nil
	}, `SELECT started_at, duration_us, outcome, skipped FROM
			(SELECT k, provider, model, started_at, duration_us, outcome, skipped FROM attempts WHERE k >= ? ORDER BY k DESC LIMIT ?)
		WHERE provider = ? AND model = ? AND started_at >= ? ORDER BY started_at, k`, first, UseLimit, provider, model, micros(since))
	return w.changes, err
}

// breakerWatch follows a breaker through the attempts at its target.
type breakerWatch struct {
	state   string
	failed  time.Time // end of the last failure while it was closed
	changes []BreakerChange
}

// see takes the next attempt, in the order in which they began.
func (w *breakerWatch) see(at time.Time, took time.Duration, outcome, skipped string) {
	end := at.Add(max(took, 0))
	switch {
	case outcome == OutcomeSkipped && skipped != "breaker":
	case outcome == OutcomeSkipped:
		if w.state == BreakerClosed {
			if w.failed.IsZero() || w.failed.After(at) {
				w.failed = at
			}
			w.turn(w.failed, BreakerOpen)
		}
	case w.state == BreakerClosed:
		if TargetFailed(outcome) {
			w.failed = end
		}
	default:
		w.turn(at, BreakerHalfOpen)
		switch {
		case outcome == OutcomeOK:
			w.turn(end, BreakerClosed)
		case TargetFailed(outcome):
			w.turn(end, BreakerOpen)
		}
	}
}

func (w *breakerWatch) turn(at time.Time, state string) {
	if w.state == state {
		return
	}
	if n := len(w.changes); n > 0 && w.changes[n-1].At.After(at) {
		at = w.changes[n-1].At // a probe that was let pass beside another
	}
	w.state, w.failed = state, time.Time{}
	w.changes = append(w.changes, BreakerChange{at, state})
}
