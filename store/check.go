package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Check looks for damage and disagreement and returns what it found, a line
// each: SQLite's own integrity check, attempts and bodies without a call, cached
// answers without a body, and rollups that are not the sum of their rows (for
// the time whose rows are still held). It reads the whole file: minutes for tens
// of gigabytes.
func (r *Reader) Check(ctx context.Context) (problems []string, err error) {
	err = r.each(ctx, func(f *fields) error {
		if text := f.text(); text != "ok" {
			problems = append(problems, text)
		}
		return nil
	}, "PRAGMA integrity_check(20)")
	if err != nil || len(problems) > 0 {
		return problems, err // what is damaged cannot be compared
	}
	for _, q := range [...]string{
		`SELECT 'attempt ' || (k % 1024) || ' belongs to no call: ' || (k / 1024) FROM attempts
			WHERE NOT EXISTS (SELECT 1 FROM calls WHERE n = k / 1024) LIMIT 20`,
		`SELECT 'body ' || part || ' belongs to no call: ' || (k / 2048) FROM bodies
			WHERE NOT EXISTS (SELECT 1 FROM calls WHERE n = k / 2048) LIMIT 20`,
		`SELECT 'cached answer ' || n || ' has no body, or a body no answer' FROM
			(SELECT n FROM cached UNION ALL SELECT n FROM cached_bodies) GROUP BY n HAVING count(*) <> 2 LIMIT 20`,
		`SELECT 'the bodies count for ' || total || ' bytes, not ' || value FROM meta, (SELECT coalesce(sum(stored), 0) AS total FROM bodies)
			WHERE name = 'bodies_bytes' AND total <> value`,
	} {
		err := r.each(ctx, func(f *fields) error {
			problems = append(problems, f.text())
			return nil
		}, q)
		if err != nil {
			return problems, err
		}
	}
	more, err := r.checkRollups(ctx)
	return append(problems, more...), err
}

// checkRollups adds up all rows anew. One read transaction holds still what is
// compared; a check is not a frame of the screen.
func (r *Reader) checkRollups(ctx context.Context) (problems []string, err error) {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, r.wrap(err)
	}
	defer func() { err = r.wrap(errors.Join(err, tx.Rollback())) }()
	var pruned int64
	if err := tx.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'pruned_before'").Scan(&pruned); err != nil {
		return nil, err
	}
	want, err := addUp(ctx, tx)
	if err != nil {
		return nil, err
	}
	err = eachRow(ctx, tx, func(f *fields) error {
		key, got, err := readRollup(f)
		if err != nil || key.bucket <= pruned {
			return err
		}
		expected := want[key]
		if expected == nil {
			expected = &sums{}
		}
		delete(want, key)
		problems = append(problems, differences(key, expected, &got)...)
		return nil
	}, selectRollups)
	err = errors.Join(err, eachRow(ctx, tx, func(f *fields) error {
		problems = append(problems, f.text())
		return f.err
	}, wrongDays))
	for key, expected := range want {
		if key.bucket > pruned {
			problems = append(problems, differences(key, expected, &sums{})...)
		}
	}
	slices.Sort(problems)
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(problems[:maxProblems], fmt.Sprintf("and %d more sums that differ", more))
	}
	return problems, err
}

// maxProblems is how many problems of a kind are worth reading.
const maxProblems = 20

var selectRollups = "SELECT " + strings.Join(rollupKeyColumns, ", ") + ", " + strings.Join(sumColumns[:], ", ") + ", latency FROM rollups"

func readRollup(f *fields) (rollupKey, sums, error) {
	key := rollupKey{f.int(), f.text(), f.text(), f.text(), f.text(), f.text(), f.text()}
	var s sums
	if f.err != nil {
		return key, s, f.err
	}
	return key, s, readSums(f.row[f.at:], &s)
}

// addUp is what the rollups should be, from the rows alone.
func addUp(ctx context.Context, tx *sql.Tx) (map[rollupKey]*sums, error) {
	want := map[rollupKey]*sums{}
	add := func(c *Call, attempts []*Attempt) {
		for _, s := range shares(c, attempts) {
			if want[s.key] == nil {
				want[s.key] = &sums{}
			}
			want[s.key].add(&s.sum, 1)
		}
	}
	join := "SELECT " + prefixed("c.", callColumns) + ", " + prefixed("a.", attemptColumns) +
		" FROM calls c LEFT JOIN attempts a ON a.k BETWEEN c.n * 1024 AND c.n * 1024 + 1023 ORDER BY c.n, a.k"
	var call *Call
	var attempts []*Attempt
	err := eachRow(ctx, tx, func(f *fields) error {
		_, c, err := readCall(f.row[:len(callColumns)])
		if err != nil {
			return err
		}
		if call == nil || call.ID != c.ID {
			add(call, attempts)
			call, attempts = &c, nil
		}
		if f.row[len(callColumns)] == nil {
			return nil // no attempt
		}
		_, a, err := readAttempt(f.row[len(callColumns):])
		attempts = append(attempts, &a)
		return err
	}, join)
	add(call, attempts)
	return want, err
}

func prefixed(prefix string, columns []string) string {
	return prefix + strings.Join(columns, ", "+prefix)
}

func differences(key rollupKey, want, got *sums) (problems []string) {
	where := fmt.Sprintf("rollup of %s %s %s/%s route %q client %q key %q",
		time.UnixMicro(key.bucket).UTC().Format(time.RFC3339), key.project, key.provider, key.model, key.route, key.client, key.key)
	for i, name := range sumColumns {
		if want.n[i] != got.n[i] {
			problems = append(problems, fmt.Sprintf("%s: %s is %d, its rows add up to %d", where, name, got.n[i], want.n[i]))
		}
	}
	if want.latency != got.latency {
		problems = append(problems, where+": the latencies are not those of its rows")
	}
	return problems
}

// Backup copies the record at path to the new file to, consistently and
// beside a running server. A plain copy would miss what is in the -wal.
func Backup(ctx context.Context, path, to string) error {
	r, err := OpenReader(path) // says what is wrong with it better than VACUUM does
	if err != nil {
		return err
	}
	if err := r.Close(); err != nil {
		return r.wrap(err)
	}
	// Made beforehand, since SQLite would give it the umask's mode.
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return &FileError{Op: "creating", Path: to, Err: err}
	}
	if err := errors.Join(f.Close(), vacuumInto(ctx, r.path, to)); err != nil {
		return &FileError{Op: "copying to", Path: to, Err: errors.Join(err, os.Remove(to))}
	}
	return nil
}

func vacuumInto(ctx context.Context, path, to string) error {
	to, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(path, "mode=ro&_pragma=busy_timeout(2000)"))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	return errors.Join(err, db.Close())
}
