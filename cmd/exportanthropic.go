package cmd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"llmgw/providers/llm"
)

// anthropicSheets are the exports of Anthropic's Console, from its pages Usage
// and Cost. Their columns, in files shared publicly (2026-03 to 2026-09):
//
//	usage_date_utc, model_version, api_key, workspace, usage_type, context_window,
//	usage_input_tokens_no_cache, usage_input_tokens_cache_write_5m,
//	usage_input_tokens_cache_write_1h, usage_input_tokens_cache_read,
//	usage_output_tokens, web_search_count, inference_geo, speed
//
//	usage_date_utc, model, workspace, api_key, usage_type, context_window,
//	token_type, cost_usd, list_price_usd, cost_type, inference_geo, speed
//
// Older ones have one column usage_input_tokens_cache_write. The cost export
// calls models by their display names: "Claude Haiku 4.5".
var anthropicSheets = []csvLayout{
	{"anthropic", "Anthropic's usage export", []string{"usage_date_utc", "model_version"},
		[]string{"usage_input_tokens_no_cache", "usage_input_tokens_cache_read", "usage_output_tokens"}, readAnthropicUsageRow},
	{"anthropic", "Anthropic's cost export", []string{"usage_date_utc", "cost_usd"}, []string{"model"}, readAnthropicCostRow},
}

var anthropicWrites = []string{"usage_input_tokens_cache_write", "usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h"}

func readAnthropicUsageRow(s *sheet, row []string, e *usageExport) error {
	day, err := utcDay(s.cell(row, "usage_date_utc"))
	if err != nil {
		return err
	}
	r := exportRow{day: day, model: s.cell(row, "model_version"), batch: strings.EqualFold(s.cell(row, "usage_type"), "batch")}
	fresh, err := s.count(row, "usage_input_tokens_no_cache")
	if err != nil {
		return err
	}
	if err := s.counts(row, &r.used, map[measure]string{
		cachedTokens: "usage_input_tokens_cache_read", outputTokens: "usage_output_tokens",
	}); err != nil {
		return err
	}
	if len(s.missing(anthropicWrites)) < len(anthropicWrites) {
		if r.used[cacheWriteTokens], err = s.sum(row, anthropicWrites...); err != nil {
			return err
		}
	}
	if r.used[inputTokens], err = wholeInput(fresh, r.used[cachedTokens], r.used[cacheWriteTokens]); err != nil {
		return err
	}
	e.add(r)
	return nil
}

// wholeInput is all of an input whose parts are counted apart.
func wholeInput(parts ...llm.Count) (llm.Count, error) {
	sum := measures{inputTokens: llm.Tokens(0)}
	for _, p := range parts {
		if err := sum.add(&measures{inputTokens: p}); err != nil {
			return llm.Count{}, err
		}
	}
	return sum[inputTokens], nil
}

func readAnthropicCostRow(s *sheet, row []string, e *usageExport) error {
	day, err := utcDay(s.cell(row, "usage_date_utc"))
	if err != nil {
		return err
	}
	cost, err := money(s.cell(row, "cost_usd"), 1)
	if err != nil {
		return err
	}
	// What is no tokens' has no model: web searches, code execution.
	name := cmp.Or(s.cell(row, "model"), s.cell(row, "token_type"), s.cell(row, "cost_type"), s.cell(row, "usage_type"))
	e.add(exportRow{day: day, model: anthropicName(name), batch: strings.EqualFold(s.cell(row, "usage_type"), "batch"), used: measures{costUSD: cost}})
	return nil
}

// anthropicName is the id of a model by its display name, as far as there is a
// rule: "Claude Haiku 4.5" is claude-haiku-4-5. Other names stay as they are.
func anthropicName(name string) string {
	if !strings.HasPrefix(name, "Claude ") {
		return name
	}
	return strings.NewReplacer(" ", "-", ".", "-").Replace(strings.ToLower(name))
}

// anthropicResult is a member of results in the reports of Anthropic's Admin
// API, usage_report/messages and cost_report, which come in pages of
// {"data":[{"starting_at":"2025-08-01T00:00:00Z","ending_at":"2025-08-02T00:00:00Z",
// "results":[…]}],"has_more":false,"next_page":null}. amount is in cents, "123.45"
// is 1.2345 USD. model is null where a report is not grouped by it, or for costs
// by description (https://platform.claude.com/docs/en/api/admin, read 2026-11).
type anthropicResult struct {
	Model       *string `json:"model"`
	ServiceTier *string `json:"service_tier"`

	Fresh    *json.Number `json:"uncached_input_tokens"`
	Cached   *json.Number `json:"cache_read_input_tokens"`
	Output   *json.Number `json:"output_tokens"`
	Creation *struct {
		FiveMinutes *json.Number `json:"ephemeral_5m_input_tokens"`
		OneHour     *json.Number `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`

	Amount      *string `json:"amount"`
	Currency    string  `json:"currency"`
	CostType    *string `json:"cost_type"`
	Description *string `json:"description"`
}

func readAnthropicBucket(b *jsonBucket, e *usageExport) error {
	from, errFrom := time.Parse(time.RFC3339, b.StartingAt)
	until, errUntil := time.Parse(time.RFC3339, b.EndingAt)
	if errFrom != nil || errUntil != nil {
		return fmt.Errorf("a bucket starts at %.40q and ends at %.40q, which are no times", b.StartingAt, b.EndingAt)
	}
	day, err := bucketDay(from.UTC(), until.UTC().Add(-time.Second))
	if err != nil {
		return err
	}
	e.covers(day)
	e.service, e.layout = "anthropic", cmp.Or(e.layout, "Anthropic's usage or cost report")
	for _, text := range b.Results {
		var r anthropicResult
		if err := json.Unmarshal(text, &r); err != nil {
			return err
		}
		if err := r.add(day, e); err != nil {
			return err
		}
	}
	return nil
}

func (r *anthropicResult) add(day string, e *usageExport) error {
	row := exportRow{day: day, model: given(r.Model), batch: given(r.ServiceTier) == "batch"}
	switch {
	case r.Amount != nil:
		if err := isUSD(r.Currency); err != nil {
			return err
		}
		var err error
		if row.used[costUSD], err = money(*r.Amount, 100); err != nil {
			return err
		}
		e.layout, row.model = "Anthropic's cost report", cmp.Or(row.model, given(r.CostType), given(r.Description))
	case r.Fresh != nil && r.Cached != nil && r.Output != nil && r.Creation != nil && r.Creation.FiveMinutes != nil && r.Creation.OneHour != nil:
		e.layout = "Anthropic's usage report"
		if err := r.count(&row.used); err != nil {
			return err
		}
	default:
		return fmt.Errorf("a result has neither an amount nor uncached_input_tokens, cache_read_input_tokens, cache_creation and output_tokens")
	}
	e.add(row)
	return nil
}

func (r *anthropicResult) count(into *measures) error {
	var n [5]llm.Count
	for i, text := range []*json.Number{r.Fresh, r.Cached, r.Creation.FiveMinutes, r.Creation.OneHour, r.Output} {
		var err error
		if n[i], err = wholeNumber(text.String()); err != nil {
			return err
		}
	}
	var err error
	if into[cacheWriteTokens], err = wholeInput(n[2], n[3]); err != nil {
		return err
	}
	into[cachedTokens], into[outputTokens] = n[1], n[4]
	into[inputTokens], err = wholeInput(n[0], n[1], into[cacheWriteTokens])
	return err
}
