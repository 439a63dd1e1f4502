package tui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/llm"
	"llmgw/store"
)

// chart is the common time axis of a call's attempts.
type chart struct {
	start time.Time
	total time.Duration
	label int // cells before the bars
	w     int // of the bars
}

// waterfall draws the attempts of a call: when each was made, how its time was
// spent, how it ended, and what was said.
func waterfall(v view, c *store.CallRow, w int) []string {
	k := v.look
	if len(c.Attempts) == 0 {
		text := "none: no provider was asked"
		if c.Running() {
			text = "none yet"
		}
		return []string{" " + k.dim.paint("ATTEMPTS") + "  " + text}
	}
	ch := newChart(v, c, w)
	head := " " + k.dim.paint(k.fit("ATTEMPTS", ch.label-1)+ch.ticks())
	lines := []string{head}
	for i := range c.Attempts {
		lines = append(lines, ch.attempt(v, c, &c.Attempts[i])...)
	}
	if w >= narrowWidth {
		lines = append(lines, spaces(1)+k.dim.paint(k.legend()))
	}
	return lines
}

func (k *look) legend() string {
	return fmt.Sprintf("%s connect  %s wait  %s to first token  %s stream  %s fault  %s sent on", k.connect, k.wait, k.first, k.stream, k.fault, k.commit)
}

// leastLabel is room for a provider of nine letters and how the attempt ended.
const leastLabel = 25

func newChart(v view, c *store.CallRow, w int) chart {
	ch := chart{start: c.StartedAt, label: min(max(w/3, leastLabel), 28)}
	end := c.FinishedAt
	if end.IsZero() {
		end = v.now
	}
	for i := range c.Attempts {
		if done := endOf(&c.Attempts[i], v.now); done.After(end) && !c.Running() {
			end = done
		}
	}
	ch.total = max(end.Sub(c.StartedAt), time.Millisecond)
	ch.w = max(w-ch.label-3, 4)
	return ch
}

// endOf is when an attempt ended, now for one that runs.
func endOf(a *store.Attempt, now time.Time) time.Time {
	if a.Duration < 0 {
		if a.Outcome == store.OutcomeRunning {
			return now
		}
		return a.StartedAt
	}
	return a.StartedAt.Add(a.Duration)
}

// cell is where an instant lies on the axis.
func (ch *chart) cell(t time.Time) int {
	at := int(float64(t.Sub(ch.start)) / float64(ch.total) * float64(ch.w))
	return min(max(at, 0), ch.w)
}

// ticks are the times along the axis in one unit, the last one at its end.
func (ch *chart) ticks() string {
	step := tickStep(ch.total, max(ch.w/10, 1))
	last := tickWords(threeDigits(ch.total), ch.total)
	n := line{}
	for t := time.Duration(0); t < ch.total; t += step {
		text := tickWords(t, ch.total)
		at := ch.cell(ch.start.Add(t))
		if at+len(text)+1 > ch.w-width(last) {
			break
		}
		if at >= n.w {
			n.to(at)
			n.add(style{}, text)
		}
	}
	n.to(ch.w - width(last) + 1)
	n.add(style{}, last)
	return n.String()
}

// tickStep is a round step for at most that many ticks.
func tickStep(total time.Duration, most int) time.Duration {
	for unit := time.Millisecond; ; unit *= 10 {
		for _, n := range [...]time.Duration{1, 2, 5} {
			if total/(n*unit) < time.Duration(most) {
				return n * unit
			}
		}
	}
}

// tickWords is a time in the unit of an axis of that length.
func tickWords(t, total time.Duration) string {
	unit, name := time.Second, "s"
	if total < time.Second {
		unit, name = time.Millisecond, "ms"
	}
	return strconv.FormatFloat(float64(t)/float64(unit), 'f', -1, 64) + name
}

// threeDigits rounds to as many significant digits, at most to seconds.
func threeDigits(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 && unit < time.Second {
		unit *= 10
	}
	return d.Round(unit)
}

// attempt is one attempt: a bar, and its words beside or below it.
func (ch *chart) attempt(v view, c *store.CallRow, a *store.Attempt) []string {
	k := v.look
	glyph, st := k.endGlyph(a)
	label := fmt.Sprintf(" %d %s", a.N, k.outside(a.Provider, ch.label-16))
	n := line{}
	n.add(k.text, k.fit(label, ch.label-13))
	end := endWord(a)
	if v.streams(a) {
		end = "streaming"
	}
	n.add(st, k.fit(" "+glyph+" "+k.outside(end, 10), 13))
	ch.bar(v, &n, a)
	words := k.attemptWords(c, a)
	if words == "" {
		return []string{n.String()}
	}
	return []string{n.String(), "    " + k.dim.paint(k.outside(words, ch.label+ch.w-3))}
}

func endWord(a *store.Attempt) string {
	switch {
	case a.Outcome == store.OutcomeOK && a.HTTPStatus > 0:
		return fmt.Sprint(a.HTTPStatus)
	case a.Outcome == store.OutcomeRunning:
		return "running"
	case !a.Sent():
		return "skipped"
	case a.Outcome == string(llm.Truncated), a.Outcome == string(llm.ClientGone):
		return spaced(a.Outcome)
	}
	return whyOf(a)
}

