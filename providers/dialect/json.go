package dialect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Span is a half-open range of bytes; End 0 means absent.
type Span struct{ Start, End int }

// of returns the bytes of b that the span covers, nil when it is absent.
func (s Span) of(b []byte) []byte {
	if s.End == 0 {
		return nil
	}
	return b[s.Start:s.End]
}

// BadJSON is a body that is not a JSON object of the shape a call has.
type BadJSON struct {
	Offset int    // where reading stopped, in bytes
	Reason string // what is wrong there
}

// Error names what is wrong and where.
func (e *BadJSON) Error() string {
	return fmt.Sprintf("reading the body as JSON: %s at byte %d", e.Reason, e.Offset)
}

// maxDepth is how deeply a JSON text may nest. It is encoding/json's limit, so
// that both give the same verdict, and bounds the recursion here.
const maxDepth = 10000

const (
	endOfText  = "unexpected end"
	tooDeep    = "nested deeper than 10000 levels"
	notAValue  = "a value expected"
	badNumber  = "malformed number"
	badEscape  = "malformed escape in a string"
	rawControl = "control character in a string"
)

// fail words an error at i, or the end of the text if i is there.
func fail(b []byte, i int, reason string) *BadJSON {
	if i >= len(b) {
		return &BadJSON{Offset: len(b), Reason: endOfText}
	}
	return &BadJSON{Offset: i, Reason: reason}
}

// skipSpace returns the index of the first byte at or after i that is not
// JSON white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the JSON value that starts at i.
func skipValue(b []byte, i, depth int) (int, *BadJSON) {
	if i >= len(b) {
		return i, fail(b, i, "")
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		if depth >= maxDepth {
			return i, fail(b, i, tooDeep)
		}
		return skipContainer(b, i, depth)
	case 't':
		return skipWord(b, i, "true")
	case 'f':
		return skipWord(b, i, "false")
	case 'n':
		return skipWord(b, i, "null")
	}
	return skipNumber(b, i)
}

// skipContainer returns the index after the object or array that starts at i.
func skipContainer(b []byte, i, depth int) (int, *BadJSON) {
	shut := b[i] + 2 // in ASCII, for both kinds of bracket
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == shut {
		return i + 1, nil
	}
	for {
		var err *BadJSON
		if shut == '}' {
			if _, i, err = skipKey(b, i); err != nil {
				return i, err
			}
		}
		if i, err = skipValue(b, i, depth+1); err != nil {
			return i, err
		}
		i = skipSpace(b, i)
		switch {
		case i < len(b) && b[i] == ',':
			i = skipSpace(b, i+1)
		case i < len(b) && b[i] == shut:
			return i + 1, nil
		default:
			return i, fail(b, i, "',' or '"+string(shut)+"' expected")
		}
	}
}

// skipKey returns the index after the name of the member that starts at i, and
// the index of its value.
func skipKey(b []byte, i int) (end, value int, err *BadJSON) {
	if i >= len(b) || b[i] != '"' {
		return i, i, fail(b, i, "a member name expected")
	}
	if end, err = skipString(b, i); err != nil {
		return end, end, err
	}
	if i = skipSpace(b, end); i >= len(b) || b[i] != ':' {
		return i, i, fail(b, i, "':' expected")
	}
	return end, skipSpace(b, i+1), nil
}

func skipWord(b []byte, i int, word string) (int, *BadJSON) {
	for j := range len(word) {
		if i+j >= len(b) || b[i+j] != word[j] {
			return i, fail(b, i+j, notAValue)
		}
	}
	return i + len(word), nil
}

