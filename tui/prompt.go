package tui

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// prompt is the line in which a filter is typed. It takes effect with every
// key; one that cannot be read keeps the previous result and shows where it
// broke.
type prompt struct {
	open   bool
	text   string
	at     int    // byte offset of the cursor in text
	before string // the filter when the prompt was opened
	wrong  *store.FilterError

	insisted bool // it was asked for all the same

	history []string // oldest first
	past    int      // entries back from the present; 0 is what is typed
	typed   string   // what was typed before going back
}

// extra is how many lines the prompt takes beside that of the status.
func (p *prompt) extra() int {
	if p.open {
		return 1
	}
	return 0
}

func (p *prompt) start(filter string) {
	p.open, p.text, p.at, p.before, p.wrong, p.past = true, filter, len(filter), filter, nil, 0
}

// set replaces the text.
func (p *prompt) set(text string) { p.text, p.at = text, len(text) }

func (p *prompt) insert(s string) {
	p.text, p.at = p.text[:p.at]+s+p.text[p.at:], p.at+len(s)
}

// edit takes a key that changes the text or moves in it.
func (p *prompt) edit(msg tea.KeyMsg) {
	_, before := utf8.DecodeLastRuneInString(p.text[:p.at])
	_, after := utf8.DecodeRuneInString(p.text[p.at:])
	switch msg.String() {
	case "left", "ctrl+b":
		p.at -= before
	case "right", "ctrl+f":
		p.at += after
	case "home", "ctrl+a":
		p.at = 0
	case "end", "ctrl+e":
		p.at = len(p.text)
	case "backspace", "ctrl+h":
		p.text, p.at = p.text[:p.at-before]+p.text[p.at:], p.at-before
	case "delete", "ctrl+d":
		p.text = p.text[:p.at] + p.text[p.at+after:]
	case "ctrl+u":
		p.text, p.at = p.text[p.at:], 0
	case "ctrl+k":
		p.text = p.text[:p.at]
	case "ctrl+w":
		head := strings.TrimRightFunc(p.text[:p.at], unicode.IsSpace)
		head = head[:strings.LastIndexFunc(head, unicode.IsSpace)+1]
		p.text, p.at = head+p.text[p.at:], len(head)
	default:
		if msg.Type == tea.KeyRunes && !msg.Alt || msg.Type == tea.KeySpace {
			p.insert(strings.Map(printable, string(msg.Runes)))
		}
	}
}

// printable leaves out what a paste may bring beside text.
func printable(r rune) rune {
	switch {
	case r == '\n' || r == '\t' || r == '\r':
		return ' '
	case unicode.IsControl(r):
		return -1
	}
	return r
}

// older and newer go through the history.
func (p *prompt) older() {
	if p.past == 0 {
		p.typed = p.text
	}
	if p.past < len(p.history) {
		p.past++
		p.set(p.history[len(p.history)-p.past])
	}
}

func (p *prompt) newer() {
	switch {
	case p.past > 1:
		p.past--
		p.set(p.history[len(p.history)-p.past])
	case p.past == 1:
		p.past = 0
		p.set(p.typed)
	}
}

// remember keeps a filter for later.
func (p *prompt) remember() {
	const most = 100
	if p.text == "" || len(p.history) > 0 && p.history[len(p.history)-1] == p.text {
		return
	}
	p.history = append(p.history, p.text)
	p.history = p.history[max(0, len(p.history)-most):]
}

// word is the beginning of the word that is typed: where it starts, the field
// it names with its colon, what is typed of the value.
func (p *prompt) word() (start int, field, value string) {
	quoted := false
	for i, r := range p.text[:p.at] {
		switch {
		case r == '"':
			quoted = !quoted
		case unicode.IsSpace(r) && !quoted:
			start = i + utf8.RuneLen(r)
		}
	}
	word := p.text[start:p.at]
	if rest, ok := strings.CutPrefix(word, "!"); ok {
		word, start = rest, start+1
	}
	if f, v, ok := strings.Cut(word, ":"); ok {
		return start, f, v
	}
	return start, "", word
}

// unfinished tells whether the word that is typed may yet become a field: till
// then it is no text to look for, which would find nothing.
func (p *prompt) unfinished() bool {
	_, field, typed := p.word()
	return p.open && p.at == len(p.text) && field == "" && typed != "" && slices.ContainsFunc(store.FilterFields(), func(f string) bool {
		return strings.HasPrefix(f, strings.ToLower(typed)) || f == "tag." && strings.HasPrefix(typed, f)
	})
}

// usualValues are figures to begin with, for fields that take any.
var usualValues = map[string][]string{
	"status": {"4xx", "5xx", "429"},
	"since":  {"15m", "1h", "24h", "today", "yesterday", "7d"},
	"took":   {">5s", ">30s"},
	"first":  {">2s", ">10s"},
	"tries":  {">1"},
	"cost":   {">0.01", ">0.1", ">1"},
}

