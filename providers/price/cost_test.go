package price

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"llmgw/providers/llm"
)

// priceOf looks a model up that the built-in book must know.
func priceOf(t testing.TB, provider, model string) Price {
	t.Helper()
	p, ok := Builtin().Lookup(provider, model, noon)
	if !ok {
		t.Fatalf("%s/%s has no price", provider, model)
	}
	return p
}

// use is a usage with a whole input and output.
func use(input, output int64) llm.Usage {
	return llm.Usage{Input: llm.Tokens(input), Output: llm.Tokens(output)}
}

func mustCost(t testing.TB, p Price, u llm.Usage) Breakdown {
	t.Helper()
	b, err := p.Cost(u, noon)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantCost checks amount and basis.
func wantCost(t testing.TB, b Breakdown, usd string, basis Basis) {
	t.Helper()
	want, err := ParseUSD(usd)
	if err != nil || b.Amount != Of(want) || b.Basis != basis {
		t.Errorf("%s: %+v %s, want %s %s (notes %q)", b, b.Amount, b.Basis, usd, basis, b.Notes)
	}
}

// The corpus's rules on a table that needs no corpus. Each amount was worked
// out by hand from the price in the comment.
func TestCost(t *testing.T) {
	for _, tc := range []struct {
		name, provider, model string
		usage                 llm.Usage
		want                  string
	}{
		{"plain: 2.50 and 10.00", "openai", "gpt-4o", use(1000, 500), "0.0075"},
		{"nothing used", "openai", "gpt-4o", use(0, 0), "0"},
		{"one token each: 0.05 and 0.08", "groq", "llama3-8b-8192", use(1, 1), "0.00000013"},
		{"2 billion tokens: 5 and 25", "bedrock", "global.anthropic.claude-opus-4-6-v1:0", use(1999999937, 999999937), "34999.99811"},
		{"cached at 1.25", "openai", "gpt-4o", llm.Usage{Input: llm.Tokens(1000), CachedInput: llm.Tokens(800), Output: llm.Tokens(1)}, "0.00151"},
		{"cached without a price of its own: 3", "openai", "computer-use", llm.Usage{Input: llm.Tokens(2048), CachedInput: llm.Tokens(1024), Output: llm.Tokens(1)}, "0.006156"},
		{"1 h writes at 6, 5 min at 3.75, reads at 0.30", "anthropic", "claude-sonnet-4-5", llm.Usage{Input: llm.Tokens(60013), CachedInput: llm.Tokens(20005), CacheWrite: llm.Tokens(40003), CacheWrite1h: llm.Tokens(30001), Output: llm.Tokens(517)}, "0.231285"},
		{"audio at 10 and 20, text at 0.60 and 2.40", "openai", "gpt-audio-mini", llm.Usage{Input: llm.Tokens(1500), InputAudio: llm.Tokens(1200), Output: llm.Tokens(900), OutputAudio: llm.Tokens(700)}, "0.02666"},
		{"7 searches at 0.01", "anthropic", "claude-opus-5", llm.Usage{Input: llm.Tokens(40001), Output: llm.Tokens(1201), WebSearches: llm.Tokens(7)}, "0.30003"},
		{"a call at 0.012", "perplexity", "sonar-reasoning", use(15, 333), "0.01368"},
		{"images at 32, text at 10", "openai", "gpt-image-1.5", llm.Usage{Input: llm.Tokens(30), Output: llm.Tokens(1310), Raw: []byte(`{"output_tokens_details":{"image_tokens":1290}}`)}, "0.04163"},
	} {
		b := mustCost(t, priceOf(t, tc.provider, tc.model), tc.usage)
		if want, _ := ParseUSD(tc.want); b.Amount != Of(want) || b.Basis != Reported || b.Inconsistent {
			t.Errorf("%s: %s (%s), want %s", tc.name, b, b.Basis, tc.want)
		}
	}
}

func TestBreakdownShowsTheArithmetic(t *testing.T) {
	b := mustCost(t, priceOf(t, "anthropic", "claude-sonnet-4-0"), llm.Usage{
		Input: llm.Tokens(12307), CacheWrite: llm.Tokens(12304), CachedInput: llm.Tokens(0), Output: llm.Tokens(550), ServiceTier: "batch",
	})
	if got, want := b.String(), "3 input × 3 × 0.5 + 12304 cache_write × 3.75 × 0.5 + 550 output × 15 × 0.5 = 0.0271995"; got != want {
		t.Errorf("the arithmetic is %q, want %q", got, want)
	}
}

func TestUnknownIsNotZero(t *testing.T) {
	for name, b := range map[string]Breakdown{
		"no price":         mustCost(t, Price{}, use(1000, 1000)),
		"no usage":         mustCost(t, priceOf(t, "openai", "gpt-4o"), llm.Usage{}),
		"no usage, free":   mustCost(t, priceOf(t, "openrouter", "google/gemini-2.0-flash-exp:free"), llm.Usage{}),
		"no price, no use": mustCost(t, Price{}, llm.Usage{}),
	} {
		if b.Amount.Known || b.Basis != Unpriced || len(b.Notes) == 0 {
			t.Errorf("%s: %+v", name, b)
		}
	}
	wantCost(t, mustCost(t, priceOf(t, "openrouter", "google/gemini-2.0-flash-exp:free"), use(10, 10)), "0", Freely)
	wantCost(t, mustCost(t, Price{}, llm.Usage{ReportedCost: llm.Tokens(int64(USD / 100))}), "0.01", ProviderCost)
}

func TestProviderCostIsPreferred(t *testing.T) {
	gpt := priceOf(t, "openrouter", "openai/gpt-4o-mini")
	u := use(1_000_000, 0)
	for _, tc := range []struct {
		cost      string
		raw       string
		want      string
		basis     Basis
		disagrees bool
	}{
		{"0.15", `{}`, "0.15", ProviderCost, false},
		{"0.1514", `{}`, "0.1514", ProviderCost, false},
		{"0.2", `{}`, "0.2", ProviderCost, true}, // a plugin
		{"0", `{}`, "0", ProviderCost, true},
		{"0.0075", `{"is_byok":true,"cost_details":{"upstream_inference_cost":0.15}}`, "0.1575", ProviderCost, true},
		{"0", `{"is_byok":true,"cost_details":{"upstream_inference_cost":1.5e-01}}`, "0.15", ProviderCost, false},
		{"0", `{"is_byok":true,"cost_details":{"upstream_inference_cost":null}}`, "0.15", Estimated, false},
		{"0.15", `{"is_byok":false,"cost_details":{"upstream_inference_cost":0.1}}`, "0.15", ProviderCost, false},
	} {
		cost, _ := ParseUSD(tc.cost)
		u.ReportedCost, u.Raw = llm.Tokens(int64(cost)), []byte(tc.raw)
		b := mustCost(t, gpt, u)
		wantCost(t, b, tc.want, tc.basis)
		if b.Disagrees != tc.disagrees || b.Computed != Of(USD*15/100) {
			t.Errorf("%s %s: disagrees %t, computed %s", tc.cost, tc.raw, b.Disagrees, b.Computed.Money)
		}
	}
}

// Passes of a model that are billed but not in Anthropic's top-level usage.
func TestIterations(t *testing.T) {
	const advisor = `{"input_tokens":2482,"output_tokens":166,"iterations":[
		{"type":"message","input_tokens":1128,"output_tokens":155},
		{"type":"advisor_message","model":"claude-fable-5","input_tokens":2564,"output_tokens":99},
		{"type":"message","input_tokens":1354,"output_tokens":11}]}`
	const compaction = `{"iterations":[
		{"type":"compaction","input_tokens":60385,"output_tokens":522,"cache_creation_input_tokens":100,"cache_creation":{"ephemeral_1h_input_tokens":40}},
		{"type":"message","input_tokens":612,"output_tokens":2819}]}`
	const fallback = `{"iterations":[
		{"type":"message","model":"claude-fable-5","input_tokens":408,"output_tokens":0},
		{"type":"fallback_message","model":"claude-opus-4-8","input_tokens":412,"output_tokens":264}]}`
	for _, tc := range []struct {
		name, model, raw string
		usage            llm.Usage
		want             string
		basis            Basis
	}{
		// 2482×2 + 166×10 at Sonnet's, 2564×10 + 99×50 at the advisor's.
		{"advisor", "claude-sonnet-5", advisor, use(2482, 166), "0.037214", Reported},
		// 612×5 + 2819×25; 60385×5 + 60×6.25 + 40×10 + 522×25.
		{"compaction", "claude-opus-4-6", compaction, use(612, 2819), "0.389285", Reported},
		// 412×5 + 264×25: the model that was asked refused at once.
		{"fallback", "claude-fable-5", fallback, use(412, 264), "0.00866", Reported},
		{"advisor nobody knows", "claude-sonnet-5", strings.ReplaceAll(advisor, "fable-5", "myth-9"), use(2482, 166), "0.012742", Estimated},
		{"a pass of a new type", "claude-sonnet-5", `{"iterations":[{"type":"dream","input_tokens":5}]}`, use(100, 10), "0.0003", Estimated},
	} {
		tc.usage.Raw = []byte(tc.raw)
		p := Builtin().WithPasses(priceOf(t, "anthropic", tc.model), tc.usage, noon)
		b := mustCost(t, p, tc.usage)
		if want, _ := ParseUSD(tc.want); b.Amount != Of(want) || b.Basis != tc.basis {
			t.Errorf("%s: %s (%s, %q), want %s (%s)", tc.name, b, b.Basis, b.Notes, tc.want, tc.basis)
		}
		frozen, err := ParsePrice(p.String())
		if again := mustCost(t, frozen, tc.usage); err != nil || again.Amount != b.Amount {
			t.Errorf("%s: recomputed from %q: %s, %v", tc.name, p, again, err)
		}
	}
}

// SF-B3: a model that nobody prices has an unknown cost; one that is priced 0
// is free. The two never look alike.
func TestSFB3UnknownModelIsNotFree(t *testing.T) {
	if p, ok := Builtin().Lookup("openai", "gpt-99", noon); ok || p.Known() || p.Free() || p.String() != "" {
		t.Errorf("an unknown model has the price %q", p)
	}
}

// SF-B12: a price that was typed per token, or per token times a million twice,
// is refused with the unit.
func TestSFB12PriceOfAWrongUnitIsRefused(t *testing.T) {
	for text, ok := range map[string]bool{
		"1000": true, "1000.000001": false, "2500000": false, "0.0001": true, "0.0000025": false, "0": true,
	} {
		m, _ := ParseUSD(text)
		err := Config{Unknown: UnknownFlag, Model: map[string]Override{"openai/x": {Input: Of(m), Output: Of(m)}}}.Validate()
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "USD per million tokens") {
			t.Errorf("%s USD per million: %v", text, err)
		}
	}
}

