package store

import (
	"database/sql"
	"fmt"
	"testing"
	"time"
)

// BenchmarkSumsOf10MillionCalls adds up by model what 10 million calls in 30
// days left in the rollups: a row for each of ten combinations of project and
// model in each quarter of an hour. The bound of `llmgw spend` is 100 ms.
func BenchmarkSumsOf10MillionCalls(b *testing.B) {
	const quarters, combinations = 30 * 96, 10
	const calls = 10_000_000 / (quarters * combinations)
	path := b.TempDir() + "/llmgw.db"
	closeStore(b, openStoreAt(b, path, Options{}))
	fillRollups(b, path, quarters, combinations, calls)
	r := openReader(b, path)
	since := epoch.Truncate(bucketWidth)
	cpu := cpuTime()
	for b.Loop() {
		list, err := r.Sums(b.Context(), SumQuery{By: []string{"model"}, Since: since, WithoutLatency: true})
		if err != nil || len(list) != 5 || list[0].Calls != quarters*combinations/5*calls {
			b.Fatalf("%+v, %v", list, err)
		}
	}
	b.ReportMetric(float64((cpuTime()-cpu).Milliseconds())/float64(b.N), "cpu-ms/query")
}

// fillRollups writes rows as the writer would have.
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
		_, err := tx.Exec("INSERT INTO rollups VALUES (?, ?, 'anthropic', ?, 'claude-*', 'claude', 'k_0a1b2c3d', ?, 1, ?, 3, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, ?)",
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
