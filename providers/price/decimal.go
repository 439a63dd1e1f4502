package price

import (
	"encoding/json"
	"fmt"
	"math/big"
)

// decimal reads a JSON number as money and multiplies it, rounded to the
// nearest pico-dollar: other price tables print prices per token as binary
// floating point does ("1.5e-07"), from whose decimal text no digit is lost
// here.
func decimal(text string, times int64) (Money, error) {
	return dollars(text, new(big.Rat).SetInt64(times))
}

// ParseNumber reads what providers say they charged: a JSON number of dollars,
// or of so many parts of a dollar (100 for cents), rounded to the nearest
// pico-dollar. Unlike [ParseUSD] it takes exponents and any number of digits.
func ParseNumber(text string, parts int64) (Money, error) {
	if !json.Valid([]byte(text)) || text == "" || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return 0, fmt.Errorf("%.20q is no amount of money", text)
	}
	return dollars(text, big.NewRat(1, parts))
}

// dollars reads a number of dollars and multiplies it.
func dollars(text string, times *big.Rat) (Money, error) {
	if len(text) > 64 {
		return 0, fmt.Errorf("%.20q… is no amount of money", text)
	}
	var exponent int
	if i := exponentAt(text); i > 0 {
		if _, err := fmt.Sscanf(text[i+1:], "%d", &exponent); err != nil || exponent < -40 || exponent > 12 {
			return 0, fmt.Errorf("%q is no amount of money", text)
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%q is no amount of money", text)
	}
	r.Mul(r, new(big.Rat).SetInt64(int64(USD)))
	r.Mul(r, times)
	return rounded(r.Num(), r.Denom(), true)
}

// exponentAt is where the exponent of a number begins, -1 when it has none.
func exponentAt(text string) int {
	for i, c := range text {
		if c == 'e' || c == 'E' {
			return i
		}
	}
	return -1
}

// errTooMuch is an amount beyond [Money].
var errTooMuch = fmt.Errorf("more than %s USD", Money(1<<63-1))

// rounded divides, to the nearest pico-dollar (a half away from zero) or up.
func rounded(n, d *big.Int, nearest bool) (Money, error) {
	q, rest := new(big.Int).QuoRem(n, d, new(big.Int))
	up := rest.Sign() != 0
	if nearest {
		up = rest.Abs(rest).Lsh(rest, 1).Cmp(d) >= 0
	}
	if up {
		q.Add(q, big.NewInt(int64(n.Sign())))
	}
	if !q.IsInt64() {
		return 0, errTooMuch
	}
	return Money(q.Int64()), nil
}
