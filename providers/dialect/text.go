package dialect

import (
	"bytes"
	"unicode/utf8"
)

// weight is what a part of an answer holds: the bytes of text that the model
// generated, decoded, and whether there is anything at all.
type weight struct {
	text int64
	some bool
}

func (w weight) plus(v weight) weight { return weight{w.text + v.text, w.some || v.some} }

// weigh finds the generated text in a value: a string, or the strings in a
// list of parts, tool calls or blocks. It walks the tokens once, whatever the
// nesting; the value was checked before.
func weigh(value []byte) weight {
	if isString(value) {
		return weighString(nil, value)
	}
	var w weight
	var key []byte
	for i := 0; i < len(value); {
		switch value[i] {
		case '"':
			end, err := skipString(value, i)
			if err != nil {
				return w
			}
			literal := value[i:end]
			if i = skipSpace(value, end); i < len(value) && value[i] == ':' {
				key = literal[1 : len(literal)-1]
				continue
			}
			w = w.plus(weighString(key, literal))
		case '[', ',':
			i++
		case '{':
			key = nil
			i++
		default:
			i++
		}
	}
	return w
}

// weighString judges one string by the member it stands in.
func weighString(key, literal []byte) weight {
	if len(literal) <= 2 {
		return weight{}
	}
	switch string(key) {
	case "type", "index", "role", "format", "object", "status":
		return weight{}
	case "", "text", "content", "thinking", "reasoning", "summary", "refusal",
		"name", "arguments", "input", "partial_json", "transcript", "output":
		return weight{text: decodedLen(literal[1 : len(literal)-1]), some: true}
	}
	return weight{some: true} // an id, a signature, media
}

// decodedLen is the length in UTF-8 of a string's text without its escapes.
func decodedLen(text []byte) int64 {
	n := int64(len(text))
	if bytes.IndexByte(text, '\\') < 0 {
		return n
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		n--
		if text[i] == 'u' {
			n -= 5 - int64(runeLen(text[i+1:i+5]))
			i += 4
		}
	}
	return n
}

// runeLen is the length in UTF-8 of \uXXXX; half of a surrogate pair counts for
// half of the four bytes the pair makes.
func runeLen(hex []byte) int {
	r := hexRune(hex)
	if r >= 0xd800 && r < 0xe000 {
		return 2
	}
	return utf8.RuneLen(r)
}
