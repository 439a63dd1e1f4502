package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// Cached is an answer kept to be given again.
type Cached struct {
	Key     [32]byte  // of the question, see the cache's own package
	CallID  string    // of the call it answered, whose row may be gone
	At      time.Time // when it was whole
	Expires time.Time
	Pool    string // which limit of size it counts against, see [Store.LimitCached]

	Project, Provider, Model string // whose call it answered, and who did
	ModelReported, Finish    string
	Stream                   bool
	Usage                    llm.Usage    // as the provider reported it; only the five counts are kept
	Cost                     price.Amount // what was charged for it

	Headers string // lines "Name: value"
	Body    []byte // as the client got it; not in lists
	Head    int64  // bytes of it before the dialect's end

	Size   int64 // bytes of the body
	Stored int64 // bytes of room it takes, what a limit counts
	Hits   int64

	n int64
}

// cachedColumns is a row without its n and hits.
const cachedColumns = `key, call_id, created_at, expires_at, pool, project, provider, model, model_reported, finish_reason, stream,
	input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost, headers, head, size, stored`

func (s *stmt) addCached(e *Cached) {
	s.add(e.Key[:])
	s.add(e.CallID)
	s.add(micros(e.At))
	s.add(micros(e.Expires))
	for _, v := range [...]string{e.Pool, e.Project, e.Provider, e.Model, e.ModelReported, e.Finish} {
		s.add(v)
	}
	s.add(bit(e.Stream))
	s.addUsage(&e.Usage)
	s.add(orNull(int64(e.Cost.Money), !e.Cost.Known))
	s.add(e.Headers)
	for _, n := range [...]int64{e.Head, e.Size, e.Stored} {
		s.add(n)
	}
}

// readCached returns the answer in a row of n, hits and cachedColumns.
func readCached(r *fields) *Cached {
	e := &Cached{n: r.int(), Hits: r.int()}
	copy(e.Key[:], r.blob())
	e.CallID, e.At, e.Expires = r.text(), r.time(), r.time()
	e.Pool, e.Project, e.Provider, e.Model, e.ModelReported, e.Finish = r.text(), r.text(), r.text(), r.text(), r.text(), r.text()
	e.Stream = r.bit()
	r.usage(&e.Usage)
	e.Cost, e.Headers = r.amount(), r.text()
	e.Head, e.Size, e.Stored = r.int(), r.int(), r.int()
	return e
}

// keep copies an answer and compresses its body.
func (p *packer) keep(e *Cached) *Cached {
	const row = 512
	c := *e
	c.Size = int64(len(e.Body))
	c.Body = p.packed(e.Body)
	c.Stored = occupied(int64(len(c.Body)+len(c.Headers)) + row)
	return &c
}

// recall finds answers by their key, on a connection of its own that is opened
// when the first one is looked for.
type recall struct {
	path string

	mu         sync.Mutex
	c          *conn
	find, gone *stmt
	zstd       *zstd.Decoder
}

// errCutAnswer is a kept answer that is not as long as it was.
var errCutAnswer = errors.New("the answer is damaged")

// Cached returns the answer kept under key with its body, or nil and why one is
// not there any more ("" where none ever was, as far as is remembered). Whether
// it has expired is for the caller to judge.
func (s *Store) Cached(key [32]byte) (e *Cached, gone string, err error) {
	e, gone, err = s.recall.look(key)
	if err == nil && e != nil {
		e.Body, err = s.recall.zstd.DecodeAll(e.Body, make([]byte, 0, e.Size))
		if err == nil && (int64(len(e.Body)) != e.Size || e.Head < 0 || e.Head > e.Size) {
			err = errCutAnswer
		}
	}
	if err != nil {
		return nil, "", &FileError{Op: "reading an answer from", Path: s.path, Err: err}
	}
	return e, gone, nil
}

func (r *recall) look(key [32]byte) (e *Cached, gone string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.c == nil {
		if err := r.open(); err != nil {
			return nil, "", err
		}
	}
	err = r.find.with(key[:]).each(func(row []driver.Value) error {
		f := &fields{row: row}
		e = readCached(f)
		e.Body = f.blob()
		return f.err
	})
	if err != nil || e != nil {
		return e, "", err
	}
	err = r.gone.with(key[:]).each(func(row []driver.Value) error {
		f := &fields{row: row}
		gone = f.text()
		return f.err
	})
	return nil, gone, err
}

func (r *recall) open() (err error) {
	c, err := openConn(r.path, "mode=ro&_pragma=busy_timeout(2000)&_pragma=query_only(1)")
	if err != nil {
		return err
	}
	err = prepareAll(c, map[**stmt]string{
		&r.find: "SELECT n, hits, " + cachedColumns + ", data FROM cached JOIN cached_bodies USING (n) WHERE key = ?",
		&r.gone: "SELECT why FROM cache_gone WHERE key = ?",
	})
	if err == nil {
		r.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true))
	}
	if err != nil {
		return errors.Join(err, c.close())
	}
	r.c = c
	return nil
}

func (r *recall) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.c == nil {
		return nil
	}
	r.zstd.Close()
	return r.c.close()
}

// Removed is what [Store.RemoveCached] removed.
type Removed struct {
	Answers int64 `json:"answers"`
	Bytes   int64 `json:"bytes"`
}

// RemoveCached removes the answers to the given calls, or without any all that
// are kept, and waits until they are gone.
func (s *Store) RemoveCached(ctx context.Context, calls ...string) (Removed, error) {
	var out Removed
	err := s.in.errand(ctx, func(int64) (err error) {
		out, err = s.writer.cached.removeCalls(calls)
		return err
	})
	if err != nil {
		return Removed{}, fmt.Errorf("removing cached answers: %w", err)
	}
	return out, nil
}

// LimitCached sets how many bytes of answers each pool may keep, from now on:
// the oldest beyond that go. Pools that are not named keep nothing. Until it is
// called nothing goes for its size.
func (s *Store) LimitCached(pools map[string]int64) {
	s.writer.cached.limits.Store(&pools)
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	wake(s.in.wakeWriter)
}
