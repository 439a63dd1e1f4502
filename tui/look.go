package tui

import (
	"strconv"
	"strings"

	"github.com/muesli/termenv"
)

// Colours is what a terminal can show.
type Colours int

// The levels of colour, from none to all.
const (
	Plain     Colours = iota // no escape sequence at all: for pipes and golden files
	Mono                     // bold and reverse video, no colour: NO_COLOR in a terminal
	ANSI                     // the 16 colours of the terminal's own palette
	ANSI256                  // the fixed palette of xterm
	TrueColor                // 24 bits
)

// style is an escape prefix built once; a cell costs a copy, not a computation.
type style struct{ on, off string }

// paint is text in the style.
func (s style) paint(text string) string {
	if s.on == "" || text == "" {
		return text
	}
	return s.on + text + s.off
}

// look is how things look: styles and glyphs. It is built once and never
// changed.
type look struct {
	colours Colours
	glyphs

	// Styles; the states' are named as their glyphs are.
	text, dim, bold, selected, alarm                   style
	activeStyle, switchedStyle, slowStyle, failedStyle style
	goneStyle, blockedStyle, cachedStyle               style
}

// colour is one entry of the palette: for dark and light backgrounds, and the
// one of the 16 that comes nearest. All differ in lightness too, and none is
// the only sign of anything: a glyph and a word say the same. The hues are
// those of Okabe and Ito (2008), safe for the common colour-vision
// deficiencies; vermilion is lightened for contrast.
type colour struct {
	dark, light string
	ansi        int
	bold        bool
}

// palette is every colour in use; a test holds each to a contrast of 4.5.
var palette = map[string]colour{
	"active":   {"#56B4E9", "#0068A6", 6, false},
	"switched": {"#E69F00", "#855400", 3, false},
	"slow":     {"#F0E442", "#6B6000", 3, true},
	"failed":   {"#E8793A", "#A84300", 1, true},
	"gone":     {"#9E9E9E", "#5F5F5F", 8, false},
	"blocked":  {"#D98CB3", "#8F3F6B", 5, false},
	"cached":   {"#1FB389", "#00664A", 2, false},
	"dim":      {"#9E9E9E", "#5F5F5F", 8, false},
}

// newLook builds the styles for a terminal. ascii leaves everything out that a
// console without UTF-8 cannot show.
func newLook(c Colours, dark, ascii bool) *look {
	l := &look{colours: c, glyphs: unicodeGlyphs}
	if ascii {
		l.glyphs = asciiGlyphs
	}
	of := func(name string) style { return l.style(palette[name], dark) }
	l.dim, l.goneStyle = of("dim"), of("gone")
	l.activeStyle, l.switchedStyle, l.slowStyle, l.failedStyle = of("active"), of("switched"), of("slow"), of("failed")
	l.blockedStyle, l.cachedStyle = of("blocked"), of("cached")
	l.bold, l.selected = l.attribute("1"), l.attribute("1;7")
	l.alarm = l.failedStyle
	return l
}

// attribute is a style without colour.
func (l *look) attribute(codes string) style {
	if l.colours == Plain {
		return style{}
	}
	return style{"\x1b[" + codes + "m", "\x1b[0m"}
}

func (l *look) style(c colour, dark bool) style {
	codes := []string{}
	if c.bold {
		codes = append(codes, "1")
	}
	hex := c.light
	if dark {
		hex = c.dark
	}
	switch l.colours {
	case TrueColor:
		codes = append(codes, termenv.TrueColor.Color(hex).Sequence(false))
	case ANSI256:
		codes = append(codes, termenv.ANSI256.Color(hex).Sequence(false))
	case ANSI:
		codes = append(codes, ansiCode(c.ansi))
	}
	if len(codes) == 0 {
		return style{}
	}
	return l.attribute(strings.Join(codes, ";"))
}

// ansiCode is the SGR parameter of one of the 16 colours.
func ansiCode(n int) string {
	if n < 8 {
		return strconv.Itoa(30 + n)
	}
	return strconv.Itoa(90 + n - 8)
}