// values are what a field can be completed to.
func values(field string, known map[string][]string) []string {
	if list := append(store.FilterValues(field), usualValues[field]...); list != nil {
		return list
	}
	return known[field]
}

// choices are what the word could become.
func (p *prompt) choices(known map[string][]string) []string {
	_, field, typed := p.word()
	if field == "" {
		var out []string
		for _, f := range store.FilterFields() {
			if strings.HasPrefix(f, strings.ToLower(typed)) {
				out = append(out, strings.TrimSuffix(f, ".")+map[bool]string{true: ".", false: ":"}[strings.HasSuffix(f, ".")])
			}
		}
		return out
	}
	var out []string
	for _, v := range values(strings.ToLower(field), known) {
		if strings.Contains(strings.ToLower(v), strings.ToLower(strings.Trim(typed, `"`))) {
			out = append(out, quoted(v))
		}
	}
	return out
}

// quoted is a value as a filter needs it written.
func quoted(v string) string {
	if strings.ContainsAny(v, " \t\"") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
	}
	return v
}

// complete extends the word by what all choices share; a single one is taken.
func (p *prompt) complete(known map[string][]string) {
	list := p.choices(known)
	if len(list) == 0 {
		return
	}
	start, field, typed := p.word()
	if field != "" {
		start += len(field) + 1
	}
	common := list[0]
	for _, c := range list[1:] {
		for !strings.HasPrefix(strings.ToLower(c), strings.ToLower(common)) {
			_, last := utf8.DecodeLastRuneInString(common)
			common = common[:len(common)-last]
		}
	}
	if len(common) < len(typed) {
		common = list[0] // they only contain what was typed: the first one then
	}
	if len(list) == 1 && field != "" {
		common += " "
	}
	p.text, p.at = p.text[:start]+common+p.text[p.at:], start+len(common)
}

// insist shows what is wrong though the word could still become right.
func (p *prompt) insist() { p.insisted = true }

// begun tells whether what is wrong is only that the word at the cursor is not
// typed to its end.
func (p *prompt) begun(choices []string) bool {
	start, field, typed := p.word()
	return !p.insisted && p.at == len(p.text) && field != "" && p.wrong.Pos >= start &&
		slices.ContainsFunc(choices, func(c string) bool { return strings.HasPrefix(c, strings.ToLower(typed)) })
}

// check reads the filter; what cannot be read is remembered with its place.
func (p *prompt) check() bool {
	_, err := store.ParseFilter(p.text)
	p.wrong, p.insisted = nil, false
	if e, ok := errors.AsType[*store.FilterError](err); ok {
		p.wrong = e
	}
	return err == nil
}

// render draws the prompt and, below it, what could be typed or what is wrong.
func (p *prompt) render(m *app, w int) []string {
	k := m.look
	shown := k.shown(p.text)
	cursor := width(k.shown(p.text[:p.at]))
	count := m.counted()
	room := w - 4 - width(count)
	from := max(0, cursor-room+1) // what is left of it does not fit
	var n line
	n.add(k.bold, " /")
	at, _ := splitAt(shown+" ", cursor)
	n.add(style{}, dropCells(at, from))
	_, rest := splitAt(shown+" ", cursor)
	head, tail := splitAt(rest, 1)
	n.add(k.cursorStyle(), head)
	n.add(style{}, k.clip(tail, max(w-n.w-width(count)-2, 0)))
	n.to(w - width(count) - 1)
	n.add(k.dim, count)
	choices := p.choices(m.snap.known)
	below := " " + strings.Join(choices, " ")
	if p.wrong != nil && !p.begun(choices) {
		caret := max(2+width(k.shown(p.text[:p.wrong.Pos]))-from, 1)
		below = spaces(caret) + k.alarm.paint("^ "+k.outside(p.wrong.Msg, max(w-caret-2, 1)))
		return []string{k.clip(n.String(), w), below}
	}
	return []string{k.clip(n.String(), w), k.dim.paint(k.outside(below, w))}
}

// cursorStyle marks the cell under the cursor of the prompt.
func (k *look) cursorStyle() style { return k.attribute("7") }

// shown is typed text as it is shown: the same length in cells wherever it is cut.
func (k *look) shown(s string) string { return store.Clean(s) }

// splitAt cuts a text after w cells.
func splitAt(s string, w int) (string, string) {
	got := 0
	for i, r := range s {
		if got >= w {
			return s[:i], s[i:]
		}
		got += width(string(r))
	}
	return s, ""
}

// dropCells leaves out the first w cells of a text.
func dropCells(s string, w int) string {
	_, rest := splitAt(s, w)
	return rest
}
