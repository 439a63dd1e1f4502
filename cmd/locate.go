package cmd

import (
	"strconv"
	"strings"
)

// keyLines says on which line each key of a TOML text stands. The decoder
// knows positions of syntax errors only, and a mistake that is named without
// its line is searched for by hand.
//
// Paths name keys from the top, tables in arrays by their number from 0:
// "provider[1].base_url". Keys that are not bare are quoted.
type keyLines map[string]int

// at returns the line of path, or of the nearest table around it.
func (l keyLines) at(path string) int {
	for path != "" {
		if line, ok := l[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

// locate finds the lines of all keys of text. It reads only as much of TOML's
// grammar as it takes to tell keys from values; what it finds in a text that is
// no TOML means nothing.
func locate(text string) keyLines {
	l := locator{src: text, line: 1, lines: keyLines{}, count: map[string]int{}}
	for l.skipBlank(); l.pos < len(l.src); l.skipBlank() {
		if l.src[l.pos] == '[' {
			l.header()
		} else {
			l.pair(l.table)
		}
	}
	return l.lines
}

type locator struct {
	src   string
	pos   int // of the next byte to read
	line  int // of that byte, from 1
	lines keyLines
	table string         // the table that pairs now belong to
	count map[string]int // tables so far in an array of tables, by its path
}

// header reads [table] or [[table]] and makes it the current one.
func (l *locator) header() {
	line := l.line
	l.pos++
	array := l.peek() == '['
	if array {
		l.pos++
	}
	keys := l.key()
	l.table = ""
	for i, key := range keys {
		l.table = joinKey(l.table, key)
		l.note(l.table, line)
		switch n := l.count[l.table]; {
		case array && i == len(keys)-1:
			l.count[l.table]++
			l.table = indexKey(l.table, n)
		case n > 0:
			l.table = indexKey(l.table, n-1)
		}
		l.note(l.table, line)
	}
	l.skipLine()
}

// pair reads key = value.
func (l *locator) pair(path string) {
	line := l.line
	for _, key := range l.key() {
		path = joinKey(path, key)
		l.note(path, line)
	}
	l.skipSpace()
	if l.peek() == '=' {
		l.pos++
	}
	l.value(path)
}

// note keeps the first line on which path is mentioned.
func (l *locator) note(path string, line int) {
	if _, ok := l.lines[path]; !ok {
		l.lines[path] = line
	}
}

// key reads a key of dotted parts and what ends it is left to the caller.
func (l *locator) key() []string {
	var parts []string
	for {
		l.skipSpace()
		switch l.peek() {
		case '"', '\'':
			parts = append(parts, l.quotedKey())
		default:
			start := l.pos
			for l.pos < len(l.src) && isBareKey(l.src[l.pos]) {
				l.pos++
			}
			if l.pos == start {
				l.pos++ // not TOML; never stand still
				return parts
			}
			parts = append(parts, l.src[start:l.pos])
		}
		l.skipSpace()
		if l.peek() != '.' {
			return parts
		}
		l.pos++
	}
}

func (l *locator) quotedKey() string {
	start := l.pos
	l.str()
	raw := l.src[start:l.pos]
	if raw[0] == '"' {
		if key, err := strconv.Unquote(raw); err == nil {
			return key
		}
	}
	return strings.Trim(raw, raw[:1])
}

// value reads a value of any type, noting the keys inside.
func (l *locator) value(path string) {
	l.skipSpace()
	switch l.peek() {
	case '"', '\'':
		l.str()
	case '[':
		l.pos++
		for i := 0; l.more(']'); i++ {
			l.note(indexKey(path, i), l.line)
			l.value(indexKey(path, i))
		}
	case '{':
		l.pos++
		for l.more('}') {
			l.pair(path)
		}
	default:
		start := l.pos
		l.skipUntil(",]}#\n")
		if l.pos == start {
			l.advance() // not TOML; never stand still
		}
	}
}

// more goes to the next element of a list and tells whether there is one
// before the closing byte, which it reads too.
func (l *locator) more(closing byte) bool {
	for l.skipBlank(); l.peek() == ','; l.skipBlank() {
		l.pos++
	}
	switch l.peek() {
	case 0:
		return false
	case closing:
		l.pos++
		return false
	}
	return true
}

// str reads a string: basic or literal, on one line or several.
func (l *locator) str() {
	quote := l.src[l.pos : l.pos+1]
	if long := strings.Repeat(quote, 3); strings.HasPrefix(l.src[l.pos:], long) {
		quote = long
	}
	l.pos += len(quote)
	for l.pos < len(l.src) && !strings.HasPrefix(l.src[l.pos:], quote) {
		if l.src[l.pos] == '\\' && quote[0] == '"' {
			l.advance()
		}
		l.advance()
	}
	l.pos = min(l.pos+len(quote), len(l.src))
	for len(quote) == 3 && l.peek() == quote[0] {
		l.pos++ // up to two quotes may stand before the closing three
	}
}

// skipBlank passes white space, line ends and comments.
func (l *locator) skipBlank() {
	for l.pos < len(l.src) {
		switch l.src[l.pos] {
		case ' ', '\t', '\r', '\n':
			l.advance()
		case '#':
			l.skipUntil("\n")
		default:
			return
		}
	}
}

func (l *locator) skipSpace() {
	for l.peek() == ' ' || l.peek() == '\t' {
		l.pos++
	}
}

func (l *locator) skipLine() { l.skipUntil("\n") }

// skipUntil stops before the first of the bytes in stop.
func (l *locator) skipUntil(stop string) {
	for l.pos < len(l.src) && !strings.ContainsRune(stop, rune(l.src[l.pos])) {
		l.pos++
	}
}

// advance passes one byte, counting lines.
func (l *locator) advance() {
	if l.pos < len(l.src) && l.src[l.pos] == '\n' {
		l.line++
	}
	l.pos = min(l.pos+1, len(l.src))
}

// peek returns the next byte, 0 at the end.
func (l *locator) peek() byte {
	if l.pos < len(l.src) {
		return l.src[l.pos]
	}
	return 0
}

func isBareKey(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '-'
}

// joinKey appends one key to a path.
func joinKey(path, key string) string {
	for i := range len(key) {
		if !isBareKey(key[i]) {
			key = strconv.Quote(key)
			break
		}
	}
	if key == "" {
		key = `""`
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// indexKey is the path of an array's element, from 0.
func indexKey(path string, i int) string {
	return path + "[" + strconv.Itoa(i) + "]"
}
