package dialect

import (
	"bytes"

	"llmgw/providers/llm"
)

// usageParts is Anthropic's usage object as a stream gives it: message_start
// has one, and each key that a message_delta repeats replaces that key's value
// (the input grows where server tools ran). Never added.
type usageParts []usagePart

type usagePart struct {
	key   string
	value []byte
}

func (p usageParts) get(key string) []byte {
	for i := range p {
		if p[i].key == key {
			return p[i].value
		}
	}
	return nil
}

func (p *usageParts) set(key string, value []byte) {
	for i := range *p {
		if (*p)[i].key == key {
			(*p)[i].value = bytes.Clone(value)
			return
		}
	}
	*p = append(*p, usagePart{key, bytes.Clone(value)})
}

// json writes the parts as one object, in the order they came.
func (p usageParts) json(out []byte) []byte {
	out = append(out, '{')
	for i, part := range p {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, quote(part.key)...), ':')
		out = append(out, part.value...)
	}
	return append(out, '}')
}

// inputKeys are the three disjoint counts that make up the input.
var inputKeys = [...]string{"input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"}

func isInputKey(key []byte) bool {
	return string(key) == inputKeys[0] || string(key) == inputKeys[1] || string(key) == inputKeys[2]
}

// input is the sum of the input's counts, unknown when none is there.
func (p usageParts) input() llm.Count {
	var sum llm.Count
	for _, key := range inputKeys {
		sum = sum.Add(countIn(p.get(key)))
	}
	return sum
}

// usage folds a usage object. A repeated key replaces the earlier one unless it
// is a placeholder: no prompt has 0 tokens, and no answer that was seen has.
func (a *messagesReader) usage(res *Result, value []byte) {
	if isNull(value) || value[0] != '{' {
		return
	}
	var in llm.Count
	for m := objectIn(value); m.next(); {
		if isInputKey(m.name()) {
			in = in.Add(countIn(m.val()))
		}
		if v := m.val(); v[0] == '-' {
			res.Inconsistent = true
		}
	}
	emptyInput := in.N == 0 && a.parts.input().N > 0
	for m := objectIn(value); m.next(); {
		key := m.name()
		switch {
		case isNull(m.val()) && a.parts.get(string(key)) != nil:
		case emptyInput && (isInputKey(key) || string(key) == "cache_creation"):
		case string(key) == "output_tokens" && countIn(m.val()).N == 0 && res.OutputBytes > 0 && res.Usage.Output.N > 0:
		default:
			a.parts.set(string(key), m.val())
		}
	}
	a.sum(res)
}

// sum derives the usage from the parts.
func (a *messagesReader) sum(res *Result) {
	u := &res.Usage
	u.Input = a.parts.input()
	u.CachedInput = countIn(a.parts.get(inputKeys[1]))
	u.CacheWrite = countIn(a.parts.get(inputKeys[2]))
	u.Output = countIn(a.parts.get("output_tokens"))
	u.CacheWrite1h = countIn(memberOf(a.parts.get("cache_creation"), "ephemeral_1h_input_tokens"))
	u.Reasoning = countIn(memberOf(a.parts.get("output_tokens_details"), "thinking_tokens"))
	u.WebSearches = countIn(memberOf(a.parts.get("server_tool_use"), "web_search_requests"))
	if tier := stringIn(a.parts.get("service_tier")); tier != "" {
		u.ServiceTier = tier
	}
	u.Raw = a.parts.json(u.Raw[:0])
	res.Inconsistent = res.Inconsistent || partsExceed(u)
}

// memberOf returns the value of one member of an object, nil when absent.
func memberOf(value []byte, key string) []byte {
	for m := objectIn(value); m.next(); {
		if string(m.name()) == key {
			return m.val()
		}
	}
	return nil
}
