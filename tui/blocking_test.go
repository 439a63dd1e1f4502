package tui

import (
	"strings"
	"testing"
	"time"

	"llmgw/providers/price"
	"llmgw/store"
)

// Which caps stand in the way: those that are spent, those that are held, and
// those whose rest was too little for what came in their present window.
func TestBlockages(t *testing.T) {
	hour := testNow.Truncate(time.Hour)
	limit := func(name, state string, spent, held price.Money) store.Cap {
		return store.Cap{Name: name, Scope: "model claude-opus-*", State: state, Limit: price.USD, Spent: spent, Held: held, Per: "hour",
			WindowStart: hour, ResetsAt: hour.Add(time.Hour)}
	}
	const almost = 9600 * usd4
	said := func(ago time.Duration, text string) store.CapRefusal {
		return store.CapRefusal{At: testNow.Add(-ago), Call: "x", Said: text}
	}
	needs := func(name, usd string) string {
		return "cap " + name + ": of 1 USD 0.96 are spent and 0 held; this call needs " + usd + " and 0.04 would fit"
	}
	each := limit("ci", store.CapWarn, almost, 0)
	each.Each = "a b"
	for name, c := range map[string]struct {
		cap      store.Cap
		refusals []store.CapRefusal
		want     string // "": it does not block
	}{
		"there is room":        {limit("opus", store.CapOK, almost, 0), nil, ""},
		"all is spent":         {limit("opus", store.CapBlocked, price.USD, 0), nil, "opus blocks model claude-opus-* until 15:00: all of $1 is spent"},
		"the rest is held":     {limit("opus", store.CapWarn, almost, 400*usd4), nil, "opus blocks model claude-opus-* until 15:00: what is left is held by calls under way"},
		"too little is left":   {limit("opus", store.CapWarn, almost, 0), []store.CapRefusal{said(time.Minute, needs("opus", "0.1005"))}, "opus blocks model claude-opus-* until 15:00: $0.04 left, a call needs $0.10"},
		"the last one counts":  {limit("opus", store.CapWarn, almost, 0), []store.CapRefusal{said(time.Minute, needs("opus", "0.03")), said(time.Hour/2, needs("opus", "5"))}, ""},
		"another cap said so":  {limit("opus", store.CapWarn, almost, 0), []store.CapRefusal{said(time.Minute, needs("opus-2", "5"))}, ""},
		"of another value":     {each, []store.CapRefusal{said(time.Minute, needs("ci of a", "5")), said(time.Minute, needs("ci", "5"))}, ""},
		"of this value":        {each, []store.CapRefusal{said(time.Minute, needs("ci of a b", "5"))}, "ci of a b blocks model claude-opus-* until 15:00: $0.04 left, a call needs $5.00"},
		"in the window before": {limit("opus", store.CapWarn, almost, 0), []store.CapRefusal{said(10*time.Minute, needs("opus", "5"))}, ""},
		"without a price": {limit("opus", store.CapOK, 0, 0), []store.CapRefusal{said(time.Minute, "cap opus lets no call pass whose model has no known price")},
			"opus blocks model claude-opus-*: it lets no call pass whose model has no known price"},
		"its window is over": {func() store.Cap {
			c := limit("opus", store.CapBlocked, price.USD, 0)
			c.WindowStart, c.ResetsAt = hour.Add(-time.Hour), hour
			return c
		}(), nil, ""},
	} {
		got := ""
		v := view{snapshot: &snapshot{blocked: blockages([]store.Cap{c.cap}, c.refusals, testNow)}, look: newLook(Plain, true, false), now: testNow, zone: testZone}
		for _, l := range v.blockageLines(120, 3) {
			got += strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(l), "⊘"))
		}
		m := &app{snap: v.snapshot, look: v.look, now: testNow, opt: Options{Zone: testZone}}
		if named := m.blocks(80) != ""; named != (c.want != "" && name != "without a price") {
			t.Errorf("%s: named in the header: %v", name, named)
		}
		if got != c.want {
			t.Errorf("%s:\n got  %q\n want %q", name, got, c.want)
		}
	}
}

// A cap of one model that refuses what comes is named in the header and on the
// spend screen, at any size; no longer when its window has ended.
func TestBlockingCapIsSaid(t *testing.T) {
	s := openFixture(t)
	c := specs[8]
	c.tries = []try{{"openai", store.OutcomeSkipped, 0, 0, "cap opus: of 1 USD 0.96 are spent and 0 held; this call needs 0.1005 and 0.04 would fit"}}
	commit(t, s, c.change(1))
	hour := testNow.Add(-time.Hour / 2)
	var caps []store.Cap
	for _, name := range []string{"one", "two", "three", "four", "five", "opus"} {
		caps = append(caps, store.Cap{Name: name, Scope: "model claude-opus-*", State: store.CapOK, Limit: price.USD, Per: "hour", WindowStart: hour, ResetsAt: hour.Add(time.Hour)})
	}
	caps[5].Spent = 9600 * usd4
	s.SetCaps(caps)
	commit(t, s, c.change(2))
	for _, size := range [][2]int{{30, 6}, {48, 16}, {60, 20}, {80, 24}, {120, 40}, {200, 50}} {
		o := options(s.Path(), size[0], size[1])
		for _, keys := range []string{"", "2", "3"} {
			text, err := frame(t.Context(), o, keys)
			if err != nil {
				t.Fatal(err)
			}
			if head, _, _ := strings.Cut(text, "\n─"); !strings.Contains(head, "⊘ opus") {
				t.Errorf("%v: the header after %q does not name the cap:\n%s", size, keys, head)
			}
			if keys == "3" && size[0] > 30 && !strings.Contains(text, "⊘ opus blocks") {
				t.Errorf("%v: the spend screen does not:\n%s", size, text)
			}
		}
		o.Now = func() time.Time { return hour.Add(time.Hour) }
		if text, err := frame(t.Context(), o, "3"); err != nil || strings.Contains(text, "⊘ opus") {
			t.Errorf("%v: it blocks in the window after, %v:\n%s", size, err, text)
		}
	}
}
