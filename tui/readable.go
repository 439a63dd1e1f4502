package tui

import (
	"bytes"
	"encoding/json"
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// indented is JSON with a member a line; anything else as it is.
func indented(data []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, data, "", "  ") != nil {
		return data
	}
	return b.Bytes()
}

// copyRecord copies the call as `llmgw logs --format jsonl` prints it.
func (m *app) copyRecord(c *store.CallRow) tea.Cmd {
	text, err := json.Marshal(c)
	if err != nil {
		return m.say(fmt.Sprintf("copying the record failed: %v", err))
	}
	return m.copy(string(text), "the record of call "+shortID(c.ID)+" as JSON")
}
