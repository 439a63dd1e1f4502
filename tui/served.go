package tui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/llm"
	"llmgw/store"
)

// slowFirst is how long the first content of an answer may take before the
// call is called slow; slowAnswer the same for a whole answer without a stream.
const (
	slowFirst  = 8 * time.Second
	slowAnswer = 60 * time.Second
)

// outcome is how a call stands, in a glyph and in words: who served it, who
// should have, and why not.
type outcome struct {
	glyph string
	style style
	who   string   // who served; a dash when nobody did
	from  string   // "← anthropic 529"; empty when the first choice served
	notes []string // "client left", "−2 dropped", "via openai-chat"
	minor int      // the number of the note that may be left out whatever it leaves; 0: none

	brief outcomeWords // the same where there is little room; empty: as above
}

// outcomeWords are the parts of an outcome that have a shorter form.
type outcomeWords struct{ who, from, note string }

// words is the outcome in at most w cells if there is a form that short: who
// served, and the rest. It is not yet safe to print.
func (o outcome) words(w int) (who, rest string) {
	rest = o.rest(o.from, o.notes)
	if width(o.who)+width(rest) <= w {
		return o.who, rest
	}
	who, from, notes := o.who, o.from, o.notes
	if o.brief.who != "" {
		who = o.brief.who
	}
	if o.brief.from != "" {
		from = o.brief.from
	}
	if len(notes) > 0 && o.brief.note != "" {
		notes = append([]string{o.brief.note}, notes[1:]...)
	}
	if width(who)+width(o.rest(from, notes)) > w {
		from = strings.TrimSuffix(from, moreWord)
	}
	for n := len(notes); n > 0 && (n > 1 || n == o.minor) && width(who)+width(o.rest(from, notes)) > w; n-- {
		notes = notes[:n-1]
	}
	return who, o.rest(from, notes)
}

func (o outcome) rest(from string, notes []string) string {
	text := ""
	if from != "" {
		text = " " + from
	}
	for _, n := range notes {
		text += "  " + n
	}
	return text
}

// judge works out how a call stands. What was lost on the way is told before
// how it went.
func (v *view) judge(c *store.CallRow) outcome {
	o := v.stand(c)
	if n := len(c.Dropped); n > 0 {
		o.notes = append(o.notes, v.look.minus+strconv.Itoa(n)+" dropped")
	}
	if via := v.via(c); via != "" && c.Status != store.StatusError && c.Status != store.StatusBlocked {
		o.notes = append(o.notes, "via "+via)
		o.minor = len(o.notes)
	}
	return o
}

func (v *view) stand(c *store.CallRow) outcome {
	k := v.look
	o := outcome{glyph: k.ok, who: orNone(k, lastTried(c))}
	var again string
	o.from, o.brief.from, again = k.detour(c)
	switch c.Status {
	case store.StatusRunning:
		if v.running(c) {
			v.underWay(c, &o)
			break
		}
		fallthrough // whoever served it is gone
	case store.StatusInterrupted:
		o.glyph, o.style, o.notes = k.lost, k.goneStyle, []string{"lost"}
	case store.StatusError:
		k.nobody(c, &o)
		again = ""
	case store.StatusBlocked:
		name := capName(c)
		o.glyph, o.style, o.from, o.brief.from = k.blocked, k.blockedStyle, "", ""
		o.who, o.brief.who = k.none+" blocked: cap "+name, k.none+" cap "+name
		again = ""
	case store.StatusTruncated:
		o.glyph, o.style, o.notes = k.failed, k.failedStyle, []string{"truncated"}
	case store.StatusClientGone:
		o.glyph, o.style, o.notes = k.gone, k.goneStyle, []string{"client left"}
	default:
		k.well(c, &o)
	}
	if again != "" {
		o.notes = append(o.notes, again)
	}
	return o
}

// running tells whether a call is under way: it is recorded so and somebody is
// there to serve it.
func (s *snapshot) running(c *store.CallRow) bool { return c.Running() && s.server.Alive }

