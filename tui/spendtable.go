package tui

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"llmgw/providers/price"
	"llmgw/store"
)

// exactly shows money as `llmgw spend` does: to a hundredth of a cent, and what
// is not zero never as zero.
func exactly(m price.Money) string {
	const shown = price.USD / 10_000
	switch {
	case m < 0:
		return "-" + exactly(-m)
	case m > 0 && m < shown:
		return "<$0.0001"
	}
	m = (m + shown/2) / shown
	return fmt.Sprintf("$%d.%04d", m/10_000, m%10_000)
}

// table is the rows with their total, and below it what a total hides.
func (s *spend) table(v view, d *spendData, a area) []string {
	k := v.look
	lines := []string{d.head(k, a, spendSorts[s.sort].head)}
	rows := s.ordered(d)
	top, shown := s.span(k, d, a)
	for i := top; i < top+shown; i++ {
		lines = append(lines, d.row(v, &rows[i], a.w, i == s.at(d) && a.focused))
	}
	if more := len(rows) - shown; more > 0 {
		lines = append(lines, k.dim.paint(fmt.Sprintf("   %d more", more)))
	}
	if len(rows) == 0 {
		lines = append(lines, "   nothing was spent "+d.span())
	} else {
		lines = append(lines, d.row(v, &spendRow{"total", d.total}, a.w, false))
	}
	return append(lines, d.notes(k, a)...)
}

// span is which rows of the table are shown: the first, and how many.
func (s *spend) span(k *look, d *spendData, a area) (top, shown int) {
	room := max(a.h-1-len(d.notes(k, a)), 1)
	if room < len(d.rows)+1 {
		room-- // for how many more there are
	}
	shown = min(len(d.rows), max(room-1, 1))
	return max(min(s.at(d)-shown/2, len(d.rows)-shown), 0), shown
}

// at is the row under the cursor.
func (s *spend) at(d *spendData) int { return max(min(s.cursor, len(d.rows)-1), 0) }

func (d *spendData) span() string {
	if d.period == 0 {
		return "today"
	}
	return "in the last " + d.period.word()
}

// nameWidth is the column of names.
func nameWidth(w int) int {
	if w < narrowWidth {
		return max(w-32, 8) // tokens are left out
	}
	return min(w-58, 40)
}

// head names the columns; the one that orders the table stands out.
func (d *spendData) head(k *look, a area, sorted string) string {
	w := a.w
	name := "BY " + strings.ToUpper(d.group.word()) + ", " + strings.ToUpper(d.period.word())
	if !a.strip && w >= narrowWidth {
		name += " (a w)"
	}
	text := "   " + k.fit(name, nameWidth(w)) + "  CALLS"
	if w >= narrowWidth {
		text += "      IN     OUT CACHED"
	}
	text += "       COST"
	if w >= twoColumns {
		text += "   PER CALL"
	}
	return k.heads(text+"  SHARE", sorted)
}

func (d *spendData) row(v view, r *spendRow, w int, selected bool) string {
	k, s := v.look, &r.sum
	mark := " "
	if selected {
		mark = k.cursor
	}
	name := r.name
	if name == "" {
		name = k.none
	}
	n := line{}
	n.add(style{}, mark+"  "+k.fit(k.outside(name, nameWidth(w)), nameWidth(w))+k.fitRight(short(s.Calls), 7))
	if w >= narrowWidth {
		n.add(style{}, k.fitRight(short(s.InputTokens), 8)+k.fitRight(short(s.OutputTokens), 8)+k.fitRight(k.percent(s.CachedInputTokens, s.InputTokens), 7))
	}
	n.add(style{}, k.fitRight(costWord(k, s), 11))
	if w >= twoColumns {
		each := ""
		if s.Calls > 0 && s.UnpricedCalls == 0 {
			each = exactly(s.Cost / price.Money(s.Calls))
		}
		n.add(style{}, k.fitRight(each, 11))
	}
	share := "?"
	if !unknown(s) {
		share = k.percent(int64(s.Cost/1e6), int64(d.total.Cost/1e6))
	}
	n.add(style{}, k.fitRight(share, 7))
	if room := w - n.w - 2; room >= 8 && d.total.Cost > 0 && r.name != "total" {
		bar := k.share(float64(s.Cost)/float64(d.total.Cost), min(room, 24))
		n.add(style{}, " ")
		if selected {
			n.add(style{}, bar)
		} else {
			n.add(k.activeStyle, bar)
		}
	}
	if !selected {
		return n.String()
	}
	n.to(w)
	return k.selected.paint(n.String())
}

