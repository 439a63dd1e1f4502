package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"llmgw/store"
)

// labelWidth is the column of labels, a space on either side.
const labelWidth = 9

// facts are lines of a label and a text each.
func (k *look) facts(list []fact, w int) []string {
	var lines []string
	for _, f := range list {
		lines = append(lines, k.fact(f, w))
	}
	return lines
}

func (k *look) fact(f fact, w int) string {
	return " " + k.dim.paint(k.fit(f.label, labelWidth-1)) + f.style.paint(k.clip(f.text, w-labelWidth))
}

// columns are facts in lines, two of them side by side where both fit.
func (k *look) columns(list []fact, w int) []string {
	half := w / 2
	short := func(i int) bool { return i < len(list) && width(list[i].text) < half-labelWidth }
	var lines []string
	for i := 0; i < len(list); i++ {
		if !short(i) || !short(i+1) {
			lines = append(lines, k.fact(list[i], w))
			continue
		}
		left := k.fact(list[i], half-1)
		lines = append(lines, left+spaces(half-width(left))+k.fact(list[i+1], w-half))
		i++
	}
	return lines
}

// paragraphLines is how many lines a long text gets.
const paragraphLines = 4

// paragraph is a fact whose text comes from outside and may take some lines.
func (k *look) paragraph(f fact, w int) []string {
	room := max(w-labelWidth-1, 1)
	text := k.outside(f.text, room*paragraphLines)
	lines := strings.Split(ansi.Wrap(text, room, ",;"), "\n")
	for i := range lines {
		label := ""
		if i == 0 {
			label = f.label
		}
		lines[i] = k.fact(fact{label: label, text: lines[i], style: f.style}, w)
	}
	return lines
}

// breakers say how the targets stand that failed the call or were skipped.
func (v view) breakers(c *store.CallRow) []fact {
	var list []fact
	seen := map[string]bool{}
	for i := range c.Attempts {
		a := &c.Attempts[i]
		target := a.Provider + "/" + a.Model
		if seen[target] || a.Sent() && !store.TargetFailed(a.Outcome) {
			continue
		}
		seen[target] = true
		s := v.standing(target)
		list = append(list, fact{label: "BREAKER", text: v.look.outside(target, 60) + " " + s.words, style: s.style})
	}
	return list
}

// standing is whether a target may be tried now.
type standing struct {
	glyph string
	word  string // "closed 1/5", "OPEN 18s", "half-open"
	words string // the same in a sentence
	style style
	state string // a Breaker.State, or "cooldown"
	fault string // why a credential must rest: an llm.Fault
}

// standing of provider/model, by the clock.
func (v view) standing(target string) standing {
	k := v.look
	provider, _, _ := strings.Cut(target, "/")
	for i := range v.targets.Breakers {
		b := &v.targets.Breakers[i]
		if b.Target == provider && b.State == store.BreakerDisabled {
			return standing{k.blocked, "disabled", "is disabled: llmgw targets enable " + provider, k.blockedStyle, b.State, ""}
		}
	}
	for i := range v.targets.Breakers {
		if b := &v.targets.Breakers[i]; b.Target == target {
			if s := v.broken(b); s.state != store.BreakerClosed {
				return s
			}
		}
	}
	for i := range v.targets.Cooldowns {
		if cd := &v.targets.Cooldowns[i]; cd.Holds(v.now) && (cd.Target() == target || cd.Target() == provider) {
			return v.cooling(cd)
		}
	}
	for i := range v.targets.Breakers {
		if b := &v.targets.Breakers[i]; b.Target == target {
			return v.broken(b)
		}
	}
	return standing{k.ok, "closed", "is closed: calls pass", k.text, store.BreakerClosed, ""}
}

// broken is how a breaker stands.
func (v view) broken(b *store.Breaker) standing {
	k := v.look
	switch b.StateAt(v.now) {
	case store.BreakerOpen:
		left := span(b.Until.Sub(v.now) + time.Second - 1)
		return standing{k.failed, "OPEN " + left, fmt.Sprintf("is OPEN since %s (%s); the next call after %s is a probe", v.clock(b.Since), b.Reason, left), k.failedStyle, store.BreakerOpen, ""}
	case store.BreakerHalfOpen:
		words := "is half-open: the next call is a probe"
		if b.Probing && b.State == store.BreakerHalfOpen {
			words = "is half-open: a probe is under way"
		}
		return standing{k.active, "half-open", words, k.switchedStyle, store.BreakerHalfOpen, ""}
	case store.BreakerDisabled:
		return standing{k.blocked, "disabled", "is disabled: llmgw targets enable " + b.Target, k.blockedStyle, b.State, ""}
	}
	if b.Failures == 0 || b.Consecutive == 0 {
		return standing{k.ok, "closed", "is closed: calls pass", k.text, store.BreakerClosed, ""}
	}
	return standing{
		k.slow, fmt.Sprintf("closed %d/%d", b.Consecutive, b.Failures),
		fmt.Sprintf("is closed: calls pass; %d of %d faults in a row", b.Consecutive, b.Failures), k.slowStyle, store.BreakerClosed, "",
	}
}

// cooling is a target whose credential must rest.
func (v view) cooling(cd *store.Cooldown) standing {
	k := v.look
	reason := spaced(cd.Reason)
	if left := cd.Until.Sub(v.now); left > 0 {
		wait := span(left + time.Second - 1)
		return standing{k.slow, reason + " " + wait, fmt.Sprintf("is %s since %s with key %s; tried again in %s", reason, v.clock(cd.Since), cd.Credential(), wait), k.slowStyle, "cooldown", cd.Reason}
	}
	return standing{k.slow, reason, fmt.Sprintf("was %s with key %s; the next call is a trial", reason, cd.Credential()), k.slowStyle, "cooldown", cd.Reason}
}

// clock is a time of day, with the date when that is another one.
func (v view) clock(t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	t, now := t.In(v.zone), v.now.In(v.zone)
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format(time.TimeOnly)
	}
	return t.Format("Jan 2 15:04")
}
