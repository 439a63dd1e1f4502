// Package tui draws what the record says, live: who served each call and why
// not the first choice, what it cost, which provider is ill and what is left
// of today's money. It reads the store and nothing else, so it shows the same
// while a server runs, after it stopped and after it crashed, and it changes
// nothing.
//
// One model (app) has all state. Screens are plain structs; feed.go is the only
// place that reads, and layout.go the only one that decides where things go. A
// frame is a function of a snapshot, a size and the keys so far: [Frame] runs
// the same code as [Run] without a terminal.
package tui

import (
	"context"
	"io"
	"time"
)

// Options says what to show and on what.
type Options struct {
	// Record is asked which file to read, and whether a server writes it: at the
	// start, and again every few seconds while none writes the one that is read,
	// so that the screen comes alive by itself. An error ends nothing, it is
	// shown.
	Record func() (path string, served bool, err error)

	Colours Colours
	Light   bool // the terminal's background is light
	ASCII   bool // no glyph beyond ASCII
	NoMouse bool

	Output io.Writer // the terminal, for what is copied; nil: nowhere

	Width, Height int // of the frame, for Frame; Run asks the terminal

	Program  string           // version, for the help
	CrashDir string           // folder for a stack trace; empty: the system's for temporary files
	Now      func() time.Time // nil: time.Now
	Zone     *time.Location   // of times of day; nil: time.Local

	once bool // the frame is all there will be: no keys, nothing to follow
}

// Frame returns what the screen shows after the given keys, as exactly Height
// lines. Keys are those of the help, separated by spaces: "j j enter n esc".
// With an error of the record there is a frame that tells it.
func Frame(ctx context.Context, o Options, keys string) (string, error) {
	o.once = true
	return frame(ctx, o, keys)
}