// SF-U10: a price is in dollars per million tokens wherever it stands, so one
// that was meant per token is refused by the book and by frozen prices too.
func TestSFU10PricesAreInDollarsPerMillion(t *testing.T) {
	for _, text := range []string{"0.0000025", "2500000"} {
		if _, err := ParseBook("[a]\nmodel x\nprice input=" + text); err == nil {
			t.Errorf("a book with %s USD per million tokens was read", text)
		}
		if _, err := ParsePrice("of=a/x ; input=" + text); err == nil {
			t.Errorf("a price of %s USD per million tokens was read", text)
		}
	}
	wantCost(t, mustCost(t, priceOf(t, "openai", "gpt-4o"), use(1_000_000, 0)), "2.5", Reported)
}

// SF-U1: tokens written to the cache are part of the input and charged once.
func TestSFU1CacheTokensAreChargedOnce(t *testing.T) {
	b := mustCost(t, priceOf(t, "anthropic", "claude-sonnet-4-0"), llm.Usage{
		Input: llm.Tokens(3 + 12304), CacheWrite: llm.Tokens(12304), CachedInput: llm.Tokens(0), Output: llm.Tokens(550),
	})
	wantCost(t, b, "0.054399", Reported) // (3×3 + 12304×3.75 + 550×15) / 1e6
	b = mustCost(t, priceOf(t, "openai", "gpt-4o"), llm.Usage{Input: llm.Tokens(12307), CachedInput: llm.Tokens(12304), Output: llm.Tokens(550)})
	wantCost(t, b, "0.0208875", Reported) // (3×2.5 + 12304×1.25 + 550×10) / 1e6
}

