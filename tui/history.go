package tui

import (
	"fmt"
	"slices"
	"time"

	"llmgw/store"
)

// history is how the breaker of a target went over a span of time.
type history struct {
	from, to time.Time
	changes  []store.BreakerChange // oldest first; closed before the first
}

// breakerStates are the lines of a history, the best at the top.
var breakerStates = [...]string{store.BreakerClosed, store.BreakerHalfOpen, store.BreakerOpen}

func stateIndex(state string) int {
	for i, s := range breakerStates {
		if s == state {
			return i
		}
	}
	return 0
}

// history of a target's breaker: what calls came to see of it, and how it
// stands now.
func (v view) history(target string) (h history, ok bool) {
	d := v.snapshot.providers
	if target == "" || d.breaker != target {
		return h, false
	}
	h = history{from: v.now.Add(-d.span.length()), to: v.now, changes: slices.Clone(d.changes)}
	if d.from.After(h.from) {
		h.from = d.from
	}
	now := store.Breaker{State: store.BreakerClosed}
	if i := slices.IndexFunc(v.targets.Breakers, func(b store.Breaker) bool { return b.Target == target }); i >= 0 {
		now = v.targets.Breakers[i]
	}
	switch now.State {
	case store.BreakerClosed:
		h.add(v.now, now.State)
	case store.BreakerOpen, store.BreakerHalfOpen:
		h.add(now.Since, now.State)
		if now.StateAt(v.now) == store.BreakerHalfOpen {
			h.add(now.Until, store.BreakerHalfOpen)
		}
	}
	return h, len(h.changes) > 0
}

// add takes over a state that is known, where calls did not come to see it.
func (h *history) add(at time.Time, state string) {
	last := store.BreakerChange{At: h.from, State: store.BreakerClosed}
	if n := len(h.changes); n > 0 {
		last = h.changes[n-1]
	}
	if last.State == state {
		return
	}
	if at.Before(last.At) {
		at = last.At
	}
	h.changes = append(h.changes, store.BreakerChange{At: at, State: state})
}

// cells are the states in w equal parts of the span: of several in one the
// worst, which would be missed otherwise, but at the end that of now.
func (h *history) cells(w int) []int {
	out := make([]int, w)
	now, next := 0, 0
	for i := range out {
		end := h.from.Add(h.to.Sub(h.from) * time.Duration(i+1) / time.Duration(w))
		out[i] = now
		for ; next < len(h.changes) && !h.changes[next].At.After(end); next++ {
			now = stateIndex(h.changes[next].State)
			out[i] = max(out[i], now)
		}
	}
	out[w-1] = now
	return out
}

// opened is how often the breaker opened, and how long it was open in all.
func (h *history) opened() (times int, long time.Duration) {
	for i, c := range h.changes {
		if c.State != store.BreakerOpen {
			continue
		}
		times++
		end := h.to
		if i+1 < len(h.changes) {
			end = h.changes[i+1].At
		}
		long += end.Sub(c.At)
	}
	return times, long
}

// historyLines tell how the breaker went: as a chart where there is room.
func (v view) historyLines(r *targetRow, a area) []string {
	h, ok := v.history(r.breaker)
	if !ok {
		return nil
	}
	k := v.look
	times, long := h.opened()
	words := fmt.Sprintf("opened once in %s, for %s", span(h.to.Sub(h.from)), span(long))
	if times != 1 {
		words = fmt.Sprintf("opened %d times in %s, for %s in all", times, span(h.to.Sub(h.from)), span(long))
	}
	if a.h < paneHeight {
		return []string{k.clip(" breaker "+words, a.w)}
	}
	const label = 11
	w := max(a.w-label-2, 1)
	lines := []string{"", " " + k.dim.paint(k.fit("BREAKER", label-1)+h.axis(w, v.zone))}
	cells := h.cells(w)
	for i, name := range []string{"closed", "half-open", "open"} {
		lines = append(lines, " "+k.dim.paint(k.fit(name, label-1))+v.historyStyle(i).paint(k.steps(cells, i)))
	}
	return append(lines, spaces(label)+k.dim.paint(k.clip(words, w)))
}

func (v view) historyStyle(state int) style {
	return [...]style{v.look.text, v.look.switchedStyle, v.look.failedStyle}[state]
}

// steps is one line of a chart of steps: where the line runs, and where it
// leaves for another or comes from there. Lines are counted from the top.
func (l *look) steps(cells []int, line int) string {
	out := ""
	before := cells[0]
	for _, now := range cells {
		switch {
		case now == line && before == line:
			out += l.rule
		case before == line && now > line:
			out += l.corners[0]
		case before == line:
			out += l.corners[1]
		case now == line && before < line:
			out += l.corners[2]
		case now == line:
			out += l.corners[3]
		case min(before, now) < line && line < max(before, now):
			out += l.bar
		default:
			out += " "
		}
		before = now
	}
	return out
}

// axis is the round times along w cells.
func (h *history) axis(w int, zone *time.Location) string {
	const least = 12 // cells from one to the next
	length := h.to.Sub(h.from)
	n := line{}
	for _, step := range []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 24 * time.Hour} {
		if int(length/step)*least > w {
			continue
		}
		for t := h.from.In(zone).Truncate(step).Add(step); t.Before(h.to); t = t.Add(step) {
			at := int(float64(t.Sub(h.from)) / float64(length) * float64(w))
			if at+5 <= w && at >= n.w {
				n.to(at)
				n.add(style{}, t.Format("15:04"))
			}
		}
		break
	}
	return n.String()
}
