package proxy

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/price"
	"llmgw/store"
)

// crashes keeps what the file holds at each moment at which llmgw may be killed:
// before every commit, and at the end.
type crashes struct {
	t       *testing.T
	db, dir string

	mu sync.Mutex
	n  int
}

func (r *rig) crashes() *crashes {
	k := &crashes{t: r.t, db: r.db, dir: r.t.TempDir()}
	r.crashed.Store(k)
	return k
}

// keep copies the file and its log. What a transaction has written so far and
// not committed counts for nothing in the copy.
func (k *crashes) keep() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n++
	for _, suffix := range []string{"", "-wal"} {
		from, err := os.Open(k.db + suffix)
		if err != nil {
			continue // no log yet
		}
		to, err := os.Create(k.path(k.n) + suffix)
		if err == nil {
			_, err = io.Copy(to, from)
			to.Close()
		}
		from.Close()
		if err != nil {
			k.t.Error(err)
		}
	}
}

func (k *crashes) path(n int) string { return filepath.Join(k.dir, fmt.Sprintf("crash%d.db", n)) }

// check starts from each copy and compares what the caps count with the limit.
func (k *crashes) check(r *rig, limit string) {
	k.t.Helper()
	r.crashed.Store(nil)
	synctest.Wait() // until nothing is written any more
	k.keep()
	most, err := price.ParseUSD(limit)
	if err != nil {
		k.t.Fatal(err)
	}
	for n := 1; n <= k.n; n++ {
		st, err := store.Open(k.path(n), store.Options{})
		if err != nil {
			k.t.Fatal(err)
		}
		l, err := newLedger(r.cfg.Caps, st, time.Now())
		if err != nil {
			k.t.Fatal(err)
		}
		if spent := l.Snapshot(time.Now())[0].Spent; spent > most {
			k.t.Errorf("killed before commit %d of %d: %s of %s are spent after the next start", n, k.n, spent, most)
		}
		if err := st.Close(context.Background()); err != nil {
			k.t.Error(err)
		}
	}
}

// What a failed attempt held is given to another call while it waits to try
// again. Killed then, the next start counts one of the two holds, not both.
func TestKilledWithinAHardCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, capped("0.015", noClamp))
		defer r.close()
		killed := r.crashes()
		r.sims["openai"].Default(parse(t, "slow-first-byte:ms=2000"))
		r.sims["openai"].Script(parse(t, "500"))
		var calls sync.WaitGroup
		for range 2 {
			calls.Go(func() { r.post("/v1/chat/completions", limited("gpt-4o", 1000, "[[usage in=10 out=20]]", false)) })
			time.Sleep(10 * time.Millisecond) // the first one pauses before it tries again
		}
		calls.Wait()
		if n := len(r.sims["openai"].Ledger()); n != 3 {
			t.Fatalf("%d calls arrived, want one failure and two answers", n)
		}
		killed.check(r, "0.015")
	})
}

// The same for any mixture of ends: at no moment does the record, with what
// still runs charged at its hold, exceed the cap.
func TestKilledAnywhereWithinAHardCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, capped("0.045", noClamp))
		defer r.close()
		killed := r.crashes()
		orders := []string{"500", "slow-first-byte:ms=300", "reset-before-headers", "reset-mid-stream:after=3", "429", "503", "eof-mid-stream", "slow-first-byte:ms=700"}
		var calls sync.WaitGroup
		for i := range 16 {
			calls.Go(func() {
				time.Sleep(time.Duration(i%5) * 37 * time.Millisecond)
				word := fmt.Sprintf("[[fault %s]] [[usage in=10 out=%d]]", orders[i%len(orders)], 10+i*20)
				r.post("/v1/chat/completions", limited("gpt-4o", 1000, word, i%2 == 0), "X-Llmgw-Deadline", "9s")
			})
		}
		calls.Wait()
		if spent, held := r.spentAndHeld(); spent == 0 || held != 0 {
			t.Errorf("spent %s, held %s", spent, held)
		}
		killed.check(r, "0.045")
	})
}