// SF-U4: more of the same input from the cache never costs more, for any model
// of the book.
func TestSFU4MoreCachedNeverCostsMore(t *testing.T) {
	for _, p := range Builtin().All(noon) {
		last := Money(math.MaxInt64)
		for cached := int64(0); cached <= 300_000; cached += 60_000 {
			u := llm.Usage{Input: llm.Tokens(300_000), CachedInput: llm.Tokens(cached), Output: llm.Tokens(10)}
			now := mustCost(t, p, u).Amount.Money
			if now > last {
				t.Errorf("%s/%s: %d cached cost %s, fewer %s", p.Provider, p.Model, cached, now, last)
			}
			last = now
		}
	}
}

// SF-U5: parts that exceed the whole are flagged; nothing is negative, and what
// was named is charged in full.
func TestSFU5InconsistentCountsNeverGoNegative(t *testing.T) {
	gpt := priceOf(t, "openai", "gpt-4o")
	for _, tc := range []struct {
		name  string
		usage llm.Usage
		want  string
	}{
		{"more cached than input", llm.Usage{Input: llm.Tokens(50), CachedInput: llm.Tokens(100), Output: llm.Tokens(0)}, "0.00025"}, // all of both
		{"more thinking than output", llm.Usage{Input: llm.Tokens(0), Output: llm.Tokens(10), Reasoning: llm.Tokens(30)}, "0.0003"},
		{"negative input", llm.Usage{Input: llm.Tokens(-500), Output: llm.Tokens(10)}, "0.0001"},
		{"negative cached", llm.Usage{Input: llm.Tokens(100), CachedInput: llm.Tokens(-100), Output: llm.Tokens(0)}, "0.00025"},
		{"a longer life than was written", llm.Usage{Input: llm.Tokens(100), CacheWrite: llm.Tokens(10), CacheWrite1h: llm.Tokens(50), Output: llm.Tokens(0)}, "0.00025"},
		{"usage that is no JSON", llm.Usage{Input: llm.Tokens(100), Output: llm.Tokens(0), Raw: []byte("{")}, "0.00025"},
	} {
		b := mustCost(t, gpt, tc.usage)
		if want, _ := ParseUSD(tc.want); b.Amount != Of(want) || !b.Inconsistent {
			t.Errorf("%s: %s, inconsistent %t, want %s", tc.name, b, b.Inconsistent, tc.want)
		}
	}
}

