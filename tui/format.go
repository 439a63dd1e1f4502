package tui

import (
	"fmt"
	"strconv"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/store"
)

// seconds shows a duration as people compare it: "3ms", "1.9s", "4m05s",
// "3h12m", "9d". Below zero is unknown.
func (l *look) seconds(d time.Duration) string {
	switch {
	case d < 0:
		return l.none
	case d > 0 && d < time.Millisecond:
		return "<1ms"
	case d < 100*time.Millisecond:
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < 100*time.Second:
		return strconv.FormatFloat(d.Truncate(100*time.Millisecond).Seconds(), 'f', 1, 64) + "s"
	}
	return span(d)
}

// span shows a longer duration in two units at most.
func span(d time.Duration) string {
	switch s := int64(d / time.Second); {
	case s < 60:
		return fmt.Sprintf("%ds", max(s, 0))
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%dd", s/86400)
	}
}

// tokens shows a count of tokens in at most six characters; unknown is a dash.
func (l *look) tokens(c llm.Count) string {
	if !c.Known {
		return l.none
	}
	return short(c.N)
}

// short shows a number in at most six characters: "640", "18.2k", "1.3M".
func short(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10)
	case n < 999_950:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + "k"
	case n < 999_950_000:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + "M"
	default:
		return strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64) + "G"
	}
}

// grouped shows a whole number with separators: "1,284".
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// usd shows money for comparing: to the cent from a dollar on, to a hundredth
// of a cent below; exact figures are in the detail and in `llmgw spend`.
func usd(m price.Money) string {
	switch {
	case m == 0:
		return "$0"
	case m < 0:
		return "-" + usd(-m)
	case m < price.USD/10_000:
		return "<$.0001" // not known to be nothing, not worth more digits
	case m < price.USD:
		return "$" + strconv.FormatFloat(float64(m)/float64(price.USD), 'f', 4, 64)
	case m < 10_000*price.USD:
		return "$" + strconv.FormatFloat(float64(m)/float64(price.USD), 'f', 2, 64)
	}
	return "$" + grouped(int64((m+price.USD/2)/price.USD))
}

// cents shows money beside a limit, to the cent.
func cents(m price.Money) string {
	if m < price.USD/100 {
		return usd(m)
	}
	return "$" + strconv.FormatFloat(float64(m)/float64(price.USD), 'f', 2, 64)
}

// cost shows an amount on its basis: "~" marks an estimate, "?" an unknown
// price, which is never shown as 0.
func (l *look) cost(a price.Amount, source string) string {
	switch {
	case source == store.CostPlan:
		return "plan"
	case source == store.CostFree:
		return "free"
	case !a.Known && source == "":
		return ""
	case !a.Known:
		return "?"
	case source == store.CostEstimated && a.Money > 0 && a.Money < price.USD/1000:
		return "<$.001" + l.approx
	case source == store.CostEstimated && a.Money > 0 && a.Money < price.USD:
		return "$" + strconv.FormatFloat(float64(a.Money)/float64(price.USD), 'f', 3, 64) + l.approx
	case source == store.CostEstimated:
		return usd(a.Money) + l.approx
	}
	return usd(a.Money)
}

// percent is a share of a whole; nothing of nothing is a dash.
func (l *look) percent(part, whole int64) string {
	if whole == 0 {
		return l.none
	}
	return strconv.FormatInt((part*100+whole/2)/whole, 10) + "%"
}

// shortID is the end of an id, which tells calls of one moment apart.
func shortID(id string) string { return id[max(0, len(id)-8):] }

// sparkline draws numbers as a row of bars, the largest at full height.
func (l *look) sparkline(list []int64) string {
	var most int64
	for _, n := range list {
		most = max(most, n)
	}
	out := ""
	for _, n := range list {
		at := int64(0)
		if n > 0 && most > 0 {
			at = max(1, n*int64(len(l.spark)-1)/most)
		}
		out += l.spark[at]
	}
	return out
}

// meter is a bar of w cells between edges: what is spent, then what is held.
func (l *look) meter(spent, held, whole price.Money, w int) string {
	cells := func(m price.Money) int {
		if whole <= 0 {
			return w
		}
		return min(w, int(float64(m)/float64(whole)*float64(w)+0.5))
	}
	full := cells(spent)
	if spent > 0 {
		full = max(full, 1)
	}
	if spent < whole {
		full = min(full, w-1)
	}
	reserved := 0
	if held > 0 {
		reserved = max(cells(spent+held), full) - full
	}
	out := l.edgeLeft
	for i := range w {
		switch {
		case i < full:
			out += l.full
		case i < full+reserved:
			out += l.held
		default:
			out += l.free
		}
	}
	return out + l.edgeRight
}
