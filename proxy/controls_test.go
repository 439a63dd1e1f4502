package proxy

import (
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"llmgw/providers"
	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/store"
)

// TestControlsAreHonouredOrRefused: what a caller asks of llmgw in a header is
// never shortened, merged or passed over.
func TestControlsAreHonouredOrRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat}}, nil)
		defer r.close()
		long := strings.Repeat("x", 129)
		for _, tc := range []struct {
			name   string
			values []string
			says   string // "" for a call that goes through
		}{
			{"X-Llmgw-Fallback", []string{"none"}, "known are x-llmgw-key"},
			{"X-Llmgw-Call-Id", []string{"01K"}, "none that llmgw knows"},
			{"X-Llmgw-Project", []string{long}, "has 129 bytes; it takes one name of at most 128 bytes"},
			{"X-Llmgw-Project", []string{long[1:]}, ""},
			{"X-Llmgw-Project", []string{"a", "b"}, "came 2 times"},
			{"X-Llmgw-Session", []string{long}, "has 129 bytes"},
			{"X-Llmgw-Key", []string{"llmgw_a", "llmgw_b"}, "came 2 times"},
			{"X-Llmgw-Deadline", []string{"20s", "30s"}, "came 2 times; it takes one duration such as 20s"},
			{"X-Llmgw-Deadline", []string{"soon"}, `is "soon"; it takes one duration`},
			{"X-Llmgw-Deadline", []string{"-1s"}, `is "-1s"`},
			{"X-Llmgw-Deadline", []string{""}, ""},
			{"X-Llmgw-Deadline", []string{"20s"}, ""},
			{"X-Llmgw-Tags", []string{"=x"}, `has the tag "=x" without a name`},
			{"X-Llmgw-Tags", []string{"a=1,a=2"}, `has the tag "a" twice`},
			{"X-Llmgw-Tags", []string{"a=1", "a=1"}, `has the tag "a" twice`},
			{"X-Llmgw-Tags", []string{long[:65] + "=1"}, "name has 65 bytes"},
			{"X-Llmgw-Tags", []string{"a=" + long + long}, `has a value of 258 bytes for the tag "a"; it takes k=v,k2=v2`},
			{"X-Llmgw-Tags", []string{"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"}, "has 17 tags"},
			{"X-Llmgw-Tags", []string{"a=1", "b=x=y,,c"}, ""},
			{"X-Llmgw-Cache", []string{"never"}, `is "never"; it takes no-store, no-cache or only-if-cached`},
			{"X-Llmgw-Fallbacks", []string{"none,openai/o1"}, `has "none" among others`},
			{"X-Llmgw-Fallbacks", []string{"openai/a", "openai/b"}, ""},
		} {
			before := r.arrivals("openai")
			req := r.request("/v1/chat/completions", chat("gpt-4o", false))
			req.Header[tc.name] = tc.values
			got := r.do(req)
			if tc.says == "" {
				if got.status != http.StatusOK {
					t.Errorf("%s %q: status %d: %s", tc.name, tc.values, got.status, got.body)
				}
				continue
			}
			if got.status != http.StatusBadRequest || got.header.Get("X-Llmgw-Error") != codeUnsupported || r.arrivals("openai") != before {
				t.Errorf("%s %q: status %d, error %q", tc.name, tc.values, got.status, got.header.Get("X-Llmgw-Error"))
			}
			if text := r.last().ErrorText; !strings.Contains(text, strings.ToLower(tc.name)) || !strings.Contains(text, tc.says) {
				t.Errorf("%s %q: says %q", tc.name, tc.values, text)
			}
			if got.header.Get("X-Llmgw-Requested-Model") != "gpt-4o" || got.header.Get("X-Llmgw-Cache") != "off" {
				t.Errorf("%s %q: headers %v", tc.name, tc.values, got.header)
			}
		}
		req := r.request("/v1/chat/completions", chat("gpt-4o", false))
		req.Header["X-Llmgw-Tags"] = []string{"a=1", "b=x=y, ,c"}
		r.do(req)
		if got := r.last().Tags; !maps.Equal(got, map[string]string{"a": "1", "b": "x=y", "c": ""}) {
			t.Errorf("tags %v", got)
		}
		if got := r.post("/p/"+long+"/v1/chat/completions", chat("gpt-4o", false)); got.status != http.StatusBadRequest {
			t.Errorf("a long project in the path: status %d", got.status)
		}
	})
}

// TestOwnErrorsSayWhatTheyKnow: code, cache, and the model where it was read.
func TestOwnErrorsSayWhatTheyKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, []upstreamSpec{{name: "a", dialect: llm.OpenAIChat}, {name: "b", dialect: llm.OpenAIChat}}, nil)
		defer r.close()
		got := r.post("/v1/chat/completions", chat("nobody-has-it", false))
		if got.status != http.StatusNotFound || got.header.Get("X-Llmgw-Requested-Model") != "nobody-has-it" || got.header.Get("X-Llmgw-Cache") != "off" {
			t.Errorf("status %d, headers %v", got.status, got.header)
		}
		for _, path := range []string{"/", "/healthz", "/readyz"} {
			got := r.post(path, "{}")
			if got.status != http.StatusMethodNotAllowed || got.header.Get("X-Llmgw-Error") != codeUnsupported || got.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s: status %d, headers %v", path, got.status, got.header)
			}
		}
		req, err := http.NewRequest("GET", "http://127.0.0.1:4747/v1/responses", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		socket := r.do(req)
		row := r.last()
		if socket.status != http.StatusUpgradeRequired || socket.header.Get("X-Llmgw-Error") != codeUnsupported ||
			row.HTTPStatus != http.StatusUpgradeRequired || row.Path != "/v1/responses" || row.ID != socket.header.Get("X-Llmgw-Call-Id") {
			t.Errorf("status %d, headers %v, row %d %s", socket.status, socket.header, row.HTTPStatus, row.Path)
		}
	})
}