func skipNumber(b []byte, i int) (int, *BadJSON) {
	start := i
	if b[i] == '-' {
		i++
	}
	whole := skipDigits(b, i)
	switch {
	case whole == i && i == start:
		return i, fail(b, i, notAValue)
	case whole == i, whole > i+1 && b[i] == '0':
		return i, fail(b, whole, badNumber)
	}
	i = whole
	if i < len(b) && b[i] == '.' {
		fraction := skipDigits(b, i+1)
		if fraction == i+1 {
			return i, fail(b, fraction, badNumber)
		}
		i = fraction
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		exponent := skipDigits(b, i)
		if exponent == i {
			return i, fail(b, i, badNumber)
		}
		i = exponent
	}
	return i, nil
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// skipString returns the index after the string whose quote is at i. It looks
// at eight bytes at a time: prompts are mostly long strings.
func skipString(b []byte, i int) (int, *BadJSON) {
	for i++; ; {
		for i+8 <= len(b) {
			special := specialBytes(binary.LittleEndian.Uint64(b[i:]))
			if special != 0 {
				i += bits.TrailingZeros64(special) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			return i, fail(b, i, "")
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\\':
			end, err := skipEscape(b, i)
			if err != nil {
				return i, err
			}
			i = end
		case c < ' ':
			return i, fail(b, i, rawControl)
		default:
			i++
		}
	}
}

// specialBytes sets the high bit of the first byte of w (in memory order) that
// is a quote, a backslash or a control character. Later bytes may be marked
// wrongly; only the lowest mark counts.
func specialBytes(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return ((quote - ones) &^ quote & highs) |
		((slash - ones) &^ slash & highs) |
		((w - ones*' ') &^ w & highs)
}

func skipEscape(b []byte, i int) (int, *BadJSON) {
	if i+1 >= len(b) {
		return i, fail(b, i+1, "")
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, nil
	case 'u':
		for j := i + 2; j < i+6; j++ {
			if j >= len(b) || !isHex(b[j]) {
				return i, fail(b, j, badEscape)
			}
		}
		return i + 6, nil
	}
	return i, fail(b, i+1, badEscape)
}

func isHex(c byte) bool {
	return c-'0' <= 9 || c|0x20-'a' <= 5
}

// scan is a place in a JSON text that walks share: whoever walks a member's
// value moves it on, so that a text is read once however deep the walk goes.
type scan struct {
	b   []byte
	at  int
	err *BadJSON // the first error; every walk ends there
}

// value returns the value that starts here and moves behind it.
func (s *scan) value(depth int) []byte {
	start := s.at
	if s.err == nil {
		s.at, s.err = skipValue(s.b, s.at, depth)
	}
	if s.err != nil {
		return nil
	}
	return s.b[start:s.at]
}

// end checks that nothing follows the value that was walked.
func (s *scan) end() *BadJSON {
	if s.err != nil {
		return s.err
	}
	if s.at = skipSpace(s.b, s.at); s.at < len(s.b) {
		return fail(s.b, s.at, "something after the JSON value")
	}
	return nil
}

// walk goes through the items of the object or array that starts at the scan's
// place. The loop's body may read an item's value, or walk it; otherwise it is
// skipped. A value of another kind has no items. A walk must not be left early
// unless the whole scan is.
type walk struct {
	*scan
	depth int
	open  byte
	item  int // where the current item's value starts
	n     int // items seen

	keyAt, keyEnd int // an object's member's name, with its quotes
}

// members walks an object at the given depth of nesting.
func (s *scan) members(depth int) walk { return walk{scan: s, depth: depth, open: '{'} }

// elements walks an array at the given depth of nesting.
func (s *scan) elements(depth int) walk { return walk{scan: s, depth: depth, open: '['} }

// next moves to the next item.
func (w *walk) next() bool {
	if w.err != nil || !w.enter() {
		return false
	}
	if w.open == '{' {
		w.keyAt = w.at
		if w.keyEnd, w.at, w.err = skipKey(w.b, w.at); w.err != nil {
			return false
		}
	}
	w.item = w.at
	w.n++
	return true
}

// enter moves behind the opening bracket or the comma before the next item,
// or behind the closing bracket: false.
func (w *walk) enter() bool {
	if w.n == 0 {
		return w.first()
	}
	if w.at == w.item {
		if w.at, w.err = skipValue(w.b, w.at, w.depth+1); w.err != nil {
			return false
		}
	}
	w.at = skipSpace(w.b, w.at)
	switch {
	case w.at < len(w.b) && w.b[w.at] == ',':
		w.at = skipSpace(w.b, w.at+1)
		return true
	case w.at < len(w.b) && w.b[w.at] == w.open+2:
		w.at++
		return false
	}
	w.err = fail(w.b, w.at, "',' or '"+string(w.open+2)+"' expected")
	return false
}

func (w *walk) first() bool {
	switch {
	case w.at >= len(w.b) || w.b[w.at] != w.open:
		w.value(w.depth)
		return false
	case w.depth >= maxDepth:
		w.err = fail(w.b, w.at, tooDeep)
		return false
	}
	w.at = skipSpace(w.b, w.at+1)
	if w.at < len(w.b) && w.b[w.at] == w.open+2 {
		w.at++
		return false
	}
	return true
}

// val reads the current item's value; nil after an error.
func (w *walk) val() []byte {
	if w.at == w.item {
		return w.value(w.depth + 1)
	}
	return w.b[w.item:w.at]
}

// starts tells whether the current item's value begins with c.
func (w *walk) starts(c byte) bool { return w.item < len(w.b) && w.b[w.item] == c }

// object and array walk the current item's value.
func (w *walk) object() walk { return w.members(w.depth + 1) }
func (w *walk) array() walk  { return w.elements(w.depth + 1) }

// name is the current member's name. It costs nothing unless it is escaped.
func (w *walk) name() []byte {
	literal := w.b[w.keyAt:w.keyEnd]
	if bytes.IndexByte(literal, '\\') >= 0 {
		return []byte(unquote(literal))
	}
	return literal[1 : len(literal)-1]
}

// objectIn walks the object that value is, which was checked before.
func objectIn(value []byte) walk { return walk{scan: &scan{b: value}, open: '{'} }

// arrayIn walks the array that value is, which was checked before.
func arrayIn(value []byte) walk { return walk{scan: &scan{b: value}, open: '['} }

// validJSON tells whether b is one JSON value and nothing else but white
// space, and returns it.
func validJSON(b []byte) (value []byte, err *BadJSON) {
	s := scan{b: b, at: skipSpace(b, 0)}
	value = s.value(0)
	return value, s.end()
}

// isString tells whether a value is a string literal.
func isString(value []byte) bool { return len(value) >= 2 && value[0] == '"' }

// isNull tells whether a value is absent or null, which mean the same.
func isNull(value []byte) bool { return len(value) == 0 || value[0] == 'n' }

// stringIn returns the text of a string value, "" for any other.
func stringIn(value []byte) string {
	if !isString(value) {
		return ""
	}
	return unquote(value)
}