// OpenRouter reports one prompt of Gemini as both read and written, and charges
// both: 7 fresh tokens, 2161 read, 2161 written, as recorded.
func TestReadAndWrittenAtOnce(t *testing.T) {
	b := mustCost(t, priceOf(t, "openrouter", "google/gemini-2.5-flash"), llm.Usage{
		Input: llm.Tokens(2168), CachedInput: llm.Tokens(2161), CacheWrite: llm.Tokens(2161), Output: llm.Tokens(0),
	})
	if len(b.Lines) != 3 || b.Lines[0].N != 7 || !b.Inconsistent {
		t.Errorf("read and written at once: %s", b)
	}
}

// SF-U8: thinking is part of the output and charged once; where it has a price
// of its own, at that.
func TestSFU8ReasoningIsChargedOnce(t *testing.T) {
	u := llm.Usage{Input: llm.Tokens(0), Output: llm.Tokens(1000), Reasoning: llm.Tokens(900)}
	wantCost(t, mustCost(t, priceOf(t, "openai", "o3"), u), "0.008", Reported)
	deep := priceOf(t, "perplexity", "sonar-deep-research")
	wantCost(t, mustCost(t, deep, u), "0.0035", Reported) // 100×8 + 900×3
	// Its own usage counts thinking and sources outside the output.
	u = llm.Usage{Input: llm.Tokens(33), Output: llm.Tokens(7163), Reasoning: llm.Tokens(193653), WebSearches: llm.Tokens(18),
		Raw: []byte(`{"citation_tokens":20016}`)}
	wantCost(t, mustCost(t, deep, u), "0.768361", Reported) // 33×2 + 7163×8 + 193653×3 + 20016×2, 18×0.005
}

