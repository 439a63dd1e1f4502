package tui

import (
	"errors"
	"strings"
	"time"

	"llmgw/store"
)

// waiting tells whether an error only means that nothing was recorded yet.
func waiting(err error) bool { return errors.Is(err, store.ErrNoDatabase) }

// empty tells whether there is no call to show, and none was filtered out.
func (s *snapshot) empty() bool {
	return len(s.window.rows) == 0 && s.want.filter == "" && !s.want.faults || s.err != nil && len(s.window.rows) == 0
}

// blank is what stands where calls will be.
func (m *app) blank(a area) []string {
	s := m.snap
	switch {
	case s.err != nil && !waiting(s.err):
		return m.trouble(a)
	case s.at.IsZero():
		return []string{"", "", "    reading" + m.look.cut}
	}
	return m.welcome(a)
}

// trouble is a record that cannot be read: what, why, what to do, and, but for
// a single frame, when it is tried again.
func (m *app) trouble(a area) []string {
	s, k := m.snap, m.look
	w := a.w - 8
	lines := []string{"", "", "    " + k.alarm.paint("Cannot read") + "  " + k.outside(s.path, w-13), ""}
	for _, l := range wrap(store.Clean(cause(s.err)), w) {
		lines = append(lines, "    "+k.clip(l, w))
	}
	if h := hint(s.err); h != "" {
		lines = append(lines, "")
		for i, l := range wrap("hint: "+store.Clean(h), w) {
			lines = append(lines, spaces(4+min(i, 1)*6)+k.clip(l, w))
		}
	}
	if m.opt.once {
		return lines
	}
	return append(lines, "", "    Trying again in "+span(max(s.retryAt.Sub(m.now), 0))+" "+k.cut+" (r now)")
}

// cause is what is wrong, without the path, which is shown above it.
func cause(err error) string {
	if e, ok := errors.AsType[*store.FileError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// hint is what an error suggests to do.
func hint(err error) string {
	var hinted interface {
		error
		Hint() string
	}
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}

// wrap breaks a text at spaces into lines of at most w cells; a longer word
// stands alone.
func wrap(text string, w int) []string {
	var lines []string
	now := ""
	for _, word := range strings.Fields(text) {
		switch {
		case now == "":
			now = word
		case width(now)+1+width(word) <= w:
			now += " " + word
		default:
			lines, now = append(lines, now), word
		}
	}
	if now != "" {
		lines = append(lines, now)
	}
	return lines
}

// nothing stands below the head of a list in which no call is, because of what
// was asked for.
func (m *app) nothing() []string {
	s := m.snap
	if len(s.window.rows) > 0 || s.searching || s.want.filter == "" && !s.want.faults {
		return nil
	}
	text := "nothing matches: esc clears the filter"
	if m.opt.once {
		text = "nothing matches"
	}
	return []string{"", "  " + m.look.dim.paint(text)}
}

// welcome is a record without calls: what to paste next.
func (m *app) welcome(a area) []string {
	s, k := m.snap, m.look
	if !s.server.Alive {
		return m.asleep(a)
	}
	base := s.baseURL()
	lines := []string{"", "", "", "    No calls yet. llmgw is listening on " + base, ""}
	for _, p := range pastes(base) {
		lines = append(lines, "    "+k.fit(p[0], 16)+p[1])
	}
	lines = append(lines, "")
	label := "Keys"
	for _, l := range m.keysFound(a.w - 24) {
		lines = append(lines, "    "+k.fit(label, 16)+l)
		label = ""
	}
	if len(s.caps) == 0 {
		lines = append(lines, "    "+k.fit("Caps", 16)+"none set: add [[cap]] to llmgw.toml, see 3 Spend")
	}
	if m.opt.once {
		return lines
	}
	return append(lines, "", "    The first call appears here the moment it starts.")
}

// asleep is a record without calls which nobody writes.
func (m *app) asleep(a area) []string {
	k := m.look
	lines := []string{"", "", "", "    No calls yet, and no llmgw is running.", "",
		"    Start it                             llmgw serve",
		"    Watch it misbehave without keys      llmgw serve --demo", "",
	}
	doing := "looked into "
	if !m.opt.once {
		lines, doing = append(lines, "    This screen comes alive by itself.", ""), "reading "
	}
	return append(lines, k.dim.paint("    "+doing+k.outside(m.snap.path, a.w-16)))
}

// baseURL is what clients are pointed at.
func (s *snapshot) baseURL() string {
	if s.setup.BaseURL != "" {
		return s.setup.BaseURL
	}
	return "http://" + s.server.Owner.Listen
}

// pastes are lines for a shell that point clients at the server.
func pastes(base string) [][2]string {
	return [][2]string{
		{"Claude Code", "export ANTHROPIC_BASE_URL=" + base},
		{"OpenAI SDK", "export OPENAI_BASE_URL=" + base + "/v1"},
		{"Gemini", "export GOOGLE_GEMINI_BASE_URL=" + base},
		{"Try it", "curl " + base + "/v1/models"},
	}
}

// keysFound is which providers have a key of their own, in lines of w cells.
func (m *app) keysFound(w int) []string {
	k := m.look
	var list []string
	for _, p := range m.snap.setup.Providers {
		glyph := k.ok
		if p.Key == store.KeyClient {
			glyph = k.skipped
		}
		list = append(list, glyph+" "+k.outside(p.Name, 16))
	}
	var lines []string
	for _, l := range k.flow(list, w) {
		lines = append(lines, strings.TrimPrefix(l, " "))
	}
	return lines
}

// notices are lines above the list for what must not be missed.
func (m *app) notices(w int) []string {
	s, k := m.snap, m.look
	var out []string
	note := func(st style, text string) {
		out = append(out, k.clip(" "+st.paint(k.full)+" "+text, w))
	}
	switch {
	case s.err != nil && !waiting(s.err):
		note(k.alarm, k.outside(s.err.Error(), w-4))
	case !s.server.Alive && s.path != "":
		note(k.switchedStyle, m.stopped())
	case m.silent() > 0:
		note(k.alarm, "serve lives but has recorded nothing for "+span(m.silent())+": is its disk full, or locked? See its log.")
	}
	if s.reload.Error != "" && s.server.Alive {
		note(k.alarm, k.outside("reload failed at "+s.reload.At.In(m.opt.Zone).Format("15:04:05")+
			", the old configuration stays in force: "+s.reload.Error, w-4))
	}
	return out
}

// silentAfter is when a server that lives has missed two of its heartbeats.
const silentAfter = 25 * time.Second

// silent is how long a living server has not written its heartbeat; 0 while it
// does.
func (m *app) silent() time.Duration {
	s := m.snap
	if d := m.now.Sub(s.server.Heartbeat); s.server.Alive && s.server.Heartbeat.Unix() > 0 && d > silentAfter {
		return d
	}
	return 0
}

// aging tells whether the screen says in seconds how long ago a server stopped.
func (m *app) aging() bool {
	s := m.snap
	beat := s.server.Heartbeat
	return s.path != "" && s.err == nil && !s.server.Alive && beat.Unix() > 0 && m.now.Sub(beat) < time.Hour
}

// stopped is since when no server writes.
func (m *app) stopped() string {
	beat := m.snap.server.Heartbeat
	if beat.IsZero() || beat.Unix() <= 0 {
		return "serve is not running, this is what was recorded. Start it: llmgw serve"
	}
	return "serve stopped " + span(m.now.Sub(beat)) + " ago (last heartbeat " +
		beat.In(m.opt.Zone).Format("15:04:05") + "). Start it: llmgw serve"
}
