package dialect

import "llmgw/providers/llm"

// scaled reads a JSON number as value × 10^places, rounded half away from
// zero, straight from its decimal text: providers print money as binary
// floating point does ("0.0076509169000000005", "4.14e-05"), and going through
// a float64 would lose pico-dollars. exact is false where something was
// rounded off; ok is false for anything but a number that fits.
func scaled(number []byte, places int) (n int64, exact, ok bool) {
	end, err := skipValue(number, 0, 0)
	if err != nil || end != len(number) || !(number[0] == '-' || number[0]-'0' <= 9) {
		return 0, false, false
	}
	digits, point := significant(number)
	point += places
	exact = true
	for i := 0; i < max(point, len(digits)); i++ {
		switch {
		case i >= point:
			if digits[i] != 0 {
				exact = false
			}
		case n > (1<<63-1-9)/10:
			return 0, false, false
		case i < len(digits):
			n = n*10 + int64(digits[i])
		case n == 0:
			return 0, exact, true
		default:
			n *= 10
		}
	}
	if point >= 0 && point < len(digits) && digits[point] >= 5 {
		n++
	}
	if number[0] == '-' {
		n = -n
	}
	return n, exact, true
}

// significant splits a number into its digits without leading zeros and the
// place of the decimal point among them: 0.d1d2d3… × 10^point.
func significant(number []byte) (digits []byte, point int) {
	fraction, exponent, negative := false, 0, false
	for i, c := range number {
		if c == 'e' || c == 'E' {
			exponent, negative = exponentOf(number[i+1:])
			break
		}
		if c == '.' {
			fraction = true
		}
		if c-'0' > 9 {
			continue
		}
		if len(digits) > 0 || c != '0' {
			digits = append(digits, c-'0')
			if !fraction {
				point++
			}
		} else if fraction {
			point--
		}
	}
	if negative {
		exponent = -exponent
	}
	return digits, point + exponent
}

// exponentOf reads an exponent; beyond ±10,000 every number is 0 or too large.
func exponentOf(text []byte) (n int, negative bool) {
	for _, c := range text {
		if c == '-' {
			negative = true
		}
		if c-'0' <= 9 {
			n = min(n*10+int(c-'0'), 10000)
		}
	}
	return n, negative
}

// countIn reads a whole number that is not negative; anything else is unknown.
func countIn(value []byte) llm.Count {
	// The usual form needs no more than a loop.
	if len(value) > 0 && len(value) <= 18 {
		n := int64(0)
		for i, c := range value {
			if c-'0' > 9 {
				break
			}
			n = n*10 + int64(c-'0')
			if i == len(value)-1 {
				return llm.Tokens(n)
			}
		}
	}
	n, exact, ok := scaled(value, 0)
	if !ok || !exact || n < 0 {
		return llm.Count{}
	}
	return llm.Tokens(n)
}
