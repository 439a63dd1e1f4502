// Package caps decides whether money may be spent.
package caps

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"llmgw/providers/price"
)

// Config is one [[cap]] table: a limit on spending over a window.
type Config struct {
	// Name is what errors, records and screens call it.
	Name string `toml:"name"`

	// USD is the limit; 0 blocks everything that is not free. No default.
	USD price.Amount `toml:"usd"`

	// Per is the window: hour, day, week (from Monday), month, total, rolling.
	// Default day.
	Per string `toml:"per"`

	// Window is the length of a rolling window. Only with per = "rolling".
	Window time.Duration `toml:"window"`

	// Timezone is where a day begins: an IANA name or Local. Default Local.
	Timezone string `toml:"timezone"`

	// Match says which calls count; all that is set must match. Default every
	// call.
	Match Match `toml:"match"`

	// Each makes one such cap for each value of project, session, key or
	// model. Default "": one for all.
	Each string `toml:"each"`

	// Enforce says what is held before a call: hard (what it could cost) or
	// expected (what it will likely cost). Default hard.
	Enforce string `toml:"enforce"`

	// Clamp lowers a call's output limit to what still fits, never below 1,024
	// tokens. Default true.
	Clamp bool `toml:"clamp"`

	// Unbounded says what happens to a call whose cost its body does not bound:
	// refuse, or window (the model's context window is held). Default refuse.
	Unbounded string `toml:"unbounded"`

	// Action says what happens to a call that does not fit: block, warn,
	// substitute. Default block.
	Action string `toml:"action"`

	// Substitute is the target that answers instead. Only with action =
	// "substitute".
	Substitute string `toml:"substitute"`

	// WarnAt are shares of USD at which a warning shows, rising, above 0 and
	// below 1. Default 0.5 and 0.8.
	WarnAt []float64 `toml:"warn_at"`
}

// Match selects calls by globs; an empty one matches everything.
type Match struct {
	Project  string `toml:"project"`  // the project a call is charged to
	Provider string `toml:"provider"` // who would serve it
	Model    string `toml:"model"`    // the model that the provider is asked for
	Route    string `toml:"route"`    // the route's model pattern
	Client   string `toml:"client"`   // who calls, by its User-Agent: claude, codex
	Key      string `toml:"key"`      // the caller's credential, as it is shown: k_0a1b2c3d
	Session  string `toml:"session"`  // the caller's session
}

// The values of the words in Config.
const (
	PerHour    = "hour"
	PerDay     = "day"
	PerWeek    = "week"
	PerMonth   = "month"
	PerTotal   = "total"
	PerRolling = "rolling"

	EnforceHard     = "hard"
	EnforceExpected = "expected"

	UnboundedRefuse = "refuse"
	UnboundedWindow = "window"

	ActionBlock      = "block"
	ActionWarn       = "warn"
	ActionSubstitute = "substitute"
)

// DefaultConfig returns the values of a [[cap]] that sets none.
func DefaultConfig() Config {
	return Config{
		Per:       PerDay,
		Timezone:  "Local",
		Enforce:   EnforceHard,
		Clamp:     true,
		Unbounded: UnboundedRefuse,
		Action:    ActionBlock,
		WarnAt:    []float64{0.5, 0.8},
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
	refuse(c.Name == "", "name: is missing")
	refuse(!c.USD.Known, "usd: is missing")
	refuse(c.USD.Money < 0, "usd: must not be negative")
	for _, w := range []struct {
		key, value string
		allowed    []string
	}{
		{"per", c.Per, []string{PerHour, PerDay, PerWeek, PerMonth, PerTotal, PerRolling}},
		{"each", c.Each, []string{"", "project", "session", "key", "model"}},
		{"enforce", c.Enforce, []string{EnforceHard, EnforceExpected}},
		{"unbounded", c.Unbounded, []string{UnboundedRefuse, UnboundedWindow}},
		{"action", c.Action, []string{ActionBlock, ActionWarn, ActionSubstitute}},
	} {
		refuse(!slices.Contains(w.allowed, w.value), "%s: %q is none of %s", w.key, w.value,
			strings.TrimPrefix(strings.Join(w.allowed, ", "), ", "))
	}
	refuse(c.Per == PerRolling && c.Window <= 0, `window: is missing; per = "rolling" needs one`)
	refuse(c.Per != PerRolling && c.Window != 0, `window: has no effect unless per = "rolling"`)
	_, err := time.LoadLocation(c.Timezone)
	refuse(err != nil || c.Timezone == "", "timezone: %q is not known; use Local or a name such as \"Europe/Berlin\"", c.Timezone)
	refuse(c.Action == ActionSubstitute && c.Substitute == "", `substitute: is missing; action = "substitute" needs a target`)
	refuse(c.Action != ActionSubstitute && c.Substitute != "", `substitute: has no effect unless action = "substitute"`)
	for i, share := range c.WarnAt {
		refuse(!(share > 0 && share < 1), "warn_at: %v is not above 0 and below 1", share)
		refuse(i > 0 && share <= c.WarnAt[i-1], "warn_at: %v does not rise", share)
	}
	return errors.Join(errs...)
}
