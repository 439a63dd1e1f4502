package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// usageExport is what a provider says was used or charged, by UTC day and
// model: what an export of OpenAI, Anthropic or OpenRouter comes to, whichever
// of their layouts it has.
type usageExport struct {
	service string // as the price book calls it
	layout  string // which of its exports, for people
	byModel bool   // false: it adds all models up, and rows name none
	rows    []exportRow
	days    map[string]bool // that it covers, also those without a row
}

// exportRow is one line of an export.
type exportRow struct {
	day   string // UTC, 2006-01-02
	model string // as the export calls it; or what else was charged for
	batch bool   // of the provider's batch service, which no gateway sees
	used  measures
}

// measure is one thing that both sides may count.
type measure int

// The measures, in the order of columns.
const (
	requests measure = iota
	inputTokens
	cachedTokens
	cacheWriteTokens
	outputTokens
	reasoningTokens
	costUSD // in pico-dollars
	measureCount
)

var measureNames = [measureCount]string{
	"requests", "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "cost_usd",
}

// measures are counts, each of which may be unknown.
type measures [measureCount]llm.Count

var errTooLarge = errors.New("sums to more than can be counted")

// add adds counts of another row: unknown and known is unknown.
func (m *measures) add(o *measures) error {
	for i := range m {
		a, b := m[i].N, o[i].N
		if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
			return fmt.Errorf("%s %w", measureNames[i], errTooLarge)
		}
		m[i] = llm.Count{N: a + b, Known: m[i].Known && o[i].Known}
		if !m[i].Known {
			m[i].N = 0
		}
	}
	return nil
}

// maxExport is the largest export that is read, in bytes.
const maxExport = 64 << 20

// exportError is a file that is no export as it is known here.
type exportError struct{ what, needed string }

// Error says what was found.
func (e *exportError) Error() string { return e.what }

// Hint says what is needed.
func (e *exportError) Hint() string { return e.needed }

// exportsKnown is the hint for files that nobody recognises.
const exportsKnown = "it takes OpenAI's usage and cost exports (dashboard CSV; JSON of /v1/organization/usage/completions, …/embeddings and /v1/organization/costs), " +
	"Anthropic's (Console CSV of usage and cost; JSON of usage_report/messages and cost_report) and OpenRouter's activity (CSV or JSON)"

// readExport recognises an export by what is in it. What it cannot read is an
// error that says what was recognised and what is missing; nothing is guessed.
func readExport(text []byte) (*usageExport, error) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	if len(text) == 0 {
		return nil, &exportError{"the file is empty", exportsKnown}
	}
	read := readCSVExport
	if text[0] == '{' || text[0] == '[' {
		read = readJSONExport
	}
	e, err := read(text)
	if err != nil {
		return nil, err
	}
	if len(e.rows) == 0 {
		return nil, &exportError{e.layout + " without any usage in it", "export a span with usage, or look whether the filter of the export is too narrow"}
	}
	return e, e.checkModels()
}

// checkModels finds out whether the rows tell models apart.
func (e *usageExport) checkModels() error {
	named := 0
	for i := range e.rows {
		if e.rows[i].model != "" {
			named++
		}
	}
	if e.byModel = named > 0; e.byModel && named < len(e.rows) {
		return &exportError{
			fmt.Sprintf("%s: %d of %d rows name no model", e.layout, len(e.rows)-named, len(e.rows)),
			"export it again, grouped by model (or line item) throughout",
		}
	}
	return nil
}

// add files a row under its day.
func (e *usageExport) add(row exportRow) {
	e.rows = append(e.rows, row)
	e.covers(row.day)
}

func (e *usageExport) covers(day string) {
	if e.days == nil {
		e.days = map[string]bool{}
	}
	e.days[day] = true
}

// span is from the first day covered until after the last.
func (e *usageExport) span() (since, until time.Time, err error) {
	days := slices.Sorted(maps.Keys(e.days))
	if since, err = time.Parse(time.DateOnly, days[0]); err != nil {
		return since, until, err
	}
	until, err = time.Parse(time.DateOnly, days[len(days)-1])
	return since, until.AddDate(0, 0, 1), err
}

// utcDay is the day of a date, or of a time in UTC, as exports write them:
// "2026-11-01", "2026-11-01T15:00:00Z", "2026-11-01 03:46:57.713".
func utcDay(text string) (string, error) {
	for _, form := range []string{
		time.DateOnly, time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02 15:04",
		"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 UTC",
	} {
		if t, err := time.Parse(form, text); err == nil && t.Year() >= 2015 && t.Year() < 2100 {
			return t.UTC().Format(time.DateOnly), nil
		}
	}
	return "", fmt.Errorf("%.40q is no date such as 2026-11-01", text)
}

// unixDay is the UTC day of a bucket from one Unix second until another, which
// must not reach over midnight.
func unixDay(start, end int64) (string, error) {
	from, until := time.Unix(start, 0).UTC(), time.Unix(end-1, 0).UTC()
	return bucketDay(from, until)
}

func bucketDay(from, last time.Time) (string, error) {
	day := from.Format(time.DateOnly)
	if from.Year() < 2015 || from.Year() >= 2100 || last.Before(from) || last.Format(time.DateOnly) != day {
		return "", fmt.Errorf("its bucket from %s until %s is no part of one day (UTC); export with a width of a day or less",
			from.Format(time.RFC3339), last.Add(time.Second).Format(time.RFC3339))
	}
	return day, nil
}

// wholeNumber reads a count; spreadsheets add ".0" to some.
func wholeNumber(text string) (llm.Count, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 || strings.Trim(fraction, "0") != "" || whole[0] == '+' || whole[0] == '-' {
		return llm.Count{}, fmt.Errorf("%.40q is no count", text)
	}
	return llm.Tokens(n), nil
}

// money reads an amount in dollars, or in so many parts of a dollar.
func money(text string, parts int64) (llm.Count, error) {
	m, err := price.ParseNumber(text, parts)
	return llm.Count{N: int64(m), Known: err == nil}, err
}

// isUSD refuses other currencies: they are not converted.
func isUSD(currency string) error {
	if !strings.EqualFold(currency, "usd") {
		return fmt.Errorf("the currency is %.20q, not USD", currency)
	}
	return nil
}
