package proxy

import (
	"testing"
	"testing/synctest"

	"llmgw/providers/price"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// A provider that counts more than its bounds allow makes a call cost more than
// was held for it: its attempt says by how much, where a hard cap held it.
func TestOverrunIsOnRecord(t *testing.T) {
	for _, tc := range []struct {
		name    string
		enforce string
		tokens  string
		overrun bool
	}{
		{"beyond the bound", caps.EnforceHard, "5000", true},
		{"within the bound", caps.EnforceHard, "1", false},
		{"beyond what was likely", caps.EnforceExpected, "5000", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				usage := `,"usage":{"prompt_tokens":5,"completion_tokens":` + tc.tokens + `}}`
				r := newRig(t, answering("application/json", answerHead+usage), capped("1.00", func(c *caps.Config) { c.Enforce = tc.enforce }))
				defer r.close()
				r.post("/v1/chat/completions", limited("gpt-4o", 100, "hello", false))
				row := r.last()
				a := row.Attempts[0]
				want := price.Amount{}
				if tc.overrun {
					want = price.Of(a.Cost.Money - a.Held.Money)
				}
				if a.Overrun != want || row.CostSource != store.CostReported || (a.Cost.Money > a.Held.Money) != (tc.tokens == "5000") {
					t.Errorf("cost %+v, held %+v, overrun %+v, want %+v", a.Cost, a.Held, a.Overrun, want)
				}
			})
		})
	}
}
