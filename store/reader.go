package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// waitPoll is how often [Reader.Wait] looks: a commit is seen after 50 ms at
// the median for less than one per cent of a core. Each so many looks it sees
// whether its file is still there.
const (
	waitPoll    = 100 * time.Millisecond
	presentEach = 10
)

// Reader reads the record: beside a running server, after it stopped and after
// it crashed. It holds no transaction between calls, since that would keep the
// write-ahead log from shrinking. Its methods may be called at once from many
// goroutines.
type Reader struct {
	path  string
	named string      // what path was called when it was opened
	file  os.FileInfo // of what was there then
	db    *sql.DB
	zstd  *zstd.Decoder

	mu     sync.Mutex // guards what follows
	watch  *sql.Conn  // pinned: data_version is about one connection
	seen   int64      // data_version at the last look
	change int64      // change_seq then
}

// OpenReader opens the record at path for reading. The errors are
// [*FileError], which wraps [ErrNoDatabase] while nothing was recorded, and
// [*NewerError].
func OpenReader(path string) (*Reader, error) {
	ctx := context.Background()
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		err = ErrNoDatabase
	}
	if err != nil {
		return nil, &FileError{Op: "reading", Path: path, Err: err}
	}
	named := path
	if path, err = realPath(path); err != nil {
		return nil, &FileError{Op: "reading", Path: path, Err: err}
	}
	db, err := sql.Open("sqlite", dsn(path, "mode=ro&_pragma=busy_timeout(2000)&_pragma=query_only(1)"))
	if err != nil {
		return nil, &FileError{Op: "reading", Path: path, Err: err}
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(2)
	r := &Reader{path: path, named: named, file: info, db: db}
	if err := r.start(ctx); err != nil {
		err = errors.Join(err, db.Close())
		if _, newer := errors.AsType[*NewerError](err); newer {
			return nil, err
		}
		return nil, &FileError{Op: "reading", Path: path, Err: err}
	}
	return r, nil
}

func (r *Reader) start(ctx context.Context) error {
	if err := r.checkSchema(ctx); err != nil {
		return err
	}
	var err error
	if r.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true)); err != nil {
		return fmt.Errorf("preparing decompression: %w", err)
	}
	r.watch, err = r.db.Conn(ctx)
	return err
}

func (r *Reader) checkSchema(ctx context.Context) error {
	var tables, id, schema int
	if err := r.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		return ErrNoDatabase // a server is just creating it
	}
	if err := r.db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if id != applicationID {
		return errForeign
	}
	if err := r.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&schema); err != nil {
		return err
	}
	list, err := migrations()
	if err != nil {
		return err
	}
	switch latest := list[len(list)-1].number; {
	case schema > latest:
		var by string
		// A courtesy: a newer schema may have no such row.
		_ = r.db.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'program'").Scan(&by)
		return &NewerError{Path: r.path, File: schema, Program: latest, WrittenBy: by}
	case schema < latest:
		return fmt.Errorf("it was written by an older llmgw (schema %d, want %d): `llmgw serve` brings it up to date", schema, latest)
	}
	return nil
}

// Path is the file that is read.
func (r *Reader) Path() string { return r.path }

// Named is what the file was called when it was opened.
func (r *Reader) Named() string { return r.named }

// Close ends the connections.
func (r *Reader) Close() error {
	r.zstd.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.watch.Close(), r.db.Close())
}

// Changed returns the change sequence of the last transaction. It only grows.
func (r *Reader) Changed(ctx context.Context) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx = context.WithoutCancel(ctx) // to be cancellable costs a goroutine for each look
	var version int64
	if err := r.watch.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		return 0, r.wrap(err)
	}
	if version == r.seen {
		return r.change, nil
	}
	var change int64
	err := r.watch.QueryRowContext(ctx, "SELECT "+changeSeq).Scan(&change)
	if err != nil {
		return 0, r.wrap(err)
	}
	r.seen, r.change = version, change
	return change, nil
}

