package cmd

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/store"
)

// callWriter writes calls in one of the formats of `llmgw logs`.
type callWriter interface {
	write([]store.CallRow) error
	close() error // ends what needs an end
}

func newCallWriter(w io.Writer, format string) (callWriter, error) {
	switch format {
	case "table":
		return &callTable{table: table{w: w}}, nil
	case "json":
		return &callJSON{w: w}, nil
	case "jsonl":
		return &callLines{w: w}, nil
	case "csv":
		return &callCSV{w: csv.NewWriter(w)}, nil
	}
	return nil, usagef("use table, json, jsonl or csv", "there is no format %q", format)
}

// callTable is what a person reads.
type callTable struct {
	table  table
	headed bool
}

func (t *callTable) write(calls []store.CallRow) error {
	var rows [][]string
	if !t.headed {
		rows = append(rows, []string{"ID", "STARTED", "PROJECT", "ASKED FOR", "SERVED BY", "STATUS", "TRIES", "FIRST", "TOOK", "IN", "OUT", "COST"})
		t.headed = true
	}
	for i := range calls {
		rows = append(rows, callCells(&calls[i]))
	}
	return t.table.write(rows...)
}

func (t *callTable) close() error { return nil }

func callCells(c *store.CallRow) []string {
	return []string{
		shortID(c.ID), c.StartedAt.Local().Format("01-02 15:04:05"), c.Project, c.ModelRequested,
		servedBy(c), statusWords(c), strconv.Itoa(tries(c)), millis(c.FirstToken), took(c),
		tokens(c.Usage.Input), tokens(c.Usage.Output), cost(c.Cost, c.CostSource),
	}
}

// shortID is enough of an id to name the call again: the random end, since
// calls of one moment share the beginning.
func shortID(id string) string { return id[max(0, len(id)-8):] }

// servedBy names who answered, and below which failed attempts: the product in
// one line is "bedrock ← anthropic timeout".
func servedBy(c *store.CallRow) string {
	var b strings.Builder
	switch {
	case c.Cache == store.CacheHit:
		b.WriteString("cache")
	case c.Answered():
		b.WriteString(target(c.Provider, c.Model))
	}
	for i := range c.Attempts {
		switch a := &c.Attempts[i]; {
		case a.Outcome == store.OutcomeSkipped:
			fmt.Fprintf(&b, " ← %s skipped: %s", a.Provider, a.Skipped)
		case a.Outcome != store.OutcomeOK && a.Outcome != store.OutcomeRunning && (i < len(c.Attempts)-1 || a.Provider != c.Provider || !c.Answered()):
			fmt.Fprintf(&b, " ← %s %s", a.Provider, a.Outcome)
		}
	}
	return strings.TrimSpace(b.String())
}

// statusWords is how the call ended and, when not well, why.
func statusWords(c *store.CallRow) string {
	words := string(c.Status)
	if c.Error != "" && c.Error != words {
		words += ": " + c.Error
	}
	if n := len(c.Dropped); n > 0 {
		words += fmt.Sprintf(", −%d dropped", n)
	}
	return words
}

// tries counts the attempts that were sent.
func tries(c *store.CallRow) int {
	n := 0
	for i := range c.Attempts {
		if c.Attempts[i].Sent() {
			n++
		}
	}
	return n
}

func took(c *store.CallRow) string {
	if c.FinishedAt.IsZero() {
		return ""
	}
	return millis(c.FinishedAt.Sub(c.StartedAt))
}

// millis shows a duration to the millisecond; below zero is unknown.
func millis(d time.Duration) string {
	if d < 0 {
		return ""
	}
	return fmt.Sprintf("%.3fs", d.Truncate(time.Millisecond).Seconds())
}

// tokens shows a count; "" is unknown.
func tokens(c llm.Count) string {
	if !c.Known {
		return ""
	}
	return strconv.FormatInt(c.N, 10)
}

