package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// still is a clock that stands at epoch.
func still() time.Time { return epoch }

// answerTo is an answer to question i, kept at that time for an hour.
func answerTo(i int, at time.Time, size int) *Cached {
	c, _ := begun(i)
	return &Cached{
		Key: [32]byte{byte(i), byte(i >> 8), 7}, CallID: c.ID, At: at, Expires: at.Add(time.Hour),
		Project: "default", Provider: "anthropic", Model: "claude-sonnet-4-5", ModelReported: "claude-sonnet-4-5-20250929", Finish: "end_turn",
		Stream: true, Usage: llm.Usage{Input: llm.Tokens(9), Output: llm.Tokens(0)}, Cost: price.Of(5),
		Headers: "Content-Type: text/event-stream", Body: noise(size, uint64(i)), Head: int64(size / 2),
	}
}

// keep commits a call that went well and its answer.
func keep(t testing.TB, s *Store, e *Cached) {
	t.Helper()
	c, a := ended(begun(0))
	c.ID, a.CallID = e.CallID, e.CallID
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true, Cached: e})
}

func cachedIDs(t testing.TB, path string) (ids []string) {
	t.Helper()
	err := openReader(t, path).EachCached(t.Context(), func(e *Cached) error {
		ids = append(ids, e.CallID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func mustFind(t testing.TB, s *Store, key [32]byte) (e *Cached, gone string) {
	t.Helper()
	e, gone, err := s.Cached(key)
	if err != nil {
		t.Fatal(err)
	}
	return e, gone
}

// What is kept comes back as it was, of every size, at once and after a
// restart; a newer answer takes the place of an older one.
func TestCachedComesBack(t *testing.T) {
	s := openStore(t, Options{Now: still})
	at := epoch.Add(3 * time.Microsecond)
	sizes := []int{1, 100, 1023, 1024, 5000, 40 << 10, 3 << 20}
	for i, n := range sizes {
		keep(t, s, answerTo(i, at, n))
	}
	check := func() {
		t.Helper()
		for i, n := range sizes {
			want := answerTo(i, at, n)
			got, gone := mustFind(t, s, want.Key)
			if got == nil {
				t.Fatalf("answer %d is not there (%q)", i, gone)
			}
			if !bytes.Equal(got.Body, want.Body) || got.Head != want.Head || got.Size != int64(n) || got.Stored < int64(n) {
				t.Errorf("answer %d came back with %d bytes, %d before its end, %d stored", i, len(got.Body), got.Head, got.Stored)
			}
			got.Body, want.Body, got.n, got.Size, got.Stored, got.CallID, want.CallID = nil, nil, 0, 0, 0, "", ""
			want.At, want.Expires = got.At, got.Expires
			if fmt.Sprint(*got) != fmt.Sprint(*want) || !got.At.Equal(at) {
				t.Errorf("answer %d came back as\n%+v, want\n%+v", i, got, want)
			}
		}
	}
	check()
	closeStore(t, s)
	s = openStoreAt(t, s.Path(), Options{Now: still})
	check()

	newer := answerTo(1, at.Add(time.Minute), 50)
	keep(t, s, newer)
	if got, _ := mustFind(t, s, newer.Key); got == nil || got.CallID != newer.CallID || len(got.Body) != 50 {
		t.Errorf("after another answer to the same question: %+v", got)
	}
	if ids := cachedIDs(t, s.Path()); len(ids) != len(sizes) || ids[0] != newer.CallID {
		t.Errorf("%d answers, the newest is of %s", len(ids), ids[0])
	}
	if e, gone := mustFind(t, s, [32]byte{99}); e != nil || gone != "" {
		t.Errorf("an answer that never was: %+v, %q", e, gone)
	}
}

// The answers of a pool never take more room than its limit, and the oldest go
// first, whatever the clock says; one pool does not push out another's.
func TestCachedIsBounded(t *testing.T) {
	s := openStore(t, Options{Now: still})
	const size, limit = 8 << 10, 100 << 10
	s.LimitCached(map[string]int64{"": limit, "own": limit / 2})
	var ids []string
	for i := range 40 {
		e := answerTo(i, epoch.Add(-time.Duration(i)*time.Second), size)
		keep(t, s, e)
		ids = append(ids, e.CallID)
		size, err := openReader(t, s.Path()).CacheSize(t.Context())
		if err != nil || size.Bytes > limit {
			t.Fatalf("%d bytes are kept after %d answers, %v", size.Bytes, i+1, err)
		}
	}
	slices.Reverse(ids)
	kept := cachedIDs(t, s.Path())
	if len(kept) < limit/size-4 || !slices.Equal(kept, ids[:len(kept)]) {
		t.Errorf("%d answers are kept, and not the newest", len(kept))
	}
	if _, gone := mustFind(t, s, answerTo(0, epoch, size).Key); gone != goneEvicted {
		t.Errorf("the first is said to be %q", gone)
	}
	for i := range 10 {
		e := answerTo(100+i, epoch, size)
		e.Pool = "own"
		keep(t, s, e)
	}
	if all := cachedIDs(t, s.Path()); len(all) <= len(kept) || len(all) > len(kept)+limit/2/size {
		t.Errorf("%d answers with a second pool beside %d", len(all), len(kept))
	}
}

// A transaction that fails changes nothing of what is counted.
func TestCachedIsCountedThroughFailures(t *testing.T) {
	var failing atomic.Bool
	s := openStore(t, Options{Now: still, BeforeCommit: func() error {
		if failing.Load() {
			return errors.New("disk full")
		}
		return nil
	}})
	s.LimitCached(map[string]int64{"": 64 << 10})
	for i := range 12 {
		failing.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		c, a := ended(begun(i))
		_ = s.Commit(ctx, Change{Call: c, Attempts: []*Attempt{a}, Final: true, Cached: answerTo(i, epoch, 8<<10)})
		cancel()
		failing.Store(false)
	}
	c, a := ended(begun(99))
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true}) // after all of them
	size, err := openReader(t, s.Path()).CacheSize(t.Context())
	if err != nil || size.Answers < 4 || size.Bytes > 64<<10 {
		t.Errorf("%+v, %v", size, err)
	}
}

// Expired answers go by themselves, and so do those that a clock which was set
// back has left in the future; limits that are lowered hold for what is there.
func TestCachedIsTidied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, back := time.Now(), new(atomic.Int64)
		now := func() time.Time { return epoch.Add(time.Since(start) - time.Duration(back.Load())) }
		s := openStore(t, Options{Now: now})
		tidied := func() {
			time.Sleep(3 * tidyEvery)
			synctest.Wait()
		}
		for i := range 3 {
			e := answerTo(i, now(), 5000)
			e.Expires = e.At.Add(time.Duration(i+1) * 10 * time.Minute)
			keep(t, s, e)
		}
		time.Sleep(15 * time.Minute)
		tidied()
		if ids := cachedIDs(t, s.Path()); len(ids) != 2 {
			t.Errorf("%d answers after a quarter of an hour, want 2", len(ids))
		}
		if _, gone := mustFind(t, s, answerTo(0, epoch, 1).Key); gone != goneExpired {
			t.Errorf("the first is said to be %q", gone)
		}
		keep(t, s, answerTo(3, now(), 5000))
		back.Store(int64(8 * time.Minute))
		tidied()
		if ids := cachedIDs(t, s.Path()); len(ids) != 2 {
			t.Errorf("%d answers once the clock was set back before the newest of 3", len(ids))
		}
		s.LimitCached(map[string]int64{"": 10_000})
		tidied()
		if ids := cachedIDs(t, s.Path()); len(ids) != 1 {
			t.Errorf("%d answers after the limit was lowered to one", len(ids))
		}
		closeStore(t, s)
	})
}

