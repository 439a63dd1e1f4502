package cmd

import (
	"strings"
	"testing"
	"time"

	"llmgw/store"
	"llmgw/tui"
)

// The screen shows the figures of llmgw spend, row by row, whatever they are
// told apart by.
func TestScreenSaysWhatSpendSays(t *testing.T) {
	r := spendDB(t, spendCalls())
	now := spentAt.Add(10 * time.Minute)
	keys := []string{"3"}
	for _, by := range []string{"model", "provider", "client", "project", "route", "day"} {
		frame, err := tui.Frame(t.Context(), tui.Options{
			Record: func() (string, bool, error) { return r.Path(), false, nil }, Width: 140, Height: 60,
			Now: func() time.Time { return now }, Zone: time.UTC,
		}, strings.Join(keys, " "))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, "a")
		want := report(t, r, spendFlags{since: "today", by: by}, now.In(time.UTC))
		if len(want.rows) == 0 || !strings.Contains(frame, "llmgw spend --since today --by "+by) {
			t.Fatalf("by %s: %d rows:\n%s", by, len(want.rows), frame)
		}
		for i := range want.rows {
			checkSpendLine(t, frame, by, &want.rows[i])
		}
	}
}

// checkSpendLine looks for a row of the report among the lines of a frame.
func checkSpendLine(t *testing.T, frame, by string, row *spendRow) {
	t.Helper()
	cost := strings.ReplaceAll(row.costWords(), " ", "")
	for line := range strings.Lines(frame) {
		cells := strings.Fields(line)
		named := strings.Contains(line, store.Clean(row.values[0]))
		if named && len(cells) > 5 && strings.Contains(line, " "+compact(row.sum.Calls)+" ") && strings.Contains(line, " "+cost+" ") {
			return
		}
	}
	t.Errorf("by %s: no line with %q, %d calls and %s:\n%s", by, row.values[0], row.sum.Calls, cost, frame)
}
