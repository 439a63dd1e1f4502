package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"modernc.org/sqlite"
)

// conn is SQLite's driver connection without database/sql in between, which
// costs a tenth of the whole write path. It belongs to one goroutine.
type conn struct {
	raw driver.Conn
}

// stmt is a prepared statement with the arguments it is run with next.
type stmt struct {
	raw  driver.Stmt
	args []driver.NamedValue
	set  int // arguments set so far
}

func openConn(path, query string) (*conn, error) {
	raw, err := (&sqlite.Driver{}).Open(dsn(path, query))
	if err != nil {
		return nil, err
	}
	return &conn{raw}, nil
}

func (c *conn) close() error { return c.raw.Close() }

func (c *conn) prepare(query string) (*stmt, error) {
	raw, err := c.raw.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("preparing a statement: %w", err)
	}
	return &stmt{raw: raw}, nil
}

// exec runs one or more statements that take no arguments.
func (c *conn) exec(query string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), query, nil)
	return err
}

// value runs a query without arguments and returns its first column.
func (c *conn) value(query string) (driver.Value, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	defer s.close()
	var v driver.Value
	err = s.each(func(row []driver.Value) error {
		v = row[0]
		return nil
	})
	return v, err
}

// number is value for a query that yields an integer.
func (c *conn) number(query string) (int64, error) {
	v, err := c.value(query)
	if err != nil {
		return 0, err
	}
	n, ok := v.(int64)
	if !ok {
		return 0, fmt.Errorf("%s yielded %T, not an integer", query, v)
	}
	return n, nil
}

// dirtied returns how many pages this connection has written to the WAL.
func (c *conn) dirtied() (int, error) {
	pages, _, err := c.raw.(sqlite.DBStatus).Status(sqlite.DBStatusCacheWrite, false)
	return pages, err
}

// with replaces the arguments: int64, string, []byte, bool as 0 and 1, nil.
func (s *stmt) with(values ...any) *stmt {
	s.set = 0
	for _, v := range values {
		s.add(v)
	}
	return s
}

func (s *stmt) add(v any) {
	if s.set == len(s.args) {
		s.args = append(s.args, driver.NamedValue{Ordinal: s.set + 1})
	}
	s.args[s.set].Value = v
	s.set++
}

// exec runs the statement. There is no context: nothing may interrupt a write.
func (s *stmt) exec() error {
	_, err := s.raw.(driver.StmtExecContext).ExecContext(context.Background(), s.args[:s.set])
	return err
}

// run is exec for a statement of which it matters how many rows it changed.
func (s *stmt) run() (changed int64, err error) {
	r, err := s.raw.(driver.StmtExecContext).ExecContext(context.Background(), s.args[:s.set])
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// each calls f with every row; the slice is f's only until it returns.
func (s *stmt) each(f func(row []driver.Value) error) (err error) {
	rows, err := s.raw.(driver.StmtQueryContext).QueryContext(context.Background(), s.args[:s.set])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := f(row); err != nil {
			return err
		}
	}
}

func (s *stmt) close() error { return s.raw.Close() }
