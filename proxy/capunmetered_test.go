package proxy

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/store"
)

// TestUnmeteredPathUnderACap: what nobody reads the usage of is refused under a
// hard cap for just that reason, however the model is priced; what is free
// everywhere is free here.
func TestUnmeteredPathUnderACap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}}, capped("1.00", nil))
		defer r.close()
		for _, tc := range []struct{ path, body, why string }{
			{"/v1/files", `{"purpose":"x"}`, `POST "/v1/files" passes through unread`},
			{"/provider/openai/v1/images/generations", `{"model":"gpt-image-1"}`, "passes through unread"},
			{"/v1/responses", `{"model":"gpt-4o","input":"hi"}`, `POST "/v1/responses": the usage of Responses is not read yet`},
		} {
			got := r.post(tc.path, tc.body)
			row := r.last()
			if row.Status != store.StatusBlocked || got.header.Get("X-Llmgw-Error") != "cap_exceeded" {
				t.Errorf("%s: status %d, %s", tc.path, got.status, row.Status)
			}
			for _, part := range []string{"lets no call pass whose path is not meterable", tc.why, "of 1 USD 0 are spent and 0 held", "resets ", "a path that is metered"} {
				if !strings.Contains(row.ErrorText, part) {
					t.Errorf("%s: says %q, without %q", tc.path, row.ErrorText, part)
				}
			}
			if strings.Contains(row.ErrorText, "price") {
				t.Errorf("%s: blames the price: %q", tc.path, row.ErrorText)
			}
		}
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "DELETE"} {
			req, err := http.NewRequest(method, "http://127.0.0.1:4747/v1/files/f1", nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, row := r.do(req), r.last(); got.status != http.StatusOK || row.Cost != price.Of(0) || row.CostSource != store.CostFree {
				t.Errorf("%s: status %d, cost %v %s", method, got.status, row.Cost, row.CostSource)
			}
		}
	})
}
