package tui

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// body is the screen of one body.
type body struct {
	part string // request, response, attempt.N, …
	top  int
}

// bodyData is one body of a call.
type bodyData struct{ body store.Body }

func (b *body) render(a area, v view) []string { return []string{"body"} }

func (b *body) act(m *app, do action) tea.Cmd { return nil }

func readBody(ctx context.Context, r *store.Reader, w want) (*bodyData, error) {
	return &bodyData{}, nil
}