// lastTried is the provider that served, else the one that was tried last.
func lastTried(c *store.CallRow) string {
	if n := len(c.Attempts); c.Provider == "" && n > 0 {
		return c.Attempts[n-1].Provider
	}
	return c.Provider
}

// well is a call that ended as it should.
func (k *look) well(c *store.CallRow, o *outcome) {
	switch {
	case c.Cache == store.CacheHit:
		o.glyph, o.style, o.who = k.cached, k.cachedStyle, "cache"
		if c.Worth.Known {
			o.notes = []string{"(saved " + usd(c.Worth.Money) + ")"}
		}
	case o.from != "":
		o.glyph, o.style = k.switched, k.switchedStyle
	case c.Stream && c.FirstToken >= slowFirst:
		o.glyph, o.style, o.notes, o.brief.note = k.slow, k.slowStyle, []string{"slow first token"}, "slow"
	case !c.Stream && !c.FinishedAt.IsZero() && c.FinishedAt.Sub(c.StartedAt) >= slowAnswer:
		o.glyph, o.style, o.notes = k.slow, k.slowStyle, []string{"slow"}
	}
}

// underWay is a running call: what it does right now.
func (v *view) underWay(c *store.CallRow, o *outcome) {
	k := v.look
	o.glyph, o.style = k.active, k.activeStyle
	l, known := v.live[c.ID]
	switch {
	case l.Provider != "":
		o.who = l.Provider
	case known:
		o.who = k.cut // nobody yet
	}
	switch l.Phase {
	case store.LiveWaiting:
		note := "waiting"
		if left := l.Until.Sub(v.now); !l.Until.IsZero() && left > 0 {
			note += " " + span(left+time.Second-1)
		}
		if l.Note != "" {
			note += ": " + l.Note
		}
		o.notes = []string{note}
	case store.LiveReading:
		o.notes, o.minor = []string{"reading the request"}, 1
	case store.LiveStreaming:
		o.notes, o.minor = []string{size(l.Bytes)}, 1
	}
}

// detour is what failed before the call got where it is: in full and in brief
// why the first choice did not serve, "← anthropic 529, azure timeout 15s", and
// why the target that did was asked again, "after 429 x2".
func (k *look) detour(c *store.CallRow) (full, brief, again string) {
	var others, own []reason
	served := servedBy(c)
	for i := range c.Attempts {
		a := &c.Attempts[i]
		switch {
		case a.Outcome == store.OutcomeOK, a.Outcome == store.OutcomeRunning, a.Outcome == store.OutcomeLostHedge:
		case i == len(c.Attempts)-1 && a.Sent(): // what the call ended with is told otherwise
		case sameTarget(a, served):
			own = add(own, a)
		default:
			others = add(others, a)
		}
	}
	if len(own) > 0 {
		again = "after " + strings.Join(whys(own), ", ")
	}
	if len(others) == 0 || sameTarget(&c.Attempts[0], served) {
		return "", "", again // the first choice served
	}
	var all []string
	for _, p := range others {
		all = append(all, p.who(served)+" "+p.why())
	}
	brief = k.from + " " + others[0].who(served) + " " + strings.Fields(others[0].word)[0]
	if n := len(others) - 1; n > 0 {
		brief += " +" + strconv.Itoa(n) + moreWord
	}
	return k.from + " " + strings.Join(all, ", "), brief, again
}

// moreWord says what a number of further reasons is, where there is room.
const moreWord = " more"

// servedBy is the attempt that answered, else the last one.
func servedBy(c *store.CallRow) *store.Attempt {
	for i := range c.Attempts {
		if c.Attempts[i].Outcome == store.OutcomeOK {
			return &c.Attempts[i]
		}
	}
	if n := len(c.Attempts); n > 0 {
		return &c.Attempts[n-1]
	}
	return nil
}

func sameTarget(a, b *store.Attempt) bool { return a.Provider == b.Provider && a.Model == b.Model }

