package store

import "strings"

// The words of a filter: what is between spaces, with quotes resolved.

// word is a term as written: !field:value, with its quotes resolved.
type word struct {
	pos      int // of its first byte
	negate   bool
	field    string // empty for a bare word
	value    string
	valuePos int
}

// fieldPos is where the name of the field begins.
func (w word) fieldPos() int {
	if w.negate {
		return w.pos + 1
	}
	return w.pos
}

// problem is what is wrong, and where.
type problem struct {
	pos int
	msg string
}

func splitFilter(text string) ([]word, error) {
	var words []word
	for i := 0; i < len(text); {
		if isSpace(text[i]) {
			i++
			continue
		}
		w, next, err := readWord(text, i)
		if err != nil {
			return nil, err
		}
		words, i = append(words, w), next
	}
	return words, nil
}

// readWord reads the word at i and returns where it ends. A colon outside
// quotes ends the field, the first one only.
func readWord(text string, i int) (word, int, error) {
	w := word{pos: i, valuePos: i}
	if text[i] == '!' {
		w.negate = true
		i++
		w.valuePos = i
	}
	if w.negate && i < len(text) && text[i] == '!' {
		return w, 0, &FilterError{text, i, "one ! negates; quote it to look for it"}
	}
	var b strings.Builder
	quoted := false // the word so far had quotes: it is no field name
	for ; i < len(text) && !isSpace(text[i]); i++ {
		switch {
		case text[i] == '"':
			end, err := readQuoted(text, i, &b)
			if err != nil {
				return w, 0, err
			}
			i, quoted = end, true
		case text[i] == ':' && w.field == "" && !quoted && b.Len() > 0:
			w.field, w.valuePos = b.String(), i+1
			b.Reset()
		default:
			b.WriteByte(text[i])
		}
	}
	w.value = b.String()
	if w.value == "" && w.field == "" {
		return w, 0, &FilterError{text, w.pos, "nothing to look for"}
	}
	return w, i, nil
}

// readQuoted reads from the quote at i and returns where the closing one is.
func readQuoted(text string, i int, into *strings.Builder) (int, error) {
	for j := i + 1; j < len(text); j++ {
		switch text[j] {
		case '"':
			return j, nil
		case '\\':
			if j+1 < len(text) && (text[j+1] == '"' || text[j+1] == '\\') {
				j++
			}
		}
		into.WriteByte(text[j])
	}
	return 0, &FilterError{text, i, "a quote that is not closed"}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