// SF-U9: a context tier holds for all tokens of a call above it; a service tier
// is what the answer reports, and one without a price makes an estimate.
func TestSFU9Tiers(t *testing.T) {
	sonnet := priceOf(t, "anthropic", "claude-sonnet-4-5")
	for input, want := range map[int64]string{
		199_999: "0.614997", // 199999×3 + 1000×15
		200_000: "0.615",    // at the threshold the lower one still holds
		200_001: "1.222506", // 200001×6 + 1000×22.5
	} {
		wantCost(t, mustCost(t, sonnet, use(input, 1000)), want, Reported)
	}
	long := llm.Usage{Input: llm.Tokens(200_001), CachedInput: llm.Tokens(100_000), CacheWrite: llm.Tokens(100_000), CacheWrite1h: llm.Tokens(50_000), Output: llm.Tokens(0)}
	wantCost(t, mustCost(t, sonnet, long), "1.035006", Reported) // 1×6 + 100000×0.6 + 50000×7.5 + 50000×12

	gpt := priceOf(t, "openai", "gpt-5")
	for tier, want := range map[string]struct {
		usd   string
		basis Basis
	}{
		"": {"0.01125", Reported}, "default": {"0.01125", Reported}, "auto": {"0.01125", Reported}, "ON_DEMAND": {"0.01125", Reported},
		"flex": {"0.005625", Reported}, "priority": {"0.01125", Estimated}, "PROVISIONED_THROUGHPUT": {"0.01125", Estimated},
	} {
		u := use(1000, 1000)
		u.ServiceTier = tier
		wantCost(t, mustCost(t, gpt, u), want.usd, want.basis)
	}
	u := use(1000, 1000)
	for raw, basis := range map[string]Basis{
		`{"inference_geo":"global","speed":"standard"}`: Reported, `{"inference_geo":"not_available"}`: Reported,
		`{"inference_geo":"us"}`: Estimated, `{"speed":"fast"}`: Estimated,
	} {
		u.Raw = []byte(raw)
		if b := mustCost(t, sonnet, u); b.Basis != basis {
			t.Errorf("%s: %s, want %s", raw, b.Basis, basis)
		}
	}
	tiered, _ := ParsePrice("of=a/b tier.priority=2 tier.geo-us=1.1 ; input=1 output=1")
	u.ServiceTier, u.Raw = "Priority", []byte(`{"inference_geo":"us"}`)
	wantCost(t, mustCost(t, tiered, u), "0.0044", Reported)
}

// What was used and has no price is named, not left out in silence.
func TestSearchesWithoutAPriceAreNamed(t *testing.T) {
	u := use(1000, 1000)
	u.WebSearches = llm.Tokens(2)
	if b := mustCost(t, priceOf(t, "openai", "gpt-5"), u); b.Basis != Estimated || len(b.Notes) != 1 || !strings.Contains(b.Notes[0], "2 web searches") {
		t.Errorf("searches without a price: %s, %q", b.Basis, b.Notes)
	}
	if b := mustCost(t, priceOf(t, "perplexity", "sonar"), u); b.Basis != Reported {
		t.Errorf("searches that the price per call covers: %s, %q", b.Basis, b.Notes)
	}
	if b := mustCost(t, priceOf(t, "openai", "gpt-5"), llm.Usage{Input: llm.Tokens(10)}); b.Basis != Estimated {
		t.Errorf("a usage without output: %s, %q", b.Basis, b.Notes)
	}
}

// SF-U12: the price is frozen on the attempt, so each attempt keeps its own.
func TestSFU12FrozenPriceRecomputes(t *testing.T) {
	book := Builtin()
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, p := range book.All(noon) {
		text := p.String()
		back, err := ParsePrice(text)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			u := randomUsage(rnd, 400_000, 50_000)
			at := noon.Add(time.Duration(rnd.IntN(24)) * time.Hour)
			a, errA := p.Cost(u, at)
			b, errB := back.Cost(u, at)
			if errA != nil || errB != nil || a.String() != b.String() || a.Amount != b.Amount || a.Basis != b.Basis {
				t.Fatalf("%s: %s (%s), %v; %s (%s), %v", text, a, a.Basis, errA, b, b.Basis, errB)
			}
		}
	}
}

