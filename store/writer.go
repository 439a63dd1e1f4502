package store

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// batchLimit is how many changes one transaction takes at most.
	batchLimit = 512
	// lookEvery is how often an idle writer looks for commands and for work of
	// its own; a look costs some microseconds.
	lookEvery = 200 * time.Millisecond
	// heartbeatEvery is how often the file is told that its owner lives.
	heartbeatEvery = 10 * time.Second
	// sameFileEvery is how often the writer makes sure that it still writes to
	// the file that readers open: a row in a removed file is no record.
	sameFileEvery = time.Second
	// backoffFirst and backoffLast bound the pauses after failed transactions.
	backoffFirst = 10 * time.Millisecond
	backoffLast  = time.Second
)

// errReplaced is a database removed or replaced while it was open.
var errReplaced = errors.New("the database file was removed or replaced while it was in use")

// changeSeq is the change sequence of the last transaction: transactions that
// write calls leave it in their rows only.
const changeSeq = `max((SELECT value FROM meta WHERE name = 'change_seq'), (SELECT coalesce(max(change_seq), 0) FROM calls))`

// writer is the only code that changes the file. Its goroutine owns all fields
// but those under mu.
type writer struct {
	path     string
	opt      Options
	in       *inbox
	c        *conn
	ledger   *ledger
	bodies   *bodyTable
	cached   *cachedTable
	reprices *repriceTable
	wal      *walKeeper
	tidy     *tidier

	seq         int64  // of the last committed transaction
	committed   uint64 // changes of the inbox that are committed
	liveIDs     map[string]bool
	file        os.FileInfo // of the database as opened
	fileChecked time.Time
	heartbeatAt time.Time
	lookedAt    time.Time
	version     int64 // PRAGMA data_version at the last look
	lastCommand int64
	commands    chan Command
	backoff     time.Duration

	begin, commit, rollback, setSeq, setHeartbeat, setFirstRunning *stmt
	clearLive, putLive, dropLive, putState, putAnswer              *stmt
	dataVersion, newCommands                                       *stmt

	abandon chan struct{} // closed: stop although changes wait
	done    chan struct{}

	mu       sync.Mutex
	err      error // of the last transaction, nil when it worked
	errSince time.Time
	rejected int64
}

