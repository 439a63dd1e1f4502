package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmgw/providers"
	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/providers/sim"
	"llmgw/store"
)

const subscription = "Bearer sk-ant-oat01-0123456789abcdef"

// at puts a rig's provider at another address, with a [[provider]] table of
// its own; the connections stay those of the simulator.
func at(t *testing.T, c *Config, cfg providers.Config) {
	t.Helper()
	if cfg.Credential == "" {
		cfg.Credential = providers.CredentialAuto
	}
	p, err := providers.New(cfg, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(c.Providers, func(p *providers.Provider) bool { return p.Name == cfg.Name })
	c.Providers[i] = p
}

// echo answers like a simulator and keeps the headers that came.
type echo struct{ header http.Header }

func (e *echo) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.header = r.Header.Clone()
		h.ServeHTTP(w, r)
	})
}

// TestSubscriptionGoesWhereItIsMeant: a subscription's token reaches a relay of
// the user's own, under any name, costs 0, and another company neither gets it
// nor is called with a key in its place.
func TestSubscriptionGoesWhereItIsMeant(t *testing.T) {
	for _, tc := range []struct {
		name      string
		cfg       providers.Config
		status    int
		sent      string // Authorization upstream, "" for not called
		source    string
		edits     []string
		errorHas  string
		costKnown bool
	}{
		{"a relay without a key", providers.Config{BaseURL: "http://relay.internal"}, 200, subscription, store.CostPlan, nil, "", true},
		{"a relay with a key", providers.Config{BaseURL: "http://127.0.0.1:9", Key: "sk-ant-api03-configured"}, 200, subscription, store.CostPlan, nil, "", true},
		{"another company", providers.Config{BaseURL: "http://api.z.example"}, 401, "", "", nil, "is for anthropic and is not sent anywhere else", false},
		{"another company with a key", providers.Config{BaseURL: "http://api.z.example", Key: "sk-z-configured-0001"}, 401, "", "", nil, `credential = "configured"`, false},
		{"another company whose key is to be used", providers.Config{BaseURL: "http://api.z.example", Key: "sk-z-configured-0001", Credential: "configured"}, 200, "none", store.CostReported, []string{"credential:configured"}, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var e echo
				r := newRig(t, []upstreamSpec{{name: "up", dialect: llm.Anthropic, wrap: e.wrap}}, func(c *Config) {
					tc.cfg.Name, tc.cfg.Kind = "up", "anthropic"
					at(t, c, tc.cfg)
					c.Prices = priced(t, "up/claude-sonnet-4-5")
				})
				defer r.close()
				got := r.post("/v1/messages", messages("claude-sonnet-4-5", false), "Authorization", subscription)
				row := r.last()
				if got.status != tc.status || !strings.Contains(row.ErrorText, tc.errorHas) {
					t.Fatalf("status %d, error %q", got.status, row.ErrorText)
				}
				if tc.sent == "" {
					if r.arrivals("up") != 0 || row.Attempts[0].Skipped != "auth" {
						t.Errorf("called %d times: %s", r.arrivals("up"), outcomes(row))
					}
					return
				}
				sent := e.header.Get("Authorization")
				if sent == "" {
					sent = "none"
				}
				if sent != tc.sent || row.CostSource != tc.source || row.Cost.Known != tc.costKnown || !slices.Equal(row.Edits, tc.edits) {
					t.Errorf("sent %q, cost %v %s, edits %v", sent, row.Cost, row.CostSource, row.Edits)
				}
				if tc.source == store.CostPlan && (row.Cost.Money != 0 || !row.Worth.Known || row.Worth.Money == 0) {
					t.Errorf("cost %v, worth %v", row.Cost, row.Worth)
				}
			})
		})
	}
}

// priced is the built-in book with a price for one more target.
func priced(t *testing.T, target string) *price.Book {
	t.Helper()
	book, err := price.Builtin().With(map[string]price.Override{target: {Input: price.Of(price.USD), Output: price.Of(5 * price.USD)}})
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// TestLeavingTheSubscriptionShows: going on from it to a paid key is in the
// reason, the edits and the cost of each attempt.
func TestLeavingTheSubscriptionShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, []upstreamSpec{{name: "anthropic", dialect: llm.Anthropic}, {name: "openai", dialect: llm.OpenAIChat}}, func(c *Config) {
			at(t, c, providers.Config{Name: "anthropic", BaseURL: "http://127.0.0.1:9"})
			c.Routes = []RouteConfig{{Model: "m", Targets: []string{"anthropic/claude-sonnet-4-5", "openai/gpt-4o"}}}
		})
		defer r.close()
		r.sims["anthropic"].Default(sim.Fault{Kind: "529", RetryAfter: time.Minute})
		got := r.post("/v1/messages", messages("m", false), "Authorization", subscription)
		row := r.last()
		if got.status != 200 || !slices.Contains(row.Edits, "credential:configured") || !strings.Contains(got.header.Get("X-Llmgw-Edits"), "credential:configured") {
			t.Fatalf("status %d, edits %v, header %q", got.status, row.Edits, got.header.Get("X-Llmgw-Edits"))
		}
		first, second := row.Attempts[0], row.Attempts[1]
		if !strings.Contains(first.Why, "went on to openai/gpt-4o with a configured key, which is paid") {
			t.Errorf("why %q", first.Why)
		}
		if first.CostSource != store.CostPlan || first.Cost != price.Of(0) || second.CostSource != store.CostReported || row.CostSource != store.CostReported {
			t.Errorf("attempts cost %v %s, %v %s; the call %s", first.Cost, first.CostSource, second.Cost, second.CostSource, row.CostSource)
		}
	})
}