// SF-U13: a cache hit is worth what the call had cost, which the frozen price
// and the kept usage still tell; charging it 0 is the caller's.
func TestSFU13WorthOfACacheHit(t *testing.T) {
	frozen := priceOf(t, "openai", "gpt-4o").String()
	p, err := ParsePrice(frozen)
	if err != nil {
		t.Fatal(err)
	}
	wantCost(t, mustCost(t, p, use(1000, 500)), "0.0075", Reported)
}

func TestParsePriceRefuses(t *testing.T) {
	for _, text := range []string{
		"x", "of=a/b", "of=a/b ; in=1", "of=a/b ; input=1e3", "of=a/b ; input=", "of=%zz ; input=1", "of=a/b colour=red ; input=1",
		"of=a/b ; from=2026-01-01 input=1", "of=a/b ; input=1 & of=c/d ; input=1", "of=a/b tier.x=-1 ; input=1", "of=a/b ; input=1>x:2",
		"of=a/b ; input=99999",
	} {
		if p, err := ParsePrice(text); err == nil || p.Known() {
			t.Errorf("%q was read as %s", text, p)
		}
	}
	if p, err := ParsePrice(""); err != nil || p.Known() {
		t.Errorf("no price was read as %s, %v", p, err)
	}
}

func FuzzParsePrice(f *testing.F) {
	for _, p := range Builtin().All(noon)[:40] {
		f.Add(p.String())
	}
	f.Add("of=a/b%20c tier.flex=0.5 auto_write ; input=1 ; daily=23:00-01:00 input=2 & as=x of=c/d ; output=3")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePrice(text)
		if err != nil {
			return
		}
		back, err := ParsePrice(p.String())
		if err != nil || back.String() != p.String() {
			t.Fatalf("%q is %q, then %q, %v", text, p, back, err)
		}
	})
}

// A cost beyond Money is an error, not a wrapped number.
func TestCostOverflow(t *testing.T) {
	if b, err := priceOf(t, "openai", "gpt-5-pro").Cost(use(math.MaxInt64, math.MaxInt64), noon); err == nil || b.Amount.Known {
		t.Errorf("an endless answer costs %s, %v", b, err)
	}
}

// randomUsage is consistent, with up to so many tokens.
func randomUsage(rnd *rand.Rand, input, output int64) llm.Usage {
	u := llm.Usage{Input: llm.Tokens(rnd.Int64N(input + 1)), Output: llm.Tokens(rnd.Int64N(output + 1))}
	left := u.Input.N
	part := func() llm.Count {
		n := rnd.Int64N(left + 1)
		left -= n
		return llm.Tokens(n)
	}
	u.CachedInput, u.CacheWrite, u.InputAudio = part(), part(), part()
	u.CacheWrite1h = llm.Tokens(rnd.Int64N(u.CacheWrite.N + 1))
	left = u.Output.N
	u.Reasoning, u.OutputAudio = part(), part()
	if rnd.IntN(3) == 0 {
		u.ServiceTier = "flex"
	}
	if rnd.IntN(2) == 0 {
		u.Raw = fmt.Appendf(nil, `{"prompt_tokens_details":{"image_tokens":%d}}`, rnd.Int64N(u.Input.N-u.CachedInput.N-u.CacheWrite.N-u.InputAudio.N+1))
	}
	return u
}

