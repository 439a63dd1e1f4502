package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"llmgw/store"
	"llmgw/tui"
)

// tuiFlags are the flags of `llmgw tui`.
type tuiFlags struct {
	once    bool
	size    string
	keys    string
	ascii   bool
	color   string
	noMouse bool
}

func newTUICommand(g *globals) *cobra.Command {
	var f tuiFlags
	c := &cobra.Command{
		Use:   "tui",
		Short: "Watch calls as they come: who served them, why, and what they cost",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return g.tui(c.Context(), f) },
	}
	flags := c.Flags()
	flags.BoolVar(&f.once, "once", false, "print one frame and end")
	flags.StringVar(&f.size, "size", "", "`WIDTHxHEIGHT` of the frame of --once (default 120x40)")
	flags.StringVar(&f.keys, "keys", "", "`KEYS` pressed before the frame of --once is drawn, such as \"2\" or \"j enter\"")
	flags.BoolVar(&f.ascii, "ascii", false, "no glyphs beyond ASCII (default by TERM and locale)")
	flags.StringVar(&f.color, "color", "auto", "`WHEN` to use colours: auto, never, always")
	flags.BoolVar(&f.noMouse, "no-mouse", false, "leave the mouse to the terminal")
	return c
}

func (g *globals) tui(ctx context.Context, f tuiFlags) error {
	if f.color != "auto" && f.color != "never" && f.color != "always" {
		return usagef("use auto, never or always", "there is no colour mode %q", f.color)
	}
	if !f.once && (f.size != "" || f.keys != "") {
		return usagef("add --once", "--size and --keys are for one frame")
	}
	if key := tui.UnknownKey(f.keys); key != "" {
		return usagef("separate them by spaces, such as \"j j enter\"; names are those of the help: enter, esc, space, ctrl+d", "--keys: there is no key %q", key)
	}
	if _, _, err := g.watched(); err != nil {
		return err
	}
	o := tui.Options{
		Record: g.watched, ASCII: f.ascii || tui.NeedsASCII(os.Getenv), NoMouse: f.noMouse, Program: version(),
	}
	if f.once {
		return g.tuiOnce(ctx, f, o)
	}
	return g.tuiLive(ctx, f, o)
}

// watched is [globals.database] without a word, since the screen shows what it
// reads, and whether a server is known to write it.
func (g *globals) watched() (path string, served bool, err error) {
	if i, ok := g.newestInstance(); ok && g.db == "" {
		return i.DB, true, nil
	}
	path, err = g.configuredDB()
	return path, false, err
}

// tuiOnce prints one frame.
func (g *globals) tuiOnce(ctx context.Context, f tuiFlags, o tui.Options) error {
	o.Width, o.Height = 120, 40
	if f.size != "" {
		var rest string
		n, _ := fmt.Sscanf(strings.ToLower(f.size)+" ", "%dx%d%s", &o.Width, &o.Height, &rest)
		if n != 2 || o.Width < 1 || o.Height < 1 || o.Width > 1000 || o.Height > 1000 {
			return usagef("write it as 120x40, at most 1000x1000", "%q is no size", f.size)
		}
	}
	if isTerminal(g.stdout) || f.color == "always" {
		o.Colours = tui.ColoursOf(os.Stdout, f.color)
	}
	text, unread := tui.Frame(ctx, o, f.keys)
	if _, err := fmt.Fprint(g.stdout, text); err != nil {
		return err
	}
	if errors.Is(unread, store.ErrNoDatabase) && g.db == "" {
		return nil // nothing is wrong, nobody has called yet
	}
	return unread
}

// tuiLive takes the terminal until the user quits.
func (g *globals) tuiLive(ctx context.Context, f tuiFlags, o tui.Options) error {
	if !isTerminal(g.stdout) || !isTerminal(os.Stdin) || os.Getenv("TERM") == "dumb" {
		return usagef("`llmgw tui --once` prints one frame, `llmgw spend` and `llmgw logs` print tables", "tui needs a terminal")
	}
	o.Colours = tui.ColoursOf(os.Stdout, f.color)
	if o.Colours > tui.Mono {
		o.Light = tui.LightBackground(os.Stdout)
	}
	o.Output = os.Stdout
	return tui.Run(ctx, o, os.Stdin)
}