func (k *look) endGlyph(a *store.Attempt) (string, style) {
	switch a.Outcome {
	case store.OutcomeOK:
		return k.ok, k.text
	case store.OutcomeRunning:
		return k.active, k.activeStyle
	case store.OutcomeSkipped:
		return k.skipped, k.dim
	case store.OutcomeLostHedge, string(llm.ClientGone):
		return k.gone, k.goneStyle
	case store.OutcomeInterrupted:
		return k.lost, k.goneStyle
	}
	return k.failed, k.failedStyle
}

// bar draws the attempt's time in phases.
func (ch *chart) bar(v view, n *line, a *store.Attempt) {
	k := v.look
	n.to(ch.label)
	if !a.Sent() {
		return
	}
	from, to := ch.cell(a.StartedAt), ch.cell(endOf(a, v.now))
	from = min(from, ch.w-1)
	if a.Waited > 0 {
		waited := ch.cell(a.StartedAt.Add(-a.Waited))
		n.to(ch.label + waited)
		n.add(k.dim, strings.Repeat(k.dot, max(from-waited, 0)))
	}
	n.to(ch.label + from)
	end, st := k.lastMark(a)
	room := max(to-from, 1)
	if end != "" && room > 1 {
		room--
	}
	for i := 0; i < room; {
		glyph, s := ch.phase(v, a, from+i)
		j := i + 1
		for j < room {
			if next, _ := ch.phase(v, a, from+j); next != glyph {
				break
			}
			j++
		}
		n.add(s, strings.Repeat(glyph, j-i))
		i = j
	}
	n.add(st, end)
}

// lastMark is how the bar ends.
func (k *look) lastMark(a *store.Attempt) (string, style) {
	switch {
	case a.Outcome == store.OutcomeOK:
		return k.commit, k.text
	case a.Outcome == store.OutcomeRunning:
		return "", k.text
	case a.Outcome == string(llm.ClientGone), a.Outcome == store.OutcomeLostHedge:
		return k.gone, k.goneStyle
	}
	return k.fault, k.failedStyle
}

// streams tells whether content of a running attempt arrives. Since when is
// recorded at its end.
func (s *snapshot) streams(a *store.Attempt) bool {
	l, ok := s.live[a.CallID]
	return ok && a.Outcome == store.OutcomeRunning && l.Attempt == a.N && l.Phase == store.LiveStreaming && l.Bytes > 0
}

// phase is what went on in the middle of a cell. An attempt that brought no
// content has no phase after the wait; one that streams has the phase of now
// where its times are not known yet.
func (ch *chart) phase(v view, a *store.Attempt, cell int) (string, style) {
	k := v.look
	at := ch.start.Add(time.Duration((float64(cell) + 0.5) / float64(ch.w) * float64(ch.total))).Sub(a.StartedAt)
	connected := known(a.DNS) + known(a.Dial) + known(a.TLS)
	switch {
	case at < connected:
		return k.connect, k.dim
	case a.FirstToken >= 0 && at >= a.FirstToken:
		return k.stream, k.activeStyle
	case a.FirstToken >= 0 && a.Wait >= 0 && at >= connected+a.Wait:
		return k.first, k.switchedStyle
	case a.FirstToken < 0 && at >= connected+known(a.Wait) && v.streams(a):
		return k.stream, k.activeStyle
	}
	return k.wait, k.dim
}

func known(d time.Duration) time.Duration { return max(d, 0) }

// attemptWords say what an attempt brought: the phases of one that answered,
// the provider's own words of one that did not, and what came next.
func (k *look) attemptWords(c *store.CallRow, a *store.Attempt) string {
	var parts []string
	add := func(is bool, format string, args ...any) {
		if is {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	if a.Model != c.ModelRequested {
		parts = append(parts, a.Model)
	}
	if !a.Sent() {
		return strings.Join(append(parts, spaced(a.Skipped)+": "+a.Error), "  ")
	}
	add(a.Waited > 0, "waited %s", k.seconds(a.Waited))
	if a.Outcome != store.OutcomeOK && a.Outcome != store.OutcomeRunning {
		add(a.Error != "", "%s", a.Error)
		add(a.Why != "" && a.Error == "", "%s", a.Why)
		return strings.Join(parts, "  ")
	}
	add(a.Dial >= 0, "dial %s", k.seconds(a.Dial))
	add(a.TLS >= 0, "tls %s", k.seconds(a.TLS))
	add(a.Wait >= 0, "wait %s", k.seconds(a.Wait))
	add(a.FirstToken >= 0 && c.Stream, "first token %s", k.seconds(a.FirstToken))
	if out := a.Usage.Output; out.Known && out.N > 1 && a.FirstToken >= 0 && a.Duration > a.FirstToken && c.Stream {
		parts = append(parts, fmt.Sprintf("%d tok/s", int64(float64(out.N)/(a.Duration-a.FirstToken).Seconds())))
	}
	add(a.Cost.Known && len(c.Attempts) > 1, "%s", usd(a.Cost.Money))
	return strings.Join(parts, "  ")
}
