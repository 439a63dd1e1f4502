package store

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID marks a file as ours in SQLite's header: "llmg".
const applicationID = 0x6c6c6d67

// busyTimeout is how long SQLite itself waits for another program's lock. It
// is short, since the writer retries for ever and wants to say that it waits.
const busyTimeout = "PRAGMA busy_timeout = 200"

// errForeign is a database that some other program made.
var errForeign = errors.New("this is a database of another program")

// migration is one numbered step of the schema.
type migration struct {
	number int
	sql    string
}

// migrations returns the embedded steps in order: 001_schema.sql is number 1.
func migrations() ([]migration, error) {
	files, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	var list []migration
	for _, f := range files {
		text, err := migrationFiles.ReadFile("migrations/" + f.Name())
		if err != nil {
			return nil, err
		}
		prefix, _, _ := strings.Cut(f.Name(), "_")
		number, err := strconv.Atoi(prefix)
		if err != nil {
			return nil, fmt.Errorf("numbering migration %s: %w", f.Name(), err)
		}
		list = append(list, migration{number, string(text)})
	}
	slices.SortFunc(list, func(a, b migration) int { return a.number - b.number })
	return list, nil
}

// openDatabase opens and migrates the file for writing.
func openDatabase(path, version string) (*conn, error) {
	if err := refuseLoneWAL(path); err != nil {
		return nil, err
	}
	c, err := openConn(path, "")
	if err != nil {
		return nil, &FileError{Op: "opening", Path: path, Err: err}
	}
	if err := setUp(c, path, version); err != nil {
		err = errors.Join(err, c.close())
		if _, newer := errors.AsType[*NewerError](err); newer {
			return nil, err
		}
		return nil, &FileError{Op: "opening", Path: path, Err: err, hint: setUpHint(err)}
	}
	return c, nil
}

func setUpHint(err error) string {
	if errors.Is(err, errForeign) {
		return "name another file with --db or [store] path"
	}
	return ""
}

// refuseLoneWAL protects the rows of a write-ahead log whose database was
// emptied: SQLite would take the pair for a new database and delete the log.
func refuseLoneWAL(path string) error {
	file, err := os.Stat(path)
	if err != nil {
		return &FileError{Op: "opening", Path: path, Err: err}
	}
	wal, err := os.Stat(path + "-wal")
	if err == nil && file.Size() == 0 && wal.Size() > 0 {
		return &FileError{
			Op: "opening", Path: path, Err: errors.New("the file is empty, but its -wal is not"),
			hint: "put back the database that belongs to the -wal, or move the -wal away to start anew",
		}
	}
	return nil
}

func setUp(c *conn, path, version string) error {
	if err := c.exec(busyTimeout); err != nil {
		return err
	}
	schema, err := checkSchema(c, path)
	if err != nil {
		return err
	}
	if schema == 0 {
		// Before anything else is written: auto_vacuum cannot change later.
		if err := c.exec("PRAGMA auto_vacuum = INCREMENTAL"); err != nil {
			return err
		}
	}
	mode, err := c.value("PRAGMA journal_mode = WAL")
	if err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("this file system does not allow a write-ahead log (journal mode %v)", mode)
	}
	for _, pragma := range [...]string{"PRAGMA synchronous = NORMAL", "PRAGMA wal_autocheckpoint = 0"} {
		if err := c.exec(pragma); err != nil {
			return err
		}
	}
	if err := migrate(c, schema); err != nil {
		return err
	}
	s, err := c.prepare("UPDATE meta SET value = ? WHERE name = 'program'")
	if err != nil {
		return err
	}
	return errors.Join(s.with(version).exec(), s.close())
}

// checkSchema returns the schema number of the file, 0 for an empty one, and
// refuses files that are not ours or too new.
func checkSchema(c *conn, path string) (int, error) {
	tables, err := c.number("SELECT count(*) FROM sqlite_schema")
	if err != nil || tables == 0 {
		return 0, err
	}
	id, err := c.number("PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	if id != applicationID {
		return 0, errForeign
	}
	schema, err := c.number("PRAGMA user_version")
	if err != nil {
		return 0, err
	}
	list, err := migrations()
	if err != nil {
		return 0, err
	}
	if latest := list[len(list)-1].number; int(schema) > latest {
		return 0, &NewerError{Path: path, File: int(schema), Program: latest, WrittenBy: writtenBy(c)}
	}
	return int(schema), nil
}

// writtenBy is a courtesy: a newer schema may have no such row.
func writtenBy(c *conn) string {
	v, err := c.value("SELECT value FROM meta WHERE name = 'program'")
	text, ok := v.(string)
	if err != nil || !ok {
		return ""
	}
	return text
}

// migrate applies the steps after schema in one transaction: a reader finds the
// file as it was or as it shall be, never as some older program's.
func migrate(c *conn, schema int) error {
	list, err := migrations()
	if err != nil || list[len(list)-1].number <= schema {
		return err
	}
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, m := range list {
		if m.number <= schema {
			continue
		}
		script := fmt.Sprintf("%s\nPRAGMA application_id = %d;\nPRAGMA user_version = %d;", m.sql, applicationID, m.number)
		if err := c.exec(script); err != nil {
			return fmt.Errorf("bringing the schema to number %d: %w", m.number, err) // who closes c rolls back
		}
	}
	return c.exec("COMMIT")
}