// TestListOfModelsIsFree: llmgw's own answers cost nothing, and say 0.
func TestListOfModelsIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat}}, func(c *Config) {
			c.Routes = []RouteConfig{{Model: "m", Targets: []string{"openai/gpt-4o"}}}
		})
		defer r.close()
		r.get("/v1/models")
		if row := r.last(); row.Cost != price.Of(0) || row.CostSource != store.CostFree {
			t.Errorf("cost %v %s", row.Cost, row.CostSource)
		}
	})
}

// TestModelsAreAChain: OpenRouter's member is read and taken out where somebody
// else is asked, and left alone where it is not a chain for llmgw.
func TestModelsAreAChain(t *testing.T) {
	const list = `"models":["openai/gpt-4o","other/x"]`
	for _, tc := range []struct {
		name, body, header string
		at                 string // who is asked first
		sent               string // must be in what it got
		edits              []string
		reason             string
		off                bool
	}{
		{"a chain", `{` + list + `,"model":"openai/gpt-4o","messages":[{"role":"user","content":"hi"}]}`, "", "openai", "", []string{"model", "models"}, "from the caller's models", false},
		{"under a header's", `{"model":"openai/gpt-4o",` + list + `,"messages":[{"role":"user","content":"hi"}]}`, "other/y", "openai", "", []string{"model", "models"}, "x-llmgw-fallbacks", false},
		{"without fallback", `{"model":"openai/gpt-4o",` + list + `,"messages":[{"role":"user","content":"hi"}]}`, "none", "openai", "", []string{"model", "models"}, "forbidden", false},
		{"beside fallbacks, first of all", `{"fallbacks":["other/y"], ` + list + ` ,"model":"openai/gpt-4o","messages":[{"role":"user","content":"hi"}]}`, "", "openai", "", []string{"fallbacks", "model", "models"}, "caller's fallbacks", false},
		{"the other way round", `{` + list + `,"fallbacks":["other/y"],"model":"openai/gpt-4o","messages":[{"role":"user","content":"hi"}]}`, "", "openai", "", []string{"fallbacks", "model", "models"}, "caller's fallbacks", false},
		{"an entry nobody serves", `{"model":"openai/gpt-4o","models":["nobody/x"],"messages":[{"role":"user","content":"hi"}]}`, "", "openai", `"models":["nobody/x"]`, []string{"model"}, `"nobody/x" resolves to no provider`, false},
		{"callers may not", `{"model":"openai/gpt-4o",` + list + `,"messages":[{"role":"user","content":"hi"}]}`, "", "openai", list, []string{"model"}, "named by provider/model", true},
		{"OpenRouter itself", `{"model":"router/gpt-4o",` + list + `,"messages":[{"role":"user","content":"hi"}]}`, "", "router", list, []string{"model"}, "named by provider/model", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, []upstreamSpec{{name: "openai", dialect: llm.OpenAIChat}, {name: "other", dialect: llm.OpenAIChat}, {name: "router", dialect: llm.OpenAIChat}}, func(c *Config) {
					at(t, c, providers.Config{Name: "router", Kind: "openai", BaseURL: "http://openrouter.ai/v1", Key: "k"})
					c.Server.RequestFallbacks = !tc.off
				})
				defer r.close()
				var headers []string
				if tc.header != "" {
					headers = []string{"X-Llmgw-Fallbacks", tc.header}
				}
				got := r.post("/v1/chat/completions", tc.body, headers...)
				row := r.last()
				if got.status != http.StatusOK || r.arrivals(tc.at) != 1 {
					t.Fatalf("status %d, %d calls: %s", got.status, r.arrivals(tc.at), got.body)
				}
				sent := string(r.ledger(tc.at)[0].Body)
				if tc.sent == "" && (strings.Contains(sent, "models") || strings.Contains(sent, "fallbacks") || !strings.HasSuffix(sent, `"messages":[{"role":"user","content":"hi"}]}`)) || !strings.Contains(sent, tc.sent) {
					t.Errorf("sent %s", sent)
				}
				if edits := slices.Sorted(slices.Values(row.Edits)); !slices.Equal(edits, tc.edits) || !strings.Contains(row.RouteReason, tc.reason) {
					t.Errorf("edits %v, reason %q", edits, row.RouteReason)
				}
			})
		})
	}
}

// TestHeadersPage: docs/headers.md lists what is read, and nothing else.
func TestHeadersPage(t *testing.T) {
	page, err := os.ReadFile("../docs/headers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## To llmgw")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, k := range controls {
		if !strings.Contains(table, "\n| `"+k.name+"` |") {
			t.Errorf("%s is not in the table", k.name)
		}
	}
	if n := strings.Count(table, "\n| `"); n != len(controls) {
		t.Errorf("%d headers are listed, %d are read", n, len(controls))
	}
	for _, edit := range []string{providers.EditCredentialNone, providers.EditCredentialConfigured, providers.EditCredentialMoved, editEncoding} {
		if !strings.Contains(string(page), "\n| `"+edit+"` |") {
			t.Errorf("the edit %s is not on the page", edit)
		}
	}
}
