package tui

import (
	"context"
	"errors"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/providers/llm"
	"llmgw/store"
)

// curlMsg is a command line to copy, or why there is none.
type curlMsg struct{ text, problem string }

// curl is the command that makes a call a command line. Its body has to be
// read first.
func curl(ctx context.Context, path string, c *store.CallRow, base string) tea.Cmd {
	return guard(func() tea.Msg {
		r, err := store.OpenReader(path) // the feed's own is in use, and may be closed meanwhile
		if err != nil {
			return curlMsg{problem: err.Error()}
		}
		defer r.Close()
		request, err := r.Body(ctx, c.ID, "request")
		switch {
		case errors.Is(err, store.ErrNotFound) && c.RequestBytes > 0:
			return curlMsg{problem: "nothing to copy: the body of this call is not on record"}
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return curlMsg{problem: err.Error()}
		case request.Truncated:
			return curlMsg{problem: "nothing to copy: the recorded body is cut at " + size(int64(len(request.Data)))}
		}
		return curlMsg{text: curlCommand(&c.Call, base, request.Data)}
	})
}

// curlCommand is a command line that asks the same again. The key is a
// variable: it was never recorded.
func curlCommand(c *store.Call, base string, request []byte) string {
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