// Removing by call, and everything; what was removed is said and remembered,
// for the latest.
func TestRemoveCached(t *testing.T) {
	s := openStore(t, Options{Now: still})
	var all []*Cached
	for i := range 5 {
		all = append(all, answerTo(i, epoch, 3000))
		keep(t, s, all[i])
	}
	got, err := s.RemoveCached(t.Context(), all[1].CallID, all[3].CallID, "nothing")
	if err != nil || got.Answers != 2 || got.Bytes < 6000 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, e := range all {
		found, gone := mustFind(t, s, e.Key)
		if removed := i == 1 || i == 3; removed != (found == nil) || removed != (gone == goneRemoved) {
			t.Errorf("answer %d: %v, %q", i, found != nil, gone)
		}
	}
	if got, err = s.RemoveCached(t.Context()); err != nil || got.Answers != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if found, gone := mustFind(t, s, all[0].Key); found != nil || gone != goneRemoved {
		t.Errorf("after clear: %v, %q", found != nil, gone)
	}
	keep(t, s, all[0])
	if found, _ := mustFind(t, s, all[0].Key); found == nil {
		t.Error("the emptied cache keeps nothing")
	}
	closeStore(t, s)
	if _, err := s.RemoveCached(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// The answer outlives its call's row, and hits are counted where it is.
func TestCachedOutlivesItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		now := func() time.Time { return epoch.Add(time.Since(start)) }
		s := openStore(t, Options{Retention: time.Minute, Now: now})
		e := answerTo(0, now(), 2000)
		e.Expires = now().Add(time.Hour)
		keep(t, s, e)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if calls, err := openReader(t, s.Path()).Calls(t.Context(), Query{}); err != nil || len(calls) != 0 {
			t.Fatalf("%d calls are left, %v", len(calls), err)
		}
		found, _ := mustFind(t, s, e.Key)
		if found == nil {
			t.Fatal("the answer went with its call")
		}
		for i := range 3 {
			c, _ := ended(begun(1000 + i))
			commit(t, s, Change{Call: c, Final: true, Replayed: found})
		}
		if found, _ = mustFind(t, s, e.Key); found.Hits != 3 {
			t.Errorf("%d hits, want 3", found.Hits)
		}
		closeStore(t, s)
	})
}

