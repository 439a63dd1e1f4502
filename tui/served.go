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
	who   string // who served; a dash when nobody did
	from  string // "← anthropic 529"; empty when the first choice served
	note  string // "client left", "truncated", "via openai-chat", "−2 dropped"
}

// words is the outcome as one text, not yet made safe to print.
func (o outcome) words() string {
	text := o.who
	if o.from != "" {
		text += " " + o.from
	}
	if o.note != "" {
		text += "  " + o.note
	}
	return text
}

// judge works out how a call stands.
func (v *view) judge(c *store.CallRow) outcome {
	o := v.stand(c)
	var notes []string
	if o.note != "" {
		notes = append(notes, o.note)
	}
	if via := v.via(c); via != "" {
		notes = append(notes, "via "+via)
	}
	if n := len(c.Dropped); n > 0 {
		notes = append(notes, v.look.minus+strconv.Itoa(n)+" dropped")
	}
	o.note = strings.Join(notes, "  ")
	return o
}

func (v *view) stand(c *store.CallRow) outcome {
	k := v.look
	o := outcome{glyph: k.ok, style: k.text, who: c.Provider, from: k.detour(c)}
	switch c.Status {
	case store.StatusRunning:
		v.underWay(c, &o)
	case store.StatusError:
		o.glyph, o.style = k.failed, k.failedStyle
		o.who, o.from = k.none+" "+k.nobody(c), ""
	case store.StatusBlocked:
		o.glyph, o.style = k.blocked, k.blockedStyle
		o.who, o.from = k.none+" blocked: "+capName(c), ""
	case store.StatusTruncated:
		o.glyph, o.style, o.note = k.failed, k.failedStyle, "truncated"
	case store.StatusClientGone:
		o.glyph, o.style, o.note = k.gone, k.goneStyle, "client left"
	case store.StatusInterrupted:
		o.glyph, o.style, o.note = k.lost, k.goneStyle, "lost"
		if o.who == "" && len(c.Attempts) > 0 {
			o.who = c.Attempts[len(c.Attempts)-1].Provider
		}
	default:
		k.well(c, &o)
	}
	return o
}

// well is a call that ended as it should.
func (k *look) well(c *store.CallRow, o *outcome) {
	switch {
	case c.Cache == store.CacheHit:
		o.glyph, o.style, o.who = k.cached, k.cachedStyle, "cache"
		if c.Worth.Known {
			o.note = "(saved " + usd(c.Worth.Money) + ")"
		}
	case o.from != "":
		o.glyph, o.style = k.switched, k.switchedStyle
	case c.Stream && c.FirstToken >= slowFirst:
		o.glyph, o.style, o.note = k.slow, k.slowStyle, "slow first token"
	case !c.Stream && !c.FinishedAt.IsZero() && c.FinishedAt.Sub(c.StartedAt) >= slowAnswer:
		o.glyph, o.style, o.note = k.slow, k.slowStyle, "slow"
	}
}

// underWay is a running call: what it does right now.
func (v *view) underWay(c *store.CallRow, o *outcome) {
	k := v.look
	o.glyph, o.style = k.active, k.activeStyle
	l, known := v.live[c.ID]
	if !known {
		if n := len(c.Attempts); n > 0 {
			o.who = c.Attempts[n-1].Provider
		}
		return
	}
	o.who = l.Provider
	switch l.Phase {
	case store.LiveWaiting:
		o.note = "waiting"
		if left := l.Until.Sub(v.now); !l.Until.IsZero() && left > 0 {
			o.note += " " + span(left+time.Second-1)
		}
		if l.Note != "" {
			o.note += ": " + l.Note
		}
	case store.LiveReading:
		o.note = "reading the request"
	case store.LiveStreaming:
		o.note = size(l.Bytes)
	}
}

// detour is why the first choice did not serve: "← anthropic 529, azure
// timeout 15s"; empty when it did.
func (k *look) detour(c *store.CallRow) string {
	var parts []string
	for i := range c.Attempts {
		a := &c.Attempts[i]
		switch a.Outcome {
		case store.OutcomeOK, store.OutcomeRunning, store.OutcomeLostHedge:
			continue
		}
		if i == len(c.Attempts)-1 && a.Sent() {
			continue // what the call ended with is told otherwise
		}
		parts = append(parts, a.Provider+" "+whyOf(a))
	}
	if len(parts) == 0 {
		return ""
	}
	return k.from + " " + strings.Join(parts, ", ")
}

// nobody is why nothing served.
func (k *look) nobody(c *store.CallRow) string {
	var sent, skipped []string
	for i := range c.Attempts {
		a := &c.Attempts[i]
		if a.Sent() {
			sent = append(sent, whyOf(a))
		} else {
			skipped = append(skipped, whyOf(a))
		}
	}
	switch {
	case len(sent) == 1 && len(skipped) == 0:
		return c.Attempts[0].Provider + " " + sent[0]
	case len(sent) > 0:
		return fmt.Sprintf("none of %d: %s", len(sent)+len(skipped), strings.Join(append(sent, skipped...), ", "))
	case len(skipped) > 0:
		return "none: " + strings.Join(skipped, ", ")
	case c.Error != "":
		return spaced(c.Error)
	}
	return "none"
}

// whyOf is an attempt's end in a word or two: "529", "timeout 15.0s", "breaker".
func whyOf(a *store.Attempt) string {
	switch {
	case !a.Sent():
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

// capName is the cap that blocked a call.
func capName(c *store.CallRow) string {
	text := c.ErrorText
	for i := range c.Attempts {
		if a := &c.Attempts[i]; a.Skipped == "cap" {
			text = a.Error
		}
	}
	_, name, found := strings.Cut(text, "cap ")
	if !found {
		return "cap"
	}
	for _, end := range []string{":", " of ", " lets "} {
		name, _, _ = strings.Cut(name, end)
	}
	return "cap " + strconv.Quote(strings.Trim(name, `"`))
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