// share is a part of a whole as a bar of w cells at most; what is not nothing is
// never nothing.
func (l *look) share(part float64, w int) string {
	if part <= 0 {
		return ""
	}
	steps := len(l.eighths)
	n := max(int(part*float64(w*steps)), 1)
	bar := strings.Repeat(l.full, n/steps)
	if rest := n % steps; rest > 0 {
		bar += l.eighths[rest-1]
	}
	return bar
}

// unknown tells whether nothing of a cost is known.
func unknown(s *store.Sum) bool { return s.UnpricedCalls > 0 && s.Cost == 0 }

// costWord marks estimates and what is not known: never $0 for that.
func costWord(k *look, s *store.Sum) string {
	if unknown(s) {
		return "?"
	}
	text := exactly(s.Cost)
	if s.Estimated != 0 {
		text = k.approx + text
	}
	if s.UnpricedCalls > 0 {
		text += "+?"
	}
	return text
}

// notes are what is in the total, what is not, and the command for the same.
func (d *spendData) notes(k *look, a area) []string {
	if a.strip || a.h < tallPane/2 {
		return nil
	}
	t, w := &d.total, a.w
	var parts []string
	add := func(is bool, format string, args ...any) {
		if is {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(t.Estimated != 0, "estimated %s%s", k.approx, exactly(t.Estimated))
	add(t.UnpricedCalls > 0, "unpriced calls, not in it: %s", grouped(t.UnpricedCalls))
	add(d.overruns.Calls > 0, "overruns %s in %s calls", exactly(d.overruns.Cost), grouped(d.overruns.Calls))
	add(t.CacheHits > 0, "saved by cache %s", exactly(t.Saved))
	add(t.Plan != 0, "on subscriptions worth %s", exactly(t.Plan))
	add(t.FailedAttempts > 0, "failed attempts %s", grouped(t.FailedAttempts))
	lines := []string{""}
	if len(parts) > 0 {
		lines = append(lines, " "+k.clip(strings.Join(parts, "   "), w-2))
	}
	return append(lines, " "+k.dim.paint(k.clip("same numbers as:  "+d.command(), w-2)))
}

// command prints the same numbers.
func (d *spendData) command() string {
	return "llmgw spend --since " + d.period.word() + " --by " + d.group.word()
}

// csv is the table as `llmgw spend --format csv` prints it.
func (d *spendData) csv(rows []spendRow) string {
	lines := [][]string{{
		d.group.word(), "calls", "attempts", "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
		"cost_usd", "estimated_usd", "plan_usd", "unpriced_calls", "cache_hits", "saved_usd", "failed_calls", "failed_attempts",
	}}
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	for i := range rows {
		s := &rows[i].sum
		lines = append(lines, []string{
			store.Clean(rows[i].name), count(s.Calls), count(s.Attempts), count(s.InputTokens), count(s.CachedInputTokens), count(s.CacheWriteTokens),
			count(s.OutputTokens), count(s.ReasoningTokens), s.Cost.String(), s.Estimated.String(), s.Plan.String(),
			count(s.UnpricedCalls), count(s.CacheHits), s.Saved.String(), count(s.FailedCalls), count(s.FailedAttempts),
		})
	}
	var b strings.Builder
	_ = csv.NewWriter(&b).WriteAll(lines) // a Builder takes everything
	return b.String()
}
