package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"llmgw/proxy"
	"llmgw/store"
)

func newTargetsCommand(g *globals) *cobra.Command {
	list := newTargetsAction(g, "list", "list", "List the targets with their breakers and cooldowns", cobra.NoArgs)
	group := newGroup("targets", "Which targets are tried, and why not",
		list,
		newTargetsAction(g, "reset", "reset [TARGET]", "Close the breaker and end the cooldowns of a target, of a provider, or of all", cobra.MaximumNArgs(1)),
		newTargetsAction(g, "disable", "disable TARGET", "Call a target, or a whole provider, no more", cobra.ExactArgs(1)),
		newTargetsAction(g, "enable", "enable TARGET", "Call a disabled target again", cobra.ExactArgs(1)),
	)
	return group
}

func newTargetsAction(g *globals, verb, use, short string, args cobra.PositionalArgs) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			text, err := g.askTargets(c.Context(), append([]string{verb}, args...))
			if err != nil {
				return err
			}
			return g.printTargets(text, format)
		},
	}
	c.Flags().StringVar(&format, "format", "table", "`FORMAT`: table, json or csv")
	return c
}

// askTargets has the running server do it, or does it itself as the owner of
// the database when none runs.
func (g *globals) askTargets(ctx context.Context, args []string) (string, error) {
	path, err := g.database()
	if err != nil {
		return "", err
	}
	text, err := store.SendCommand(ctx, path, "targets", args)
	if !errors.Is(err, store.ErrNotRunning) {
		return text, err
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && args[0] == "list" {
		g.say("nothing is recorded there yet")
		return "[]", nil
	}
	f, err := g.load()
	if err != nil {
		return "", err
	}
	st, err := store.Open(path, store.Options{Version: release()})
	if err != nil {
		return "", err
	}
	h, err := proxy.OpenHealth(f.breakerFor, st)
	if err == nil {
		text, err = h.Command(f.routes(), f.providerNames(), args)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return text, errors.Join(err, st.Close(ctx))
}

// printTargets prints the list a server or the database answered with.
func (g *globals) printTargets(text, format string) error {
	if format == "json" {
		_, err := fmt.Fprintln(g.stdout, text)
		return err
	}
	var all []proxy.TargetHealth
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if format == "csv" {
		return writeCSV(g.stdout, all)
	}
	rows := [][]string{{"TARGET", "KEY", "STATE", "NEXT TRY", "FAILED", "WHY"}}
	now := time.Now()
	for _, t := range all {
		rows = append(rows, []string{
			store.Clean(t.Target), orDash(t.Key), t.State, nextTry(t, now),
			fmt.Sprintf("%d/%d", t.Failed, t.Calls), orDash(store.Clean(t.Reason)),
		})
	}
	return writeTable(g.stdout, rows)
}

// nextTry says when a target is called again.
func nextTry(t proxy.TargetHealth, now time.Time) string {
	switch {
	case t.State == "disabled":
		return "never"
	case t.Until == nil || !t.Until.After(now):
		return "now"
	}
	return "in " + t.Until.Sub(now).Round(time.Second).String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
