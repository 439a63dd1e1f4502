package tui

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// detail is the screen and the pane of one call.
type detail struct{ top int }

// detailData is what is shown of a call beyond its row.
type detailData struct{ call store.CallRow }

func (d *detail) render(a area, v view) []string { return []string{"detail"} }

func (d *detail) act(m *app, do action) tea.Cmd { return nil }

func readDetail(ctx context.Context, r *store.Reader, w want) (*detailData, error) {
	return &detailData{}, nil
}