// reason is why a target did not serve, and how often in a row.
type reason struct {
	of    *store.Attempt // the first of them
	word  string
	times int
}

func (r reason) why() string {
	if r.times > 1 {
		return r.word + " x" + strconv.Itoa(r.times)
	}
	return r.word
}

// who is the provider, with the model where another one of it served.
func (r reason) who(served *store.Attempt) string {
	if r.of.Provider == served.Provider {
		return r.of.Provider + "/" + r.of.Model
	}
	return r.of.Provider
}

func whys(list []reason) (words []string) {
	for _, r := range list {
		words = append(words, r.why())
	}
	return words
}

// add appends an attempt, or counts it with one that ended alike. That a
// provider rests after its failure is no reason of its own.
func add(list []reason, a *store.Attempt) []reason {
	word := whyOf(a)
	if n := len(list); n > 0 && list[n-1].of.Provider == a.Provider {
		last := &list[n-1]
		switch {
		case last.word == word:
			last.times++
			return list
		case last.of.Sent() && (a.Skipped == "cooldown" || a.Skipped == "breaker"):
			return list
		}
	}
	return append(list, reason{a, word, 1})
}

// nobody is a call that failed: by whom it was tried and what they said.
func (k *look) nobody(c *store.CallRow, o *outcome) {
	o.glyph, o.style, o.from, o.brief.from = k.failed, k.failedStyle, "", ""
	var parts []reason
	for i := range c.Attempts {
		parts = add(parts, &c.Attempts[i])
	}
	if len(parts) == 0 {
		o.who = k.none + " " + spaced(c.Error)
		return
	}
	if len(parts) == 1 {
		o.who = k.none + " " + parts[0].of.Provider + " " + parts[0].why()
		return
	}
	o.who = fmt.Sprintf("%s none of %d: %s", k.none, len(parts), strings.Join(whys(parts), ", "))
	o.brief.who = fmt.Sprintf("%s none: %d tried, %s", k.none, len(parts), parts[0].word)
}

// whyOf is an attempt's end in a word or two: "529", "timeout 15.0s", "breaker".
func whyOf(a *store.Attempt) string {
	switch {
	case !a.Sent():
		if a.Skipped == "breaker" {
			return "breaker open"
		}
		return spaced(a.Skipped)
	case a.HTTPStatus >= 400:
		return strconv.Itoa(a.HTTPStatus)
	case a.Outcome == string(llm.Timeout) && a.Duration > 0:
		return "timeout " + briefly(a.Duration)
	}
	return spaced(a.Outcome)
}

// briefly is a duration as short as it can be told.
func briefly(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	}
	return span(d)
}

func spaced(s string) string { return strings.ReplaceAll(s, "_", " ") }

// capName is the cap that blocked a call, quoted.
func capName(c *store.CallRow) string {
	text := c.ErrorText
	for i := range c.Attempts {
		if a := &c.Attempts[i]; a.Skipped == "cap" {
			text = a.Error
		}
	}
	_, name, found := strings.Cut(text, "cap ")
	if !found {
		return "?"
	}
	for _, end := range []string{":", " of ", " lets "} {
		name, _, _ = strings.Cut(name, end)
	}
	return strconv.Quote(strings.Trim(name, `"`))
}

// via is the dialect that was spoken upstream when it is not the caller's.
func (v *view) via(c *store.CallRow) string {
	for _, p := range v.setup.Providers {
		if p.Name == c.Provider && p.Dialect != "" && family(p.Dialect) != family(string(c.Dialect)) {
			return p.Dialect
		}
	}
	return ""
}

// family is what one provider speaks alike.
func family(dialect string) string {
	if dialect == string(llm.OpenAIResponses) {
		return string(llm.OpenAIChat)
	}
	return dialect
}

// size shows bytes: "640 B", "9.4 KB".
func size(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1000*1000:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + " KB"
	case n < 1000*1000*1000:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
	}
	return strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64) + " GB"
}
