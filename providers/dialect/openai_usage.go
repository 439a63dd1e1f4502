package dialect

import (
	"llmgw/providers/llm"
)

// picoDigits and tickDigits turn dollars and xAI's ticks (1e-10 USD) into
// pico-dollars.
const (
	picoDigits = 12
	tickDigits = 2
)

// chatUsage is one usage object of the chat protocol, in any provider's
// spelling.
type chatUsage struct {
	prompt, completion, total llm.Count
	cached, written           llm.Count
	reasoning                 llm.Count
	audioIn, audioOut         llm.Count
	searches                  llm.Count
	cost, upstream            llm.Count
	byok                      bool
	tier                      string
	negative                  bool // some count was below zero
}

// usage folds a usage object: what it says replaces what an earlier one said,
// member by member, and is never added to it.
func (c *chatReader) usage(res *Result, value []byte) {
	if isNull(value) || value[0] != '{' {
		return
	}
	var u chatUsage
	u.read(value)
	u.fold(res, c.op, value)
}

func (u *chatUsage) read(value []byte) {
	for m := objectIn(value); m.next(); {
		u.member(m.name(), m.val())
	}
}

func (u *chatUsage) member(key, value []byte) {
	switch string(key) {
	case "prompt_tokens", "input_tokens":
		u.count(&u.prompt, value)
	case "completion_tokens", "output_tokens":
		u.count(&u.completion, value)
	case "total_tokens":
		u.count(&u.total, value)
	case "prompt_tokens_details", "input_tokens_details", "input_token_details":
		u.details(value, &u.audioIn)
	case "completion_tokens_details", "output_tokens_details", "output_token_details":
		u.details(value, &u.audioOut)
	case "prompt_cache_hit_tokens", "num_cached_tokens", "cache_read_input_tokens":
		// DeepSeek; Mistral; Anthropic's models behind this protocol.
		u.larger(&u.cached, value)
	case "cache_creation_input_tokens":
		u.larger(&u.written, value)
	case "server_tool_use", "server_tool_use_details":
		u.details(value, nil)
	case "num_search_queries": // Perplexity
		u.count(&u.searches, value)
	case "service_tier":
		u.tier = stringIn(value)
	case "cost", "cost_in_usd_ticks", "cost_details", "is_byok":
		u.money(key, value)
	default:
		u.part(key, value)
	}
}

// part reads the counts that stand at the top or in the details, by provider.
func (u *chatUsage) part(key, value []byte) {
	switch string(key) {
	case "cached_tokens":
		u.larger(&u.cached, value)
	case "cache_write_tokens":
		u.larger(&u.written, value)
	case "reasoning_tokens":
		u.larger(&u.reasoning, value)
	case "web_search_requests":
		u.count(&u.searches, value)
	}
}

// details reads the parts of a count; audio is where its audio tokens belong.
func (u *chatUsage) details(value []byte, audio *llm.Count) {
	for m := objectIn(value); m.next(); {
		if string(m.name()) == "audio_tokens" && audio != nil {
			u.count(audio, m.val())
		} else {
			u.part(m.name(), m.val())
		}
	}
}

// money reads what the provider says it charges, from the decimal text.
func (u *chatUsage) money(key, value []byte) {
	switch string(key) {
	case "cost":
		if value[0] == '{' { // Perplexity itemises
			for m := objectIn(value); m.next(); {
				if string(m.name()) == "total_cost" {
					u.cost = pico(m.val(), picoDigits)
				}
			}
			return
		}
		u.cost = pico(value, picoDigits)
	case "cost_in_usd_ticks":
		u.cost = pico(value, tickDigits)
	case "is_byok":
		u.byok = value[0] == 't'
	case "cost_details":
		for m := objectIn(value); m.next(); {
			if string(m.name()) == "upstream_inference_cost" {
				u.upstream = pico(m.val(), picoDigits)
			}
		}
	}
}

// pico reads an amount of money that is not negative.
func pico(value []byte, places int) llm.Count {
	n, _, ok := scaled(value, places)
	if !ok || n < 0 {
		return llm.Count{}
	}
	return llm.Tokens(n)
}

// count reads a count; null and nonsense leave it unknown.
func (u *chatUsage) count(c *llm.Count, value []byte) {
	if n := countIn(value); n.Known {
		*c = n
	} else if value[0] == '-' {
		u.negative = true
	}
}

// larger reads one of several spellings of the same count. They are never
// added; where one is a placeholder 0, the other counts.
func (u *chatUsage) larger(c *llm.Count, value []byte) {
	var n llm.Count
	u.count(&n, value)
	if n.Known && (!c.Known || n.N > c.N) {
		*c = n
	}
}

// whole returns the whole input and output. Two providers leave thinking out
// of completion_tokens, so that the total exceeds the sum: xAI, which names it
// in the details, and Gemini behind this protocol, which does not. Both bill
// the rest as output.
func (u *chatUsage) whole(op Op) (input, output llm.Count, consistent bool) {
	input, output = u.prompt, u.completion
	if !u.total.Known {
		return input, output, true
	}
	switch {
	case input.Known:
		if rest := u.total.N - input.N; rest > output.N || rest == 0 && op == OpEmbeddings {
			output = llm.Tokens(rest)
		}
		return input, output, u.total.N == 0 || u.total.N >= input.N+output.N
	case output.Known && u.total.N >= output.N:
		return llm.Tokens(u.total.N - output.N), output, true
	case op == OpEmbeddings: // Voyage
		return u.total, llm.Tokens(0), true
	}
	return input, output, u.total.N == 0
}

// fold puts one usage object into the result. Providers send all-zero
// placeholders in the chunks before or after the real one: a prompt or an
// answer that has been counted does not become nothing again.
func (u *chatUsage) fold(res *Result, op Op, raw []byte) {
	t := &res.Usage
	input, output, consistent := u.whole(op)
	replace(&t.ReportedCost, u.cost)
	replace(&res.UpstreamCost, u.upstream)
	res.BYOK = res.BYOK || u.byok
	placeholder := input.N == 0 && output.N == 0
	if placeholder && (t.Input.N > 0 || t.Output.N > 0) {
		return
	}
	replaceUnlessZero(&t.Input, input)
	replaceUnlessZero(&t.Output, output)
	replace(&t.CachedInput, u.cached)
	replace(&t.CacheWrite, u.written)
	replace(&t.Reasoning, u.reasoning)
	replace(&t.InputAudio, u.audioIn)
	replace(&t.OutputAudio, u.audioOut)
	replace(&t.WebSearches, u.searches)
	if u.tier != "" {
		t.ServiceTier = u.tier
	}
	t.Raw = append(t.Raw[:0], raw...)
	res.Inconsistent = u.negative || !consistent || partsExceed(t)
}

// replace takes a count that was reported.
func replace(c *llm.Count, by llm.Count) {
	if by.Known {
		*c = by
	}
}

// replaceUnlessZero takes a count that was reported, but no 0 for a number.
func replaceUnlessZero(c *llm.Count, by llm.Count) {
	if by.Known && (by.N > 0 || c.N == 0) {
		*c = by
	}
}

// partsExceed tells whether parts of a count are larger than the count.
func partsExceed(u *llm.Usage) bool {
	return u.CachedInput.N+u.CacheWrite.N > u.Input.N ||
		u.CacheWrite1h.N > u.CacheWrite.N ||
		u.InputAudio.N > u.Input.N ||
		u.Reasoning.N > u.Output.N ||
		u.OutputAudio.N > u.Output.N
}
