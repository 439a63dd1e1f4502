package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	// answerWithin is how long a command may take.
	answerWithin = 3 * time.Second
	// answerPoll is how often a sender looks for its answer.
	answerPoll = 25 * time.Millisecond
)

// Command is what another process asks of the server that owns the file.
type Command struct {
	ID   int64
	Verb string
	Args []string
}

// CommandError is a command that the server understood and refused.
type CommandError struct {
	Verb, Reason string
}

// Error says what the server said.
func (e *CommandError) Error() string { return e.Verb + ": " + e.Reason }

// Commands are what other processes ask; each must be answered with
// [Store.Answer]. The channel is closed when the store is.
func (s *Store) Commands() <-chan Command { return s.writer.commands }

// Answer answers a command: with text, or with the reason of a refusal. It
// waits for nothing.
func (s *Store) Answer(id int64, text string, refusal error) {
	a := answer{id: id, text: text}
	if refusal != nil {
		a.err = refusal.Error()
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.answers = append(s.in.answers, a)
	wake(s.in.wakeWriter)
}

// SendCommand asks the server that owns the database at path to act and
// returns its answer. The errors are [ErrNotRunning], [ErrNoAnswer] after
// three seconds, and [*CommandError] for a refusal.
func SendCommand(ctx context.Context, path, verb string, args []string) (string, error) {
	// The owner's lock lies beside the file itself, not beside a link to it.
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", ErrNotRunning
	}
	path, err := realPath(path)
	if err != nil {
		return "", &FileError{Op: "opening", Path: path, Err: err}
	}
	running, err := owned(path)
	if err != nil {
		return "", fmt.Errorf("looking for a running server: %w", err)
	}
	if !running {
		return "", ErrNotRunning
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, ErrNoAnswer)
	defer cancel()
	db, err := sql.Open("sqlite", dsn(path, "mode=rw&_txlock=immediate&_pragma=busy_timeout(2000)"))
	if err != nil {
		return "", &FileError{Op: "opening", Path: path, Err: err}
	}
	answer, err := ask(ctx, db, verb, args)
	for errors.Is(err, errStarting) && pause(ctx, answerPoll) {
		answer, err = ask(ctx, db, verb, args)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return answer, errors.Join(err, db.Close())
}

// errStarting is a server that has yet to make the table of commands, or has just
// emptied it.
var errStarting = errors.New("llmgw serve is starting")

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func ask(ctx context.Context, db *sql.DB, verb string, args []string) (string, error) {
	text, err := encodeArgs(args)
	if err != nil {
		return "", fmt.Errorf("writing a command: %w", err)
	}
	var tables, id int64
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err == nil && tables == 0 {
		return "", errStarting
	}
	err = db.QueryRowContext(ctx, "INSERT INTO commands(verb, args) VALUES (?, ?) RETURNING id", verb, text).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("writing a command: %w", err)
	}
	answer, err := awaitAnswer(ctx, db, id, verb)
	// Unanswered it is withdrawn, so that a server that comes to itself later
	// does not act; answered it has served its purpose.
	_, cleanErr := db.ExecContext(context.WithoutCancel(ctx), "DELETE FROM commands WHERE id = ?", id)
	return answer, errors.Join(err, cleanErr)
}

func awaitAnswer(ctx context.Context, db *sql.DB, id int64, verb string) (string, error) {
	poll := time.NewTicker(answerPoll)
	defer poll.Stop()
	for {
		var answered bool
		var answer, refusal string
		err := db.QueryRowContext(ctx, "SELECT answered, answer, error FROM commands WHERE id = ?", id).
			Scan(&answered, &answer, &refusal)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return "", errStarting // the server cleared the table
		case err != nil:
			return "", fmt.Errorf("waiting for an answer: %w", err)
		case answered && refusal != "":
			return "", &CommandError{verb, refusal}
		case answered:
			return answer, nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}
