package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestChangesCommitInOrder(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			c, a := begun(g)
			commit(t, s, Change{Call: c, Attempts: []*Attempt{a}})
			for i := range 40 { // each overwrites the one before
				c.ErrorText = fmt.Sprint(i)
				commit(t, s, Change{Call: c})
			}
			c, a = ended(c, a)
			c.ErrorText = "last"
			commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
		})
	}
	wg.Wait()
	list, err := r.Calls(t.Context(), Query{})
	if err != nil || len(list) != 16 {
		t.Fatalf("%d calls, %v", len(list), err)
	}
	for _, c := range list {
		if c.ErrorText != "last" || c.Status != StatusOK {
			t.Errorf("call %s ended as %q %q", c.ID, c.Status, c.ErrorText)
		}
	}
}

// TestManyChangesShareATransaction is what makes the throughput: while one
// transaction commits, what queues goes into the next.
func TestManyChangesShareATransaction(t *testing.T) {
	gate, transactions := make(chan struct{}), 0
	s := openStore(t, Options{BeforeCommit: func() error {
		transactions++ // only the writer calls this
		if transactions == 2 {
			<-gate // the first is Open's own
		}
		return nil
	}})
	ended, cancel := context.WithCancel(t.Context())
	cancel() // so that Commit queues and does not wait
	const calls = 200
	for i := range calls {
		c, a := begun(i)
		if err := s.Commit(ended, Change{Call: c, Attempts: []*Attempt{a}}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	close(gate)
	closeStore(t, s)
	list, err := openReader(t, s.Path()).Calls(t.Context(), Query{})
	if err != nil || len(list) != calls {
		t.Errorf("%d calls, %v", len(list), err)
	}
	if transactions > 6 {
		t.Errorf("%d transactions for %d changes that queued together", transactions, calls)
	}
}

// TestCallerMayReuse holds Commit to copying at once.
func TestCallerMayReuse(t *testing.T) {
	gate, waiting := make(chan struct{}), make(chan struct{})
	var blocked atomic.Bool
	s := openStore(t, Options{BeforeCommit: func() error {
		if !blocked.CompareAndSwap(true, false) {
			return nil
		}
		close(waiting)
		<-gate
		return nil
	}})
	blocked.Store(true)
	first, a := begun(0)
	go s.Commit(context.Background(), Change{Call: first, Attempts: []*Attempt{a}})
	<-waiting

	c, b := begun(1)
	c.Tags, c.Edits = map[string]string{"a": "b"}, []string{"model"}
	b.Usage.Raw = []byte(`{"a":1}`)
	data := []byte("hello")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Commit(ctx, Change{Call: c, Attempts: []*Attempt{b}, Bodies: []Body{{Part: "request", Data: data}}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Commit with an ended context: %v", err)
	}
	c.Tags["a"], c.Edits[0], c.Project, b.Provider, data[0], b.Usage.Raw[2] = "x", "x", "x", "x", 'x', 'x'
	close(gate)
	closeStore(t, s)

	r := openReader(t, s.Path())
	got, err := r.Find(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	body, err := r.Body(t.Context(), c.ID, "request")
	if err != nil {
		t.Fatal(err)
	}
	if got.Tags["a"] != "b" || got.Edits[0] != "model" || got.Project != "default" || got.Attempts[0].Provider != "anthropic" ||
		string(got.Attempts[0].Usage.Raw) != `{"a":1}` || string(body.Data) != "hello" {
		t.Errorf("the record shares memory with the caller: %+v %s", got, body.Data)
	}
}

// TestExternalLock is another program that holds SQLite's write lock: nothing
// is lost, readers go on, Health says what is the matter, and all is committed
// once the lock is gone.
func TestExternalLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, Options{})
		r := openReader(t, s.Path())
		record(t, s, 1)
		other, err := openConn(s.Path(), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := other.exec("BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		const calls = 64
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for i := range calls {
			wg.Go(func() {
				c, a := begun(i + 1)
				if err := s.Commit(ctx, Change{Call: c, Attempts: []*Attempt{a}}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Commit while another holds the lock: %v", err)
				}
			})
		}
		if list, err := r.Calls(t.Context(), Query{}); err != nil || len(list) != 1 {
			t.Errorf("reading meanwhile: %d calls, %v", len(list), err)
		}
		wg.Wait()
		h := s.Health()
		if h.Err == nil || h.ErrSince.IsZero() || h.Pending != calls || h.PendingBytes <= 0 || h.OldestWait <= 0 {
			t.Errorf("health while locked: %+v", h)
		}
		if err := errors.Join(other.exec("ROLLBACK"), other.close()); err != nil {
			t.Fatal(err)
		}
		c, a := begun(calls + 1)
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a}}) // queued behind all others
		if list, err := r.Calls(t.Context(), Query{}); err != nil || len(list) != calls+2 {
			t.Errorf("afterwards: %d calls, %v", len(list), err)
		}
		if h := s.Health(); h.Err != nil || h.Pending != 0 || h.PendingBytes != 0 {
			t.Errorf("health afterwards: %+v", h)
		}
	})
}

