package price

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rate is the price of one kind: US dollars per million tokens or each. Above
// a step's number of input tokens the step's price holds for all of the call's
// tokens, output included, not only for those beyond it.
type rate struct {
	set   bool
	money Money
	above []step // by ascending tokens
}

type step struct {
	tokens int64
	money  Money
}

// at returns the price for a call of so many input tokens.
func (r *rate) at(input int64) Money {
	m := r.money
	for _, s := range r.above {
		if input > s.tokens {
			m = s.money
		}
	}
	return m
}

// most returns the highest price for any call of up to so many input tokens.
func (r *rate) most(input int64) Money {
	m := r.money
	for _, s := range r.above {
		if input > s.tokens {
			m = max(m, s.money)
		}
	}
	return m
}

// String writes the rate as in "2.5>272000:5".
func (r *rate) String() string {
	text := r.money.String()
	for _, s := range r.above {
		text += ">" + strconv.FormatInt(s.tokens, 10) + ":" + s.money.String()
	}
	return text
}

func parseRate(text string) (rate, error) {
	base, steps, tiered := strings.Cut(text, ">")
	m, err := parsePrice(base)
	r := rate{set: true, money: m}
	if err != nil || !tiered {
		return r, err
	}
	for part := range strings.SplitSeq(steps, ">") {
		tokens, money, _ := strings.Cut(part, ":")
		n, err := strconv.ParseInt(tokens, 10, 64)
		if err != nil || n < 0 {
			return r, fmt.Errorf("%q is no number of tokens", tokens)
		}
		m, err := parsePrice(money)
		if err != nil {
			return r, err
		}
		r.above = append(r.above, step{n, m})
	}
	if !slices.IsSortedFunc(r.above, func(a, b step) int { return cmp.Compare(a.tokens, b.tokens) }) {
		return r, fmt.Errorf("the steps of %q are not in order", text)
	}
	return r, nil
}

// parsePrice reads a price, which is never negative nor beyond [maxPrice].
func parsePrice(text string) (Money, error) {
	m, err := ParseUSD(text)
	if err != nil {
		return 0, err
	}
	return m, plausible(m)
}

// rates are the prices that hold together, and when they do.
type rates struct {
	from       string // first day (UTC) as 2006-01-02; "": always
	daily      bool   // only from start to end of each day
	start, end int    // minutes of the day in UTC; end is exclusive and may be before start
	of         [kinds]rate
}

const dayForm = "2006-01-02"

// began tells whether the day the rates hold from has come.
func (r *rates) began(at time.Time) bool {
	return r.from == "" || r.from <= at.UTC().Format(dayForm)
}

// holds tells whether the rates hold at that time of the day.
func (r *rates) holds(at time.Time) bool {
	at = at.UTC()
	minute := at.Hour()*60 + at.Minute()
	switch {
	case !r.daily:
		return true
	case r.start <= r.end:
		return r.start <= minute && minute < r.end
	default:
		return r.start <= minute || minute < r.end
	}
}

// find returns the rate that a kind is charged at, nil when it costs nothing.
func (r *rates) find(k Kind) *rate {
	if r.of[k].set {
		return &r.of[k]
	}
	for _, k := range fallbacks[k] {
		if r.of[k].set {
			return &r.of[k]
		}
	}
	return nil
}

// at returns the price of a kind in a call of so many input tokens.
func (r *rates) at(k Kind, input int64) Money {
	if found := r.find(k); found != nil {
		return found.at(input)
	}
	return 0
}

// most returns the highest price any of the kinds can have in a call of up to
// so many input tokens.
func (r *rates) most(input int64, of ...Kind) Money {
	var m Money
	for _, k := range of {
		if found := r.find(k); found != nil {
			m = max(m, found.most(input))
		}
	}
	return m
}

// free tells whether nothing has a price above 0.
func (r *rates) free() bool {
	for k := range r.of {
		if r.of[k].most(1<<62) > 0 {
			return false
		}
	}
	return true
}

// fields writes the rates as the price book does.
func (r *rates) fields() []string {
	var out []string
	if r.from != "" {
		out = append(out, "from="+r.from)
	}
	if r.daily {
		out = append(out, fmt.Sprintf("daily=%02d:%02d-%02d:%02d", r.start/60, r.start%60, r.end/60, r.end%60))
	}
	for k := range r.of {
		if r.of[k].set {
			out = append(out, kindNames[k]+"="+r.of[k].String())
		}
	}
	return out
}

// take reads one field; known is false for a name that is none of a rate's.
func (r *rates) take(name, value string) (known bool, err error) {
	switch name {
	case "from":
		r.from = value
		_, err = time.Parse(dayForm, value)
		return true, err
	case "daily":
		r.daily = true
		var h, m, h2, m2 int
		if _, err := fmt.Sscanf(value, "%d:%d-%d:%d", &h, &m, &h2, &m2); err != nil || max(h, h2) > 24 || max(m, m2) > 59 || min(h, m, h2, m2) < 0 {
			return true, fmt.Errorf("%q is no span of the day such as 00:30-16:30", value)
		}
		r.start, r.end = h*60+m, h2*60+m2
		return true, nil
	}
	k, ok := kindNamed(name)
	if !ok {
		return false, nil
	}
	r.of[k], err = parseRate(value)
	return true, err
}
