package cmd

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"llmgw/providers/sim"
	"llmgw/proxy/caps"
)

// What the demo asks can be asked, and what it orders to fail can fail.
func TestDemoTraffic(t *testing.T) {
	for _, f := range demoFaults {
		if _, err := sim.ParseFault(f); err != nil {
			t.Error(err)
		}
	}
	models := map[string]bool{}
	for i, c := range demoCalls {
		var body struct {
			Model    string `json:"model"`
			Messages []struct {
				Content string `json:"content"`
			} `json:"messages"`
		}
		if err := json.Unmarshal([]byte(c.body), &body); err != nil || body.Model == "" {
			t.Errorf("call %d: model %q, %v: %s", i, body.Model, err, c.body)
		}
		models[body.Model] = true
		if !strings.HasPrefix(c.path, "/p/") {
			t.Errorf("call %d goes to %s: charged to no project of the demo's", i, c.path)
		}
		if (c.repeats > 0) != strings.Contains(c.body, "%d") {
			t.Errorf("call %d: repeats %d times, %s", i, c.repeats, c.body)
		}
	}
	d, err := startDemo()
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if len(d.providers) != 3 || len(d.caps) != 2 || d.caching("gpt-4o").Enabled || !d.caching(demoCached).Enabled {
		t.Errorf("%d providers, %d caps", len(d.providers), len(d.caps))
	}
	if _, err := caps.New(d.caps, time.Now()); err != nil {
		t.Error(err)
	}
	for _, rt := range d.routes {
		if err := rt.Validate(); err != nil || !models[rt.Model] {
			t.Errorf("route %s: %v, asked for: %v", rt.Model, err, models[rt.Model])
		}
	}
}
