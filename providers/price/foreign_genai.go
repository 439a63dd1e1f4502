package price

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// genaiKinds are genai-prices' names; those per thousand end in _kcount.
// https://github.com/pydantic/genai-prices/blob/main/prices/new_data/v2/data.schema.json
var genaiKinds = map[string]Kind{
	"input_mtok": Input, "cache_read_mtok": CachedInput, "cache_write_mtok": CacheWrite, "cache_write_5m_mtok": CacheWrite,
	"cache_write_1h_mtok": CacheWrite1h, "input_audio_mtok": InputAudio, "cache_audio_read_mtok": CachedAudio,
	"input_image_mtok": InputImage, "cache_image_read_mtok": CachedImage, "input_video_mtok": InputVideo,
	"output_mtok": Output, "output_reasoning_mtok": Reasoning, "output_audio_mtok": OutputAudio, "output_image_mtok": OutputImage,
	"output_citation_mtok": Citation, "web_searches_kcount": Search, "requests_kcount": Request,
}

type genaiModel struct {
	ID      string                     `json:"id"`
	Match   map[string]json.RawMessage `json:"match"`
	Window  json.Number                `json:"context_window"`
	Prices  json.RawMessage            `json:"prices"`
	Checked string                     `json:"prices_checked"`
}

type genaiPrices struct {
	Constraint *struct {
		StartDate string `json:"start_date"`
		StartTime string `json:"start_time"`
		EndTime   string `json:"end_time"`
	} `json:"constraint"`
	Prices map[string]json.RawMessage `json:"prices"`
}

// readGenAI reads genai-prices: a list of providers.
func (f *Foreign) readGenAI(data []byte) error {
	f.Format = "genai-prices"
	var providers []struct {
		ID     string       `json:"id"`
		Models []genaiModel `json:"models"`
	}
	if err := json.Unmarshal(data, &providers); err != nil {
		return errors.Join(errFormat, err)
	}
	for _, p := range providers {
		for _, m := range p.Models {
			e := &entry{Price: Price{Provider: serviceOf(p.ID), Model: m.ID}}
			f.add(e, e.readGenAI(&m))
		}
	}
	return nil
}

func (e *entry) readGenAI(m *genaiModel) error {
	e.window = limit(m.Window)
	if _, err := time.Parse(dayForm, m.Checked); err == nil {
		e.Checked = m.Checked
	}
	if e.Provider == "gemini" && strings.HasPrefix(m.ID, "claude") {
		e.Provider = "vertex"
	}
	if err := e.genaiMatch(m.Match); err != nil {
		return err
	}
	var all []genaiPrices
	if json.Unmarshal(m.Prices, &all) != nil {
		all = make([]genaiPrices, 1)
		if err := json.Unmarshal(m.Prices, &all[0].Prices); err != nil {
			return errors.New("its prices cannot be read")
		}
	}
	for _, p := range all {
		if err := e.genaiRates(p); err != nil {
			return err
		}
	}
	return nil
}

// genaiMatch takes the clauses that the book has too. Where it has not, the
// model is found by the names that remain, never by more.
func (e *entry) genaiMatch(match map[string]json.RawMessage) error {
	ops := map[string]byte{"equals": '=', "starts_with": '^', "contains": '~'}
	for key, raw := range match {
		var text string
		var all []map[string]json.RawMessage
		switch op := ops[key]; {
		case key == "or" && json.Unmarshal(raw, &all) == nil:
			for _, m := range all {
				if err := e.genaiMatch(m); err != nil {
					return err
				}
			}
		case op != 0 && json.Unmarshal(raw, &text) == nil && text != "":
			e.match = append(e.match, clause{op, strings.ToLower(text)})
		}
	}
	return nil
}

func (e *entry) genaiRates(p genaiPrices) error {
	var r rates
	if c := p.Constraint; c != nil {
		if len(e.rates) == 0 {
			return errors.New("its first price is bound to a time")
		}
		when, value := "from", c.StartDate
		if c.StartTime != "" && len(c.StartTime) >= 5 && len(c.EndTime) >= 5 {
			when, value = "daily", c.StartTime[:5]+"-"+c.EndTime[:5]
		}
		if _, err := r.take(when, value); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Prices)) {
		raw := p.Prices[name]
		k, ok := genaiKinds[name]
		if !ok {
			return fmt.Errorf("%q is a price of an unknown kind", name)
		}
		if err := r.genai(k, raw); err != nil {
			return err
		}
	}
	e.rates = append(e.rates, r)
	return nil
}

func (r *rates) genai(k Kind, raw json.RawMessage) error {
	var tiered struct {
		Base  json.Number `json:"base"`
		Tiers []struct {
			Start int64       `json:"start"`
			Price json.Number `json:"price"`
		} `json:"tiers"`
	}
	if k.each() {
		var number json.Number
		if err := json.Unmarshal(raw, &number); err != nil {
			return fmt.Errorf("%s: %s is no price", k, raw)
		}
		if err := r.set(k, number, 1); err != nil {
			return err
		}
		r.of[k].money /= 1000
		return nil
	}
	if raw[0] != '{' {
		return r.set(k, json.Number(raw), 1)
	}
	if err := json.Unmarshal(raw, &tiered); err != nil || tiered.Base == "" {
		return fmt.Errorf("%s: %s is no price", k, raw)
	}
	err := r.set(k, tiered.Base, 1)
	for _, t := range tiered.Tiers {
		if err == nil {
			err = r.step(k, t.Start, t.Price, 1)
		}
	}
	return err
}