// Whatever of the bounded tokens is cached, written, heard or thought, at any
// hour: the cost never exceeds the bound.
func TestBoundIsABound(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, p := range Builtin().All(noon) {
		for range 100 {
			input, output := rnd.Int64N(500_000), rnd.Int64N(100_000)
			u := randomUsage(rnd, input, output)
			w := Write(rnd.IntN(3))
			switch w {
			case WriteNone:
				if !p.autoWrite {
					u.CacheWrite, u.CacheWrite1h = llm.Count{}, llm.Count{}
				}
				u.CacheWrite1h = llm.Count{}
			case Write5m:
				u.CacheWrite1h = llm.Count{}
			}
			b, err := p.Cost(u, noon.Add(time.Duration(rnd.IntN(24))*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if bound := p.Bound(input, w, output, 1); b.Amount.Money > bound {
				t.Fatalf("%s: %s, but the bound of %d, %d, %d is %s", p, b, input, w, output, bound)
			}
		}
	}
}

func TestBound(t *testing.T) {
	for _, tc := range []struct {
		provider, model string
		input           int64
		write           Write
		output          int64
		want            string
	}{
		{"openai", "gpt-4o", 1000, WriteNone, 500, "0.0075"},
		{"openai", "gpt-4o", 1000, Write1h, 500, "0.0075"},              // it has no price for writing
		{"openai", "gpt-5.6-sol", 1000, WriteNone, 0, "0.00625"},        // writes unasked
		{"anthropic", "claude-sonnet-4-5", 1000, WriteNone, 0, "0.003"}, // writes only when told
		{"anthropic", "claude-sonnet-4-5", 1000, Write5m, 0, "0.00375"}, //
		{"anthropic", "claude-sonnet-4-5", 1000, Write1h, 0, "0.006"},   //
		{"anthropic", "claude-sonnet-4-5", 200_001, WriteNone, 1000, "1.222506"},
		{"deepseek", "deepseek-chat", 1_000_000, WriteNone, 0, "0.27"}, // by day
		{"perplexity", "sonar", 0, WriteNone, 0, "0.012"},
		{"gemini", "gemini-2.5-flash", 1_000_000, WriteNone, 0, "1"}, // all of it audio
	} {
		want, _ := ParseUSD(tc.want)
		if got := priceOf(t, tc.provider, tc.model).Bound(tc.input, tc.write, tc.output, 1); got != want {
			t.Errorf("%s of %d (%d) and %d: %s, want %s", tc.model, tc.input, tc.write, tc.output, got, want)
		}
	}
	flash := priceOf(t, "gemini", "gemini-2.5-flash")
	if got := flash.TextOnly().Bound(1_000_000, WriteNone, 0, 1); got != USD*3/10 {
		t.Errorf("a million tokens of text: %s", got)
	}
	if got := flash.Bound(math.MaxInt64, WriteNone, math.MaxInt64, 1); got != math.MaxInt64 {
		t.Errorf("an endless call is bounded by %s", got)
	}
	if flash.Bound(-1, WriteNone, -1, -1) != 0 {
		t.Error("less than nothing costs something")
	}
	if priceOf(t, "perplexity", "sonar-deep-research").Bounded() || !flash.Bounded() || (Price{}).Bounded() {
		t.Error("deep research is not bounded by its tokens, the others are")
	}
}

// Cost grows with either count: what a context tier makes dearer never makes
// the whole cheaper.
func TestCostIsMonotone(t *testing.T) {
	for _, p := range Builtin().All(noon) {
		for _, n := range []int64{0, 1, 127_999, 128_000, 199_999, 200_000, 271_999, 272_000, 500_000} {
			here := mustCost(t, p, use(n, n/10)).Amount.Money
			if more := mustCost(t, p, use(n+1, n/10)).Amount.Money; more < here {
				t.Errorf("%s: %d input tokens cost %s, one more %s", p, n, here, more)
			}
			if more := mustCost(t, p, use(n, n/10+1)).Amount.Money; more < here {
				t.Errorf("%s: output of %d costs %s, one more %s", p, n/10, here, more)
			}
		}
	}
}

func BenchmarkCost(b *testing.B) {
	p := priceOf(b, "anthropic", "claude-sonnet-4-5")
	u := llm.Usage{Input: llm.Tokens(15097), CachedInput: llm.Tokens(14714), CacheWrite: llm.Tokens(379), Output: llm.Tokens(290), Reasoning: llm.Tokens(19),
		Raw: []byte(`{"cache_creation":{"ephemeral_1h_input_tokens":0,"ephemeral_5m_input_tokens":379},"cache_creation_input_tokens":379,"cache_read_input_tokens":14714,"inference_geo":"global","input_tokens":4,"output_tokens":290,"output_tokens_details":{"thinking_tokens":19},"service_tier":"standard"}`)}
	for b.Loop() {
		if _, err := p.Cost(u, noon); err != nil {
			b.Fatal(err)
		}
	}
}