// Many callers at once, some of whom keep, some look, some remove.
func TestCachedAtOnce(t *testing.T) {
	s := openStore(t, Options{Now: still})
	s.LimitCached(map[string]int64{"": 128 << 10})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 30 {
				e := answerTo(i, epoch, 2000+i)
				switch (g + i) % 4 {
				case 0:
					c, a := ended(begun(g*1000 + i))
					e.CallID = c.ID
					commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true, Cached: e})
				case 1:
					if _, err := s.RemoveCached(t.Context(), e.CallID); err != nil {
						t.Error(err)
					}
				default:
					if got, _, err := s.Cached(e.Key); err != nil || got != nil && !bytes.Equal(got.Body, e.Body) {
						t.Errorf("answer %d came back wrong, %v", i, err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// What was damaged on disk is an error, never an answer.
func TestDamagedAnswerIsNone(t *testing.T) {
	s := openStore(t, Options{Now: still})
	e := answerTo(0, epoch, 500)
	keep(t, s, e)
	closeStore(t, s)
	execRaw(t, s.Path(), "UPDATE cached SET size = size + 1")
	s = openStoreAt(t, s.Path(), Options{Now: still})
	if got, _, err := s.Cached(e.Key); err == nil || got != nil {
		t.Errorf("a cut answer was read: %v, %v", got != nil, err)
	}
	execRaw(t, s.Path(), "UPDATE cached_bodies SET data = x'00112233'")
	if got, _, err := s.Cached(e.Key); err == nil || got != nil {
		t.Errorf("noise was read: %v, %v", got != nil, err)
	}
}
