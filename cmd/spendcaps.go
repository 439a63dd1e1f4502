package cmd

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"llmgw/providers/price"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// capsState is the name under which a server saves []caps.Status, and the verb
// by which it is asked for them.
const capsState = "caps"

// capsReport is how the caps stand, and who says so.
type capsReport struct {
	Caps []capRow `json:"caps"` // never null

	CapsSource string  `json:"caps_source"`
	CapsAsOf   *string `json:"caps_as_of"`

	statuses []caps.Status
	asOf     time.Time
}

// The values of caps_source: who says how the caps stand.
const (
	capsFromServer = "server"
	capsSaved      = "saved"
	capsUnknown    = "none"
)

// capRow is a cap as JSON has it: a contract up to resets_at.
type capRow struct {
	Name     string     `json:"name"`
	Each     *string    `json:"each"`
	USD      string     `json:"usd"`
	SpentUSD string     `json:"spent_usd"`
	HeldUSD  string     `json:"held_usd"`
	State    caps.State `json:"state"`
	ResetsAt *string    `json:"resets_at"`

	WindowStart *string   `json:"window_start"`
	HourlyUSD   *string   `json:"burn_usd_per_hour"`
	ExhaustedAt *string   `json:"exhausted_at"`
	HeldBy      []heldRow `json:"held_by"`
}

// heldRow is an attempt that holds money.
type heldRow struct {
	Call  string  `json:"call"`
	N     int     `json:"n"`
	USD   string  `json:"usd"`
	Since *string `json:"since"`
}

// readCaps asks the running server; where none answers it takes what was saved
// last.
func (g *globals) readCaps(ctx context.Context, r *store.Reader, now time.Time) (*capsReport, error) {
	text, err := store.SendCommand(ctx, r.Path(), capsState, nil)
	if err == nil {
		return newCapsReport([]byte(text), capsFromServer, now)
	}
	if !errors.Is(err, store.ErrNotRunning) {
		g.say("the running llmgw does not say how the caps stand, here is what it saved: %v", err)
	}
	saved, at, err := r.State(ctx, capsState)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &capsReport{Caps: []capRow{}, CapsSource: capsUnknown}, nil
	case err != nil:
		return nil, err
	}
	return newCapsReport(saved, capsSaved, at)
}

func newCapsReport(text []byte, source string, asOf time.Time) (*capsReport, error) {
	c := &capsReport{Caps: []capRow{}, CapsSource: source, CapsAsOf: jsonTime(asOf), asOf: asOf}
	if err := json.Unmarshal(text, &c.statuses); err != nil {
		return nil, fmt.Errorf("reading how the caps stand: %w", err)
	}
	for i := range c.statuses {
		c.Caps = append(c.Caps, newCapRow(&c.statuses[i]))
	}
	return c, nil
}

func newCapRow(s *caps.Status) capRow {
	row := capRow{
		Name: s.Name, Each: textOrNull(s.Each), USD: s.Limit.String(), SpentUSD: s.Spent.String(), HeldUSD: s.Held.String(),
		State: s.State, ResetsAt: jsonTime(s.ResetsAt), WindowStart: jsonTime(s.WindowStart),
		HourlyUSD: amountText(s.BurnPerHour), ExhaustedAt: jsonTime(s.ExhaustedAt), HeldBy: []heldRow{},
	}
	for _, h := range s.HeldBy {
		row.HeldBy = append(row.HeldBy, heldRow{h.Call, h.N, h.Amount.String(), jsonTime(h.Since)})
	}
	return row
}

func (c *capsReport) writeCSV(w io.Writer) error {
	lines := [][]string{{"name", "each", "usd", "spent_usd", "held_usd", "state", "resets_at", "burn_usd_per_hour", "exhausted_at", "held_by"}}
	for i := range c.Caps {
		r := &c.Caps[i]
		lines = append(lines, []string{
			store.Clean(r.Name), store.Clean(text(r.Each)), r.USD, r.SpentUSD, r.HeldUSD, string(r.State), text(r.ResetsAt),
			text(r.HourlyUSD), text(r.ExhaustedAt), strconv.Itoa(len(r.HeldBy)),
		})
	}
	return csv.NewWriter(w).WriteAll(lines)
}

