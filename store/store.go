// Package store is the record: one SQLite file that a server writes and
// everything else reads, live, after a stop and after a crash alike. A
// recorded call is either complete or visibly unfinished.
//
// A single goroutine writes. Whatever queues while one transaction commits
// goes into the next, and a change is acknowledged only once it would survive
// the death of this process (a power cut may take the last moments with it).
// The writer never gives up a row: it retries for as long as it takes, and
// [Store.Health] says so.
package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options are what [Open] needs besides the path. The zero value works.
type Options struct {
	BodiesMax  int64         // bytes kept of a body; 0: 8 MB
	MaxSize    int64         // bytes of bodies on disk, oldest go first; 0: no limit
	Retention  time.Duration // age at which calls and attempts go; 0: never
	QueueBytes int64         // bytes of bodies that may wait for the disk; 0: 64 MB
	Owner      Instance      // who this server is, for others that find the file locked
	Version    string        // of the program, for older ones that cannot read the file

	// Now is the clock for heartbeats, ages and retention; nil: time.Now.
	Now func() time.Time
	// BeforeCommit is called before each commit; an error makes it fail. It is
	// how tests fill the disk.
	BeforeCommit func() error
}

const (
	defaultBodiesMax  = 8 << 20
	defaultQueueBytes = 64 << 20
)

// Store is the record, open for writing. Its methods may be called at once
// from many goroutines.
type Store struct {
	path   string
	opt    Options
	in     *inbox
	writer *writer
	packer *packer
	recall *recall
	owner  *ownerLock

	closing  sync.Once
	closeErr error
}

// Open opens the record at path for writing, creating file (0600) and folders
// (0700) that do not exist. Calls that a dead server left running become
// interrupted. The errors are [*FileError], [*LockedError] and [*NewerError].
func Open(path string, opt Options) (*Store, error) {
	opt.setDefaults()
	path, err := makeFile(path)
	if err != nil {
		return nil, err
	}
	owner, err := takeOwnership(path, opt.Owner)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, opt: opt, owner: owner, in: newInbox(opt.QueueBytes), recall: &recall{path: path}}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, owner.release())
	}
	return s, nil
}

func (o *Options) setDefaults() {
	if o.BodiesMax == 0 {
		o.BodiesMax = defaultBodiesMax
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = defaultQueueBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// makeFile makes sure that path is a file of the user's own and returns its
// one true name, so that two spellings of it meet at one lock.
func makeFile(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", &FileError{Op: "opening", Path: path, Err: err}
	}
	// An existing folder keeps its mode: it may be the user's home.
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", &FileError{Op: "opening", Path: path, Err: err}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", &FileError{Op: "opening", Path: path, Err: err}
	}
	if err := f.Close(); err != nil {
		return "", &FileError{Op: "opening", Path: path, Err: err}
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", &FileError{Op: "opening", Path: path, Err: err}
	}
	// SQLite gives -wal and -shm the mode of the database, but only when it
	// creates them.
	for _, suffix := range [...]string{"", "-wal", "-shm"} {
		if err := os.Chmod(path+suffix, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", &FileError{Op: "protecting", Path: path + suffix, Err: err}
		}
	}
	return path, nil
}

func (s *Store) start() error {
	c, err := openDatabase(s.path, s.opt.Version)
	if err != nil {
		return err
	}
	if s.writer, err = newWriter(s.path, s.opt, s.in, c); err != nil {
		return errors.Join(err, c.close())
	}
	if s.packer, err = newPacker(s.in, s.opt.BodiesMax); err != nil {
		return errors.Join(err, s.writer.wal.beside.close(), c.close())
	}
	go s.packer.run()
	go s.writer.wal.run()
	go s.writer.run()
	return nil
}