// cost shows an amount and, where it is not simply what was reported, its
// basis.
func cost(a price.Amount, source string) string {
	switch {
	case !a.Known && source == "":
		return ""
	case !a.Known:
		return "? " + source
	case source == "" || source == store.CostReported || source == store.CostProviderCost:
		return "$" + a.Money.String()
	}
	return "$" + a.Money.String() + " " + source
}

// callLines is one JSON object a line.
type callLines struct{ w io.Writer }

func (l *callLines) write(calls []store.CallRow) error {
	for i := range calls {
		text, err := callJSONText(&calls[i])
		if err != nil {
			return err
		}
		if _, err := l.w.Write(append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (l *callLines) close() error { return nil }

// callJSON is one array.
type callJSON struct {
	w       io.Writer
	written bool
}

func (a *callJSON) write(calls []store.CallRow) error {
	for i := range calls {
		text, err := callJSONText(&calls[i])
		if err != nil {
			return err
		}
		before := ",\n "
		if !a.written {
			before, a.written = "[", true
		}
		if _, err := fmt.Fprintf(a.w, "%s%s", before, text); err != nil {
			return err
		}
	}
	return nil
}

func (a *callJSON) close() error {
	end := "]\n"
	if !a.written {
		end = "[]\n"
	}
	_, err := io.WriteString(a.w, end)
	return err
}

func callJSONText(c *store.CallRow) ([]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("writing call %s: %w", c.ID, err)
	}
	return safeJSON(text), nil
}

// safeJSON escapes what encoding/json lets through but a terminal must not
// see: control characters above ASCII and format characters, bidirectional
// ones among them. What it means stays the same.
func safeJSON(text []byte) []byte {
	var out []byte
	from := 0
	for i, r := range string(text) {
		if r < 0x7f || !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			continue
		}
		out = append(out, text[from:i]...)
		if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		} else {
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		from = i + len(string(r))
	}
	return append(out, text[from:]...)
}

// callCSV is a table for spreadsheets: the members of the JSON object that are
// single values.
type callCSV struct {
	w      *csv.Writer
	headed bool
}

var csvHeader = []string{
	"id", "started_at", "duration_ms", "first_token_ms", "project", "client", "session", "key", "dialect", "endpoint",
	"stream", "model_requested", "route", "status", "http_status", "error", "provider", "model", "model_reported",
	"upstream_request_id", "finish_reason", "cache", "input_tokens", "cached_input_tokens", "cache_write_tokens",
	"output_tokens", "reasoning_tokens", "cost_usd", "cost_source", "attempts",
}

func (c *callCSV) write(calls []store.CallRow) error {
	if !c.headed {
		c.headed = true
		if err := c.w.Write(csvHeader); err != nil {
			return err
		}
	}
	for i := range calls {
		cells, err := csvCells(&calls[i])
		if err != nil {
			return err
		}
		if err := c.w.Write(cells); err != nil {
			return err
		}
	}
	c.w.Flush()
	return c.w.Error()
}

func (c *callCSV) close() error { return nil }

// csvCells takes the values from the JSON object, so that there is one way to
// write a time or an amount. Null is empty.
func csvCells(c *store.CallRow) ([]string, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("writing call %s: %w", c.ID, err)
	}
	object := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, fmt.Errorf("writing call %s: %w", c.ID, err)
	}
	usage := map[string]json.RawMessage{}
	if err := json.Unmarshal(object["usage"], &usage); err != nil {
		return nil, fmt.Errorf("writing call %s: %w", c.ID, err)
	}
	maps.Copy(object, usage)
	object["attempts"] = strconv.AppendInt(nil, int64(len(c.Attempts)), 10)
	var cells []string
	for _, name := range csvHeader {
		cells = append(cells, csvCell(object[name]))
	}
	return cells, nil
}

func csvCell(value json.RawMessage) string {
	text := ""
	if json.Unmarshal(value, &text) != nil {
		text = string(value) // a number or a boolean; null leaves text empty
	}
	return store.Clean(text)
}