// Wait returns the change sequence as soon as it is above since, ctx's error, or
// that of [Reader.Present]. It looks ten times a second.
func (r *Reader) Wait(ctx context.Context, since int64) (int64, error) {
	poll := time.NewTicker(waitPoll)
	defer poll.Stop()
	for looks := 1; ; looks++ {
		change, err := r.Changed(ctx)
		if err != nil || change > since {
			return change, err
		}
		if looks%presentEach == 0 {
			if err := r.Present(); err != nil {
				return 0, err
			}
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// Live returns the passing state of the calls that run, oldest first.
func (r *Reader) Live(ctx context.Context) (list []Live, err error) {
	err = r.each(ctx, func(f *fields) error {
		list = append(list, Live{
			CallID: f.text(), Phase: f.text(), Note: f.text(), Provider: f.text(), Model: f.text(),
			Attempt: int(f.int()), Bytes: f.int(), Tokens: f.maybe(), Tail: f.text(), UpdatedAt: f.time(), Until: f.time(),
		})
		return nil
	}, `SELECT call_id, phase, note, provider, model, attempt, bytes, tokens, tail, updated_at, until FROM live ORDER BY call_id`)
	return list, err
}

// State returns what the server last said under name and when; [ErrNotFound]
// when it never did.
func (r *Reader) State(ctx context.Context, name string) (value []byte, at time.Time, err error) {
	err = r.one(ctx, func(f *fields) error {
		value, at = f.blob(), f.time()
		return nil
	}, "SELECT value, updated_at FROM state WHERE name = ?", name)
	return value, at, err
}

// Server is what a file says about the server that owns it.
type Server struct {
	Alive     bool     // its lock is held
	Owner     Instance // who it is, while alive
	Heartbeat time.Time
	Program   string // version that last wrote the file
}

// Server tells whether a server is writing this record, and which.
func (r *Reader) Server(ctx context.Context) (Server, error) {
	var s Server
	alive, err := owned(r.path)
	if err != nil {
		return s, fmt.Errorf("looking for a running server: %w", err)
	}
	if s.Alive = alive; alive {
		s.Owner = readOwner(r.path)
	}
	err = r.one(ctx, func(f *fields) error {
		s.Heartbeat, s.Program = f.time(), f.text()
		return nil
	}, `SELECT (SELECT value FROM meta WHERE name = 'heartbeat_at'), (SELECT value FROM meta WHERE name = 'program')`)
	return s, err
}

// ofCall finds the bodies of the call with the id that is bound first.
const ofCall = "k BETWEEN (SELECT n * 2048 FROM calls WHERE id = ?1) AND (SELECT n * 2048 + 2047 FROM calls WHERE id = ?1)"

// Bodies returns what is kept of a call's bodies, without their data.
func (r *Reader) Bodies(ctx context.Context, callID string) (list []Body, err error) {
	err = r.each(ctx, func(f *fields) error {
		list = append(list, readBody(f, callID))
		return nil
	}, `SELECT part, size, truncated, content_type, headers FROM bodies
		WHERE `+ofCall+` ORDER BY part`, callID)
	return list, err
}

// Body returns one body of a call; [ErrNotFound] when it is not kept.
func (r *Reader) Body(ctx context.Context, callID, part string) (b Body, err error) {
	err = r.one(ctx, func(f *fields) error {
		b = readBody(f, callID)
		var err error
		b.Data, err = r.zstd.DecodeAll(f.blob(), nil)
		return err
	}, `SELECT part, size, truncated, content_type, headers, data FROM bodies
		WHERE `+ofCall+` AND part = ?2`, callID, part)
	return b, err
}

func readBody(f *fields, callID string) Body {
	return Body{
		CallID: callID, Part: f.text(), Size: f.int(), Truncated: f.bit(),
		ContentType: f.text(), Headers: f.text(),
	}
}

// wrap says which file an error is about, unless ctx is what ended.
func (r *Reader) wrap(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &FileError{Op: "reading", Path: r.path, Err: err}
}

// querier is what rows are read from: the pool, or one transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (r *Reader) each(ctx context.Context, f func(*fields) error, query string, args ...any) error {
	return r.wrap(eachRow(ctx, r.db, f, query, args...))
}

// one is each for the only row there can be.
func (r *Reader) one(ctx context.Context, f func(*fields) error, query string, args ...any) error {
	found := false
	err := r.each(ctx, func(row *fields) error {
		found = true
		return f(row)
	}, query, args...)
	if err == nil && !found {
		return ErrNotFound
	}
	return err
}

func eachRow(ctx context.Context, q querier, f func(*fields) error, query string, args ...any) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	row := fields{row: make([]driver.Value, len(names))}
	into := make([]any, len(names))
	for i := range into {
		into[i] = (*any)(&row.row[i])
	}
	for rows.Next() {
		row.at, row.err = 0, nil
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := f(&row); err != nil {
			return err
		}
		if row.err != nil {
			return row.err
		}
	}
	return rows.Err()
}

// Size is how big the record is, for doctor and the storage line of the screen.
type Size struct {
	File   int64 // bytes of the database
	WAL    int64 // bytes of its write-ahead log
	Bodies int64 // of which bodies, as counted against max_size
}

// Size returns how big the record is.
func (r *Reader) Size(ctx context.Context) (Size, error) {
	var s Size
	for suffix, n := range map[string]*int64{"": &s.File, "-wal": &s.WAL} {
		info, err := os.Stat(r.path + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return s, r.wrap(err)
		}
		*n = info.Size()
	}
	err := r.one(ctx, func(f *fields) error {
		s.Bodies = f.int()
		return nil
	}, "SELECT value FROM meta WHERE name = 'bodies_bytes'")
	return s, err
}
