package store

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// noise does not compress.
func noise(n int, seed uint64) []byte {
	b := make([]byte, n)
	for i, r := 0, rand.New(rand.NewPCG(seed, 0)); i < n; i++ {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestOldestBodiesGoFirst: bodies are bounded, rows of the ledger are not
// touched. The virtual clock makes the writer tidy while nothing else happens.
func TestOldestBodiesGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, limit = 40 << 10, 1 << 20
		s := openStore(t, Options{MaxSize: limit})
		var all []string
		for i := range 100 {
			c, a := ended(begun(i))
			commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Bodies: []Body{{Part: "response", Data: noise(size, uint64(i))}}, Final: true})
			all = append(all, c.ID)
		}
		time.Sleep(5 * tidyEvery) // virtual
		synctest.Wait()
		closeStore(t, s)

		r := openReader(t, s.Path())
		var kept []string
		for _, id := range all {
			switch _, err := r.Body(t.Context(), id, "response"); {
			case err == nil:
				kept = append(kept, id)
			case !errors.Is(err, ErrNotFound):
				t.Fatal(err)
			}
		}
		if most := limit / size; len(kept) > most || len(kept) < most-3 || !slices.Equal(kept, all[len(all)-len(kept):]) {
			t.Errorf("%d bodies are kept, want the %d newest", len(kept), most)
		}
		if list, err := r.Calls(t.Context(), Query{}); err != nil || len(list) != len(all) {
			t.Errorf("%d calls, %v", len(list), err)
		}
		size0, err := r.Size(t.Context())
		if err != nil || size0.Bodies > limit || size0.File > limit+freePages*pageSize+(1<<20) {
			t.Errorf("the file has %d bytes, its bodies count for %d, %v", size0.File, size0.Bodies, err)
		}
		if problems, err := r.Check(t.Context()); err != nil || len(problems) > 0 {
			t.Errorf("Check: %q, %v", problems, err)
		}
	})
}

// TestRetention: calls go with attempts and bodies, rollups stay.
func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		now := func() time.Time { return epoch.Add(time.Hour + time.Since(start)) } // virtual
		s := openStore(t, Options{Retention: 59 * time.Minute, Now: now})
		for i := range 200 { // a minute's worth is too old
			c, a := ended(begun(i))
			change := Change{Call: c, Attempts: []*Attempt{a}, Bodies: []Body{{Part: "request", Data: []byte("x")}}, Final: true}
			commit(t, s, change)
		}
		time.Sleep(10 * tidyEvery)
		synctest.Wait()
		closeStore(t, s)
		r := openReader(t, s.Path())
		list, err := r.Calls(t.Context(), Query{Ascending: true})
		oldest := now().Add(-59 * time.Minute)
		if err != nil || len(list) == 0 || len(list) > 140 || list[0].StartedAt.Before(oldest.Add(-2*tidyEvery)) {
			t.Fatalf("%d calls from %v, want none before %v (%v)", len(list), list[0].StartedAt, oldest, err)
		}
		for table, want := range map[string]int{"attempts": len(list), "bodies": len(list)} {
			var got int
			if err := r.db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&got); err != nil || got != want {
				t.Errorf("%d %s, %v; want %d", got, table, err, want)
			}
		}
		var calls int
		if err := r.db.QueryRowContext(t.Context(), "SELECT sum(calls) FROM rollups").Scan(&calls); err != nil || calls != 200 {
			t.Errorf("the rollups know %d calls, %v; want all 200", calls, err)
		}
		if problems, err := r.Check(t.Context()); err != nil || len(problems) > 0 {
			t.Errorf("Check: %q, %v", problems, err)
		}
	})
}

// TestBodiesThatWaitAreBounded: while nothing can be written, bodies are
// dropped oldest first and counted, rows are not.
func TestBodiesThatWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stuck atomic.Bool // once open
		s := openStore(t, Options{QueueBytes: 100 << 10, BeforeCommit: func() error {
			if stuck.Load() {
				return errors.New("stuck")
			}
			return nil
		}})
		stuck.Store(true)
		ended0, cancel := context.WithCancel(t.Context())
		cancel()
		var all []string
		for i := range 20 {
			c, a := ended(begun(i))
			change := Change{Call: c, Attempts: []*Attempt{a}, Bodies: []Body{{Part: "response", Data: noise(10<<10, uint64(i))}}, Final: true}
			if err := s.Commit(ended0, change); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			all = append(all, c.ID)
		}
		synctest.Wait() // the writer pauses: no body is on its way
		if h := s.Health(); h.BodyBytes > 100<<10 || h.Pending != 20 {
			t.Errorf("health: %+v", h)
		}
		stuck.Store(false)
		closeStore(t, s)
		r := openReader(t, s.Path())
		if list, err := r.Calls(t.Context(), Query{}); err != nil || len(list) != 20 {
			t.Errorf("%d calls, %v", len(list), err)
		}
		if lost := s.Health().LostBodies; lost < 10 || lost > 11 {
			t.Errorf("%d bodies were lost, want the oldest ten", lost)
		}
		got, err := r.Body(t.Context(), all[19], "response")
		if err != nil || !bytes.Equal(got.Data, noise(10<<10, 19)) {
			t.Errorf("the newest body: %d bytes, %v", len(got.Data), err)
		}
		if _, err := r.Body(t.Context(), all[0], "response"); !errors.Is(err, ErrNotFound) {
			t.Errorf("the oldest body: %v", err)
		}
	})
}
