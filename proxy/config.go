package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ServerConfig is the [server] table: who may call, and how much at once.
type ServerConfig struct {
	// AllowedHosts are Host headers to accept beyond loopback names and the
	// listen address. Default none. For a name in the local DNS or hosts file.
	AllowedHosts []string `toml:"allowed_hosts"`

	// AllowedOrigins are the origins ("https://host:port") whose pages may
	// call. Default none: any page a browser shows could spend the keys.
	AllowedOrigins []string `toml:"allowed_origins"`

	// RequireKey lets only keys made with "llmgw key create" call. Default
	// false; required to listen on anything but loopback.
	RequireKey bool `toml:"require_key"`

	// RequestFallbacks lets a call bring its own chain of targets. Default
	// true.
	RequestFallbacks bool `toml:"request_fallbacks"`

	// ShutdownGrace is how long running calls may go on after SIGINT or
	// SIGTERM. Default 30s.
	ShutdownGrace time.Duration `toml:"shutdown_grace"`

	// MaxRequest bounds a request's body after decompression, in bytes.
	// Default 64MB. A longer one is refused with 413.
	MaxRequest int64 `toml:"max_request" unit:"bytes"`
}

// DefaultServerConfig returns the values in force where the file sets none.
func DefaultServerConfig() ServerConfig {
	return ServerConfig{RequestFallbacks: true, ShutdownGrace: 30 * time.Second, MaxRequest: 64 << 20}
}

// Validate returns every value that cannot work, joined. The text of each
// error begins with its TOML key and ": ".
func (c ServerConfig) Validate() error {
	var errs []error
	for _, h := range c.AllowedHosts {
		if h == "" || strings.ContainsAny(h, "/*@ ") {
			errs = append(errs, fmt.Errorf("allowed_hosts: %q is no host name or host:port", h))
		}
	}
	for _, o := range c.AllowedOrigins {
		scheme, host, ok := strings.Cut(o, "://")
		if !ok || scheme == "" || host == "" || strings.ContainsAny(host, "/*@ ") {
			errs = append(errs, fmt.Errorf("allowed_origins: %q is no origin such as \"http://localhost:3000\"", o))
		}
	}
	if c.ShutdownGrace < 0 {
		errs = append(errs, errors.New("shutdown_grace: must not be negative"))
	}
	if c.MaxRequest <= 0 {
		errs = append(errs, errors.New("max_request: must be larger than 0"))
	}
	return errors.Join(errs...)
}

// RouteConfig is one [[route]] table: which requested models go where. Values
// of [failover] and [cache] that the table overrides are not part of it: they
// depend on the target's provider too.
type RouteConfig struct {
	// Model is the requested model this route is for: exact, or a glob such as
	// "gpt-*", where "*" matches any run of characters and "?" one.
	Model string `toml:"model"`

	// Targets are "provider/model" in the order in which they are tried.
	Targets []string `toml:"targets"`

	// Strategy says which target comes first: ordered, weighted, fastest,
	// cheapest. Default ordered.
	Strategy string `toml:"strategy"`

	// Sticky set to conversation stays on a fallback while its prompt cache is
	// warm. Default none: the next call tries the first target again.
	Sticky string `toml:"sticky"`

	// On lists faults to fail over on that are otherwise answered to the
	// caller; only "refused" is one. Default none: nobody routes around a
	// refusal by accident.
	On []string `toml:"on"`
}

// The values of RouteConfig.Strategy and RouteConfig.Sticky.
const (
	StrategyOrdered  = "ordered"
	StrategyWeighted = "weighted"
	StrategyFastest  = "fastest"
	StrategyCheapest = "cheapest"

	StickyNone         = "none"
	StickyConversation = "conversation"
)

// DefaultRouteConfig returns the values of a [[route]] that sets none.
func DefaultRouteConfig() RouteConfig {
	return RouteConfig{Strategy: StrategyOrdered, Sticky: StickyNone}
}

