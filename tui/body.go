package tui

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// body is the screen of one body of a call.
type body struct {
	part   string // request, response, attempt.N
	top    int    // lines scrolled by
	search prompt // open while the text to look for is typed
	hit    int    // line of the present match; below zero: none
}

// bodyData is one body of a call, ready to be shown. The text may be megabytes:
// it is cut into lines where it is read.
type bodyData struct {
	id, part string
	width    int          // cells of a line
	all      []store.Body // what is kept of the call, without data
	body     store.Body   // the part, without data; zero when it is not kept
	lines    []string     // headers, an empty line, the text
	heads    int          // how many of lines are headers
	held     int64        // bytes that were kept
}

// kept tells whether there is such a body.
func (d *bodyData) kept() bool { return d.body.Part != "" }

// readBody reads the part that is wanted; what was read before is taken over.
func readBody(ctx context.Context, r *store.Reader, w want, last *bodyData) (*bodyData, error) {
	if last != nil && last.id == w.detail && last.part == w.body && last.width == w.width && last.kept() {
		return last, nil
	}
	d := &bodyData{id: w.detail, part: w.body, width: w.width}
	var err error
	if d.all, err = r.Bodies(ctx, d.id); err != nil {
		return nil, err
	}
	b, err := r.Body(ctx, d.id, d.part)
	if errors.Is(err, store.ErrNotFound) {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	for head := range strings.SplitSeq(b.Headers, "\n") {
		if head != "" {
			d.lines = appendWrapped(d.lines, head, w.width-2)
		}
	}
	d.heads = len(d.lines)
	d.lines = append(d.lines, "")
	for text := range strings.SplitSeq(string(indented(b.Data)), "\n") {
		d.lines = appendWrapped(d.lines, text, w.width-2)
	}
	d.held, b.Data = int64(len(b.Data)), nil
	d.body = b
	return d, nil
}

// appendWrapped makes text from outside safe and cuts it into lines of at most
// w cells. Text that is plain ASCII is cut by bytes, which is quick.
func appendWrapped(lines []string, text string, w int) []string {
	text = store.Clean(strings.ReplaceAll(text, "\t", "    "))
	w = max(w, 1)
	for len(text) > 0 {
		n := cutAt(text, w)
		lines, text = append(lines, text[:n]), text[n:]
	}
	return lines
}

// cutAt is how many bytes of text fit into w cells; at least one rune.
func cutAt(text string, w int) int {
	n, cells := 0, 0
	for n < len(text) {
		if text[n] < utf8.RuneSelf {
			if cells++; cells > w {
				return n
			}
			n++
			continue
		}
		// From here to the next plain byte as the terminal sees it: marks and
		// joiners belong to what is before them.
		end := n
		for end < len(text) && text[end] >= utf8.RuneSelf {
			_, size := utf8.DecodeRuneInString(text[end:])
			end += size
			if width(text[n:end]) > w-cells {
				if end > size {
					return end - size
				}
				return size // wider than the whole line
			}
		}
		cells += width(text[n:end])
		n = end
	}
	return n
}

func (b *body) act(m *app, do action) tea.Cmd {
	d := m.snap.body
	page := max(m.h-4-bodyHead, 1)
	switch do {
	case doBody:
		b.next(d)
	case doSearch:
		b.search.start(b.search.text)
	case doNextCall:
		return b.find(m, 1)
	case doPreviousCall:
		return b.find(m, -1)
	case doCopy:
		return b.copy(m)
	}
	last := b.last(d, page)
	b.top = min(max(scrolled(do, b.top, page, last), 0), last)
	return nil
}

// last is how far down the text can be scrolled.
func (b *body) last(d *bodyData, page int) int {
	if d == nil {
		return 0
	}
	return max(len(d.lines)-page, 0)
}

// next turns to the next body of the call.
func (b *body) next(d *bodyData) {
	parts := []string{"request", "response"}
	if d != nil {
		for _, one := range d.all {
			if one.Part != "request" && one.Part != "response" {
				parts = append(parts, one.Part)
			}
		}
	}
	at := 0
	for i, p := range parts {
		if p == b.part {
			at = (i + 1) % len(parts)
		}
	}
	*b = body{part: parts[at], search: prompt{text: b.search.text, at: len(b.search.text)}, hit: -1}
}

// typed takes a key while the text to look for is typed.
func (b *body) typed(m *app, msg tea.KeyMsg) tea.Cmd {
	switch msg.String() {
	case "esc":
		b.search = prompt{}
		b.hit = -1
	case "enter":
		b.search.open = false
		if b.search.text != "" && b.hit < 0 {
			return m.say("not found: " + b.search.text)
		}
	default:
		b.search.edit(msg)
		b.hit = -1
		b.seek(m, b.top, 1)
	}
	return nil
}

// find goes to the next match, or the one before.
func (b *body) find(m *app, by int) tea.Cmd {
	if b.search.text == "" {
		return m.say("nothing to look for: / searches")
	}
	from := b.hit + by
	if b.hit < 0 {
		from = b.top
	}
	if !b.seek(m, from, by) {
		return m.say("not found: " + b.search.text)
	}
	return nil
}

// seek looks for the text from a line on, around the end, and shows where it
// is. Upper and lower case are the same.
func (b *body) seek(m *app, from, by int) bool {
	d := m.snap.body
	if d == nil || b.search.text == "" || len(d.lines) == 0 {
		return false
	}
	n := len(d.lines)
	wanted := strings.ToLower(b.search.text)
	for i := range n {
		at := ((from+i*by)%n + n) % n
		if strings.Contains(strings.ToLower(d.lines[at]), wanted) {
			page := max(m.h-4-bodyHead, 1)
			b.hit = at
			if at < b.top || at >= b.top+page {
				b.top = min(max(at-page/3, 0), b.last(d, page))
			}
			return true
		}
	}
	return false
}

// copy copies the text as far as a terminal takes it.
func (b *body) copy(m *app) tea.Cmd {
	d := m.snap.body
	if d == nil || d.id != m.calls.cursor || d.part != b.part {
		return m.say("nothing to copy yet: the " + b.part + " is still being read")
	}
	if !d.kept() {
		return m.say("nothing to copy: " + strings.TrimSpace(m.view().noBody(b.part)))
	}
	return m.copy(strings.Join(d.lines[min(d.heads+1, len(d.lines)):], "\n"), "the "+b.part)
}

// bodyHead is how many lines are above the text.
const bodyHead = 2

func (b *body) render(a area, v view) []string {
	k, d := v.look, v.snapshot.body
	if v.call == nil {
		return []string{"", "  " + k.dim.paint("no call is selected")}
	}
	if d == nil || d.id != v.call.ID || d.part != b.part {
		return []string{b.head(v, d, a.w), "", "  " + k.dim.paint("reading"+k.cut)}
	}
	lines := []string{b.head(v, d, a.w), ""}
	if !d.kept() {
		for _, text := range wrap(v.noBody(b.part), max(a.w-4, 10)) {
			lines = append(lines, "  "+text)
		}
		return lines
	}
	room := max(a.h-bodyHead, 0)
	if b.search.open || b.search.text != "" {
		room--
	}
	for i := range room {
		at := b.top + i
		if at >= len(d.lines) {
			lines = append(lines, "")
			continue
		}
		lines = append(lines, b.line(v, d, at, a.w))
	}
	if b.search.open || b.search.text != "" {
		lines = append(lines, b.searchLine(k, a.w))
	}
	return lines
}

// head names the body, and says what is not there of it.
func (b *body) head(v view, d *bodyData, w int) string {
	k := v.look
	left := " " + k.bold.paint(b.part) + " of " + k.cut + lastFour(v.call.ID)
	if d == nil || !d.kept() {
		return left
	}
	if d.body.Truncated {
		left += "   " + k.switchedStyle.paint("cut: "+size(d.held)+" of "+size(d.body.Size))
	} else {
		left += "   " + size(d.body.Size)
	}
	left += "  " + k.outside(d.body.ContentType, min(w/4, 40))
	return k.ends(left, k.dim.paint(grouped(int64(min(b.top+1, len(d.lines))))+" of "+grouped(int64(len(d.lines)))+" "), w)
}

// line is a line of the text; headers are dim, the match is marked.
func (b *body) line(v view, d *bodyData, at, w int) string {
	k := v.look
	text := k.outside(d.lines[at], w-2)
	switch {
	case at == b.hit && b.search.text != "":
		return k.cursor + " " + k.bold.paint(text)
	case at < d.heads:
		return "  " + k.dim.paint(text)
	}
	return "  " + text
}

func (b *body) searchLine(k *look, w int) string {
	text := " / " + k.outside(b.search.text, w-20)
	if b.search.open {
		text += k.full
	}
	state := ""
	switch {
	case b.search.text == "":
	case b.hit < 0:
		state = "not found "
	default:
		state = "n next  p previous "
	}
	return k.ends(text, k.dim.paint(state), w)
}

// noBody is why there is no such body.
func (v view) noBody(part string) string {
	c := v.call
	switch {
	case v.setup.Bodies == "none":
		return `Body recording is off: [store] bodies = "none" in llmgw.toml.`
	case c != nil && c.Running():
		return "The " + part + " is recorded when the call ends."
	case v.setup.Bodies == "errors" && c != nil && c.Status == store.StatusOK:
		return `Only bodies of failed calls are recorded: [store] bodies = "errors" in llmgw.toml.`
	case part == "response" && c != nil && !c.Answered():
		return "There was no answer of a provider; what llmgw answered is in the detail."
	}
	return "This body is not kept: nothing was sent, or max_size or retention in [store] has removed it."
}
