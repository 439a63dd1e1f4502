package store

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// week is a record of a call every 40 minutes for seven days from epoch, by
// several clients, as of now.
func week(t *testing.T, now func() time.Time) *Store {
	s := openStore(t, Options{Now: now})
	for i := range 7 * 36 {
		c, a := ended(begun(i * 2400))
		c.Client = []string{"claude", "codex", "ci"}[i%3]
		a.StartedAt = a.StartedAt.Add(time.Duration(i%60) * time.Minute) // it waited
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
	}
	return s
}

// tidied lets the writer tidy until nothing is left to do.
func tidied() {
	time.Sleep(20 * tidyEvery) // virtual
	synctest.Wait()
}

func foldedUntil(t *testing.T, r *Reader) time.Time {
	t.Helper()
	var until int64
	if err := r.db.QueryRowContext(t.Context(), "SELECT value FROM meta WHERE name = 'days_until'").Scan(&until); err != nil {
		t.Fatal(err)
	}
	return time.UnixMicro(until).UTC()
}

func checkFile(t *testing.T, r *Reader) {
	t.Helper()
	if problems, err := r.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("Check: %q, %v", problems, err)
	}
}

// TestFoldedDays: sums over whole days are those over their quarters and rows, also
// after a call of a day long over ended, and after the clock was set back.
func TestFoldedDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var day atomic.Int64 // of the clock, after epoch
		day.Store(5)
		now := func() time.Time { return epoch.AddDate(0, 0, int(day.Load())).Add(time.Since(start)) } // virtual
		s := week(t, now)
		r := openReader(t, s.Path())
		random := rand.New(rand.NewPCG(5, 6))
		steps := []struct {
			name string
			do   func()
			want time.Time
		}{
			{"five days", func() {}, time.Date(2026, 11, 7, 0, 0, 0, 0, time.UTC)},
			{"a late end", func() {
				c, a := ended(begun(100_000))
				commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
			}, time.Date(2026, 11, 7, 0, 0, 0, 0, time.UTC)},
			{"set back", func() { day.Add(-3) }, time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC)},
			{"set right", func() { day.Add(20) }, time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)},
		}
		for _, step := range steps {
			step.do()
			tidied()
			if got := foldedUntil(t, r); !got.Equal(step.want) {
				t.Errorf("%s: days are folded until %v, want %v", step.name, got, step.want)
			}
			compareSums(t, r, random, fewer(12), epoch, 8*24*time.Hour)
			checkFile(t, r)
		}
	})
}

// TestCheckFindsWrongDays: a day that is not the sum of its quarters is named.
func TestCheckFindsWrongDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := week(t, func() time.Time { return epoch.AddDate(0, 0, 9).Add(time.Since(start)) }) // virtual
		tidied()
		closeStore(t, s)
		for _, damage := range []string{
			"UPDATE rollup_days SET reported = reported + 1 WHERE client = 'ci'",
			"DELETE FROM rollup_days WHERE client = 'codex'",
			"INSERT INTO rollup_days SELECT day, 'nobody', provider, model, route, client, key, 1,0,0,0,0,0,0,0,0,0,0,0,0,0,0 FROM rollup_days WHERE client = 'claude'",
		} {
			c, err := openConn(s.Path(), "")
			if err != nil {
				t.Fatal(err)
			}
			if err := c.exec("BEGIN; " + damage); err != nil {
				t.Fatal(err)
			}
			if n, err := c.number("SELECT count(*) FROM (" + wrongDays + ")"); err != nil || n == 0 {
				t.Errorf("%s: found %d days, %v", damage, n, err)
			}
			if err := c.close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestAttemptLongAfterArrival: what a call did hours after it arrived counts in
// a span that begins between the two.
func TestAttemptLongAfterArrival(t *testing.T) {
	s := openStore(t, Options{})
	c, a := ended(begun(0))
	a.StartedAt = a.StartedAt.Add(5 * time.Hour)
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
	r := openReader(t, s.Path())
	list, err := r.Sums(t.Context(), SumQuery{Since: a.StartedAt, Until: a.StartedAt.Add(time.Second)})
	if err != nil || len(list) != 1 || list[0].Attempts != 1 || list[0].Calls != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	var found []string
	err = r.EachCharge(t.Context(), a.StartedAt, func(c Charge) error {
		found = append(found, c.Call)
		return nil
	})
	if err != nil || !slices.Equal(found, []string{c.ID}) {
		t.Errorf("charges of %v, %v", found, err)
	}
}
