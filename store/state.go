package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"llmgw/providers/price"
)

// The names under which a server leaves what it says about itself.
const (
	stateCaps   = "caps"
	stateHealth = "health"
	stateSetup  = "setup"
	stateReload = "reload"
)

// Cap is how a spending limit stands, or one value of its each, as the server
// that enforces it last said. See [Cap.At] for what became of it since.
type Cap struct {
	Name  string `json:"name"`
	Each  string `json:"each"`  // the value, "" for a cap that counts all together
	Scope string `json:"scope"` // what counts, in words: "all", "route opus"
	State string `json:"state"` // CapOK, CapWarn or CapBlocked

	Limit  price.Money `json:"limit_pusd"`
	Spent  price.Money `json:"spent_pusd"`
	Held   price.Money `json:"held_pusd"`
	HeldBy []CapHold   `json:"held_by"` // oldest first

	Per         string    `json:"per"`          // hour, day, week, month, total, rolling
	Timezone    string    `json:"timezone"`     // where a day begins: an IANA name or Local
	WindowStart time.Time `json:"window_start"` // zero for total
	ResetsAt    time.Time `json:"resets_at"`    // rolling: when money leaves next; zero: never
	Warned      []float64 `json:"warned"`       // shares of Limit that were reached and are warned of

	// BurnPerHour is the rate of the last 15 minutes; unknown before money was
	// spent for 5 of them.
	BurnPerHour price.Amount `json:"burn_per_hour"`
	ExhaustedAt time.Time    `json:"exhausted_at"` // at that rate, within the window; zero: not
}

// The values of Cap.State.
const (
	CapOK      = "ok"
	CapWarn    = "warn"    // the first of warn_at is reached
	CapBlocked = "blocked" // all is spent: only free calls pass
)

// CapHold is an attempt that holds money of a cap.
type CapHold struct {
	Call   string      `json:"call"`
	N      int         `json:"n"`
	Amount price.Money `json:"amount_pusd"`
	Since  time.Time   `json:"since"`
}

// Left is what may still be spent or held; never below zero.
func (c Cap) Left() price.Money { return max(c.Limit-c.Spent-c.Held, 0) }

// At is the cap at an instant after the server spoke, when nothing was spent
// since: a window that has ended by then is a new one with nothing spent, and
// a rate measured before is no rate of now.
func (c Cap) At(now time.Time) Cap {
	if c.ResetsAt.IsZero() || c.ResetsAt.After(now) || c.Per == "rolling" {
		return c
	}
	for !c.ResetsAt.After(now) {
		next := c.next()
		if !next.After(c.ResetsAt) {
			next = time.Time{} // a window of unknown length
		}
		if c.WindowStart, c.ResetsAt = c.ResetsAt, next; next.IsZero() {
			break
		}
	}
	c.Spent, c.Warned, c.State = 0, nil, CapOK
	c.BurnPerHour, c.ExhaustedAt = price.Amount{}, time.Time{}
	return c
}

// next is when the window after the present one ends.
func (c Cap) next() time.Time {
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil {
		zone = time.Local
	}
	start := c.ResetsAt.In(zone)
	switch c.Per {
	case "hour":
		return start.Add(time.Hour)
	case "day":
		return NextDay(start)
	case "week":
		return DayStart(start.AddDate(0, 0, 7))
	case "month":
		return DayStart(start.AddDate(0, 1, 0))
	}
	return time.Time{}
}

// Targets is what calls have taught about targets and credentials. It is kept
// over a restart, and it lists only what is against them: a target that is not
// in it has a closed breaker without strikes.
type Targets struct {
	Breakers  []Breaker     `json:"breakers"`  // by target
	Cooldowns []Cooldown    `json:"cooldowns"` // by key
	Faults    []TargetFault `json:"faults"`    // by target: those whose last call failed
}

// Breaker is the breaker of one target, or of a whole provider that an
// operator disabled.
type Breaker struct {
	Target      string        `json:"target"`      // provider/model
	State       string        `json:"state"`       // BreakerClosed, …; see StateAt
	Since       time.Time     `json:"since"`       // when it closed, opened or was disabled
	Until       time.Time     `json:"until"`       // when an open one lets a probe pass; zero otherwise
	Reason      string        `json:"reason"`      // why it opened, "" for the other states
	Probing     bool          `json:"probing"`     // a probe is under way
	Consecutive int           `json:"consecutive"` // strikes in a row, the last ones before it opened
	Failures    int           `json:"failures"`    // strikes in a row that open it; 0: only the error rate does
	Good        int           `json:"good"`        // calls in the window that ended well
	Bad         int           `json:"bad"`         // and badly
	Cooldown    time.Duration `json:"cooldown"`    // length of the present or next open time, in ns
}

// The values of Breaker.State.
const (
	BreakerClosed   = "closed"
	BreakerOpen     = "open"
	BreakerHalfOpen = "half_open"
	BreakerDisabled = "disabled"
)

// StateAt is the state at an instant: an open breaker whose time is over lets
// the next call pass as a probe.
func (b *Breaker) StateAt(now time.Time) string {
	if b.State == BreakerOpen && !now.Before(b.Until) {
		return BreakerHalfOpen
	}
	return b.State
}

