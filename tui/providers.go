package tui

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"llmgw/store"
)

// providersSpan is the span of time of the providers screen.
type providersSpan int

// providers is the screen and the strip of providers.
type providers struct{ cursor int }

// providersData is what is shown of them.
type providersData struct{}

func (p *providers) render(a area, v view) []string { return []string{"providers"} }

func (p *providers) act(m *app, do action) tea.Cmd { return nil }

func readProviders(ctx context.Context, r *store.Reader, w want, now time.Time) (*providersData, error) {
	return &providersData{}, nil
}
