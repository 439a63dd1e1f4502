package tui

import (
	"context"
	"errors"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/providers/llm"
	"llmgw/store"
)

// curl is the command that copies a call as a command line. The body has to be
// read first.
func (f *feed) curl(c *store.CallRow, base string, m *app) tea.Cmd {
	return nil
}

// curlCommand is a command line that asks the same again. The key is a variable: it
// was never recorded.
func curlCommand(c *store.CallRow, base string, request []byte) string {
	var b strings.Builder
	b.WriteString("curl " + shellQuote(base+c.Path))
	if c.Method != "POST" && c.Method != "" {
		b.WriteString(" -X " + shellQuote(c.Method))
	}
	switch c.Dialect {
	case llm.Anthropic:
		b.WriteString(` -H "x-api-key: $ANTHROPIC_API_KEY" -H 'anthropic-version: 2023-06-01'`)
	case llm.Gemini:
		b.WriteString(` -H "x-goog-api-key: $GEMINI_API_KEY"`)
	default:
		b.WriteString(` -H "authorization: Bearer $OPENAI_API_KEY"`)
	}
	if len(request) > 0 {
		b.WriteString(" -H 'content-type: application/json' -d " + shellQuote(string(request)))
	}
	return b.String()
}

// shellQuote makes a text one word of a POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

var _ = context.Background
var _ = errors.New
