package cmd

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"llmgw/providers/llm"
)

// openRouterSheets are OpenRouter's activity: the columns of its API below, and
// the log that its page Activity exports, a row for each generation with
// generation_id, created_at (UTC), cost_total, cost_cache, tokens_prompt,
// tokens_completion, tokens_reasoning, tokens_cached, provider_name,
// model_permaslug, variant and others (files shared publicly, 2026-03 to 2026-06).
var openRouterSheets = []csvLayout{
	{"openrouter", "OpenRouter's activity log", []string{"created_at", "cost_total", "tokens_prompt"}, []string{"tokens_completion", "model_permaslug"}, readOpenRouterLogRow},
	{"openrouter", "OpenRouter's activity", []string{"date", "usage", "prompt_tokens"},
		[]string{"model", "requests", "completion_tokens", "byok_usage_inference"}, readOpenRouterRow},
}

func readOpenRouterLogRow(s *sheet, row []string, e *usageExport) error {
	day, err := utcDay(s.cell(row, "created_at"))
	if err != nil {
		return err
	}
	r := exportRow{day: day, model: s.cell(row, "model_permaslug")}
	if err := s.counts(row, &r.used, map[measure]string{
		inputTokens: "tokens_prompt", cachedTokens: "tokens_cached", outputTokens: "tokens_completion", reasoningTokens: "tokens_reasoning",
	}); err != nil {
		return err
	}
	r.used[requests] = llm.Tokens(1)
	if r.used[costUSD], err = money(s.cell(row, "cost_total"), 1); err != nil {
		return err
	}
	e.add(r)
	return nil
}

func readOpenRouterRow(s *sheet, row []string, e *usageExport) error {
	number := func(column string) *json.Number {
		if s.cell(row, column) == "" {
			return nil
		}
		n := json.Number(s.cell(row, column))
		return &n
	}
	item := openRouterItem{
		Date: s.cell(row, "date"), Model: s.cell(row, "model"), Permaslug: s.cell(row, "model_permaslug"),
		Usage: number("usage"), BYOK: number("byok_usage_inference"), Requests: number("requests"),
		Prompt: number("prompt_tokens"), Completion: number("completion_tokens"), Reasoning: number("reasoning_tokens"),
	}
	return item.add(e)
}

// openRouterItem is a member of data in OpenRouter's GET /api/v1/activity: one
// model at one endpoint on one UTC day. usage is what was charged in USD,
// byok_usage_inference what providers charged to the caller's own keys
// (https://openrouter.ai/docs/client-sdks/typescript/models/activityitem, read 2026-11).
type openRouterItem struct {
	Date       string       `json:"date"`
	Model      string       `json:"model"`
	Permaslug  string       `json:"model_permaslug"`
	Usage      *json.Number `json:"usage"`
	BYOK       *json.Number `json:"byok_usage_inference"`
	Requests   *json.Number `json:"requests"`
	Prompt     *json.Number `json:"prompt_tokens"`
	Completion *json.Number `json:"completion_tokens"`
	Reasoning  *json.Number `json:"reasoning_tokens"`
}

func (i *openRouterItem) add(e *usageExport) error {
	day, err := utcDay(i.Date)
	if err != nil {
		return err
	}
	if i.Usage == nil || i.BYOK == nil || i.Requests == nil || i.Prompt == nil || i.Completion == nil {
		return errors.New("an item lacks one of usage, byok_usage_inference, requests, prompt_tokens and completion_tokens")
	}
	row := exportRow{day: day, model: cmp.Or(i.Model, i.Permaslug)}
	for m, n := range map[measure]*json.Number{requests: i.Requests, inputTokens: i.Prompt, outputTokens: i.Completion, reasoningTokens: i.Reasoning} {
		if n == nil {
			continue
		}
		if row.used[m], err = wholeNumber(n.String()); err != nil {
			return fmt.Errorf("%s: %w", measureNames[m], err)
		}
	}
	sum := measures{costUSD: llm.Tokens(0)}
	for _, text := range []*json.Number{i.Usage, i.BYOK} {
		m, err := money(text.String(), 1)
		if err != nil {
			return err
		}
		if err := sum.add(&measures{costUSD: m}); err != nil {
			return err
		}
	}
	row.used[costUSD] = sum[costUSD]
	e.service, e.layout = "openrouter", "OpenRouter's activity"
	e.add(row)
	return nil
}
