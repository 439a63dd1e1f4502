// Package price turns usage into money, in integers all the way: a price that
// is not known stays unknown and never becomes zero.
package price

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Money is an amount in pico-dollars: 1e-12 USD. Nano-dollars could not hold a
// price such as 0.0125 USD per million tokens, which is 12,500 pico-dollars a
// token; the largest Money is a little over 9.2 million USD.
type Money int64

// USD is one dollar in pico-dollars.
const USD Money = 1e12

// usdDigits is how many decimal places of a dollar a Money has.
const usdDigits = 12

// Amount is money that may be unknown. The zero value is unknown, which is
// shown as null or "?" and never summed as if it were 0 USD.
type Amount struct {
	Money Money
	Known bool
}

// Of returns the known amount m.
func Of(m Money) Amount { return Amount{Money: m, Known: true} }

// ParseError is a text that is not an exact amount of dollars.
type ParseError struct {
	Text   string // what was to be read
	Reason string // what is wrong with it
}

// Error names the text and what is wrong with it.
func (e *ParseError) Error() string {
	return fmt.Sprintf("reading %q as US dollars: %s", e.Text, e.Reason)
}

// Hint shows the form that is accepted.
func (e *ParseError) Hint() string {
	return `write dollars as plain decimal digits, such as "10.00" or "0.0125"`
}

// ParseUSD reads a plain decimal number of dollars such as "10", "10.00" or
// "-0.000000000001", exactly: more than twelve decimal places, an exponent, a
// separator, a bare point, or an amount beyond [Money] is a [*ParseError].
func ParseUSD(s string) (Money, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, pointed := strings.Cut(digits, ".")
	switch {
	case !allDigits(whole) || pointed && !allDigits(fraction):
		return 0, &ParseError{s, "not a plain decimal number"}
	case len(fraction) > usdDigits:
		return 0, &ParseError{s, "more than 12 decimal places"}
	}
	fraction += strings.Repeat("0", usdDigits-len(fraction))
	sign := ""
	if negative {
		sign = "-" // parsed with its sign: the lowest Money has no positive twin
	}
	n, err := strconv.ParseInt(sign+whole+fraction, 10, 64)
	if err != nil {
		return 0, &ParseError{s, "more than " + Money(math.MaxInt64).String() + " USD"}
	}
	return Money(n), nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// String returns m in dollars as an exact decimal without exponent or trailing
// zeros: "0.0123", "10", "-2.5". [ParseUSD] reads it back unchanged.
func (m Money) String() string {
	digits := strconv.FormatInt(int64(m), 10)
	sign := ""
	if m < 0 {
		sign, digits = "-", digits[1:]
	}
	if missing := usdDigits + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - usdDigits
	fraction := strings.TrimRight(digits[point:], "0")
	if fraction == "" {
		return sign + digits[:point]
	}
	return sign + digits[:point] + "." + fraction
}