// Cooldown is a credential that a provider asked to leave alone, at one model
// or everywhere.
type Cooldown struct {
	Key    string        `json:"key"`    // the credential's id and what it must not be used for: "k_01234567 openai/gpt-4o"
	Since  time.Time     `json:"since"`  // when the first refusal of this row of them came
	Until  time.Time     `json:"until"`  // no call passes before
	Asked  time.Time     `json:"asked"`  // until when the provider asked to wait; zero when it did not say
	Reason string        `json:"reason"` // fault of the last refusal
	Count  int           `json:"count"`  // refusals in this row
	Single bool          `json:"single"` // after Until one call at a time passes, until one succeeds
	Step   time.Duration `json:"step"`   // the last wait that nobody asked for, in ns
}

// Credential is the id of the credential: k_ and eight hex digits.
func (c *Cooldown) Credential() string {
	id, _, _ := strings.Cut(c.Key, " ")
	return id
}

// Target is what the credential must not be used for: provider/model, or a
// whole provider.
func (c *Cooldown) Target() string {
	_, target, _ := strings.Cut(c.Key, " ")
	return target
}

// Holds tells whether the cooldown still means something at an instant: it
// runs, or the next call is a trial.
func (c *Cooldown) Holds(now time.Time) bool { return c.Until.After(now) || c.Single }

// TargetFault is the last fault of a target that has answered no call since.
type TargetFault struct {
	Target     string    `json:"target"` // provider/model
	At         time.Time `json:"at"`
	Fault      string    `json:"fault"`       // an llm.Fault
	HTTPStatus int       `json:"http_status"` // 0: no answer
	Said       string    `json:"said"`        // in the provider's words, credentials replaced
	Call       string    `json:"call"`        // id
}

// Setup is what a server serves with: its configuration as far as people watch
// it, without any secret.
type Setup struct {
	BaseURL   string          `json:"base_url"` // http://127.0.0.1:4747, what clients are pointed at
	Config    string          `json:"config"`   // path of the file, "" without one
	Bodies    string          `json:"bodies"`   // all, errors, none: whose bodies are recorded
	Providers []SetupProvider `json:"providers"`
	Routes    []SetupRoute    `json:"routes"`
	Caps      []string        `json:"caps"` // names, in the order of the configuration
}

// SetupProvider is a provider that calls can go to.
type SetupProvider struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Dialect  string   `json:"dialect"`
	BaseURL  string   `json:"base_url"` // never holds a credential
	Keys     []string `json:"keys"`     // ids of the configured ones: k_ and eight hex digits
	Source   string   `json:"source"`   // where they come from: "env:OPENAI_API_KEY", "file:PATH", "cmd:…", "configured", ""
	Key      string   `json:"key"`      // whose key is sent: KeyConfigured, …
	Free     bool     `json:"free"`
	Failures int      `json:"failures"` // strikes in a row that open a breaker; 0: only the error rate does
}

// The values of SetupProvider.Key.
const (
	KeyConfigured = "configured" // one of Keys
	KeyClient     = "client"     // whatever the client brings
	KeyNone       = "none"       // the service asks for none
)

// SetupRoute is a route in force.
type SetupRoute struct {
	Model   string   `json:"model"`   // exact or a glob
	Targets []string `json:"targets"` // provider/model, in the order of trying
	Cache   bool     `json:"cache"`   // answers are kept and replayed
}

// Reload is what came of the last attempt to put a changed configuration in
// force.
type Reload struct {
	At    time.Time `json:"at"`
	Error string    `json:"error"` // "" when the configuration is in force
}

// SetCaps leaves how the caps stand for readers. Like the other Set methods it
// waits for nothing, and the last value counts.
func (s *Store) SetCaps(caps []Cap) {
	if caps == nil {
		caps = []Cap{}
	}
	s.setJSON(stateCaps, caps)
}

// SetTargets leaves what is known against targets for readers, and for the next
// server on this file.
func (s *Store) SetTargets(h Targets) { s.setJSON(stateHealth, h) }

// SetSetup leaves what the server serves with.
func (s *Store) SetSetup(v Setup) { s.setJSON(stateSetup, v) }

// SetReload leaves what came of a reload.
func (s *Store) SetReload(v Reload) { s.setJSON(stateReload, v) }

func (s *Store) setJSON(name string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs of strings, numbers and times
	}
	s.SetState(name, text)
}

// Caps returns how the caps stood when the server last said so, and when that
// was: the zero time when it never did.
func (r *Reader) Caps(ctx context.Context) (list []Cap, at time.Time, err error) {
	at, err = r.stateJSON(ctx, stateCaps, &list)
	return list, at, err
}

// Targets returns what is known against targets, and when that was said; the zero time
// when nothing ever was.
func (r *Reader) Targets(ctx context.Context) (h Targets, at time.Time, err error) {
	at, err = r.stateJSON(ctx, stateHealth, &h)
	return h, at, err
}

// Setup returns what the server serves with, or the last one did; the zero
// time when none said.
func (r *Reader) Setup(ctx context.Context) (v Setup, at time.Time, err error) {
	at, err = r.stateJSON(ctx, stateSetup, &v)
	return v, at, err
}

// Reloaded returns what came of the last reload since the server started; the
// zero value when there was none.
func (r *Reader) Reloaded(ctx context.Context) (v Reload, err error) {
	_, err = r.stateJSON(ctx, stateReload, &v)
	return v, err
}

// stateJSON reads a value; an absent one leaves into as it is.
func (r *Reader) stateJSON(ctx context.Context, name string, into any) (time.Time, error) {
	text, at, err := r.State(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return time.Time{}, fmt.Errorf("reading the server's state %q: %w", name, err)
	}
	return at, nil
}