func (w *writer) prepare() error {
	return prepareAll(w.c, map[**stmt]string{
		// Never deferred: such a transaction fails at once, whatever the busy
		// timeout, when another's commit comes between its read and its write.
		&w.begin:        "BEGIN IMMEDIATE",
		&w.commit:       "COMMIT",
		&w.rollback:     "ROLLBACK",
		&w.setSeq:       "UPDATE meta SET value = ? WHERE name = 'change_seq'",
		&w.setHeartbeat: "UPDATE meta SET value = ? WHERE name = 'heartbeat_at'",
		// The first match ends the search, so a call that runs for an hour does
		// not make this slow.
		&w.setFirstRunning: `UPDATE meta SET value = coalesce(
			(SELECT n FROM calls WHERE n >= ` + firstRunning + ` AND status = 'running' ORDER BY n LIMIT 1),
			(SELECT max(n) + 1 FROM calls), 0) WHERE name = 'first_running'`,
		&w.clearLive: "DELETE FROM live",
		&w.dropLive:  "DELETE FROM live WHERE call_id = ?",
		&w.putLive: `INSERT OR REPLACE INTO live(call_id, phase, note, provider, model, attempt, bytes, tokens, tail, updated_at, until)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		&w.putState:    "INSERT OR REPLACE INTO state(name, value, updated_at) VALUES (?, ?, ?)",
		&w.putAnswer:   "UPDATE commands SET answered = 1, answer = ?, error = ? WHERE id = ?",
		&w.dataVersion: "PRAGMA data_version",
		&w.newCommands: "SELECT id, verb, args FROM commands WHERE id > ? AND answered = 0 ORDER BY id",
	})
}

// run works until the inbox is closed and empty, or until it is abandoned.
func (w *writer) run() {
	defer close(w.done)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		// Whoever is about to commit joins this batch: under load, halves the
		// number of transactions.
		runtime.Gosched()
		more, err := w.round()
		w.note(err)
		switch {
		case err != nil && !w.pause():
			return
		case err != nil || more:
			continue
		case w.in.drained():
			return
		}
		select {
		case <-w.in.wakeWriter:
		case <-look.C:
		case <-w.abandon:
			return
		}
	}
}

// pause waits after a failure, longer each time; false when abandoned.
func (w *writer) pause() bool {
	w.backoff = min(max(w.backoff*2, backoffFirst), backoffLast)
	timer := time.NewTimer(w.backoff)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.abandon:
		return false
	}
}

// round does one piece of each kind of work, changes first. It reports whether
// there may be more to do at once.
func (w *writer) round() (more bool, err error) {
	for _, work := range [...]func() (bool, error){w.writeChanges, w.doErrands, w.beat, w.look, w.clean, w.keepWAL} {
		did, err := work()
		if err != nil {
			return false, err
		}
		more = more || did
	}
	return more, nil
}

// writeChanges commits what waits, with its bodies and the extras, in one
// transaction.
func (w *writer) writeChanges() (bool, error) {
	batch, extra := w.in.take(batchLimit), w.in.takeExtras()
	bodies := w.in.takePacked(bodyBatch, w.committed+uint64(len(batch)), len(batch) > 0 || !extra.empty())
	if len(batch) == 0 && len(bodies) == 0 && extra.empty() {
		return false, nil
	}
	total, lost := w.bodies.total, 0
	err := w.transact(func(seq int64) (err error) {
		if err := w.record(batch, seq); err != nil {
			return err
		}
		if len(bodies) > 0 {
			if total, lost, err = w.writeBodies(bodies); err != nil {
				return err
			}
		}
		if len(batch) > 0 && extra.empty() {
			return nil // the rows carry seq: a page less to write
		}
		return errors.Join(w.writeExtras(extra), w.setSeq.with(seq).exec())
	})
	if err != nil {
		w.in.putBackExtras(extra)
		w.in.putBack(bodies)
		return false, err
	}
	w.bodies.total = total
	w.in.lostBodies(lost)
	w.committed += uint64(len(batch))
	w.note(nil) // before whoever waits can ask
	w.in.finish(len(batch))
	return true, nil
}

func (w *writer) record(batch []*pending, seq int64) error {
	for _, p := range batch {
		if p.err != nil {
			continue
		}
		err := w.ledger.record(p, seq)
		if err == nil {
			err = w.cached.record(p)
		}
		switch {
		case err == nil:
		case rejected(err):
			w.reject(p, err)
			return errTryWithout
		default:
			return fmt.Errorf("recording call %s: %w", p.id, err)
		}
		if p.final && w.liveIDs[p.id] {
			if err := w.dropLive.with(p.id).exec(); err != nil {
				return err
			}
		}
	}
	return w.ledger.rollups.flush()
}

// errTryWithout fails a transaction of which one change was rejected: it is
// begun anew without that change.
var errTryWithout = errors.New("a change was rejected")

// rejected tells whether a change can never be written, however often it is
// tried. It is a mistake of ours and must not hold up the changes behind it.
func rejected(err error) bool {
	switch primaryCode(err) {
	case 0, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE:
		return true
	}
	return false
}

func (w *writer) reject(p *pending, err error) {
	p.err = fmt.Errorf("recording call %s: %w", p.id, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rejected++
}

func (w *writer) writeExtras(e extras) error {
	now := micros(w.opt.Now())
	for name, value := range e.states {
		if err := w.putState.with(name, value, now).exec(); err != nil {
			return err
		}
	}
	for _, a := range e.answers {
		if err := w.putAnswer.with(a.text, a.err, a.id).exec(); err != nil {
			return err
		}
	}
	if !e.liveSet {
		return nil
	}
	return w.replaceLive(e.live)
}

func (w *writer) replaceLive(rows []Live) error {
	if err := w.clearLive.exec(); err != nil {
		return err
	}
	clear(w.liveIDs)
	for i := range rows {
		l := &rows[i]
		w.liveIDs[l.CallID] = true
		err := w.putLive.with(l.CallID, l.Phase, l.Note, l.Provider, l.Model, int64(l.Attempt), l.Bytes,
			orNull(l.Tokens.N, !l.Tokens.Known), l.Tail, micros(l.UpdatedAt), orNull(micros(l.Until), l.Until.IsZero())).exec()
		if err != nil {
			return err
		}
	}
	return nil
}

// writeBodies writes bodies and returns what all of them count for then, and
// how many had no call to belong to.
func (w *writer) writeBodies(list []body) (total int64, lost int, err error) {
	total = w.bodies.total
	for i := range list {
		n, ok, err := w.callOf(&list[i])
		if err != nil {
			return 0, 0, err
		}
		if !ok {
			lost++
			continue
		}
		grown, err := w.bodies.put(n, &list[i])
		if err != nil {
			return 0, 0, fmt.Errorf("recording a body of call %s: %w", list[i].CallID, err)
		}
		total += grown
	}
	return total, lost, w.bodies.setTotal.with(total).exec()
}

// callOf is the number of the call that a body belongs to; false for none.
func (w *writer) callOf(b *body) (n int64, ok bool, err error) {
	if p := b.of; p != nil && p.err == nil && p.id == b.CallID && p.n > w.tidy.prunedTo {
		return p.n, true, nil
	}
	return w.ledger.number(b.CallID)
}

// beat writes the heartbeat when it is due.
func (w *writer) beat() (bool, error) {
	now := w.opt.Now()
	if now.Sub(w.heartbeatAt) < heartbeatEvery {
		return false, nil
	}
	err := w.transact(func(seq int64) error { return w.writeHeartbeat(now, seq) })
	if err == nil {
		w.heartbeatAt = now
	}
	return false, err
}

func (w *writer) writeHeartbeat(now time.Time, seq int64) error {
	return errors.Join(w.setHeartbeat.with(micros(now)).exec(), w.setFirstRunning.with().exec(), w.setSeq.with(seq).exec())
}

// look hands out commands that other processes left. data_version moves only
// when another connection has committed, so looking is nearly free.
func (w *writer) look() (bool, error) {
	now := time.Now()
	if now.Sub(w.lookedAt) < lookEvery {
		return false, nil
	}
	w.lookedAt = now
	version, err := w.number(w.dataVersion)
	if err != nil || version == w.version {
		return false, err
	}
	full := false
	err = w.newCommands.with(w.lastCommand).each(func(row []driver.Value) error {
		r := fields{row: row}
		cmd := Command{ID: r.int(), Verb: r.text()}
		r.json(&cmd.Args)
		if r.err != nil || full {
			return r.err
		}
		select {
		case w.commands <- cmd:
			w.lastCommand = cmd.ID
		default:
			full = true
		}
		return nil
	})
	if err == nil && !full {
		w.version = version
	}
	return false, err
}

func (w *writer) number(s *stmt) (n int64, err error) {
	err = s.with().each(func(row []driver.Value) error {
		n, _ = row[0].(int64)
		return nil
	})
	return n, err
}

// transact runs f in a transaction. f stamps what it writes with seq, the next
// change sequence: in the rows of calls, or else in meta.
func (w *writer) transact(f func(seq int64) error) error {
	if err := w.sameFile(); err != nil {
		return err
	}
	if err := w.begin.exec(); err != nil {
		return &FileError{Op: "writing", Path: w.path, Err: err}
	}
	seq := w.seq + 1
	err := f(seq)
	if err == nil && w.opt.BeforeCommit != nil {
		err = w.opt.BeforeCommit()
	}
	if err == nil {
		err = w.commit.exec()
	}
	if err != nil {
		// Some errors roll back by themselves, and then this one fails too. If
		// it fails otherwise, the next BEGIN says so.
		_ = w.rollback.exec()
		w.ledger.forget()
		w.cached.forget()
		return &FileError{Op: "writing", Path: w.path, Err: err}
	}
	w.seq = seq
	return nil
}

func (w *writer) keepWAL() (bool, error) { return false, w.wal.wrote() }

// sameFile makes sure, once in a while, that what is written can be found.
func (w *writer) sameFile() error {
	now := time.Now()
	if now.Sub(w.fileChecked) < sameFileEvery {
		return nil
	}
	info, err := os.Stat(w.path)
	if err == nil && !os.SameFile(info, w.file) || errors.Is(err, os.ErrNotExist) {
		return &FileError{Op: "writing", Path: w.path, Err: errReplaced, hint: "put the file back or restart llmgw serve"}
	}
	if err != nil {
		return &FileError{Op: "writing", Path: w.path, Err: err}
	}
	w.fileChecked = now
	return nil
}

// note keeps what Health reports about the last transaction.
func (w *writer) note(err error) {
	if errors.Is(err, errTryWithout) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.err, w.backoff = nil, 0
	case w.err == nil:
		w.err, w.errSince = err, w.opt.Now()
	default:
		w.err = err
	}
}

// answer is the reply to a command on its way to the file.
type answer struct {
	id        int64
	text, err string
}

func encodeArgs(args []string) (string, error) {
	if args == nil {
		args = []string{}
	}
	text, err := json.Marshal(args)
	return string(text), err
}

// newWriter takes over an open, migrated database: it ends what a dead server
// left behind and is then ready to run.
func newWriter(path string, opt Options, in *inbox, c *conn) (*writer, error) {
	w := &writer{
		path: path, opt: opt, in: in, c: c, liveIDs: map[string]bool{},
		commands: make(chan Command, 16), abandon: make(chan struct{}), done: make(chan struct{}),
	}
	var err error
	if w.file, err = os.Stat(path); err != nil {
		return nil, &FileError{Op: "opening", Path: path, Err: err}
	}
	if err := w.load(); err != nil {
		return nil, &FileError{Op: "opening", Path: path, Err: err}
	}
	if err := w.takeOver(); err != nil {
		return nil, err
	}
	if w.wal, err = newWALKeeper(c, path); err != nil {
		return nil, &FileError{Op: "opening", Path: path, Err: err}
	}
	return w, nil
}

func (w *writer) load() (err error) {
	if err = w.prepare(); err != nil {
		return err
	}
	if w.ledger, err = newLedger(w.c); err != nil {
		return err
	}
	if w.bodies, err = newBodyTable(w.c); err != nil {
		return err
	}
	if w.cached, err = newCachedTable(w.c); err != nil {
		return err
	}
	if w.reprices, err = newRepriceTable(w.c); err != nil {
		return err
	}
	if w.tidy, err = newTidier(w.c); err != nil {
		return err
	}
	w.seq, err = w.c.number("SELECT " + changeSeq)
	return err
}

// takeOver ends what a dead server left: calls, live rows, questions.
func (w *writer) takeOver() error {
	w.heartbeatAt = w.opt.Now()
	return w.transact(func(seq int64) error {
		if err := w.ledger.interrupt(seq); err != nil {
			return err
		}
		if err := w.ledger.rollups.flush(); err != nil {
			return err
		}
		if err := w.writeHeartbeat(w.heartbeatAt, seq); err != nil {
			return err
		}
		return w.c.exec("DELETE FROM live; DELETE FROM commands;")
	})
}

// close ends the connections after run has returned. The last checkpoint
// leaves the database in one file.
func (w *writer) close() error {
	close(w.commands)
	err := w.wal.close()
	_, checkpointErr := w.c.value("PRAGMA wal_checkpoint(TRUNCATE)")
	return errors.Join(err, checkpointErr, w.c.close())
}
