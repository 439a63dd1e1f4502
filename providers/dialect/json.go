package dialect

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"unicode/utf8"
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
	case '{':
		m := members{b: b, at: i, depth: depth}
		for m.next() {
		}
		return m.at, m.err
	case '[':
		e := elements{b: b, at: i, depth: depth}
		for e.next() {
		}
		return e.at, e.err
	case 't':
		return skipWord(b, i, "true")
	case 'f':
		return skipWord(b, i, "false")
	case 'n':
		return skipWord(b, i, "null")
	}
	return skipNumber(b, i)
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

// members walks the members of the object that starts at `at`, checking them
// as it goes. After the last one, `at` is the index after the object.
type members struct {
	b     []byte
	at    int
	depth int
	err   *BadJSON

	rawKey Span // with its quotes
	val    Span
	n      int // members seen
}

// objectIn walks the object that value is; any other value has no members.
func objectIn(value []byte) members {
	if len(value) == 0 || value[0] != '{' {
		return members{b: []byte("{}")}
	}
	return members{b: value}
}

func (m *members) next() bool {
	closing, ok := nextItem(m.b, &m.at, &m.err, '{', '}', m.n, m.depth)
	if closing || !ok {
		return false
	}
	if m.at >= len(m.b) || m.b[m.at] != '"' {
		m.err = fail(m.b, m.at, "a member name expected")
		return false
	}
	m.rawKey.Start = m.at
	if m.rawKey.End, m.err = skipString(m.b, m.at); m.err != nil {
		return false
	}
	colon := skipSpace(m.b, m.rawKey.End)
	if colon >= len(m.b) || m.b[colon] != ':' {
		m.err = fail(m.b, colon, "a colon expected")
		return false
	}
	m.val.Start = skipSpace(m.b, colon+1)
	if m.val.End, m.err = skipValue(m.b, m.val.Start, m.depth+1); m.err != nil {
		return false
	}
	m.at = m.val.End
	m.n++
	return true
}

// key is the member's name, unescaped; it costs nothing unless it is escaped.
func (m *members) key() []byte {
	raw := m.b[m.rawKey.Start+1 : m.rawKey.End-1]
	for _, c := range raw {
		if c == '\\' {
			return []byte(unquote(m.rawKey.of(m.b)))
		}
	}
	return raw
}

// value is the member's value as it stands in the text.
func (m *members) value() []byte { return m.val.of(m.b) }

// elements walks the elements of the array that starts at `at`.
type elements struct {
	b     []byte
	at    int
	depth int
	err   *BadJSON

	val Span
	n   int // elements seen
}

// arrayIn walks the array that value is; any other value has no elements.
func arrayIn(value []byte) elements {
	if len(value) == 0 || value[0] != '[' {
		return elements{b: []byte("[]")}
	}
	return elements{b: value}
}

func (e *elements) next() bool {
	closing, ok := nextItem(e.b, &e.at, &e.err, '[', ']', e.n, e.depth)
	if closing || !ok {
		return false
	}
	e.val.Start = e.at
	if e.val.End, e.err = skipValue(e.b, e.at, e.depth+1); e.err != nil {
		return false
	}
	e.at = e.val.End
	e.n++
	return true
}

func (e *elements) value() []byte { return e.val.of(e.b) }

// nextItem moves *at to the next item of a container of which n were read, or
// after its closing bracket.
func nextItem(b []byte, at *int, err **BadJSON, open, shut byte, n, depth int) (closing, ok bool) {
	if *err != nil {
		return false, false
	}
	i := *at
	if n == 0 {
		if i >= len(b) || b[i] != open {
			*err = fail(b, i, "'"+string(open)+"' expected")
			return false, false
		}
		if depth >= maxDepth {
			*err = fail(b, i, tooDeep)
			return false, false
		}
		i++
	}
	i = skipSpace(b, i)
	switch {
	case i < len(b) && b[i] == shut:
		*at = i + 1
		return true, true
	case n == 0:
		*at = i
		return false, true
	case i < len(b) && b[i] == ',':
		*at = skipSpace(b, i+1)
		return false, true
	}
	*err = fail(b, i, "',' or '"+string(shut)+"' expected")
	return false, false
}

// validJSON tells whether b is one JSON value and nothing else but white
// space, and returns it.
func validJSON(b []byte) (value []byte, err *BadJSON) {
	start := skipSpace(b, 0)
	end, err := skipValue(b, start, 0)
	if err != nil {
		return nil, err
	}
	if rest := skipSpace(b, end); rest < len(b) {
		return nil, fail(b, rest, "something after the JSON value")
	}
	return b[start:end], nil
}

// unquote decodes a string literal that was checked before. Invalid UTF-8
// becomes U+FFFD, as encoding/json has it.
func unquote(literal []byte) string {
	text := literal[1 : len(literal)-1]
	for i := 0; ; i++ {
		if i == len(text) {
			if utf8.Valid(text) {
				return string(text)
			}
			break
		}
		if text[i] == '\\' {
			break
		}
	}
	var s string
	if json.Unmarshal(literal, &s) != nil {
		return string(text)
	}
	return s
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
