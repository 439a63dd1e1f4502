package breaker

import (
	"errors"
	"fmt"
	"time"
)

// Config is the [breaker] table: when a target that keeps failing is left
// alone, and for how long. A [[provider]] may override any value.
type Config struct {
	// Failures opens the breaker after this many consecutive failed calls.
	// Calls, not attempts. Default 5. Lower it where a better target waits
	// behind this one; raise it where there is no other.
	Failures int `toml:"failures"`

	// ErrorRate opens the breaker when this share of the calls within Window
	// failed: above 0, at most 1. Default 0.5. It catches the target that
	// fails every second call and so never reaches Failures in a row.
	ErrorRate float64 `toml:"error_rate"`

	// Window is the time ErrorRate looks back. Default 30s.
	Window time.Duration `toml:"window"`

	// MinCalls is how many calls Window must hold before ErrorRate counts.
	// Default 10. Fewer would let one failure of two open the breaker.
	MinCalls int `toml:"min_calls"`

	// Cooldown is how long an opened breaker stays open; then one real call at
	// a time is the probe. Default 15s. It doubles only after a probe that
	// ended in silence.
	Cooldown time.Duration `toml:"cooldown"`

	// MaxCooldown bounds Cooldown's doubling and every wait a provider asks
	// for: after it, one real call tries. Default 5m. Providers have been seen
	// to ask for 18 days.
	MaxCooldown time.Duration `toml:"max_cooldown"`
}

// DefaultConfig returns the values in force where the file sets none.
func DefaultConfig() Config {
	return Config{
		Failures:    5,
		ErrorRate:   0.5,
		Window:      30 * time.Second,
		MinCalls:    10,
		Cooldown:    15 * time.Second,
		MaxCooldown: 5 * time.Minute,
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
	refuse(c.Failures < 1, "failures: must be at least 1, not %d", c.Failures)
	refuse(!(c.ErrorRate > 0 && c.ErrorRate <= 1), "error_rate: must be above 0 and at most 1, not %v", c.ErrorRate)
	refuse(c.Window <= 0, "window: must be longer than 0s")
	refuse(c.MinCalls < 1, "min_calls: must be at least 1, not %d", c.MinCalls)
	refuse(c.Cooldown <= 0, "cooldown: must be longer than 0s")
	refuse(c.MaxCooldown < c.Cooldown, "max_cooldown: must not be shorter than cooldown (%s)", c.Cooldown)
	return errors.Join(errs...)
}
