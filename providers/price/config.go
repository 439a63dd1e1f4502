package price

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Config is the [prices] table: what models cost where the built-in table is
// wrong or silent.
type Config struct {
	// Unknown says what happens to a call of a model without a known price:
	// flag (it goes through, shown as unpriced) or block. Default flag. Under a
	// hard cap it is always blocked.
	Unknown string `toml:"unknown"`

	// Model holds prices by target ("openai/my-finetune"), over the built-in
	// table. Default none.
	Model map[string]Override `toml:"model"`
}

// Override is one [prices.model."provider/model"] table, each in USD per
// million tokens. What it does not set keeps the built-in price.
type Override struct {
	Input       Amount `toml:"input"`        // prompt tokens
	CachedInput Amount `toml:"cached_input"` // prompt tokens read from the provider's cache
	CacheWrite  Amount `toml:"cache_write"`  // prompt tokens written to it
	Output      Amount `toml:"output"`       // generated tokens, reasoning included

	// MaxOutput is how many tokens one answer can have: what a hard cap holds for
	// a call that sets no limit. 0 keeps the built-in one.
	MaxOutput int64 `toml:"max_output"`

	// Context is how many tokens the model takes in. 0 keeps the built-in one.
	Context int64 `toml:"context"`
}

// The values of Config.Unknown.
const (
	UnknownFlag  = "flag"
	UnknownBlock = "block"
)

// minPrice and maxPrice are the lowest, but for 0, and the highest price per
// million tokens that is taken for one: anything else is a price per token or
// per thousand, or one multiplied wrongly.
const (
	minPrice = USD / 10_000
	maxPrice = 1000 * USD
)

// plausible tells whether m can be a price in USD per million tokens.
func plausible(m Money) error {
	switch {
	case m < 0:
		return errors.New("must not be negative")
	case m > maxPrice:
		return fmt.Errorf("%s USD is above 1000; the unit is USD per million tokens", m)
	case m > 0 && m < minPrice:
		return fmt.Errorf("%s USD is below 0.0001; the unit is USD per million tokens", m)
	}
	return nil
}

// DefaultConfig returns the values in force where the file sets none.
func DefaultConfig() Config {
	return Config{Unknown: UnknownFlag}
}

// Validate returns every value that cannot work, joined. The text of each
// error begins with its TOML key and ": ".
func (c Config) Validate() error {
	var errs []error
	if c.Unknown != UnknownFlag && c.Unknown != UnknownBlock {
		errs = append(errs, fmt.Errorf("unknown: %q is none of flag, block", c.Unknown))
	}
	for _, target := range slices.Sorted(maps.Keys(c.Model)) {
		errs = append(errs, c.Model[target].validate(fmt.Sprintf("model.%q", target)))
		if provider, model, ok := strings.Cut(target, "/"); !ok || provider == "" || model == "" {
			errs = append(errs, fmt.Errorf("model.%q: is not \"provider/model\"", target))
		}
	}
	return errors.Join(errs...)
}

func (o Override) validate(table string) error {
	var errs []error
	for _, p := range []struct {
		key    string
		amount Amount
	}{{"input", o.Input}, {"cached_input", o.CachedInput}, {"cache_write", o.CacheWrite}, {"output", o.Output}} {
		if err := plausible(p.amount.Money); err != nil {
			errs = append(errs, fmt.Errorf("%s.%s: %w", table, p.key, err))
		}
	}
	for _, l := range []struct {
		key    string
		tokens int64
	}{{"max_output", o.MaxOutput}, {"context", o.Context}} {
		if l.tokens < 0 {
			errs = append(errs, fmt.Errorf("%s.%s: must not be negative", table, l.key))
		}
	}
	return errors.Join(errs...)
}