// TestFullDisk fails commits as a full disk does, and lets them work again.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		s := openStore(t, Options{BeforeCommit: func() error {
			if full.Load() {
				return syscall.ENOSPC
			}
			return nil
		}})
		ids := record(t, s, 3)
		full.Store(true)
		c, a := begun(10)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := s.Commit(ctx, Change{Call: c, Attempts: []*Attempt{a}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Commit on a full disk: %v", err)
		}
		h := s.Health()
		if !errors.Is(h.Err, syscall.ENOSPC) || h.Pending != 1 || h.Rejected != 0 {
			t.Errorf("health on a full disk: %+v", h)
		}
		var hinted *FileError
		if !errors.As(h.Err, &hinted) || !strings.Contains(hinted.Hint(), "disk is full") {
			t.Errorf("hint on a full disk: %v", h.Err)
		}
		full.Store(false)
		c, a = ended(c, a)
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
		closeStore(t, s)
		r := openReader(t, s.Path())
		list, err := r.Calls(t.Context(), Query{})
		if err != nil || len(list) != len(ids)+1 {
			t.Errorf("%d calls, %v", len(list), err)
		}
		if problems, err := r.Check(t.Context()); err != nil || len(problems) > 0 {
			t.Errorf("a retry counted twice: %q, %v", problems, err)
		}
	})
}

// TestCloseGivesUpLoudly is a shutdown while the disk is full.
func TestCloseGivesUpLoudly(t *testing.T) {
	var opened atomic.Bool
	tried := make(chan struct{}, 1)
	s, err := Open(t.TempDir()+"/llmgw.db", Options{Now: still, BeforeCommit: func() error {
		if !opened.Load() {
			return nil
		}
		wake(tried)
		return syscall.ENOSPC
	}})
	if err != nil {
		t.Fatal(err)
	}
	opened.Store(true)
	c, a := begun(0)
	result := make(chan error, 1)
	go func() { result <- s.Commit(context.Background(), Change{Call: c, Attempts: []*Attempt{a}}) }()
	<-tried
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); err == nil || !strings.Contains(err.Error(), "1 changes could not be written") || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close: %v", err)
	}
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("Commit: %v", err)
	}
	if err := s.Commit(t.Context(), Change{Call: c}); !errors.Is(err, ErrClosed) {
		t.Errorf("Commit after Close: %v", err)
	}
}

func TestImpossibleChangesAreRefused(t *testing.T) {
	s := openStore(t, Options{})
	for name, spoil := range map[string]func(*Change){
		"no ULID":            func(c *Change) { c.Call.ID = "call-1"; c.Attempts = nil },
		"unknown status":     func(c *Change) { c.Call.Status = "fine" },
		"final but running":  func(c *Change) { c.Final = true },
		"attempt 0":          func(c *Change) { c.Attempts[0].N = 0 },
		"attempt 1024":       func(c *Change) { c.Attempts[0].N = 1024 },
		"of another call":    func(c *Change) { c.Attempts[0].CallID = NewID(epoch) },
		"of an unknown call": func(c *Change) { c.Call = nil },
	} {
		c, a := begun(0)
		change := Change{Call: c, Attempts: []*Attempt{a}}
		spoil(&change)
		if err := s.Commit(t.Context(), change); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	record(t, s, 1) // what follows a refused change is not held up
	if h := s.Health(); h.Pending != 0 || h.Err != nil {
		t.Errorf("health: %+v", h)
	}
}

// TestReplayedBeginDoesNotRevive is a begin that was retried after its end.
func TestReplayedBeginDoesNotRevive(t *testing.T) {
	s := openStore(t, Options{})
	c, a := begun(0)
	begin := Change{Call: c, Attempts: []*Attempt{a}}
	commit(t, s, begin)
	c, a = ended(c, a)
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
	commit(t, s, begin)
	got, err := openReader(t, s.Path()).Find(t.Context(), c.ID)
	if err != nil || got.Status != StatusOK || got.Attempts[0].Outcome != OutcomeOK {
		t.Errorf("after the replay: %s %s, %v", got.Status, got.Attempts[0].Outcome, err)
	}
}

// TestRemovedFileIsNoticed: rows written to a file that nobody can open again
// are no record, so such commits must not be acknowledged.
func TestRemovedFileIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, Options{})
		record(t, s, 1)
		hidden := s.Path() + ".hidden"
		if err := os.Rename(s.Path(), hidden); err != nil {
			t.Skip("an open file cannot be renamed here:", err)
		}
		time.Sleep(2 * sameFileEvery) // virtual
		c, a := begun(1)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := s.Commit(ctx, Change{Call: c, Attempts: []*Attempt{a}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Commit to a removed file: %v", err)
		}
		if h := s.Health(); !errors.Is(h.Err, errReplaced) {
			t.Errorf("health: %v", h.Err)
		}
		if err := os.Rename(hidden, s.Path()); err != nil {
			t.Fatal(err)
		}
		c, a = ended(c, a)
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
	})
}

// TestWALStaysShort: passive checkpoints alone let it grow without end under
// steady writes.
func TestWALStaysShort(t *testing.T) {
	s := openStore(t, Options{})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 400 {
				c, a := begun(g*400 + i)
				c.ErrorText = strings.Repeat("x", 8000)
				commit(t, s, Change{Call: c, Attempts: []*Attempt{a}})
			}
		})
	}
	wg.Wait()
	info, err := os.Stat(s.Path() + "-wal")
	if err != nil || info.Size() > 2*walRestart*pageSize+4<<20 {
		t.Errorf("the write-ahead log has %d MB after 25 MB of rows (%v)", info.Size()>>20, err)
	}
}
