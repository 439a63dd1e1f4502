package store

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// The conditions callers tell apart.
var (
	// ErrClosed is returned for changes that come after [Store.Close].
	ErrClosed = errors.New("the store is closed")
	// ErrNotFound is returned when no call, body or state has the asked name.
	ErrNotFound = errors.New("not on record")
	// ErrNoDatabase is returned by readers while nothing was recorded yet.
	ErrNoDatabase = errors.New("there is no record yet")
	// ErrGone is returned by readers whose file was deleted or moved away.
	ErrGone = errors.New("it was deleted or moved away")
	// ErrReplaced is returned by readers when another file has the name of theirs.
	ErrReplaced = errors.New("another file has taken its place")
	// ErrNotRunning is returned by [SendCommand] when no server owns the file.
	ErrNotRunning = errors.New("no llmgw serve is running on this database")
	// ErrNoAnswer is returned by [SendCommand] when the server stays silent.
	ErrNoAnswer = errors.New("llmgw serve did not answer in time; it may still act")
)

// FileError is trouble with the database file, with a way out.
type FileError struct {
	Op   string // gerund: "opening"
	Path string
	Err  error
	hint string // for what only the place that failed knows
}

// Error names the operation, the file and the cause.
func (e *FileError) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Err) }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// Hint says what a person can do about it; empty when there is nothing to add.
func (e *FileError) Hint() string {
	if e.hint != "" {
		return e.hint
	}
	switch code := primaryCode(e.Err); {
	case code == sqlite3.SQLITE_NOTADB:
		return "this is not an llmgw database; name another file with --db or [store] path"
	case code == sqlite3.SQLITE_CORRUPT:
		return "the database is damaged; move it and its -wal away to start anew, or put back a copy made with `llmgw db backup`"
	case code == sqlite3.SQLITE_FULL || errors.Is(e.Err, syscall.ENOSPC):
		return "the disk is full; free some space"
	case code == sqlite3.SQLITE_BUSY:
		return "another program holds a lock on the database; close it"
	case code == sqlite3.SQLITE_READONLY, code == sqlite3.SQLITE_CANTOPEN,
		errors.Is(e.Err, fs.ErrPermission), errors.Is(e.Err, syscall.EROFS):
		return "the file and its folder must be writable by you; name another file with --db or [store] path"
	case errors.Is(e.Err, errForeign), errors.Is(e.Err, syscall.EISDIR):
		return "name another file with --db or [store] path"
	case code == sqlite3.SQLITE_IOERR:
		return "is this a file, and on a disk of this machine?"
	case errors.Is(e.Err, ErrGone):
		return "put it back, or let `llmgw serve` begin a new one"
	case errors.Is(e.Err, ErrNoDatabase):
		return "start `llmgw serve`, or name another file with --db"
	}
	return ""
}

// Damaged tells whether what is in the file is the trouble.
func (e *FileError) Damaged() bool {
	code := primaryCode(e.Err)
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// NewerError is a database written by a newer llmgw than this one.
type NewerError struct {
	Path          string
	File, Program int    // schema numbers
	WrittenBy     string // version of the program that wrote it; may be empty
}

// Error names both schema numbers.
func (e *NewerError) Error() string {
	by := "a newer llmgw"
	if e.WrittenBy != "" {
		by = "llmgw " + e.WrittenBy
	}
	return fmt.Sprintf("opening %s: it was written by %s (schema %d); this program knows schema %d; nothing was changed",
		e.Path, by, e.File, e.Program)
}

// Hint says how to go on.
func (e *NewerError) Hint() string { return "update llmgw, or name another file with --db" }

// LockedError is a database that another server owns.
type LockedError struct {
	Path  string
	Owner Instance // zero where the owner did not say
}

// Error names the owner.
func (e *LockedError) Error() string {
	owner := "another llmgw serve"
	if e.Owner.PID != 0 {
		owner = fmt.Sprintf("llmgw serve with pid %d", e.Owner.PID)
	}
	if e.Owner.Listen != "" {
		owner += " listening on " + e.Owner.Listen
	}
	return fmt.Sprintf("opening %s: %s owns it", e.Path, owner)
}

// Hint says how to go on.
func (e *LockedError) Hint() string {
	return "use the running server, stop it first, or give this one a database of its own with --db"
}

// AmbiguousError is an abbreviated id that several calls share.
type AmbiguousError struct {
	Text string
	IDs  []string // a few of them, newest first
}

// Error names some of the calls.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%q could be any of %s", e.Text, strings.Join(e.IDs, ", "))
}

// Hint says how to go on.
func (e *AmbiguousError) Hint() string { return "give more characters of the id" }

// primaryCode returns SQLite's primary result code of err, 0 for other errors.
func primaryCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
