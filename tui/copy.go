package tui

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
)

// copyLimit is how many bytes are copied at most: terminals drop longer
// sequences, base64 included.
const copyLimit = 74 * 1000

// copiedMsg is what came of copying.
type copiedMsg string

// copy puts a text into the clipboard of the terminal, which works over ssh
// too. what names it for the message.
func (m *app) copy(text, what string) tea.Cmd {
	if len(text) > copyLimit {
		return m.say(fmt.Sprintf("%s is too long to copy: %s, a terminal takes %s", what, size(int64(len(text))), size(copyLimit)))
	}
	sequence := osc52(text, os.Getenv("TMUX") != "")
	out := m.opt.Output
	return func() tea.Msg {
		if out == nil {
			return copiedMsg("copied " + what)
		}
		if _, err := out.Write([]byte(sequence)); err != nil {
			return copiedMsg("copying failed: " + err.Error())
		}
		return copiedMsg("copied " + what)
	}
}

// osc52 is the sequence that asks a terminal to take text into its clipboard.
// tmux understands it itself (set-clipboard on) or passes it on where it is
// told to (allow-passthrough on): it gets both.
func osc52(text string, tmux bool) string {
	s := "\x1b]52;c;" + base64.StdEncoding.EncodeToString([]byte(text)) + "\x07"
	if tmux {
		s += "\x1bPtmux;" + strings.ReplaceAll(s, "\x1b", "\x1b\x1b") + "\x1b\\"
	}
	return s
}

// copyID copies what identifies the call, or what helps where there is none.
func (m *app) copyID() tea.Cmd {
	s := m.snap
	c := m.calls.selected(s)
	switch {
	case c != nil:
		return m.copy(c.ID, "id "+c.ID)
	case s.err != nil && !waiting(s.err):
		return m.copy(s.err.Error(), "the message")
	case s.empty() && s.server.Alive:
		first := pastes(s.baseURL())[0][1]
		return m.copy(first, first)
	case s.empty():
		return m.copy("llmgw serve", "llmgw serve")
	}
	return m.say("nothing to copy: there is no call")
}

// copyCurl copies a command that asks the same again, with a variable where
// the key goes.
func (m *app) copyCurl() tea.Cmd {
	c := m.calls.selected(m.snap)
	switch {
	case c == nil:
		return m.say("nothing to copy: there is no call")
	case c.Method == "POST" && m.snap.setup.Bodies == "none":
		return m.say("nothing to copy: body recording is off ([store] bodies)")
	}
	return curl(m.ctx, m.snap.path, c, m.snap.baseURL())
}
