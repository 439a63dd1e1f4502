package tui

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// spendPeriod and spendGroup are what the spend screen adds up.
type (
	spendPeriod int
	spendGroup  int
)

// spend is the screen and the strip of spending.
type spend struct{ cursor int }

// spendData is what is shown of it.
type spendData struct{}

func (s *spend) render(a area, v view) []string { return []string{"spend"} }

func (s *spend) act(m *app, do action) tea.Cmd { return nil }

func readSpend(ctx context.Context, r *store.Reader, w want, now time.Time) (*spendData, error) {
	return &spendData{}, nil
}
