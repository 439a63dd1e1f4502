package cmd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"llmgw/providers/price"
	"llmgw/store"
)

func newCacheStatsCommand(g *globals) *cobra.Command {
	since := ""
	c := newCacheAction(g, "stats", "How often the cache answered, what that saved, and why it did not", cobra.NoArgs,
		func(g *globals, ctx context.Context, _ []string, format string) error {
			return g.cacheStats(ctx, since, format)
		})
	c.Flags().StringVar(&since, "since", "7d", "of calls from `TIME` on: today, yesterday, 2026-11-01, 7d, 2h")
	return c
}

// cacheStats is what `llmgw cache stats --format json` prints.
type cacheStats struct {
	Since        *string       `json:"since"`
	Hits         int64         `json:"hits"`
	Misses       int64         `json:"misses"`
	Bypassed     int64         `json:"bypassed"`
	HitRate      *float64      `json:"hit_rate"` // of hits and misses; null without either
	SavedUSD     string        `json:"saved_usd"`
	UnpricedHits int64         `json:"unpriced_hits"` // not in saved_usd
	Answers      int64         `json:"answers"`
	Bytes        int64         `json:"bytes"`
	OldestAt     *string       `json:"oldest_at"`
	Reasons      []cacheReason `json:"reasons"` // of misses and bypassed calls, most frequent first
}

type cacheReason struct {
	Cache  string `json:"cache"`
	Reason string `json:"reason"`
	Calls  int64  `json:"calls"`
}

func (g *globals) cacheStats(ctx context.Context, since, format string) error {
	from, _, err := span(since, "", time.Now())
	if err != nil {
		return err
	}
	r, err := g.openReader()
	if err != nil {
		return err
	}
	defer r.Close()
	uses, err := r.CacheUse(ctx, from)
	if err != nil {
		return err
	}
	size, err := r.CacheSize(ctx)
	if err != nil {
		return err
	}
	s := countCacheUse(uses)
	s.Since, s.Answers, s.Bytes, s.OldestAt = jsonTime(from), size.Answers, size.Bytes, jsonTime(size.Oldest)
	switch format {
	case "json":
		return writeSafeJSON(g.stdout, s)
	case "csv":
		return writeCSV(g.stdout, []cacheStats{*s})
	}
	return s.writeTable(g.stdout, size.Oldest)
}

func countCacheUse(uses []store.CacheUse) *cacheStats {
	s := &cacheStats{Reasons: []cacheReason{}}
	var saved price.Money
	for _, u := range uses {
		switch u.Cache {
		case store.CacheHit:
			s.Hits += u.Calls
			saved += u.Saved
			s.UnpricedHits += u.Unpriced
			continue
		case "miss":
			s.Misses += u.Calls
		default:
			s.Bypassed += u.Calls
		}
		s.Reasons = append(s.Reasons, cacheReason{u.Cache, u.Note, u.Calls})
	}
	s.SavedUSD = saved.String()
	if looked := s.Hits + s.Misses; looked > 0 {
		rate := float64(s.Hits) / float64(looked)
		s.HitRate = &rate
	}
	return s
}

// topReasons is how many reasons a person is shown.
const topReasons = 10

func (s *cacheStats) writeTable(w io.Writer, oldest time.Time) error {
	rate, saved, age := "", "$"+s.SavedUSD, ""
	if s.HitRate != nil {
		rate = fmt.Sprintf("%.1f%%", 100**s.HitRate)
	}
	if s.UnpricedHits > 0 {
		saved += fmt.Sprintf(" + ? (%s of a cost that is not known)", count(s.UnpricedHits, "hit"))
	}
	if !oldest.IsZero() {
		age = formatAge(time.Since(oldest))
	}
	rows := [][]string{
		{"hits", fmt.Sprint(s.Hits)}, {"misses", fmt.Sprint(s.Misses)}, {"bypassed", fmt.Sprint(s.Bypassed)},
		{"hit rate", rate}, {"saved", saved},
		{"answers", fmt.Sprint(s.Answers)}, {"size", sizeWords(s.Bytes)}, {"oldest", age},
	}
	if err := writeTable(w, rows); err != nil || len(s.Reasons) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	rows = [][]string{{"CALLS", "CACHE", "WHY NO HIT"}}
	for _, r := range s.Reasons[:min(len(s.Reasons), topReasons)] {
		rows = append(rows, []string{fmt.Sprint(r.Calls), r.Cache, r.Reason})
	}
	return writeTable(w, rows)
}