// Commit makes a change durable and returns once it is. It copies what it
// needs before it waits. When ctx ends first its error is returned, but the
// change stays queued and will be written: what was not confirmed in time is
// not lost. [ErrClosed] and changes that contradict themselves (an id that is
// no ULID, an unknown status) are refused.
func (s *Store) Commit(ctx context.Context, c Change) error {
	p, err := s.queue(c)
	if err != nil {
		return err
	}
	wake(s.in.wakeWriter)
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Queue is [Store.Commit] without the wait: the change becomes durable before
// any that is queued later, in the next transaction that there is, or within
// lookEvery. It costs no transaction of its own where calls keep coming.
func (s *Store) Queue(c Change) error {
	_, err := s.queue(c)
	return err
}

// queue puts a change in line.
func (s *Store) queue(c Change) (*pending, error) {
	p, err := newPending(c, s.opt.Now())
	if err != nil {
		return nil, err
	}
	if c.Cached != nil {
		p.cached = s.packer.keep(c.Cached)
		p.bytes += p.cached.Stored
	}
	bodies := make([]body, len(c.Bodies))
	for i, b := range c.Bodies {
		if b.CallID == "" {
			b.CallID = p.id
		}
		if bodies[i], err = s.packer.take(b); err != nil {
			return nil, err
		}
	}
	if err := s.in.push(p, bodies); err != nil {
		return nil, err
	}
	if c.Queued != nil {
		c.Queued()
	}
	return p, nil
}

// AddBodies queues bodies of calls already committed or queued. It waits for
// nothing; what does not fit the queue is dropped, oldest first, and counted.
func (s *Store) AddBodies(bodies ...Body) error {
	list := make([]body, len(bodies))
	for i, b := range bodies {
		var err error
		if list[i], err = s.packer.take(b); err != nil {
			return err
		}
	}
	return s.in.push(nil, list)
}

// SetLive replaces the live rows. It waits for nothing; of several sets that
// come faster than the disk takes them, the last one counts.
func (s *Store) SetLive(rows []Live) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.live, s.in.liveSet = append([]Live(nil), rows...), true
	wake(s.in.wakeWriter)
}

// SetState keeps a value under a name for readers: what a server says about
// its breakers, caps and cooldowns, and wants to find after a restart. It
// waits for nothing; the last value counts.
func (s *Store) SetState(name string, value []byte) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.states[name] = append([]byte{}, value...)
	wake(s.in.wakeWriter)
}

// SetOwner says anew who this server is, once it knows its address.
func (s *Store) SetOwner(i Instance) error { return s.owner.describe(i) }

// Path is the file, absolute and without symbolic links.
func (s *Store) Path() string { return s.path }

// Health is how well the record keeps up.
type Health struct {
	Err          error     // of the last transaction; nil: it was committed
	ErrSince     time.Time // of the first failure since the last success
	Pending      int       // changes not yet committed
	PendingBytes int64     // memory they hold, roughly
	OldestWait   time.Duration
	BodyBytes    int64 // of bodies not yet committed
	LostBodies   int64 // bodies dropped since Open
	Rejected     int64 // changes refused as impossible since Open; above 0 is a bug
}

// Health returns how well the record keeps up right now.
func (s *Store) Health() Health {
	s.in.mu.Lock()
	h := Health{
		Pending: len(s.in.changes), PendingBytes: s.in.bytes,
		BodyBytes: s.in.bodyBytes, LostBodies: s.in.bodyLost,
	}
	if h.Pending > 0 {
		h.OldestWait = s.opt.Now().Sub(s.in.changes[0].since)
	}
	s.in.mu.Unlock()
	w := s.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	h.Err, h.Rejected = w.err, w.rejected
	if h.Err != nil {
		h.ErrSince = w.errSince
	}
	return h
}

// Close writes what waits and closes the file. When ctx ends first, what could
// not be written is given up and named in the error.
func (s *Store) Close(ctx context.Context) error {
	s.closing.Do(func() { s.closeErr = s.close(ctx) })
	return s.closeErr
}

func (s *Store) close(ctx context.Context) error {
	s.in.close()
	var err error
	select {
	case <-s.writer.done:
	case <-ctx.Done():
		close(s.writer.abandon)
		<-s.writer.done
		err = s.giveUp()
	}
	<-s.packer.done
	return errors.Join(err, s.recall.close(), s.packer.close(), s.writer.close(), s.owner.release())
}

// giveUp releases whoever waits for changes that will not be written.
func (s *Store) giveUp() error {
	left := s.in.take(int(^uint(0) >> 1))
	for _, p := range left {
		p.err = ErrClosed
	}
	s.in.finish(len(left))
	for _, e := range s.in.takeErrands() {
		e.done <- ErrClosed
	}
	return fmt.Errorf("closing the record: %d changes could not be written: %w", len(left), s.Health().Err)
}