// Validate returns every value that cannot work, joined. The text of each
// error begins with its TOML key and ": ". Whether the targets' providers
// exist is for the caller, who knows them.
func (c RouteConfig) Validate() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(c.Model == "", "model: is missing")
	refuse(len(c.Targets) == 0, "targets: is missing")
	for i, t := range c.Targets {
		provider, model, ok := strings.Cut(t, "/")
		refuse(!ok || provider == "" || model == "", "targets: %q is not \"provider/model\"", t)
		refuse(slices.Contains(c.Targets[:i], t), "targets: %q is listed twice", t)
	}
	refuse(!slices.Contains([]string{StrategyOrdered, StrategyWeighted, StrategyFastest, StrategyCheapest}, c.Strategy),
		"strategy: %q is none of ordered, weighted, fastest, cheapest", c.Strategy)
	refuse(c.Sticky != StickyNone && c.Sticky != StickyConversation,
		"sticky: %q is none of none, conversation", c.Sticky)
	for _, fault := range c.On {
		refuse(fault != "refused", "on: %q cannot be added; only \"refused\" can", fault)
	}
	return errors.Join(errs...)
}

// FailoverConfig is the [failover] table: how long a call may take and what is
// tried within that time. A [[route]] or a [[provider]] may override any value;
// a route's wins over a provider's.
type FailoverConfig struct {
	// Deadline bounds a stream from arrival to its first content, over every
	// attempt, wait and hedge. Default 2m.
	Deadline time.Duration `toml:"deadline"`

	// DeadlineAnswer bounds a call that is not streamed, from arrival to the
	// whole answer. Default 10m.
	DeadlineAnswer time.Duration `toml:"deadline_answer"`

	// FirstToken bounds an attempt of a stream to its first content, while
	// another usable target remains. Default auto: 10s and 1s per 25 KB of
	// body, at least 60s where it reasons; learning may only lengthen it.
	FirstToken AutoDuration `toml:"first_token"`

	// Answer bounds an attempt that is not streamed. Default auto: the longest
	// of 60s and the output limit at 25 tokens/s plus 30s; 5m where it reasons
	// or has no limit.
	Answer AutoDuration `toml:"answer"`

	// Idle breaks a running stream that brought no byte at all for so long.
	// Default 30s (5m where it reasons or runs tools).
	Idle time.Duration `toml:"idle"`

	// IdleContent breaks a running stream that brought only pings and comments
	// for so long. Default 10m.
	IdleContent time.Duration `toml:"idle_content"`

	// MaxDuration bounds everything. Default 60m.
	MaxDuration time.Duration `toml:"max_duration"`

	// Retries is how many extra tries the same target gets where that can
	// help. Default 1; never after silence.
	Retries int `toml:"retries"`

	// RetryAfterWait is the longest wait told by a provider that is waited out
	// on the same model; a longer one moves on. Default 3s.
	RetryAfterWait time.Duration `toml:"retry_after_wait"`

	// RetryBudget bounds same-target retries and hedges, as a share of the
	// calls of the last 10 s, plus a floor of 3. Default 0.2. Moving on is free.
	RetryBudget float64 `toml:"retry_budget"`

	// HedgeAfter above zero starts the next target too when the first has been
	// silent for so long; the first content wins. Default 0s: never. It costs a
	// second answer each time.
	HedgeAfter time.Duration `toml:"hedge_after"`

	// Commit says when a stream may begin: first_content or complete (held
	// back whole, so that a cut can fail over). Default first_content.
	Commit string `toml:"commit"`

	// Liveness set to stream streams upstream for clients that did not ask to,
	// to see silence early. Default native.
	Liveness string `toml:"liveness"`

	// OnUnsupported says what happens when a target cannot express something
	// asked for: skip (the target), drop (the thing, named), error. Default
	// skip.
	OnUnsupported string `toml:"on_unsupported"`

	// OnClientGone says what happens to the upstream when the client hangs up:
	// cancel, or drain (at most 30s, for exact usage). Default cancel.
	OnClientGone string `toml:"on_client_gone"`
}

