package tui

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"llmgw/store"
)

// For every size, every screen is exactly as high as the terminal and nowhere
// wider, and the call under the cursor is on it.
func TestEverySizeFits(t *testing.T) {
	s := fixture(t)
	o := options(s.Path(), 80, 24)
	f := newFeed(t.Context(), o)
	defer f.close()
	m := newApp(t.Context(), o, f)
	m.catchUp()
	press(m, "j j")
	for w := 1; w <= 250; w++ {
		for h := 1; h <= 80; h++ {
			if w > 30 && (w*7+h*13)%11 != 0 { // all of the small ones, a spread of the others
				continue
			}
			m.w, m.h = w, h
			m.settle()
			checkLines(t, m.lines(), w, h)
			if text := frameOf(m); !m.layout.tiny && m.layout.body.h > 0 && !strings.Contains(text, m.look.cursor) {
				t.Fatalf("%dx%d: the cursor is not visible:\n%s", w, h, text)
			}
		}
	}
}

func checkLines(t *testing.T, lines []string, w, h int) {
	t.Helper()
	if len(lines) != h {
		t.Fatalf("%dx%d: %d lines", w, h, len(lines))
	}
	for i, l := range lines {
		if got := ansi.StringWidth(l); got > w {
			t.Fatalf("%dx%d: line %d is %d wide: %q", w, h, i, got, l)
		}
	}
}

// press presses keys one after another, reading what each makes visible.
func press(m *app, keys string) {
	for name := range strings.FieldsSeq(keys) {
		m.Update(keyNamed(name))
		m.catchUp()
	}
}

// hostile are texts that must not reach a terminal as they are.
var hostile = []string{
	"\x1b[2J\x1b[31mred\x07", "\u202egpj.exe", "模型模型模型模型模型模型模型模型模型模型", "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦🇩🇪🇫🇷", "e\u0301\u0301\u0301\u0301\u0301",
	"line\nbreak\ttab\r", "\xff\xfe broken", "", " ", "\u200b\u2060", "a\x00b",
}

// Whatever stands in the record, no frame has a control sequence that is not
// ours, nor is it out of shape; in plain frames there is none at all.
func TestHostileText(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	any := func() string { return hostile[random.IntN(len(hostile))] }
	s := openFixture(t)
	statuses := []store.Status{store.StatusOK, store.StatusError, store.StatusBlocked, store.StatusTruncated, store.StatusClientGone, store.StatusRunning}
	for i := range 40 {
		p := spec{ago: time.Duration(i) * time.Second, client: any(), model: any(), route: any(), status: statuses[i%len(statuses)], first: time.Second, took: 2 * time.Second,
			tries: []try{{any(), "overloaded", 529, time.Second, any()}, {any(), "ok", 200, time.Second, any()}}, in: 1 << 60, out: 1 << 40, cost: 1 << 62}
		c := p.change(i)
		c.Call.Error, c.Call.ErrorText, c.Call.Dropped = any(), "cap "+any(), []string{any(), any()}
		if i == 1 {
			c.Call.ModelRequested, c.Attempts[0].Provider = strings.Repeat("x", 1<<20), strings.Repeat("界\x1b[1m", 1<<17)
		}
		commit(t, s, c)
	}
	s.SetReload(store.Reload{At: testNow, Error: any() + hostile[0]})
	commit(t, s, specs[0].change(99))
	for _, size := range [][2]int{{30, 6}, {48, 16}, {80, 24}, {120, 40}, {200, 50}} {
		for _, keys := range []string{"", "j enter", "2", "3", "/ x", "j j j j b"} {
			o := options(s.Path(), size[0], size[1])
			text, err := frame(t.Context(), o, keys)
			if text == "" {
				t.Fatal(err)
			}
			checkFrame(t, text, size[0], size[1])
			for _, r := range strings.ReplaceAll(text, "\n", "") {
				if r < 0x20 || r == 0x7f || r == '\u202e' {
					t.Fatalf("%v after %q: %q in the frame", size, keys, r)
				}
			}
		}
	}
}

// In ASCII no other character is printed, whatever is in the record.
func TestASCII(t *testing.T) {
	s := fixture(t)
	for _, keys := range []string{"", "?", "2", "3", "enter", "/ a"} {
		o := options(s.Path(), 120, 40)
		o.ASCII = true
		text, err := frame(t.Context(), o, keys)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range strings.Split(text, "\n") {
			if at := strings.IndexFunc(l, func(r rune) bool { return r > 0x7e }); at >= 0 {
				t.Errorf("after %q: line %d: %q", keys, i, l[at:])
			}
		}
	}
	golden(t, func() Options { o := options(s.Path(), 80, 24); o.ASCII = true; return o }(), "ascii", "")
}

