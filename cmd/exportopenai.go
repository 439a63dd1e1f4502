package cmd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"llmgw/providers/llm"
)

// openAISheets are what "Export" on OpenAI's usage page saves: completions_usage_*.csv and
// cost_*.csv have the members of the API's results below as columns, after the
// bucket's start_time, end_time, start_time_iso and end_time_iso; a bucket
// without usage is a row with nothing else in it (files shared publicly,
// 2025-09 to 2026-09).
var openAISheets = []csvLayout{
	{"openai", "OpenAI's cost export", []string{"start_time", "amount_value"}, []string{"end_time", "amount_currency"}, readOpenAICostRow},
	{"openai", "OpenAI's usage export", []string{"start_time", "num_model_requests"}, []string{"end_time", "input_tokens"}, readOpenAIUsageRow},
	{"openai", "OpenAI's export", []string{"start_time", "end_time", "start_time_iso", "end_time_iso"}, nil, readOpenAIEmptyRow},
}

func readOpenAICostRow(s *sheet, row []string, e *usageExport) error {
	day, err := openAIDay(s, row)
	if err != nil || s.blank(row, "amount_value", "line_item") {
		e.covers(day)
		return err
	}
	if err := isUSD(s.cell(row, "amount_currency")); err != nil {
		return err
	}
	cost, err := money(s.cell(row, "amount_value"), 1)
	if err != nil {
		return err
	}
	e.addOpenAICost(day, s.cell(row, "line_item"), cost)
	return nil
}

func readOpenAIUsageRow(s *sheet, row []string, e *usageExport) error {
	day, err := openAIDay(s, row)
	if err != nil || s.blank(row, "num_model_requests", "input_tokens", "model") {
		e.covers(day)
		return err
	}
	r := exportRow{day: day, model: s.cell(row, "model"), batch: strings.EqualFold(s.cell(row, "batch"), "true")}
	if err := s.counts(row, &r.used, openAIColumns); err != nil {
		return err
	}
	e.add(r)
	return nil
}

func readOpenAIEmptyRow(s *sheet, row []string, e *usageExport) error {
	if len(s.columns) > 4 {
		return fmt.Errorf("of its columns %s none is known to count usage or cost", strings.Join(s.columns, ", "))
	}
	day, err := openAIDay(s, row)
	e.covers(day)
	return err
}

func openAIDay(s *sheet, row []string) (string, error) {
	start, err := strconv.ParseInt(s.cell(row, "start_time"), 10, 64)
	if err != nil {
		return "", fmt.Errorf("start_time: %.40q is no Unix time", s.cell(row, "start_time"))
	}
	end, err := strconv.ParseInt(s.cell(row, "end_time"), 10, 64)
	if err != nil {
		return "", fmt.Errorf("end_time: %.40q is no Unix time", s.cell(row, "end_time"))
	}
	return unixDay(start, end)
}

// openAIColumns are members of organization.usage.completions.result and
// …embeddings.result. input_tokens is all of the input, cached and written
// tokens included (API reference, and OpenAPI document 2.3.0, read 2026-11).
var openAIColumns = map[measure]string{
	requests: "num_model_requests", inputTokens: "input_tokens", cachedTokens: "input_cached_tokens",
	cacheWriteTokens: "input_cache_write_tokens", outputTokens: "output_tokens",
}

// openAIResult is a member of results in the pages of OpenAI's Usage and Costs
// APIs, https://platform.openai.com/docs/api-reference/usage (read 2026-11). Both
// answer with {"object":"page","data":[{"object":"bucket","start_time":1730419200,
// "end_time":1730505600,"results":[…]}],"has_more":false,"next_page":null}.
type openAIResult struct {
	Object   string       `json:"object"`
	Model    *string      `json:"model"`
	Batch    *bool        `json:"batch"`
	Requests *json.Number `json:"num_model_requests"`
	Input    *json.Number `json:"input_tokens"`
	Cached   *json.Number `json:"input_cached_tokens"`
	Written  *json.Number `json:"input_cache_write_tokens"`
	Output   *json.Number `json:"output_tokens"`

	LineItem *string `json:"line_item"`
	Amount   *struct {
		Value    json.Number `json:"value"`
		Currency string      `json:"currency"`
	} `json:"amount"`
}

// The results that say something of tokens or money.
const (
	openAICompletions = "organization.usage.completions.result"
	openAIEmbeddings  = "organization.usage.embeddings.result"
	openAICosts       = "organization.costs.result"
)

func readOpenAIBucket(b *jsonBucket, e *usageExport) error {
	start, errStart := b.StartTime.Int64()
	end, errEnd := b.EndTime.Int64()
	if errStart != nil || errEnd != nil {
		return fmt.Errorf("a bucket starts at %.40q and ends at %.40q, which are no Unix times", b.StartTime, b.EndTime)
	}
	day, err := unixDay(start, end)
	if err != nil {
		return err
	}
	e.covers(day)
	e.service, e.layout = "openai", cmp.Or(e.layout, "OpenAI's usage or costs")
	for _, text := range b.Results {
		var r openAIResult
		if err := json.Unmarshal(text, &r); err != nil {
			return err
		}
		if err := r.add(day, e); err != nil {
			return err
		}
	}
	return nil
}

func (r *openAIResult) add(day string, e *usageExport) error {
	switch r.Object {
	case openAICompletions, openAIEmbeddings:
		row := exportRow{day: day, model: given(r.Model), batch: r.Batch != nil && *r.Batch}
		for m, n := range map[measure]*json.Number{
			requests: r.Requests, inputTokens: r.Input, cachedTokens: r.Cached, cacheWriteTokens: r.Written, outputTokens: r.Output,
		} {
			if n == nil {
				continue
			}
			var err error
			if row.used[m], err = wholeNumber(n.String()); err != nil {
				return err
			}
		}
		e.layout = "OpenAI's usage (Usage API)"
		e.add(row)
	case openAICosts:
		if r.Amount == nil {
			return fmt.Errorf("a result of %s has no amount", r.Object)
		}
		if err := isUSD(r.Amount.Currency); err != nil {
			return err
		}
		cost, err := money(r.Amount.Value.String(), 1)
		if err != nil {
			return err
		}
		e.layout = "OpenAI's costs (Costs API)"
		e.addOpenAICost(day, given(r.LineItem), cost)
	default:
		return fmt.Errorf("its results are %.80q; of those only %s, %s and %s can be compared", r.Object, openAICompletions, openAIEmbeddings, openAICosts)
	}
	return nil
}

func given(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// openAILineItem takes a line item of OpenAI's costs apart: a model, perhaps a
// service tier before it and a modality after it, and what of it was charged,
// as in "gpt-4o-mini-2024-07-18, cached input", "priority | gpt-5.6-sol, output,
// long context", "gpt-audio-mini-2025-12-15 audio, input" or "gpt-5-nano,
// input_tokens"; others, as "web search tool calls", have no comma (line items
// shared publicly, 2026-05 to 2026-09).
var openAILineItem = regexp.MustCompile(`^(?:(\w+) \| )?([^ ,]+)(?: (?:text|audio|image))?, `)

func (e *usageExport) addOpenAICost(day, lineItem string, cost llm.Count) {
	row := exportRow{day: day, model: lineItem, used: measures{costUSD: cost}}
	if m := openAILineItem.FindStringSubmatch(lineItem); m != nil {
		row.model, row.batch = m[2], strings.EqualFold(m[1], "batch")
	}
	e.add(row)
}
