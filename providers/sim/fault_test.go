package sim

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseFault(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want Fault
	}{
		{"", Fault{}},
		{"ok", Fault{}},
		{"ok:reset=5", Fault{Reset: 5 * time.Second}},
		{"429:retry-after=2", Fault{Kind: "429", RetryAfter: 2 * time.Second}},
		{"429:retry-after-ms=1500,code=insufficient_quota", Fault{Kind: "429", RetryAfter: 1500 * time.Millisecond, RetryAs: RetryMillis, Code: "insufficient_quota"}},
		{"503: retry-after-date=3 ,grow=1", Fault{Kind: "503", RetryAfter: 3 * time.Second, RetryAs: RetryDate, Grow: true}},
		{"reset-mid-stream", Fault{Kind: ResetMidStream, After: 3}},
		{"reset-mid-stream:after=0", Fault{Kind: ResetMidStream}},
		{"ping-only:ms=10", Fault{Kind: PingOnly, Wait: 10 * time.Millisecond}},
		{"long-line:size=70000", Fault{Kind: LongLine, Size: 70000}},
		{"served-model:model=other", Fault{Kind: ServedModel, Model: "other"}},
		{"quota", Fault{Kind: "429", Code: "insufficient_quota"}},
		{"redirect", Fault{Kind: "302"}},
	} {
		got, err := ParseFault(tc.in)
		if err != nil || got != tc.want {
			t.Errorf("ParseFault(%q) = %+v, %v; want %+v", tc.in, got, err, tc.want)
		}
		again, err := ParseFault(got.String())
		if err != nil || again != got {
			t.Errorf("%q printed as %q reads as %+v, %v", tc.in, got, again, err)
		}
	}
}

func TestParseFaultRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"reset-midstream":         "unknown kind",
		"299":                     "unknown kind",
		"304":                     "unknown kind",
		"600":                     "unknown kind",
		"300…599":                 "unknown kind",
		"429:after=3":             "no effect",
		"ok:code=x":               "no effect",
		"crlf:size=3":             "no effect",
		"hang-mid-stream:after":   "has no value",
		"hang-mid-stream:ms=1s":   "wants a number",
		"hang-mid-stream:ms=-1":   "wants a number",
		"429:retry-after=99999e9": "wants a number",
	} {
		_, err := ParseFault(in)
		var bad *BadFault
		if !errors.As(err, &bad) || bad.Text != in || !strings.Contains(bad.Reason, want) || bad.Hint() == "" {
			t.Errorf("ParseFault(%q): %v, want a BadFault saying %q", in, err, want)
		}
	}
}

// Every kind by its own name, with its own defaults, survives being printed.
func TestEveryKindPrints(t *testing.T) {
	for _, k := range Kinds()[1:] {
		f, err := ParseFault(string(k.Kind))
		if err != nil {
			t.Errorf("%s: %v", k.Kind, err)
		}
		if f.String() != string(k.Kind) {
			t.Errorf("%s prints as %s", k.Kind, f)
		}
		if k.Does == "" {
			t.Errorf("%s is not described", k.Kind)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	for _, s := range []string{"ok", "429:retry-after=2,code=x", "slow:ms=5", "503:grow=1,reset=9", "early-answer:code=413"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		first, err := ParseFault(s)
		if err != nil {
			return
		}
		if second, err := ParseFault(first.String()); err != nil || second != first {
			t.Fatalf("%q -> %+v -> %q -> %+v, %v", s, first, first, second, err)
		}
	})
}

func TestScriptOrder(t *testing.T) {
	s := New(Options{})
	s.Script(Fault{Kind: "429"}, Fault{})
	s.ForModel("m", Fault{Kind: "404"})
	s.Default(Fault{Kind: "503", RetryAfter: time.Second, Grow: true})
	brought := Fault{Kind: Slow}
	for i, want := range []string{"404", "429", "slow:ms=0", "ok", "503:retry-after=1,grow=1", "503:retry-after=2,grow=1", "503:retry-after=4,grow=1"} {
		var b *Fault
		if i == 2 {
			b = &brought
		}
		if got := s.take("m", b).String(); got != strings.TrimSuffix(want, ":ms=0") {
			t.Errorf("arrival %d: %s, want %s", i, got, want)
		}
	}
}

func TestDirectives(t *testing.T) {
	d, err := readDirectives("a [[say one]] [[ -f x ]] [[wiki]] [[say two words]]\n[[usage in=12 out=3]] [[tools 2]] [[words 0]] [[refuse]] [[fault 503@b]] [[fault 429@a]]", "a")
	if err != nil {
		t.Fatal(err)
	}
	if *d.say != "two words" || d.usage["in"] != 12 || d.usage["out"] != 3 || d.tools != 2 || d.words != 0 || !d.refuse || d.fault.Kind != "429" {
		t.Errorf("read %+v", d)
	}
	for _, bad := range []string{"[[tools two]]", "[[words -1]]", "[[usage inn=3]]", "[[usage in]]", "[[fault nonsense]]"} {
		if _, err := readDirectives(bad, ""); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
