package store

import (
	"database/sql"
	"fmt"
	"testing"
	"time"
)

// BenchmarkSumsOf10MillionCalls adds up by model what 10 million calls left of
// 30 days: a rollup for each of ten combinations of project and model in each
// quarter of an hour, folded into days. The span begins a second after a quarter,
// so that all calls of this one are read. The bound of `llmgw spend` is 100 ms.
func BenchmarkSumsOf10MillionCalls(b *testing.B) {
	const quarters, combinations = 30 * 96, 10
	const calls = 10_000_000 / (quarters * combinations)
	path := b.TempDir() + "/llmgw.db"
	since := epoch.Truncate(bucketWidth)
	s := openStoreAt(b, path, Options{})
	for i := range combinations * calls {
		c, a := ended(begun(0))
		c.StartedAt = since.Add(time.Duration(i) * bucketWidth / (combinations * calls))
		c.ID, a.StartedAt, a.Model = NewID(c.StartedAt), c.StartedAt, fmt.Sprint("claude-sonnet-4-", i%5)
		a.CallID, c.Model = c.ID, a.Model
		commit(b, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
	}
	closeStore(b, s)
	fillRollups(b, path, quarters, combinations, calls)
	foldAll(b, path, since.AddDate(0, 0, 30))
	r := openReader(b, path)
	cpu := cpuTime()
	for b.Loop() {
		list, err := r.Sums(b.Context(), SumQuery{By: []string{"model"}, Since: since.Add(time.Second), WithoutLatency: true})
		if want := int64(quarters * combinations / 5 * calls); err != nil || len(list) != 5 || list[0].Calls >= want || list[0].Calls < want-2 {
			b.Fatalf("%+v, %v", list, err)
		}
	}
	b.ReportMetric(float64((cpuTime()-cpu).Milliseconds())/float64(b.N), "cpu-ms/query")
}

// foldAll folds the days before until.
func foldAll(b *testing.B, path string, until time.Time) {
	b.Helper()
	c, err := openConn(path, "")
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := c.close(); err != nil {
			b.Error(err)
		}
	}()
	d, err := newDays(c)
	if err != nil {
		b.Fatal(err)
	}
	last := dayOf(until.UnixMicro())
	for day := dayOf(epoch.UnixMicro()); day < last; day += dayWidth {
		if err := d.refold(day); err != nil {
			b.Fatal(err)
		}
	}
	if err := d.setUntil.with(last).exec(); err != nil {
		b.Fatal(err)
	}
}

// fillRollups writes rows in place of those that are there, as the writer
// would have.
func fillRollups(b *testing.B, path string, quarters, combinations, calls int) {
	b.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		b.Fatal(err)
	}
	var l Latency
	for i := range calls {
		l.Add(time.Duration(i) * 20 * time.Millisecond)
	}
	latency := l.encode()
	for i := range quarters * combinations {
		bucket := epoch.Truncate(bucketWidth).Add(time.Duration(i/combinations) * bucketWidth)
		c := i % combinations
		_, err := tx.Exec("INSERT OR REPLACE INTO rollups VALUES (?, ?, 'anthropic', ?, 'claude-*', 'claude', 'k_0a1b2c3d', ?, 1, ?, 3, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, ?)",
			bucket.UnixMicro(), fmt.Sprint("project", c/5), fmt.Sprint("claude-sonnet-4-", c%5),
			calls, calls+3, calls*1000, calls*600, calls*50, calls*400, calls*20, int64(calls)*12_345_678_901, latency)
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}
