package tui

import (
	"math"
	"strconv"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// Every colour can be read on the usual backgrounds: WCAG 2.1 wants a contrast
// of 4.5 for text.
func TestContrast(t *testing.T) {
	for name, c := range palette {
		for _, pair := range [][2]string{{c.dark, "#000000"}, {c.dark, "#1E1E1E"}, {c.light, "#FFFFFF"}, {c.light, "#FDF6E3"}} {
			if got := contrast(t, pair[0], pair[1]); got < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.2f", name, pair[0], pair[1], got)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is the relative luminance of WCAG 2.1.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(hex[1:], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(shift int) float64 {
		v := float64(n>>shift&0xff) / 255
		if v <= 0.03928 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}

// Every glyph takes one cell, and the ASCII set is ASCII.
func TestGlyphsAreOneCell(t *testing.T) {
	for _, g := range []glyphs{unicodeGlyphs, asciiGlyphs} {
		all := append([]string{
			g.ok, g.active, g.switched, g.slow, g.failed, g.gone, g.blocked, g.cached, g.lost, g.skipped, g.cursor, g.from, g.none, g.cut, g.dot, g.idle,
			g.up, g.down, g.minus, g.approx, g.back, g.rule, g.bar, g.edgeLeft, g.edgeRight, g.full, g.held, g.free, g.connect, g.wait, g.first,
			g.stream, g.fault, g.commit,
		}, g.spark[:]...)
		for i, s := range all {
			if ansi.StringWidth(s) != 1 {
				t.Errorf("glyph %d, %q, takes %d cells", i, s, ansi.StringWidth(s))
			}
			if g.ascii && s[0] >= 0x80 {
				t.Errorf("glyph %d of the ASCII set is %q", i, s)
			}
		}
	}
}

// What can stand in the same place is told apart: a state from another and from
// the cursor beside it, a phase of a bar from the next, what is spent from what
// is held.
func TestGlyphsDiffer(t *testing.T) {
	for _, g := range []glyphs{unicodeGlyphs, asciiGlyphs} {
		for place, list := range map[string][]string{
			"states":    {g.ok, g.active, g.switched, g.slow, g.failed, g.gone, g.blocked, g.cached, g.lost, g.skipped, g.cursor},
			"header":    {g.ok, g.idle, g.failed, g.blocked},
			"waterfall": {g.dot, g.connect, g.wait, g.first, g.stream, g.fault, g.commit, g.gone},
			"meter":     {g.edgeLeft, g.full, g.held, g.free, g.edgeRight},
			"spark":     append(g.spark[:len(g.spark):len(g.spark)], g.held),
		} {
			seen := map[string]int{}
			for i, s := range list {
				if other, ok := seen[s]; ok {
					t.Errorf("%s, ASCII %v: %d and %d are both %q", place, g.ascii, other, i, s)
				}
				seen[s] = i
			}
		}
	}
}
