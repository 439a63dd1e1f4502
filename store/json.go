package store

import (
	"encoding/json"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// timeFormat is RFC 3339 with microseconds, in UTC.
const timeFormat = "2006-01-02T15:04:05.000000Z07:00"

// callJSON is the object of `llmgw logs --format jsonl`: a contract, to which
// members may be added. Unknown is null, arrays are never null.
type callJSON struct {
	ID                string            `json:"id"`
	StartedAt         *string           `json:"started_at"`
	DurationMS        *int64            `json:"duration_ms"`
	FirstTokenMS      *int64            `json:"first_token_ms"`
	Project           string            `json:"project"`
	Client            *string           `json:"client"`
	Session           *string           `json:"session"`
	Key               *string           `json:"key"`
	Dialect           *string           `json:"dialect"`
	Endpoint          *string           `json:"endpoint"`
	Stream            bool              `json:"stream"`
	ModelRequested    *string           `json:"model_requested"`
	Route             *string           `json:"route"`
	RouteReason       *string           `json:"route_reason"`
	Status            Status            `json:"status"`
	HTTPStatus        *int64            `json:"http_status"`
	Error             *string           `json:"error"`
	ErrorText         *string           `json:"error_text"`
	Provider          *string           `json:"provider"`
	Model             *string           `json:"model"`
	ModelReported     *string           `json:"model_reported"`
	UpstreamRequestID *string           `json:"upstream_request_id"`
	FinishReason      *string           `json:"finish_reason"`
	Cache             *string           `json:"cache"`
	CachedFrom        *string           `json:"cached_from"`
	CacheNote         *string           `json:"cache_note"`
	Dropped           []string          `json:"dropped"`
	Edits             []string          `json:"edits"`
	Tags              map[string]string `json:"tags"`
	Usage             usageJSON         `json:"usage"`
	CostUSD           *string           `json:"cost_usd"`
	CostSource        *string           `json:"cost_source"`
	WorthUSD          *string           `json:"worth_usd"`
	RequestBytes      int64             `json:"request_bytes"`
	ResponseBytes     int64             `json:"response_bytes"`
	Redactions        int               `json:"redactions"`
	Attempts          []attemptJSON     `json:"attempts"`
}

type attemptJSON struct {
	N                 int       `json:"n"`
	Provider          string    `json:"provider"`
	Model             string    `json:"model"`
	Key               *string   `json:"key"`
	StartedAt         *string   `json:"started_at"`
	DurationMS        *int64    `json:"duration_ms"`
	FirstTokenMS      *int64    `json:"first_token_ms"`
	Outcome           string    `json:"outcome"`
	HTTPStatus        *int64    `json:"http_status"`
	Error             *string   `json:"error"`
	Skipped           *string   `json:"skipped"`
	Why               *string   `json:"why"`
	Hedge             bool      `json:"hedge"`
	WaitedMS          int64     `json:"waited_ms"`
	UpstreamRequestID *string   `json:"upstream_request_id"`
	ModelReported     *string   `json:"model_reported"`
	FinishReason      *string   `json:"finish_reason"`
	Usage             usageJSON `json:"usage"`
	CostUSD           *string   `json:"cost_usd"`
	CostSource        *string   `json:"cost_source"`
	HeldUSD           *string   `json:"held_usd"`
	WorthUSD          *string   `json:"worth_usd"`
	OverrunUSD        *string   `json:"overrun_usd"`
}

type usageJSON struct {
	Input       *int64 `json:"input_tokens"`
	CachedInput *int64 `json:"cached_input_tokens"`
	CacheWrite  *int64 `json:"cache_write_tokens"`
	Output      *int64 `json:"output_tokens"`
	Reasoning   *int64 `json:"reasoning_tokens"`
}

// MarshalJSON returns the object that `llmgw logs --format jsonl` prints for a
// call: times RFC 3339 in UTC with microseconds, money decimal strings.
func (c CallRow) MarshalJSON() ([]byte, error) {
	j := callJSON{
		ID: c.ID, StartedAt: timeText(c.StartedAt), DurationMS: c.durationMS(), FirstTokenMS: millis(c.FirstToken),
		Project: c.Project, Client: textOrNull(c.Client), Session: textOrNull(c.Session), Key: textOrNull(c.Key),
		Dialect: textOrNull(string(c.Dialect)), Endpoint: textOrNull(c.Endpoint), Stream: c.Stream, ModelRequested: textOrNull(c.ModelRequested),
		Route: textOrNull(c.Route), RouteReason: textOrNull(c.RouteReason),
		Status: c.Status, HTTPStatus: codeOrNull(c.HTTPStatus), Error: textOrNull(c.Error), ErrorText: textOrNull(c.ErrorText),
		Provider: textOrNull(c.Provider), Model: textOrNull(c.Model), ModelReported: textOrNull(c.ModelReported),
		UpstreamRequestID: textOrNull(c.UpstreamRequestID), FinishReason: textOrNull(c.FinishReason),
		Cache: textOrNull(c.Cache), CachedFrom: textOrNull(c.CachedFrom), CacheNote: textOrNull(c.CacheNote),
		Dropped: append([]string{}, c.Dropped...), Edits: append([]string{}, c.Edits...), Tags: c.Tags,
		Usage: usageOf(&c.Usage), CostUSD: usdOrNull(c.Cost), CostSource: textOrNull(c.CostSource), WorthUSD: usdOrNull(c.Worth),
		RequestBytes: c.RequestBytes, ResponseBytes: c.ResponseBytes, Redactions: c.Redactions,
		Attempts: make([]attemptJSON, 0, len(c.Attempts)),
	}
	if j.Tags == nil {
		j.Tags = map[string]string{}
	}
	for i := range c.Attempts {
		j.Attempts = append(j.Attempts, attemptOf(&c.Attempts[i]))
	}
	return json.Marshal(j)
}

func attemptOf(a *Attempt) attemptJSON {
	duration := a.Duration
	if a.Outcome == OutcomeRunning {
		duration = -1
	}
	return attemptJSON{
		N: a.N, Provider: a.Provider, Model: a.Model, Key: textOrNull(a.Key), StartedAt: timeText(a.StartedAt),
		DurationMS: millis(duration), FirstTokenMS: millis(a.FirstToken),
		Outcome: a.Outcome, HTTPStatus: codeOrNull(a.HTTPStatus), Error: textOrNull(a.Error),
		Skipped: textOrNull(a.Skipped), Why: textOrNull(a.Why), Hedge: a.Hedge, WaitedMS: a.Waited.Milliseconds(),
		UpstreamRequestID: textOrNull(a.UpstreamRequestID), ModelReported: textOrNull(a.ModelReported),
		FinishReason: textOrNull(a.Finish), Usage: usageOf(&a.Usage), CostUSD: usdOrNull(a.Cost),
		CostSource: textOrNull(a.CostSource), HeldUSD: usdOrNull(a.Held), WorthUSD: usdOrNull(a.Worth),
		OverrunUSD: usdOrNull(a.Overrun),
	}
}

func usageOf(u *llm.Usage) usageJSON {
	return usageJSON{pointer(u.Input), pointer(u.CachedInput), pointer(u.CacheWrite), pointer(u.Output), pointer(u.Reasoning)}
}

func (c *CallRow) durationMS() *int64 {
	if c.FinishedAt.IsZero() {
		return nil
	}
	return millis(max(c.FinishedAt.Sub(c.StartedAt), 0))
}

func timeText(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Format(timeFormat))
}

// millis is a duration in whole milliseconds; below zero is unknown.
func millis(d time.Duration) *int64 {
	if d < 0 {
		return nil
	}
	return new(d.Milliseconds())
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func codeOrNull(code int) *int64 {
	if code == 0 {
		return nil
	}
	return new(int64(code))
}

func usdOrNull(a price.Amount) *string {
	if !a.Known {
		return nil
	}
	return new(a.Money.String())
}
