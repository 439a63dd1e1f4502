// Package cache decides when a call may be answered with what the same call was
// answered before: what makes two calls the same, what a caller may ask of the
// cache, and when an answer is too old. It keeps nothing itself.
package cache

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config is the [cache] table: which answers may be given again. A [[route]]
// may override any value, and that is how it is meant to be switched on.
type Config struct {
	// Enabled answers repeated calls from the cache. Default false: an agent
	// that asks the same question twice may want two answers.
	Enabled bool `toml:"enabled"`

	// TTL is how long an answer may be given again. Default 24h. A shorter one
	// concerns what is kept already, a longer one only what comes.
	TTL time.Duration `toml:"ttl"`

	// MaxSize bounds what is kept, in bytes; the oldest goes first. Default
	// 256MB. A route with one of its own has that much to itself.
	MaxSize int64 `toml:"max_size" unit:"bytes"`

	// MaxTemperature keeps calls above it out of the cache, from 0 to 2; a call
	// that names none counts as 1, embeddings have none. Default 2, which keeps
	// nothing out. Lower it where variety is the point of a high temperature.
	MaxTemperature float64 `toml:"max_temperature"`

	// Ignore lists top-level members of the body that do not change the answer,
	// such as a per-call id. Default none. They are named on the record.
	Ignore []string `toml:"ignore"`
}

// DefaultConfig returns the values in force where the file sets none.
func DefaultConfig() Config {
	return Config{TTL: 24 * time.Hour, MaxSize: 256 << 20, MaxTemperature: 2}
}

// Validate returns every value that cannot work, joined. The text of each
// error begins with its TOML key and ": ".
func (c Config) Validate() error {
	var errs []error
	if c.TTL <= 0 {
		errs = append(errs, errors.New("ttl: must be longer than 0s"))
	}
	if c.MaxSize <= 0 {
		errs = append(errs, errors.New("max_size: must be larger than 0"))
	}
	if !(c.MaxTemperature >= 0 && c.MaxTemperature <= 2) {
		errs = append(errs, fmt.Errorf("max_temperature: must be from 0 to 2, not %v", c.MaxTemperature))
	}
	if slices.Contains(c.Ignore, "") {
		errs = append(errs, errors.New("ignore: names an empty member"))
	}
	for _, name := range c.Ignore {
		if slices.Contains(asked, name) {
			errs = append(errs, fmt.Errorf("ignore: %q is a part of the question: two calls that differ in it have two answers", name))
		}
	}
	return errors.Join(errs...)
}

// asked are the members that nobody can mean to ignore: what is asked for, and
// in which form it comes back.
var asked = []string{"model", "messages", "system", "prompt", "input", "stream", "stream_options", "n", "tools", "response_format"}
