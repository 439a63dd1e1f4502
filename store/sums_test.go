package store

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"llmgw/providers/price"
)

// TestSums compares sums from the rollups with the same from the rows, over
// random histories, spans and dimensions.
func TestSums(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	var earlier []Change
	for range 200 {
		change := randomChange(random, earlier)
		commit(t, s, change)
		earlier = append(earlier, change)
	}
	compareSums(t, r, random, fewer(60), epoch, 2*time.Hour)
}

// compareSums asks for so many random spans within length after start in each of the
// ways in which sums are found.
func compareSums(t *testing.T, r *Reader, random *rand.Rand, times int, start time.Time, length time.Duration) {
	t.Helper()
	everything, err := ParseFilter("claude") // all of them: it makes Sums go through the rows
	if err != nil {
		t.Fatal(err)
	}
	seconds := int(length / time.Second)
	dimensions := []string{"bucket", "project", "provider", "model", "route", "client", "key"}
	for range times {
		q := SumQuery{By: dimensions[random.IntN(2):][:random.IntN(len(dimensions))]}
		if random.IntN(4) > 0 {
			q.Since = start.Add(time.Duration(random.IntN(seconds)) * time.Second)
		}
		if random.IntN(4) > 0 {
			q.Until = q.Since
			if q.Since.IsZero() {
				q.Until = start
			}
			q.Until = q.Until.Add(time.Duration(random.IntN(seconds)) * time.Second)
		}
		fast, err := r.Sums(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		q.Filter = everything
		slow, err := r.Sums(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(fast, slow) {
			t.Fatalf("from %v until %v by %v:\nrollups %+v\nrows    %+v", q.Since, q.Until, q.By, fast, slow)
		}
		q.Filter, q.WithoutLatency = Filter{}, true
		fastest, err := r.Sums(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(withoutLatency(fastest), withoutLatency(slow)) {
			t.Fatalf("from %v until %v by %v:\ngroups %+v\nrows   %+v", q.Since, q.Until, q.By, fastest, slow)
		}
	}
}

func withoutLatency(list []Sum) []Sum {
	for i := range list {
		list[i].Latency = Latency{}
	}
	return list
}

func TestSumsByWhatIsNotInTheRollups(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	for i, team := range []string{"a", "b", "a"} {
		c, a := ended(begun(i))
		c.Tags, c.Session = map[string]string{"team": team}, "s"
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
	}
	got, err := r.Sums(t.Context(), SumQuery{By: []string{"session", "tag.team"}})
	if err != nil || len(got) != 2 || !slices.Equal(got[0].By, []string{"s", "a"}) || got[0].Calls != 2 ||
		got[0].Cost != 2*12_300_000_000 || got[1].Calls != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := r.Sums(t.Context(), SumQuery{By: []string{"colour"}}); err == nil {
		t.Error("an unknown dimension was accepted")
	}
	none, err := r.Sums(t.Context(), SumQuery{Since: epoch.Add(time.Hour)})
	if err != nil || len(none) != 0 {
		t.Errorf("of nothing: %+v, %v", none, err)
	}
	all, err := r.Sums(t.Context(), SumQuery{})
	if err != nil || len(all) != 1 || all[0].Cost != 3*12_300_000_000 || all[0].Estimated != price.Money(0) || all[0].Latency.Count() != 3 {
		t.Errorf("of all: %+v, %v", all, err)
	}
}

// TestQueriesUseIndexes: among ten million rows a scan or a sort is seconds.
func TestQueriesUseIndexes(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	now := epoch
	for name, q := range map[string]Query{
		"newest":     {},
		"next page":  {Before: NewID(now)},
		"upwards":    {After: NewID(now), Ascending: true},
		"a span":     {Since: now, Until: now.Add(time.Hour)},
		"one call":   {only: NewID(now)},
		"everything": {Since: now, Until: now, Before: NewID(now), After: NewID(now)},
	} {
		query, args := q.sql(10)
		plan := explain(t, r, query, args)
		if !strings.Contains(plan, "INDEX sqlite_autoindex_calls_1") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: %s", name, plan)
		}
	}
	query, args := Query{ChangedAfter: 7}.sql(10)
	if plan := explain(t, r, query, args); !strings.Contains(plan, "SEARCH calls USING INDEX calls_changed") {
		t.Errorf("changed: %s", plan)
	}
	running := "SELECT n FROM calls WHERE status = 'running' AND n >= " + firstRunning
	if plan := explain(t, r, running, nil); !strings.Contains(plan, "SEARCH calls USING INTEGER PRIMARY KEY") {
		t.Errorf("running: %s", plan)
	}
	if plan := explain(t, r, selectAttempts, []any{1, 2}); !strings.Contains(plan, "SEARCH attempts USING INTEGER PRIMARY KEY") {
		t.Errorf("attempts: %s", plan)
	}
}

func explain(t *testing.T, r *Reader, query string, args []any) string {
	t.Helper()
	var lines []string
	err := r.each(t.Context(), func(f *fields) error {
		f.int()
		f.int()
		f.int()
		lines = append(lines, f.text())
		return nil
	}, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "; ")
}
