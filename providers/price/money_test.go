package price

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestParseUSD(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Money
		ok   bool
	}{
		{"0", 0, true},
		{"10", 10 * USD, true},
		{"10.00", 10 * USD, true},
		{"0010.5", 10*USD + USD/2, true},
		{"0.000000000001", 1, true},
		{"-0.000000000001", -1, true},
		{"-0", 0, true},
		{"0.0125", 12_500_000_000, true},
		{"9223372.036854775807", math.MaxInt64, true},
		{"-9223372.036854775808", math.MinInt64, true},
		{"9223372.036854775808", 0, false},
		{"99999999999999999999", 0, false},
		{"0.0000000000001", 0, false},
		{"0.0000000000000", 0, false},
		{"", 0, false},
		{"-", 0, false},
		{".", 0, false},
		{".5", 0, false},
		{"5.", 0, false},
		{"--5", 0, false},
		{"+5", 0, false},
		{"1e3", 0, false},
		{"1_000", 0, false},
		{"1,000", 0, false},
		{"0x10", 0, false},
		{"$5", 0, false},
		{" 5", 0, false},
		{"5 ", 0, false},
		{"NaN", 0, false},
		{"Inf", 0, false},
		{"1.2.3", 0, false},
		{"٣", 0, false},
	} {
		got, err := ParseUSD(tc.text)
		if (err == nil) != tc.ok || got != tc.want {
			t.Errorf("ParseUSD(%q) = %d, %v; want %d, ok %t", tc.text, got, err, tc.want, tc.ok)
		}
		var bad *ParseError
		if !tc.ok && (!errors.As(err, &bad) || bad.Text != tc.text || bad.Hint() == "") {
			t.Errorf("ParseUSD(%q) error %v does not name the text or has no hint", tc.text, err)
		}
	}
}

func TestMoneyString(t *testing.T) {
	for m, want := range map[Money]string{
		0:                      "0",
		1:                      "0.000000000001",
		-1:                     "-0.000000000001",
		USD:                    "1",
		-5 * USD / 2:           "-2.5",
		12_300_000_000:         "0.0123",
		1000 * USD:             "1000",
		Money(math.MaxInt64):   "9223372.036854775807",
		Money(math.MinInt64):   "-9223372.036854775808",
		100*USD + USD/10:       "100.1",
		Money(999_999_999_999): "0.999999999999",
	} {
		if got := m.String(); got != want {
			t.Errorf("Money(%d).String() = %q, want %q", int64(m), got, want)
		}
	}
}

// FuzzMoneyRoundTrip holds String and ParseUSD to being exact inverses, and to
// agreeing with arbitrary-precision arithmetic about the value.
func FuzzMoneyRoundTrip(f *testing.F) {
	for _, n := range []int64{0, 1, -1, int64(USD), math.MaxInt64, math.MinInt64, 1e11} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		text := Money(n).String()
		back, err := ParseUSD(text)
		if err != nil || back != Money(n) {
			t.Fatalf("%d printed as %q, read back as %d, %v", n, text, back, err)
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok || exact.Cmp(big.NewRat(n, int64(USD))) != 0 {
			t.Fatalf("%d printed as %q, which is another number", n, text)
		}
		if strings.Contains(text, ".") && strings.HasSuffix(text, "0") {
			t.Fatalf("%d printed with trailing zeros: %q", n, text)
		}
	})
}

// FuzzParseUSD holds ParseUSD to never accept a text whose value it changes.
func FuzzParseUSD(f *testing.F) {
	for _, s := range []string{"10.00", "-0.5", "1e3", ".", "99999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseUSD(s)
		if err != nil {
			return
		}
		exact, ok := new(big.Rat).SetString(s)
		if !ok || exact.Cmp(big.NewRat(int64(m), int64(USD))) != 0 {
			t.Fatalf("%q read as %d pico-dollars", s, int64(m))
		}
	})
}

func TestParseNumber(t *testing.T) {
	for _, tc := range []struct {
		text  string
		parts int64
		want  string // "": refused
	}{
		{"0.06", 1, "0.06"}, {"0.003835980000000000000000000000", 1, "0.00383598"}, {"1.5e-07", 1, "0.00000015"}, {"-0.5", 1, "-0.5"},
		{"123.45", 100, "1.2345"}, {"0", 100, "0"}, {"1e-13", 1, "0"}, {"5e-13", 1, "0.000000000001"},
		{"", 1, ""}, {"$1", 1, ""}, {"1,000", 1, ""}, {"1/3", 1, ""}, {"0x10", 1, ""}, {"null", 1, ""}, {"NaN", 1, ""}, {"01", 1, ""}, {" 1", 1, ""},
		{"1e300", 1, ""}, {"99999999999", 1, ""}, {`"1"`, 1, ""}, {"true", 1, ""},
	} {
		got, err := ParseNumber(tc.text, tc.parts)
		if tc.want == "" && err == nil || tc.want != "" && (err != nil || got.String() != tc.want) {
			t.Errorf("%q: %s, %v, want %q", tc.text, got, err, tc.want)
		}
	}
}
