package store

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config is the [store] table: where calls are recorded, how much of them and
// for how long.
type Config struct {
	// Path is the database file, 0600 in a 0700 folder. Default "":
	// llmgw/llmgw.db in the user's data folder.
	Path string `toml:"path"`

	// Bodies says which bodies are kept: all, errors (only of calls that did
	// not end well) or none. Default all, compressed, known credentials
	// replaced. Lower it where prompts must not be on disk.
	Bodies string `toml:"bodies"`

	// MaxBody cuts a longer body, in bytes; the record says so and keeps its
	// true size. Default 8MB.
	MaxBody int64 `toml:"max_body" unit:"bytes"`

	// MaxSize bounds all bodies together, in bytes; the oldest go first. Rows
	// of calls never go for size. Default 2GB.
	MaxSize int64 `toml:"max_size" unit:"bytes"`

	// Retention is the age at which bodies, then calls and attempts, are
	// deleted. Default 90d. Spend rollups and cap totals stay.
	Retention time.Duration `toml:"retention"`

	// OnError says what happens to a call that cannot be recorded within
	// BeginWait: refuse (503 not_recorded) or serve. Default refuse, because an
	// unrecorded call is also an unaccounted one.
	OnError string `toml:"on_error"`

	// BeginWait is how long a call waits to be on record before it goes
	// upstream. Default 5s.
	BeginWait time.Duration `toml:"begin_wait"`

	// FinishWait is how long the end of an answer waits for its outcome to be
	// on record. Default 5s; after it the end is released, loudly.
	FinishWait time.Duration `toml:"finish_wait"`
}

// The values of Config.Bodies and Config.OnError.
const (
	BodiesAll    = "all"
	BodiesErrors = "errors"
	BodiesNone   = "none"

	OnErrorRefuse = "refuse"
	OnErrorServe  = "serve"
)

// DefaultConfig returns the values in force where the file sets none.
func DefaultConfig() Config {
	return Config{
		Bodies:     BodiesAll,
		MaxBody:    8 << 20,
		MaxSize:    2 << 30,
		Retention:  90 * 24 * time.Hour,
		OnError:    OnErrorRefuse,
		BeginWait:  5 * time.Second,
		FinishWait: 5 * time.Second,
	}
}

// Validate returns every value that cannot work, joined. The text of each
// error begins with its TOML key and ": ".
func (c Config) Validate() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(!slices.Contains([]string{BodiesAll, BodiesErrors, BodiesNone}, c.Bodies),
		"bodies: %q is none of all, errors, none", c.Bodies)
	refuse(c.MaxBody < 0, "max_body: must not be negative")
	refuse(c.MaxSize <= 0, `max_size: must be larger than 0; bodies = "none" keeps no bodies`)
	refuse(c.Retention < time.Hour, "retention: must be at least 1h")
	refuse(!slices.Contains([]string{OnErrorRefuse, OnErrorServe}, c.OnError),
		"on_error: %q is none of refuse, serve", c.OnError)
	refuse(c.BeginWait <= 0, "begin_wait: must be longer than 0s")
	refuse(c.FinishWait <= 0, "finish_wait: must be longer than 0s")
	return errors.Join(errs...)
}
