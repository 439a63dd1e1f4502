package tui

import (
	"slices"
	"strings"
	"time"

	"llmgw/providers/price"
	"llmgw/store"
)

// refusalSpan is how long what a cap refused is held against it.
const refusalSpan = 15 * time.Minute

// blockage is a cap that stands in the way: all of it is spent or held, or what
// is left was too little for the calls that came.
type blockage struct {
	cap     store.Cap
	refused int          // calls, in the last minutes
	need    price.Amount // of the last one
	said    string       // why it was refused, where money was not the reason
}

// blockages finds the caps that stand in the way.
func blockages(caps []store.Cap, refusals []store.CapRefusal, now time.Time) []blockage {
	var all []blockage
	for i := range caps {
		b := blockage{cap: caps[i].At(now)}
		b.count(refusals)
		tooLittle := b.refused > 0 && (!b.need.Known || b.need.Money > b.cap.Left())
		if b.cap.State == store.CapBlocked || b.allHeld() || tooLittle {
			all = append(all, b)
		}
	}
	return all
}

// allHeld tells whether calls under way hold all that is not spent.
func (b *blockage) allHeld() bool { return b.cap.Held > 0 && b.cap.Left() == 0 }

// count looks for what the cap refused in its present window, newest first.
func (b *blockage) count(refusals []store.CapRefusal) {
	for i := range refusals {
		r := &refusals[i]
		rest, ok := r.By(&b.cap)
		if !ok || r.At.Before(b.cap.WindowStart) {
			continue
		}
		if b.refused++; b.refused > 1 {
			continue
		}
		_, need, found := strings.Cut(rest, "this call needs ")
		need, _, _ = strings.Cut(need, " ")
		if m, err := price.ParseUSD(need); found && err == nil {
			b.need = price.Of(m)
		} else {
			b.said = strings.TrimSpace(rest)
		}
	}
}

// blocking are the caps that still stand in the way.
func (s *snapshot) blocking(now time.Time) []blockage {
	return slices.DeleteFunc(slices.Clone(s.blocked), func(b blockage) bool { return b.over(now) })
}

// over tells whether the window has ended in which the cap was in the way.
func (b *blockage) over(now time.Time) bool {
	return !b.cap.ResetsAt.IsZero() && !b.cap.ResetsAt.After(now)
}

// until is when the cap lets calls pass again, as far as that is known.
func (b *blockage) until(v view) string {
	at := b.cap.ResetsAt
	switch {
	case b.said != "", at.IsZero():
		return ""
	case b.cap.Per == "rolling":
		return "some is free again " + v.minute(at)
	}
	return "until " + v.minute(at)
}

// minute is a time of day without seconds, with the date when that is another
// one.
func (v view) minute(t time.Time) string {
	t, now := t.In(v.zone), v.now.In(v.zone)
	switch {
	case t.Equal(store.NextDay(store.DayStart(now))):
		return "midnight"
	case t.YearDay() == now.YearDay() && t.Year() == now.Year():
		return t.Format("15:04")
	case t.Sub(now) < 24*time.Hour:
		return t.Format("15:04") + " tomorrow"
	}
	return t.Format("Jan 2")
}

// name is the cap, with the value of its each.
func (b *blockage) name() string {
	if b.cap.Each != "" {
		return b.cap.Name + " of " + b.cap.Each
	}
	return b.cap.Name
}

// words are which cap blocks what, until when and why.
func (b *blockage) words(v view) string {
	c := &b.cap
	text := b.name() + " blocks "
	if c.Scope == "all" {
		text += "all calls"
	} else {
		text += c.Scope
	}
	if until := b.until(v); until != "" {
		text += " " + until
	}
	switch {
	case b.said != "":
		text += ": it " + b.said
	case c.State == store.CapBlocked:
		text += ": all of " + wholeUSD(c.Limit) + " is spent"
	case b.need.Known && b.refused > 0:
		text += ": " + cents(c.Left()) + " left, a call needs " + cents(b.need.Money)
	default:
		text += ": what is left is held by calls under way"
	}
	return text
}

// short is the state in the table of caps.
func (b *blockage) short(k *look) string {
	switch {
	case b.cap.State == store.CapBlocked:
		return k.blocked + " blocking now"
	case b.allHeld():
		return k.blocked + " all is held"
	}
	return k.blocked + " refuses calls"
}

// blockageLines name the caps that block, as far as there is room.
func (v view) blockageLines(w, most int) []string {
	k := v.look
	list := v.blocking(v.now)
	var lines []string
	for i := range list {
		if len(lines) == most {
			break
		}
		text := list[i].words(v)
		if room := w - 4; width(text) > room && list[i].cap.Scope != "all" {
			text = strings.Replace(text, " blocks "+list[i].cap.Scope, " blocks", 1) // the table has it
			if width(text) > room && list[i].said == "" {
				text, _, _ = strings.Cut(text, ": ") // and the figures
			}
		}
		lines = append(lines, " "+k.blockedStyle.paint(k.outside(k.blocked+" "+text, w-2)))
	}
	return lines
}

// blocks is the part of the header that names a cap which blocks for want of
// money.
func (m *app) blocks(room int) string {
	list := slices.DeleteFunc(m.snap.blocking(m.now), func(b blockage) bool { return b.said != "" })
	if len(list) == 0 {
		return ""
	}
	v, k := m.view(), m.look
	text := k.blocked + " " + k.outside(list[0].cap.Name, 12)
	if n := len(list) - 1; n > 0 {
		text += " +" + short(int64(n))
	}
	until := list[0].until(v)
	switch {
	case room >= sharesRoom && until != "":
		text = k.blocked + " " + k.outside(list[0].name()+" blocks "+list[0].cap.Scope, 40) + " " + until
	case room >= rateRoom && until != "" && list[0].cap.Per != "rolling":
		text += " " + until
	}
	return k.blockedStyle.paint(text)
}