// The values of the words in FailoverConfig.
const (
	CommitFirstContent = "first_content"
	CommitComplete     = "complete"

	LivenessNative = "native"
	LivenessStream = "stream"

	UnsupportedSkip  = "skip"
	UnsupportedDrop  = "drop"
	UnsupportedError = "error"

	ClientGoneCancel = "cancel"
	ClientGoneDrain  = "drain"
)

// DefaultFailoverConfig returns the values in force where the file sets none.
func DefaultFailoverConfig() FailoverConfig {
	return FailoverConfig{
		Deadline:       2 * time.Minute,
		DeadlineAnswer: 10 * time.Minute,
		FirstToken:     AutoDuration{Auto: true},
		Answer:         AutoDuration{Auto: true},
		Idle:           30 * time.Second,
		IdleContent:    10 * time.Minute,
		MaxDuration:    time.Hour,
		Retries:        1,
		RetryAfterWait: 3 * time.Second,
		RetryBudget:    0.2,
		Commit:         CommitFirstContent,
		Liveness:       LivenessNative,
		OnUnsupported:  UnsupportedSkip,
		OnClientGone:   ClientGoneCancel,
	}
}

// Validate returns every value that cannot work, joined. The text of each
// error begins with its TOML key and ": ".
func (c FailoverConfig) Validate() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(c.Deadline <= 0, "deadline: must be longer than 0s")
	refuse(c.DeadlineAnswer <= 0, "deadline_answer: must be longer than 0s")
	refuse(!c.FirstToken.Auto && c.FirstToken.D <= 0, "first_token: must be auto or longer than 0s")
	refuse(!c.Answer.Auto && c.Answer.D <= 0, "answer: must be auto or longer than 0s")
	refuse(c.Idle <= 0, "idle: must be longer than 0s")
	refuse(c.IdleContent <= 0, "idle_content: must be longer than 0s")
	refuse(c.MaxDuration <= 0, "max_duration: must be longer than 0s")
	refuse(c.Retries < 0, "retries: must not be negative")
	refuse(c.RetryAfterWait < 0, "retry_after_wait: must not be negative")
	refuse(!(c.RetryBudget >= 0 && c.RetryBudget <= 1), "retry_budget: must be from 0 to 1, not %v", c.RetryBudget)
	refuse(c.HedgeAfter < 0, "hedge_after: must not be negative")
	for _, w := range []struct {
		key, value string
		allowed    []string
	}{
		{"commit", c.Commit, []string{CommitFirstContent, CommitComplete}},
		{"liveness", c.Liveness, []string{LivenessNative, LivenessStream}},
		{"on_unsupported", c.OnUnsupported, []string{UnsupportedSkip, UnsupportedDrop, UnsupportedError}},
		{"on_client_gone", c.OnClientGone, []string{ClientGoneCancel, ClientGoneDrain}},
	} {
		refuse(!slices.Contains(w.allowed, w.value), "%s: %q is none of %s", w.key, w.value, strings.Join(w.allowed, ", "))
	}
	return errors.Join(errs...)
}

// AutoDuration is a duration, or "auto": one that depends on the call.
type AutoDuration struct {
	Auto bool
	D    time.Duration // meaningless when Auto
}

// UnmarshalText reads "auto" or a duration such as "20s".
func (a *AutoDuration) UnmarshalText(text []byte) error {
	if string(text) == "auto" {
		*a = AutoDuration{Auto: true}
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is neither auto nor a duration such as \"20s\"", text)
	}
	*a = AutoDuration{D: d}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (a AutoDuration) MarshalText() ([]byte, error) {
	if a.Auto {
		return []byte("auto"), nil
	}
	return []byte(a.D.String()), nil
}
