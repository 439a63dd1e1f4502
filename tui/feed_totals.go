package tui

import (
	"context"
	"time"

	"llmgw/store"
)

// totals reads the header's figures, not more than once a second.
func (f *feed) totals(ctx context.Context, s *snapshot, again bool, now time.Time) (err error) {
	w, old := s.want, f.last.want
	sameCalls := w.filter == old.filter && w.faults == old.faults
	f.behind = true
	if !again && sameCalls && w.complete == old.complete && f.more == f.last.searching && now.Sub(f.totalsAt) < totalsEvery {
		return nil
	}
	if s.pulse, err = f.r.Pulse(ctx, now, pulseColumns); err != nil {
		return err
	}
	if s.today, err = f.spentToday(ctx, now); err != nil {
		return err
	}
	if err = f.states(ctx, s, now); err != nil {
		return err
	}
	if s.total, err = f.r.Count(ctx, store.Query{}); err != nil {
		return err
	}
	if s.matches, err = f.count(ctx, s, now); err != nil {
		return err
	}
	if w.complete {
		if s.known, err = f.r.Values(ctx, now); err != nil {
			return err
		}
	}
	f.totalsAt, f.behind = now, false
	return nil
}

// refusalsRead is how many refusals are enough to know which caps refuse.
const refusalsRead = 50

// pulseColumns is how finely the hour is drawn.
const pulseColumns = 16

func (f *feed) states(ctx context.Context, s *snapshot, now time.Time) (err error) {
	if s.setup, _, err = f.r.Setup(ctx); err != nil {
		return err
	}
	if s.caps, s.capsAt, err = f.r.Caps(ctx); err != nil {
		return err
	}
	var refusals []store.CapRefusal
	if len(s.caps) > 0 {
		if refusals, err = f.r.CapRefusals(ctx, now.Add(-refusalSpan), refusalsRead); err != nil {
			return err
		}
	}
	s.blocked = blockages(s.caps, refusals, now)
	if s.targets, _, err = f.r.Targets(ctx); err != nil {
		return err
	}
	s.reload, err = f.r.Reloaded(ctx)
	return err
}

// local is now in the zone whose days are shown.
func (f *feed) local(now time.Time) time.Time {
	if f.opt.Zone == nil {
		return now
	}
	return now.In(f.opt.Zone)
}

func (f *feed) spentToday(ctx context.Context, now time.Time) (store.Sum, error) {
	list, err := f.r.Sums(ctx, store.SumQuery{Since: store.DayStart(f.local(now)), Now: now, WithoutLatency: true})
	if err != nil || len(list) == 0 {
		return store.Sum{}, err
	}
	return list[0], nil
}

// count counts the calls that match, if that does not take long: -1 when it
// does.
func (f *feed) count(ctx context.Context, s *snapshot, now time.Time) (int64, error) {
	w, old := s.want, f.last
	switch {
	case s.window.newest && s.window.oldest && !s.window.sorted:
		return int64(len(s.window.rows)), nil
	case f.more, old.matches < 0 && !old.searching && old.want.filter == w.filter && old.want.faults == w.faults:
		return -1, nil // it took too long a moment ago
	}
	q, err := w.query(now)
	if err != nil {
		return -1, err
	}
	limited, stop := context.WithTimeout(ctx, countAtMost)
	defer stop()
	n, err := f.r.Count(limited, q)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return -1, nil
	}
	return n, err
}

// screens reads what only the visible screens need.
func (f *feed) screens(ctx context.Context, s *snapshot, now time.Time) (err error) {
	w := s.want
	s.body = nil
	if err = f.detail(ctx, s, now); err != nil {
		return err
	}
	if w.body != "" {
		if s.body, err = readBody(ctx, f.r, w, f.last.body); err != nil {
			return err
		}
	}
	fresh := f.totalsAt.Equal(now) // reports go with the header
	was := f.last.want
	if !w.providers {
		if s.providers != nil && now.Sub(s.providers.at) > keptReport {
			s.providers = nil
		}
	} else if fresh || s.providers == nil || !was.providers || w.since != was.since || w.target != was.target || w.breaker != was.breaker {
		if s.providers, err = readProviders(ctx, f.r, w, now); err != nil {
			return err
		}
	}
	if !w.spend {
		if s.spend != nil && now.Sub(s.spend.at) > keptReport {
			s.spend = nil
		}
	} else if fresh || s.spend == nil || !was.spend || w.period != was.period || w.group != was.group {
		if s.spend, err = readSpend(ctx, f.r, w, f.local(now)); err != nil {
			return err
		}
	}
	return nil
}

// keptReport is how old a report may be to be shown till it is read anew, when
// its screen is opened again.
const keptReport = time.Minute

// detail reads what the list does not have of one call: at once when the user
// chose it, once a second while the newest call is shown whichever it is.
func (f *feed) detail(ctx context.Context, s *snapshot, now time.Time) (err error) {
	w, age := s.want, now.Sub(f.detailAt)
	chosen := w.around != "" && w.detail != f.last.want.detail
	switch {
	case w.detail == "":
		s.detail = nil
		return nil
	case !chosen && age < totalsEvery && s.detail != nil:
		f.behind = true
		return nil
	}
	s.detail, err = readDetail(ctx, f.r, w)
	f.detailAt = now
	return err
}