// writeTable shows the caps, and below them which calls hold money.
func (c *capsReport) writeTable(w io.Writer, s screen, now time.Time) error {
	if len(c.statuses) == 0 {
		why := "no caps are configured"
		if c.CapsSource == capsUnknown {
			why = "no caps are known: no llmgw is running, and none has saved how they stood"
		}
		_, err := fmt.Fprintln(w, why+"\n")
		return err
	}
	if c.CapsSource == capsSaved {
		if _, err := fmt.Fprintf(w, "as saved %s ago, not as a running llmgw says\n", age(now.Sub(c.asOf))); err != nil {
			return err
		}
	}
	if err := s.write(w, c.columns(now)); err != nil {
		return err
	}
	for i := range c.statuses {
		for _, h := range c.statuses[i].HeldBy {
			_, err := fmt.Fprintf(w, "%s: call %s attempt %d holds %s for %s\n",
				store.Clean(c.statuses[i].Name), store.Clean(h.Call), h.N, usd(h.Amount), age(c.asOf.Sub(h.Since)))
			if err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

// columns are the columns of the table of caps.
func (c *capsReport) columns(now time.Time) []column {
	columns := []column{
		{head: "CAP", name: true}, {head: "EACH", name: true, drop: 5}, {head: "STATE"},
		{head: "SPENT", right: true}, {head: "HELD", right: true, drop: 3}, {head: "LIMIT", right: true},
		{head: "LEFT", right: true, drop: 4}, {head: "RESETS", right: true, drop: 2},
		{head: "AT THIS RATE", drop: 1}, {head: "█ SPENT ▒ HELD", bar: true},
	}
	for i := range c.statuses {
		s := &c.statuses[i]
		cells := []string{
			s.Name, s.Each, stateWords[s.State], usd(s.Spent), usd(s.Held), usd(s.Limit), usd(left(s)),
			resets(s.ResetsAt, now), c.projection(s),
		}
		for j, cell := range cells {
			columns[j].cells = append(columns[j].cells, cell)
		}
		bar := &columns[len(columns)-1]
		bar.shares = append(bar.shares, [2]float64{ratio(s.Spent, s.Limit), ratio(s.Held, s.Limit)})
	}
	return columns
}

// stateWords say a state in a glyph and a word.
var stateWords = map[caps.State]string{caps.StateOK: "ok", caps.StateWarn: "▲ warn", caps.StateBlocked: "⊘ blocked"}

func left(s *caps.Status) price.Money { return max(s.Limit-s.Spent-s.Held, 0) }

// resets is how long it is until the window ends.
func resets(at, now time.Time) string {
	switch {
	case at.IsZero():
		return "never"
	case !at.After(now):
		return "was " + age(now.Sub(at)) + " ago"
	}
	return age(at.Sub(now))
}

// projection is where the rate of the last minutes leads to; what was saved
// says nothing of the minutes since.
func (c *capsReport) projection(s *caps.Status) string {
	switch {
	case c.CapsSource == capsSaved:
		return ""
	case s.State == caps.StateBlocked:
		return "blocking now"
	case !s.BurnPerHour.Known:
		return ""
	case s.ExhaustedAt.IsZero():
		return usd(s.BurnPerHour.Money) + "/h"
	}
	return usd(s.BurnPerHour.Money) + "/h, full in " + age(s.ExhaustedAt.Sub(c.asOf))
}

// age is a span to about a hundredth of itself.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return max(d, 0).Round(time.Second).String()
	case d < 48*time.Hour:
		return formatDuration(d.Round(time.Minute))
	}
	return strconv.Itoa(int(d/day)) + "d"
}
