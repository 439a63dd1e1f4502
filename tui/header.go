package tui

import (
	"strconv"
	"strings"
	"time"

	"llmgw/providers/price"
	"llmgw/store"
)

// header is the first line of every screen: where one is, whether the server
// lives, how the hour goes and what is spent today.
func (m *app) header() string {
	left := m.tabs()
	room := m.w - width(left) - 2
	return m.look.ends(left, m.state(room)+" ", m.w)
}

// tabs are the screens, the present one in brackets.
func (m *app) tabs() string {
	var n line
	n.add(m.look.bold, " llmgw")
	n.add(style{}, " ")
	top := m.screen
	if top == screenDetail || top == screenBody {
		top = screenCalls
	}
	for i, t := range tabs {
		name := strconv.Itoa(i+1) + " " + t.name
		if m.layout.narrow {
			name = strconv.Itoa(i + 1)
		}
		if t.screen == top {
			n.add(m.look.bold, "["+name+"]")
		} else {
			n.add(style{}, " "+name+" ")
		}
	}
	return n.String()
}

var tabs = []struct {
	name   string
	screen screen
}{{"Calls", screenCalls}, {"Providers", screenProviders}, {"Spend", screenSpend}}

// state is the right end of the header: as much as fits, the most important
// last to go.
func (m *app) state(room int) string {
	s, k := m.snap, m.look
	var parts []string // most important first
	parts = append(parts, m.serving(room))
	if s.path != "" && s.err == nil {
		parts = append(parts, m.spent(room), m.blocks(room))
		parts = append(parts, m.hour(room)...)
	}
	out := strings.Join(kept(order(parts)), "  ")
	for i := len(parts) - 1; i > 0 && width(out) > room; i-- {
		parts[i] = ""
		out = strings.Join(kept(order(parts)), "  ")
	}
	return k.clip(out, room)
}

// order puts the parts as they stand on the screen: state, hour, caps, money.
func order(parts []string) []string {
	if len(parts) < 3 {
		return parts
	}
	return append(append([]string{parts[0]}, parts[3:]...), parts[2], parts[1])
}

func kept(parts []string) []string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

// serving is whether a server lives and where it listens.
func (m *app) serving(room int) string {
	s, k := m.snap, m.look
	switch {
	case s.err != nil && s.path != "" && !waiting(s.err):
		return k.alarm.paint(k.failed + " database")
	case !s.server.Alive:
		return k.dim.paint(k.idle) + " serve not running"
	}
	words := room >= sharesRoom || room >= rateRoom && len(s.blocked) == 0 // else what blocks needs the room
	text := k.ok + " "
	if words {
		text += "serve "
	}
	text += portOf(s.server.Owner.Listen)
	if s.server.Owner.Demo {
		text += " demo"
	}
	if !m.layout.narrow && !s.server.Owner.StartedAt.IsZero() {
		up := uptime(m.now.Sub(s.server.Owner.StartedAt))
		if words {
			up = "up " + up
		}
		text += " " + up
	}
	if m.silent() > 0 {
		text += "  " + k.alarm.paint(k.failed+" not recording")
	}
	if s.reload.Error != "" {
		text += "  " + k.alarm.paint(k.failed+" reload")
	}
	return text
}

// uptime is a duration that changes at most once a minute after the first.
func uptime(d time.Duration) string {
	if d >= time.Minute && d < time.Hour {
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return span(d)
}

// portOf is the port of an address on loopback, any other address as it is.
func portOf(listen string) string {
	for _, host := range []string{"127.0.0.1:", "localhost:", "[::1]:"} {
		if port, ok := strings.CutPrefix(listen, host); ok {
			return ":" + port
		}
	}
	return listen
}

// spent is today's money beside the first cap, with its bar where there is
// room.
func (m *app) spent(room int) string {
	s, k := m.snap, m.look
	c, ok := s.firstCap(m.now)
	if !ok {
		if room >= rateRoom {
			return "today " + cents(s.today.Cost)
		}
		return cents(s.today.Cost)
	}
	text := cents(c.Spent) + "/" + wholeUSD(c.Limit)
	if room >= rateRoom {
		text = k.outside(c.Name, 12) + " " + text
		if room >= sharesRoom || len(s.blocked) == 0 { // as for serving
			text += " " + k.capStyle(c).paint(k.meter(c.Spent, c.Held, c.Limit, 12))
		}
	} else {
		text = k.capStyle(c).paint(text)
	}
	return text
}

// capStyle is how near a cap is to its limit.
func (k *look) capStyle(c store.Cap) style {
	switch c.State {
	case store.CapBlocked:
		return k.blockedStyle
	case store.CapWarn:
		return k.switchedStyle
	}
	return style{}
}

// firstCap is the first one of the configuration that counts all together.
func (s *snapshot) firstCap(now time.Time) (store.Cap, bool) {
	for _, c := range s.caps {
		if c.Each == "" {
			return c.At(now), true
		}
	}
	return store.Cap{}, false
}

// wholeUSD is a limit, exact, without cents where it has none: "$20",
// "$12,345.67".
func wholeUSD(m price.Money) string {
	text := "$" + grouped(int64(m/price.USD))
	if _, cents, has := strings.Cut(m.String(), "."); has {
		text += "." + cents + strings.Repeat("0", max(2-len(cents), 0))
	}
	return text
}

// The room from which on the header tells the calls of the hour, and how they
// went; before, the line below the list does.
const (
	rateRoom   = 60
	sharesRoom = 120
)

// hour is how the last hour went, in parts of which the last go first.
func (m *app) hour(room int) []string {
	p, k := m.snap.pulse, m.look
	if room < rateRoom {
		return nil
	}
	columns, unit := p.Columns, "/h "
	if room >= sharesRoom {
		unit = " calls/h "
	} else if len(columns) > 10 {
		columns = columns[len(columns)-10:]
	}
	parts := []string{short(p.Calls) + unit + k.activeStyle.paint(k.sparkline(columns))}
	if room < sharesRoom || p.Sample == 0 {
		return parts
	}
	return append(parts, m.shares())
}

// shares are how the calls of the hour went.
func (m *app) shares() string {
	p, k := m.snap.pulse, m.look
	return "failed " + k.percent(p.Failed, p.Sample) + "  switched " + k.percent(p.Switched, p.Sample) +
		"  cached " + k.percent(p.Cached, p.Sample)
}