// What each profile writes for the same frame; the text is the same.
func TestColours(t *testing.T) {
	s := fixture(t)
	o := options(s.Path(), 80, 24)
	plain, err := frame(t.Context(), o, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Colours{"mono": Mono, "16": ANSI, "256": ANSI256, "truecolor": TrueColor} {
		o.Colours = c
		text, err := frame(t.Context(), o, "")
		if err != nil {
			t.Fatal(err)
		}
		if ansi.Strip(text) != plain {
			t.Errorf("%s: the text differs", name)
		}
		compare(t, fmt.Sprintf("colours-%s-80x24.txt", name), strings.ReplaceAll(text, "\x1b", "␛"))
	}
}

// Rows above do not move the one under the cursor; following does.
func TestCursorStaysOnItsCall(t *testing.T) {
	s := fixture(t)
	o := options(s.Path(), 80, 24)
	f := newFeed(t.Context(), o)
	defer f.close()
	m := newApp(t.Context(), o, f)
	m.catchUp()
	press(m, "j j")
	id, line := m.calls.cursor, m.calls.line
	for i := range 30 {
		p := specs[2]
		p.ago = -time.Duration(i) * time.Second
		commit(t, s, p.change(1000+i))
		m.catchUp()
	}
	if m.calls.cursor != id || m.calls.line != line {
		t.Errorf("the cursor is on %s in line %d, was on %s in line %d", m.calls.cursor, m.calls.line, id, line)
	}
	if !contains(frameOf(m), "30 newer ↑ (f)") {
		t.Errorf("30 newer calls are not counted:\n%s", frameOf(m))
	}
	press(m, "f")
	if newest := m.snap.window.rows[0].ID; m.calls.cursor != newest || !contains(frameOf(m), "FOLLOW   ") {
		t.Errorf("following, the cursor is on %s, the newest is %s", m.calls.cursor, newest)
	}
	press(m, "space")
	commit(t, s, specs[2].change(2000))
	frozen := frameOf(m)
	m.catchUp()
	if frameOf(m) != frozen {
		t.Error("a frozen screen moved")
	}
}

// A filter takes effect while it is typed; a wrong one keeps the last result.
func TestFilterWhileTyping(t *testing.T) {
	s := fixture(t)
	for _, c := range []struct{ keys, want, not string }{
		{"/ f a u l t : a u t h", "none: 3 tried", "gpt-5-mini"},
		{"/ f a u l t : a u t h enter", "filter: fault:auth", "gpt-5-mini"},
		{"/ f a u l t : a u t h enter esc", "calls", "filter:"},
		{"/ f a u l t : a u t h esc", "calls", "filter:"},
		{"/ f a u l t : a u t h space t o o k : > 5 x", "^ it takes a span", "gpt-5-mini"},
		{"/ p r o v i d e r : o p e n a tab", "provider:openai", ""},
		{"/ p r o v tab", "/provider:", ""},
		{"/ x enter / up", "/x", ""},
		{"/ f a u l", "gpt-5-mini", "0 of"}, // not yet a field: it may become one
		{"/ o p u s space ! p r o v", "claude-opus-4-5", "gpt-5-mini"},
		{"/ t o o k : >", "gpt-5-mini", "0 of"},
		{"/ s t a t u s : e r", " error interrupted\n", "did you mean"}, // not wrong yet
		{"/ s t a t u s : e r enter", "^ there is no status:er; did you mean status:error?", ""},
		{"/ s t a t u s : f a i l", "^ there is no status:fail; did you mean status:error?", ""},
		{"/ S t a t u s : e r r tab", "/Status:error", ""},
		{"/ f a u l t : m o d tab", "fault:model_not_found", ""},
		{"/ t a r g e t : a z tab", "target:azure/gpt-5", ""},
		{"/ m o d e l : \" c l a u d e - o tab", "model:claude-opus-4-5", ""},
		{"/ p r o v enter", "0 of", "gpt-5-mini"},
		{"/ p r o v space", "0 of", "gpt-5-mini"},
		{"/ o p u s space p r o v ctrl+a", "0 of", "claude-opus-4-5"}, // nobody types at it
		{"/ q q q enter", "nothing matches: esc clears the filter", "gpt-5-mini"},
		{"/ q q q", "nothing matches: esc clears the filter", "gpt-5-mini"},
		{"/ q q q enter esc", "gpt-5-mini", "nothing matches"},
		{"e", "faults only (e)", "gemini-2.5-pro"},
		{"e e", "FOLLOW", "faults only"},
		{"j m", "filter: route:opus", "gpt-5-mini"},
		{"w", "w (span of time) does nothing here", ""},
	} {
		text, err := frame(t.Context(), options(s.Path(), 80, 24), c.keys)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, c.want) || c.not != "" && strings.Contains(text, c.not) {
			t.Errorf("after %q: want %q and not %q:\n%s", c.keys, c.want, c.not, text)
		}
	}
}
