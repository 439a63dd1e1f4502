package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"llmgw/proxy"
	"llmgw/store"
)

func newCacheCommand(g *globals) *cobra.Command {
	return newGroup("cache", "What the cache keeps, what it saved, and why it did not",
		newCacheStatsCommand(g),
		newCacheAction(g, "ls", "List the answers that are kept, newest first", cobra.NoArgs, (*globals).listCache),
		newCacheAction(g, "rm ID...", "Remove the answers to calls, or the answers that calls were given", cobra.MinimumNArgs(1), (*globals).removeCached),
		newCacheAction(g, "clear", "Remove all answers", cobra.NoArgs, (*globals).clearCache),
	)
}

// newCacheAction is a command with --format.
func newCacheAction(g *globals, use, short string, args cobra.PositionalArgs, do func(*globals, context.Context, []string, string) error) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			return do(g, c.Context(), args, format)
		},
	}
	c.Flags().StringVar(&format, "format", "table", "`FORMAT`: table, json or csv")
	return c
}

// cachedJSON is an answer as `llmgw cache ls --format json` prints it.
type cachedJSON struct {
	Call      string  `json:"call"`
	CreatedAt *string `json:"created_at"`
	ExpiresAt *string `json:"expires_at"`
	Project   string  `json:"project"`
	Provider  string  `json:"provider"`
	Model     string  `json:"model"`
	Stream    bool    `json:"stream"`
	Bytes     int64   `json:"bytes"`        // of the answer
	Stored    int64   `json:"stored_bytes"` // of room it takes
	Hits      int64   `json:"hits"`
	CostUSD   *string `json:"cost_usd"` // of the call, saved with each hit
}

func (g *globals) listCache(ctx context.Context, _ []string, format string) error {
	r, err := g.openReader()
	if err != nil {
		return err
	}
	defer r.Close()
	list := []cachedJSON{}
	rows := [][]string{{"CALL", "AGE", "EXPIRES", "SIZE", "HITS", "PROJECT", "TARGET", "KIND"}}
	now := time.Now()
	err = r.EachCached(ctx, func(e *store.Cached) error {
		if format != "table" {
			list = append(list, cachedJSON{e.CallID, jsonTime(e.At), jsonTime(e.Expires), e.Project, e.Provider, e.Model, e.Stream,
				e.Size, e.Stored, e.Hits, amountText(e.Cost)})
			return nil
		}
		kind := "whole"
		if e.Stream {
			kind = "stream"
		}
		rows = append(rows, []string{shortID(e.CallID), formatAge(now.Sub(e.At)), "in " + formatAge(e.Expires.Sub(now)), sizeWords(e.Size),
			fmt.Sprint(e.Hits), e.Project, target(e.Provider, e.Model), kind})
		return nil
	})
	switch {
	case err != nil:
		return err
	case format == "json":
		return writeSafeJSON(g.stdout, list)
	case format == "csv":
		return writeCSV(g.stdout, list)
	case len(rows) == 1:
		g.say("the cache is empty")
		return nil
	}
	return writeTable(g.stdout, rows)
}

// formatAge is a span of time for people, in its two largest units.
func formatAge(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// sizeWords is a size for people.
func sizeWords(n int64) string {
	for _, u := range sizeUnits {
		if n >= u.bytes && u.bytes > 1 {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.bytes), u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

func (g *globals) clearCache(ctx context.Context, _ []string, format string) error {
	path, err := g.database()
	if err != nil {
		return err
	}
	return g.changeCache(ctx, path, []string{"clear"}, format)
}

func (g *globals) removeCached(ctx context.Context, names []string, format string) error {
	path, err := g.database()
	if err != nil {
		return err
	}
	args := []string{"rm"}
	r, err := store.OpenReader(path)
	if err != nil {
		return err
	}
	for _, name := range names {
		id, err := cachedCall(ctx, r, name)
		if err != nil {
			return errors.Join(err, r.Close())
		}
		args = append(args, id)
	}
	if err := r.Close(); err != nil {
		return err
	}
	return g.changeCache(ctx, path, args, format)
}

// notCachedError is a call whose answer is not in the cache.
type notCachedError struct{ text, why string }

// Error names the call.
func (e *notCachedError) Error() string {
	return fmt.Sprintf("no answer to call %s is in the cache", e.text)
}

// Hint says why, where that is known.
func (e *notCachedError) Hint() string {
	if e.why != "" {
		return e.why
	}
	return "`llmgw cache ls` lists what is"
}

// cachedCall finds the call whose kept answer text means: "last" is the newest,
// else an id or a part of one as other commands take it. A call that was given
// an answer again means the one that it was first given to.
func cachedCall(ctx context.Context, r *store.Reader, text string) (string, error) {
	var found []string
	upper := strings.ToUpper(text)
	err := r.EachCached(ctx, func(e *store.Cached) error {
		switch {
		case text == "last" && len(found) == 0,
			text != "last" && len(text) >= 4 && (strings.HasPrefix(e.CallID, upper) || strings.HasSuffix(e.CallID, upper)):
			found = append(found, e.CallID)
		}
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", &store.AmbiguousError{Text: text, IDs: found[:min(len(found), 5)]}
	case text == "last":
		return "", &notCachedError{text, "the cache is empty"}
	}
	c, err := r.Find(ctx, text)
	if err != nil {
		return "", &notCachedError{text, ""}
	}
	if c.CachedFrom != "" {
		return c.CachedFrom, nil
	}
	return "", &notCachedError{text, joinWords("that call:", c.Cache, c.CacheNote)}
}

// changeCache has the running server remove answers, or removes them itself as
// the owner of the database when none runs.
func (g *globals) changeCache(ctx context.Context, path string, args []string, format string) error {
	text, err := store.SendCommand(ctx, path, "cache", args)
	if errors.Is(err, store.ErrNotRunning) {
		text, err = changeClosedCache(ctx, path, args)
	}
	if err != nil {
		return err
	}
	if format == "json" {
		_, err := fmt.Fprintln(g.stdout, text)
		return err
	}
	var removed store.Removed
	if err := json.Unmarshal([]byte(text), &removed); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if format == "csv" {
		return writeCSV(g.stdout, []store.Removed{removed})
	}
	_, err = fmt.Fprintf(g.stdout, "removed %s, %s\n", count(removed.Answers, "answer"), sizeWords(removed.Bytes))
	return err
}

func changeClosedCache(ctx context.Context, path string, args []string) (text string, err error) {
	r, err := store.OpenReader(path) // or Open would make a database of a misspelt path
	if err != nil {
		return "", err
	}
	if err := r.Close(); err != nil {
		return "", err
	}
	st, err := store.Open(path, store.Options{Version: release()})
	if err != nil {
		return "", err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, st.Close(ctx))
	}()
	return proxy.CacheCommand(ctx, st, args)
}

// cacheLines says for which calls the cache is on, and for how long an answer
// may be given again.
func cacheLines(w io.Writer, cfg proxy.Config) {
	although := ""
	if cfg.Store.Bodies == store.BodiesNone {
		although = `, kept although [store] bodies = "none"`
	}
	line := func(what string, enabled bool, ttl time.Duration) {
		if enabled {
			fmt.Fprintf(w, "  cache %s: answers up to %s old%s\n", store.Clean(what), formatDuration(ttl), although)
		}
	}
	for _, r := range cfg.Routes {
		c := cfg.CacheFor(r.Model)
		line("route "+r.Model, c.Enabled, c.TTL)
	}
	line("calls without a route", cfg.Cache.Enabled, cfg.Cache.TTL)
}
