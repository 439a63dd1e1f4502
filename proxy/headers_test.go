package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"llmgw/providers"
	"llmgw/providers/llm"
	"llmgw/providers/sim"
)

// TestNamesInHeadersDecode: a percent sign of a name's own is not taken for the
// beginning of an encoding.
func TestNamesInHeadersDecode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat}}, func(c *Config) {
			c.Routes = []RouteConfig{{Model: "50%é", Targets: []string{"openai/50%é"}}}
		})
		defer r.close()
		got := r.post("/v1/chat/completions", chat("50%é", false)).header
		for _, name := range []string{"X-Llmgw-Model", "X-Llmgw-Requested-Model", "X-Llmgw-Route"} {
			if got.Get(name) != "50%25%C3%A9" {
				t.Errorf("%s is %q", name, got.Get(name))
			}
		}
		if !strings.HasPrefix(got.Get("X-Llmgw-Attempts"), "openai/50%25%C3%A9=ok") {
			t.Errorf("attempts are %q", got.Get("X-Llmgw-Attempts"))
		}
	})
}

// TestUpstreamSaysNothingOfPages: who may read an answer in a browser is for
// llmgw to say.
func TestUpstreamSaysNothingOfPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const origin = "https://page.example"
		tell := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				for name, v := range map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "x-up", "Vary": "Accept", "Connection": "X-Hop", "X-Hop": "1", "X-Up": "1"} {
					w.Header().Set(name, v)
				}
				h.ServeHTTP(w, req)
			})
		}
		r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, wrap: tell}}, func(c *Config) { c.Server.AllowedOrigins = []string{origin} })
		defer r.close()
		plain := r.post("/v1/chat/completions", chat("gpt-4o", false)).header
		for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "X-Hop"} {
			if plain.Get(name) != "" {
				t.Errorf("%s: %s went to the client", name, plain.Get(name))
			}
		}
		if plain.Get("X-Up") != "1" {
			t.Error("X-Up did not")
		}
		page := r.post("/v1/chat/completions", chat("gpt-4o", false), "Origin", origin).header
		if got := page["Access-Control-Allow-Origin"]; !slices.Equal(got, []string{origin}) || !slices.Equal(page["Vary"], []string{"Origin", "Accept"}) {
			t.Errorf("a listed page gets %q, Vary %q", got, page["Vary"])
		}
	})
}

// TestRequestIDInTheClientsHeader: each company's SDKs read the id under their
// own name, on answers and on errors.
func TestRequestIDInTheClientsHeader(t *testing.T) {
	for _, tc := range []struct {
		name, path, body, want string
		upstream               llm.Dialect
		fault                  sim.Kind
	}{
		{"an OpenAI client of Anthropic", "/v1/chat/completions", messages("m", false), "X-Request-Id", llm.Anthropic, ""},
		{"streamed", "/v1/chat/completions", messages("m", true), "X-Request-Id", llm.Anthropic, ""},
		{"its error", "/v1/chat/completions", messages("m", false), "X-Request-Id", llm.Anthropic, "429"},
		{"an Anthropic client of OpenAI", "/v1/messages", messages("m", false), "Request-Id", llm.OpenAIChat, ""},
		{"its error", "/v1/messages", messages("m", false), "Request-Id", llm.OpenAIChat, "429"},
		{"one dialect", "/v1/messages", messages("m", false), "Request-Id", llm.Anthropic, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, []upstreamSpec{{name: "up", dialect: tc.upstream}}, func(c *Config) {
					c.Routes = []RouteConfig{{Model: "m", Targets: []string{"up/m"}}}
				})
				defer r.close()
				r.sims["up"].Default(sim.Fault{Kind: tc.fault})
				got := r.post(tc.path, tc.body)
				row := r.last()
				if row.UpstreamRequestID == "" || got.header.Get(tc.want) != row.UpstreamRequestID {
					t.Errorf("status %d, %s is %q, on record %q", got.status, tc.want, got.header.Get(tc.want), row.UpstreamRequestID)
				}
				if tc.name == "one dialect" && got.header.Get("X-Request-Id") != "" {
					t.Error("an id that nobody sent")
				}
			})
		})
	}
}

// TestReplacedHeaderIsAnEdit: a provider's own headers may go over the client's,
// and that is said.
func TestReplacedHeaderIsAnEdit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e echo
		r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat, wrap: e.wrap}}, func(c *Config) {
			at(t, c, providers.Config{Name: "openai", BaseURL: "http://openai.sim/v1", Key: "k", Headers: map[string]string{"X-Title": "mine", "X-More": "1", "X-Same": "1"}})
		})
		defer r.close()
		r.post("/v1/chat/completions", chat("gpt-4o", false), "X-Title", "theirs", "X-Same", "1")
		if row := r.last(); !slices.Equal(row.Edits, []string{"header:x-title"}) || e.header.Get("X-Title") != "mine" {
			t.Errorf("edits %v, sent %q", row.Edits, e.header.Get("X-Title"))
		}
	})
}
