package tui

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// A key means one thing on a screen.
func TestKeysDoNotCollide(t *testing.T) {
	for s := screen(1); s&screenAll != 0; s <<= 1 {
		seen := map[string]binding{}
		for _, b := range bindings {
			if b.screens&s == 0 {
				continue
			}
			for _, key := range b.keys {
				if other, ok := seen[key]; ok {
					t.Errorf("screen %d: %q is both %q and %q", s, key, other.words, b.words)
				}
				seen[key] = b
			}
		}
	}
}

// Every action has a key, every key stands in the help under a heading it
// shows, and each is a key that Bubble Tea can deliver.
func TestEveryKeyIsInTheHelp(t *testing.T) {
	s := fixture(t)
	page, err := Frame(t.Context(), options(s.Path(), 200, 60), "?")
	if err != nil {
		t.Fatal(err)
	}
	used := map[action]bool{}
	for i, b := range bindings {
		used[b.does] = true
		words := b.words
		if b.pair != "" {
			words = b.pair
		} else if i > 0 && bindings[i-1].pair != "" {
			words = bindings[i-1].pair
		}
		if !strings.Contains(page, words) || !strings.Contains(page, b.shown) {
			t.Errorf("%s (%s) is not in the help", b.shown, b.words)
		}
		if !slices.Contains(slices.Concat(helpGroups[0], helpGroups[1]), b.group) {
			t.Errorf("%s: the help has no heading %q", b.shown, b.group)
		}
		for _, key := range b.keys {
			name := key
			if key == " " {
				name = "space"
			}
			if got := keyNamed(name).String(); got != key {
				t.Errorf("the key %q arrives as %q", key, got)
			}
		}
	}
	for do := doNothing + 1; do < actions; do++ {
		if !used[do] {
			t.Errorf("action %d has no key", do)
		}
	}
}

// However small the terminal is, the help can be scrolled from its first line to
// its last; a key that moves nothing closes it.
func TestHelpScrolls(t *testing.T) {
	s := fixture(t)
	for _, size := range [][2]int{{40, 10}, {48, 16}, {71, 24}, {80, 12}, {80, 24}} {
		o := options(s.Path(), size[0], size[1])
		f := newFeed(t.Context(), o)
		m := newApp(t.Context(), o, f)
		m.catchUp()
		press(m, "?")
		all := m.helpLines(m.helpArea())
		seen := frameOf(m)
		for range all {
			press(m, "j")
			seen += frameOf(m)
		}
		for _, l := range all {
			if !strings.Contains(seen, strings.TrimRight(l, " ")) {
				t.Errorf("%v: %q was never on the screen", size, l)
			}
		}
		for _, b := range bindings {
			if !strings.Contains(seen, m.look.keyName(b.shown)) {
				t.Errorf("%v: %s is nowhere in the help", size, b.shown)
			}
		}
		if press(m, "g x"); m.help.open {
			t.Errorf("%v: the help stays open", size)
		}
		f.close()
	}
}

// docs/tui.md has the table of keys as it is.
func TestKeysAreDocumented(t *testing.T) {
	const begin, end = "<!-- keys -->\n", "<!-- /keys -->\n"
	const path = "../docs/tui.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %s", path, begin)
	}
	want := keyTable()
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("%s is not up to date: go test ./tui -update", path)
	}
}

// keyTable is the table of keys in Markdown.
func keyTable() string {
	var b strings.Builder
	b.WriteString("| keys | what it does | where |\n|---|---|---|\n")
	for _, g := range slices.Concat(helpGroups[0], helpGroups[1]) {
		for _, k := range bindings {
			if k.group == g {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ReplaceAll(k.shown, " ", "` `"), k.words, places(k.screens))
			}
		}
	}
	return b.String()
}

func places(s screen) string {
	if s == screenAll {
		return "everywhere"
	}
	var names []string
	for _, p := range []struct {
		screen screen
		name   string
	}{{screenCalls, "calls"}, {screenProviders, "providers"}, {screenSpend, "spend"}, {screenDetail, "a call"}, {screenBody, "a body"}} {
		if s&p.screen != 0 {
			names = append(names, p.name)
		}
	}
	return strings.Join(names, ", ")
}

// What filters the calls from another screen is undone by going back to it; a
// filter of one's own only goes.
func TestBackFromAFilterGoesWhereItCameFrom(t *testing.T) {
	s := fixture(t)
	for keys, want := range map[string]screen{
		"2 enter esc":                 screenProviders,
		"3 enter esc":                 screenSpend,
		"2 enter 1 esc":               screenProviders,
		"2 enter esc 1":               screenCalls,
		"2 enter enter esc":           screenCalls,
		"2 enter / x enter esc":       screenCalls,
		"m esc":                       screenCalls,
		"2 enter esc 1 / x enter esc": screenCalls,
	} {
		o := options(s.Path(), 80, 24)
		f := newFeed(t.Context(), o)
		m := newApp(t.Context(), o, f)
		m.catchUp()
		for key := range strings.FieldsSeq(keys) {
			m.Update(keyNamed(key))
			m.catchUp()
		}
		if m.screen != want {
			t.Errorf("%s: screen %d, want %d; filter %q", keys, m.screen, want, m.want.filter)
		}
		f.close()
	}
}

func TestUnknownKey(t *testing.T) {
	for keys, want := range map[string]string{"": "", "j enter esc ? G é ctrl+d": "", "j zzz k": "zzz", "ctrl+y": "ctrl+y"} {
		if got := UnknownKey(keys); got != want {
			t.Errorf("%q: %q, want %q", keys, got, want)
		}
	}
}
