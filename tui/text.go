package tui

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"llmgw/store"
)

// blanks is padding to cut from.
const blanks = "                                                                                                    " +
	"                                                                                                                                                      "

// spaces is n spaces, none when n is negative.
func spaces(n int) string {
	if n <= 0 {
		return ""
	}
	if n <= len(blanks) {
		return blanks[:n]
	}
	return strings.Repeat(" ", n)
}

// width is how many cells a text takes; escape sequences take none.
func width(s string) int {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f {
			return ansi.StringWidth(s)
		}
	}
	return len(s)
}

// outside makes text from outside (models, errors, bodies, headers) safe to
// show, and at most w cells wide. What is far too long is cut before it is
// looked at: an error may be a megabyte.
func (l *look) outside(s string, w int) string {
	if w <= 0 {
		return ""
	}
	const longest = 12 // bytes of a cell, generously
	if limit := longest*w + 64; len(s) > limit {
		for !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	s = store.Clean(s)
	if l.ascii {
		s = strings.Map(func(r rune) rune {
			if r >= utf8.RuneSelf {
				return '?'
			}
			return r
		}, s)
	}
	return l.clip(s, w)
}

// clip cuts a text to w cells and shows that it did.
func (l *look) clip(s string, w int) string {
	if w <= 0 {
		return ""
	}
	if width(s) <= w {
		return s
	}
	return ansi.Truncate(s, w, l.cut)
}

// fit is a text in exactly w cells, at the left.
func (l *look) fit(s string, w int) string {
	s = l.clip(s, w)
	return s + spaces(w-width(s))
}

// fitRight is a text in exactly w cells, at the right.
func (l *look) fitRight(s string, w int) string {
	s = l.clip(s, w)
	return spaces(w-width(s)) + s
}

// line is one line of a frame under construction. It knows how wide it is, so
// that nothing is measured twice.
type line struct {
	b strings.Builder
	w int
}

// add appends clean text.
func (n *line) add(s style, text string) {
	n.b.WriteString(s.on)
	n.b.WriteString(text)
	if s.on != "" {
		n.b.WriteString(s.off)
	}
	n.w += width(text)
}

// to fills up with spaces to column w.
func (n *line) to(w int) {
	if w > n.w {
		n.b.WriteString(spaces(w - n.w))
		n.w = w
	}
}

// String is the line so far.
func (n *line) String() string { return n.b.String() }

// box makes lines exactly a.h lines of at most a.w cells.
func (l *look) box(lines []string, a area) []string {
	out := make([]string, a.h)
	for i := range out {
		if i < len(lines) {
			out[i] = l.clip(lines[i], a.w)
		}
	}
	return out
}

// ends is a line with one text at its left and one at its right; the right one
// gives way.
func (l *look) ends(left, right string, w int) string {
	gap := w - width(left) - width(right)
	if gap < 1 {
		return l.fit(left, w)
	}
	return left + spaces(gap) + right
}

// headAt is the one of the heads of columns that lies at cell x of a line, ""
// where none does.
func headAt(line string, x int, heads []string) string {
	line = ansi.Strip(line)
	for _, head := range heads {
		whole := regexp.MustCompile(`(?:^| )(` + regexp.QuoteMeta(head) + `)(?:$|[ ,])`)
		for _, at := range whole.FindAllStringSubmatchIndex(line, -1) {
			if from := width(line[:at[2]]); x >= from && x < from+width(head) {
				return head
			}
		}
	}
	return ""
}

// heads paints a line of heads of columns; the one that orders the table stands
// out.
func (l *look) heads(line, sorted string) string {
	before, after, found := strings.Cut(line, sorted)
	if sorted == "" || !found {
		return l.dim.paint(line)
	}
	return l.dim.paint(before) + l.bold.paint(sorted) + l.dim.paint(after)
}
