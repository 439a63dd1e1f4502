package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"llmgw/providers"
	"llmgw/providers/price"
	"llmgw/proxy"
	"llmgw/proxy/caps"
)

// wrongs are the mistakes in a configuration, "line: text" each.
func wrongs(t *testing.T, text string) []string {
	t.Helper()
	_, err := parseFile("f", text, "")
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*configError](err)
	if !ok {
		t.Fatalf("%T instead of a *configError: %v", err, err)
	}
	var all []string
	for line := range strings.Lines(e.Error()) {
		all = append(all, strings.TrimSpace(strings.TrimPrefix(line, "f:")))
	}
	return all
}

// One mistake each: nothing that has no effect, or not the one meant, loads.
func TestConfigRefuses(t *testing.T) {
	const provider = "[[provider]]\nname = \"mine\"\nkind = \"openai\"\nbase_url = \"http://10.0.0.1/v1\"\n"
	for _, c := range []struct{ text, want string }{
		{`lisen = "x"`, "1: lisen: unknown key; did you mean listen?"},
		{"[sever]\nx = 1", "1: sever: unknown key; did you mean [server]?"},
		{"[server]\nlisten = \"x\"", "2: server.listen: unknown key; did you mean listen, above the first table?"},
		{"max_request = \"1MB\"", "1: max_request: unknown key; did you mean max_request in [server]?"},
		{"[failover.nested]\nx = 1", "1: failover.nested: unknown key"},
		{"[provider]\nname = \"openai\"", "1: provider: must be an array of tables: [[provider]], not a table"},
		{"[[server]]\nmax_request = \"1MB\"", "1: server: must be a table: [server], not an array of tables"},
		{"server = 1", "1: server: must be a table: [server], not the integer 1"},
		{"provider = [1]", "1: provider: must be an array of tables: [[provider]], not a list"},
		{"listen = 4747", "1: listen: must be a string, not the integer 4747"},
		{"[server]\nrequest_fallbacks = \"true\"", "2: server.request_fallbacks: must be true or false, not a string"},
		{"[server]\nrequest_fallbacks = 1", "2: server.request_fallbacks: must be true or false, not the integer 1"},
		{"[server]\nshutdown_grace = 30", "2: server.shutdown_grace: must be a duration such as \"30s\", not the integer 30"},
		{"[failover]\nretries = 1.0", "2: failover.retries: must be an integer, not the float 1"},
		{"[failover]\nretries = \"1\"", "2: failover.retries: must be an integer, not a string"},
		{"[failover]\nfirst_token = \"soon\"", "2: failover.first_token: \"soon\" is neither auto nor a duration"},
		{"[failover]\nretry_budget = nan", "2: failover.retry_budget: must be a number, not the float NaN"},
		{"[server]\nallowed_hosts = \"a\"", "2: server.allowed_hosts: must be a list, each a string, not a string"},
		{"[server]\nallowed_hosts = [1]", "2: server.allowed_hosts: number 1: must be a string, not the integer 1"},
		{"[store]\nretention = 1979-05-27", "2: store.retention: must be a duration such as \"30s\", not a date"},
		{"[[cap]]\nname = \"d\"\nusd = 0.1", "3: cap.usd: must be an amount in USD such as \"10.00\" or 10, not the float 0.1"},
		{"[[cap]]\nname = \"d\"\nusd = \"1e3\"", "3: cap.usd: reading \"1e3\" as US dollars"},
		{"[[cap]]\nname = \"d\"\nusd = 99999999", "3: cap.usd: 99999999 is more money than there is"},
		{"[[cap]]\nname = \"d\"\nusd = 1\nwindow = \"6h\"", "4: cap.window: has no effect unless per = \"rolling\""},
		{"[prices.model.\"openai/x\"]\ninput = \"1000.01\"", "2: prices.model.\"openai/x\".input: 1000.01 USD is above 1000; the unit is USD per million tokens"},
		{"listen = \"0.0.0.0:1\"", "1: listen: 0.0.0.0:1 can be reached by others"},
		{"listen = \":4747\"", "1: listen: :4747 can be reached by others"},
		{"listen = \"localhost\"", "1: listen: \"localhost\" is not host:port"},
		{"listen = \"localhost:99999\"", "1: listen: \"99999\" is no port"},
		{"[[provider]]\nkey = \"k\"", "1: provider.name: is missing"},
		{"[[provider]]\nname = \"a/b\"", "2: provider.name: \"a/b\" has characters other than"},
		{"[[provider]]\nname = \"opnai\"", "1: provider.kind: is missing: \"opnai\" is no preset; did you mean \"openai\"?"},
		{"[[provider]]\nname = \"openai\"\n[[provider]]\nname = \"openai\"", "4: provider.name: \"openai\" is the name of another provider"},
		{"[[provider]]\nname = \"openai\"\nkey = \"a\"\nkeys = [\"b\"]", "4: provider.keys: set together with key"},
		{"[[provider]]\nname = \"openai\"\nbase_url = \"api.openai.com\"", "3: provider.base_url: \"api.openai.com\" must begin with http"},
		{"[[provider]]\nname = \"openai\"\nbase_url = \"https://a.com/v1?x=1\"", "3: provider.base_url: "},
		{"[[provider]]\nname = \"openai\"\nbase_url = \"https://a.com#@evil.com\"", "3: provider.base_url: "},
		{"[[provider]]\nname = \"openai\"\nbase_url = \"https://u:p@a.com\"", "3: provider.base_url: must not hold a user or password"},
		{"[[provider]]\nname = \"openai\"\nbase_url = \"http://[::1]:4747/v1\"", "3: provider.base_url: is the address llmgw listens on"},
		{"listen = \"127.0.0.1:80\"\n[[provider]]\nname = \"openai\"\nbase_url = \"http://localhost\"", "4: provider.base_url: is the address llmgw listens on"},
		{"[store]\nmax_body = \"2XB\"", "2: store.max_body: \"2XB\" is no size such as \"64MB\""},
		{"[[provider]]\nname = \"openai\"\nidle = \"0s\"", "3: provider.idle: must be longer than 0s"},
		{"[[provider]]\nname = \"openai\"\nmax_cooldown = \"1s\"", "3: provider.max_cooldown: must not be shorter than cooldown"},
		{"[[provider]]\nname = \"openai\"\nttl = \"1h\"", "3: provider.ttl: unknown key"},
		{"[[provider]]\nname = \"openai\"\nidle = \"1s\"\nfailover.idle = \"2s\"", "provider.idle: is set twice, here and as failover.idle"},
		{"[[provider]]\nname = \"gemini\"", "2: provider.name: other kinds of providers: not built yet"},
		{"[[provider]]\nname = \"x\"\nkind = \"soap\"\nbase_url = \"http://a\"", "3: provider.kind: \"soap\" is none of"},
		{"[[provider]]\nname = \"openai\"\nheaders = {\"a b\" = \"1\"}", "3: provider.headers: \"a b\" is no header name"},
		{"[[provider]]\nname = \"openai\"\nheaders = {a = 1}", "3: provider.headers.a: must be a string, not the integer 1"},
		{provider + "[[route]]\nmodel = \"m\"\ntargets = [\"mine/m\", \"your/m\"]", "7: route.targets: no provider is named \"your\""},
		{provider + "[[route]]\nmodel = \"m\"\ntargets = [\"mine\"]", "7: route.targets: \"mine\" is not \"provider/model\""},
		{provider + "[[route]]\nmodel = \"m\"\ntargets = [\"mine/m\", \"mine/m\"]", "7: route.targets: \"mine/m\" is listed twice"},
		{"[[route]]\nmodel = \"m\"", "1: route.targets: is missing"},
		{"[[route]]\ntargets = [\"openai/m\"]", "1: route.model: is missing"},
		{"[[route]]\nmodel = \"m\"\ntargets = [\"gemini/m\"]", "3: route.targets: other kinds of providers: not built yet"},
		{"[[route]]\nmodel = \"m\"\ntargets = [\"openai/m\"]\non = [\"timeout\"]", "4: route.on: \"timeout\" cannot be added"},
		{"[server]\nallowed_origins = [\"*\"]", "2: server.allowed_origins: \"*\" is no origin"},
		{"[breaker]\nfailures = 0", "2: breaker.failures: must be at least 1"},
		{"[cache]\nignore = [\"\"]", "2: cache.ignore: names an empty member"},
		{"[store]\npath = \"${HOME}/x.db\"", "2: store.path: ${HOME} is not expanded"},
	} {
		got := wrongs(t, c.text)
		if !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, c.want) }) {
			t.Errorf("%s\ngot  %q\nwant %q", c.text, got, c.want)
		}
	}
}

// Forms that mean the same as the ones in the example.
func TestConfigAccepts(t *testing.T) {
	for _, text := range []string{
		"", "\n# nothing\n", "provider = []", "provider = [{name = \"openai\", idle = \"1s\"}]", "server.max_request = \"1MB\"",
		"[server]\nmax_request = \"1048576\"", "[failover]\nretry_budget = 1", "failover = {first_token = \"20s\"}",
		"listen = \"localhost:0\"", "listen = \"[::1]:4747\"", "[[route]]\nmodel = \"m\"\ntargets = [\"openai/org/model:free\"]",
		"[[provider]]\nname = \"openai\"\nkey = \"cmd:pass show ${USER}/openai\"", "[cache]\nenabled = false",
		"[[provider]]\nname = \"near\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:4748/v1\"",
	} {
		if got := wrongs(t, text); len(got) > 0 {
			t.Errorf("%s\n%q", text, got)
		}
	}
}

// What a Validate says begins with a key of its table, or its line is lost.
func TestValidateNamesKeysThatExist(t *testing.T) {
	for _, c := range []struct {
		table string
		bad   interface{ Validate() error }
	}{
		{"server", proxy.ServerConfig{AllowedHosts: []string{"/"}, AllowedOrigins: []string{"x"}, ShutdownGrace: -1}},
		{"store", new(file).Store},
		{"failover", proxy.FailoverConfig{Retries: -1, RetryAfterWait: -1, RetryBudget: 2, HedgeAfter: -1}},
		{"breaker", new(file).Breaker},
		{"cache", new(file).Cache},
		{"cap", caps.Config{Per: "rolling", Action: "substitute", WarnAt: []float64{2, 1}}},
		{"provider", providers.Config{Kind: "x", BaseURL: "x", Keys: []string{""}, Key: "k", Headers: map[string]string{"": ""}}},
		{"route", proxy.RouteConfig{Targets: []string{"x"}, On: []string{"x"}}},
		{"prices", price.Config{}},
	} {
		errs := splitJoined(c.bad.Validate())
		if len(errs) == 0 {
			t.Errorf("%s: nothing is wrong", c.table)
		}
		for _, err := range errs {
			key, text, _ := strings.Cut(err.Error(), ": ")
			known := knownKeys(reflect.ValueOf(&file{}).Elem(), "")
			if text == "" || !slices.ContainsFunc(known, func(k knownKey) bool { return k.table == c.table && k.key == key }) {
				t.Errorf("%s: %q begins with no key of the table", c.table, err)
			}
		}
	}
}

func TestOverridesApplyWhereTheyStand(t *testing.T) {
	f, err := parseFile("f", `
[failover]
idle = "10s"
retries = 2
[breaker]
failures = 7
[cache]
ttl = "2h"
[[provider]]
name = "openai"
idle = "20s"
first_token = "9s"
failures = 3
[[route]]
model = "slow"
targets = ["openai/slow"]
failover = { idle = "30s" }
max_size = "1MB"
[[route]]
model = "plain"
targets = ["anthropic/plain"]
`, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		route, provider string
		idle            time.Duration
		firstToken      proxy.AutoDuration
	}{
		{"", "", 10 * time.Second, proxy.AutoDuration{Auto: true}},
		{"plain", "anthropic", 10 * time.Second, proxy.AutoDuration{Auto: true}},
		{"", "openai", 20 * time.Second, proxy.AutoDuration{D: 9 * time.Second}},
		{"slow", "openai", 30 * time.Second, proxy.AutoDuration{D: 9 * time.Second}}, // the route wins
		{"slow", "other", 30 * time.Second, proxy.AutoDuration{Auto: true}},
	} {
		got := f.failoverFor(c.route, c.provider)
		if got.Idle != c.idle || got.FirstToken != c.firstToken || got.Retries != 2 {
			t.Errorf("route %q, provider %q: idle %v, first_token %v, retries %d", c.route, c.provider, got.Idle, got.FirstToken, got.Retries)
		}
	}
	if got := f.breakerFor("openai").Failures; got != 3 {
		t.Errorf("the provider's breaker: failures %d, want 3", got)
	}
	if got := f.breakerFor("anthropic").Failures; got != 7 {
		t.Errorf("another's breaker: failures %d, want 7", got)
	}
	if got := f.cacheFor("slow"); got.MaxSize != 1<<20 || got.TTL != 2*time.Hour {
		t.Errorf("the route's cache: %+v", got)
	}
}

// Where --listen says otherwise, the address to stay away from is that one.
func TestBaseURLIsNotWhereItIsServed(t *testing.T) {
	const text = "listen = \"127.0.0.1:1\"\n[[provider]]\nname = \"openai\"\nbase_url = \"http://127.0.0.1:%d\""
	for _, c := range []struct {
		port   int
		served string
		self   bool
	}{{1, "", true}, {2, "", false}, {1, "127.0.0.1:2", false}, {2, "127.0.0.1:2", true}} {
		_, err := parseFile("f", fmt.Sprintf(text, c.port), c.served)
		if self := err != nil && strings.Contains(err.Error(), "is the address llmgw listens on"); self != c.self {
			t.Errorf("base URL at port %d, --listen %q: %v", c.port, c.served, err)
		}
	}
}

// A path means the same file whatever folder llmgw is started in.
func TestPathsBeginAtTheConfiguration(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	f, err := parseFile("/etc/llmgw/llmgw.toml", "[store]\npath = \"x/rec.db\"\n[[provider]]\nname = \"openai\"\nca_file = \"~/ca.pem\"", "")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := filepath.ToSlash(f.Store.Path), "/etc/llmgw/x/rec.db"; got != want {
		t.Errorf("store.path is %s, want %s", got, want)
	}
	if got, want := filepath.ToSlash(f.Providers[0].CAFile), "/home/me/ca.pem"; got != want && runtime.GOOS != "windows" {
		t.Errorf("ca_file is %s, want %s", got, want)
	}
}

// The example says every option with its default: what can be set is in it,
// also in its comments, and what it sets is what happens without it.
func TestExampleIsCompleteAndTrue(t *testing.T) {
	text, err := os.ReadFile("../llmgw.toml.example")
	if err != nil {
		t.Fatal(err)
	}
	f, err := parseFile("llmgw.toml.example", string(text), "")
	if err != nil {
		t.Fatal(err)
	}
	want := defaultFile()
	for _, c := range []struct{ got, want any }{
		{f.Listen, want.Listen}, {f.Server, want.Server}, {f.Store, want.Store}, {f.Failover, want.Failover},
		{f.Breaker, want.Breaker}, {f.Cache, want.Cache}, {f.Prices, want.Prices},
	} {
		if fmtTOML(c.got) != fmtTOML(c.want) {
			t.Errorf("the example has %s\nthe default is %s", fmtTOML(c.got), fmtTOML(c.want))
		}
	}
	// Tables that are examples themselves: their other values are defaults too.
	openai := f.Providers[0].Config
	if d := providers.DefaultConfig(); openai.Credential != d.Credential || openai.CAFile != d.CAFile || openai.Free != d.Free || len(openai.Headers) > 0 {
		t.Errorf("the example's provider is %+v", openai)
	}
	if r, d := f.Routes[0].RouteConfig, proxy.DefaultRouteConfig(); r.Strategy != d.Strategy || r.Sticky != d.Sticky || len(r.On) > 0 {
		t.Errorf("the example's route is %+v", r)
	}

	// What is commented out because it is refused as yet must be right as well.
	commented := regexp.MustCompile(`(?m)^# (\[\[?(?:cap|prices)|[a-z_]+ = )`).ReplaceAllString(string(text), "$1")
	var d decoder
	all := decodeText(t, &d, commented)
	for _, p := range d.problems {
		t.Errorf("commented out in the example: %s: %s", p.path, p.text)
	}
	got, wantCap := all.Caps[0].Config, caps.DefaultConfig()
	wantCap.Name, wantCap.USD = got.Name, got.USD
	if !reflect.DeepEqual(got, wantCap) {
		t.Errorf("the example's cap is %+v, the default %+v", got, wantCap)
	}

	set := map[string]bool{}
	for _, s := range d.settings {
		set[s.option] = true
	}
	optional := []string{"cap.window", "cap.substitute"} // explained beside per and action
	for _, k := range knownKeys(reflect.ValueOf(&file{}).Elem(), "") {
		name := strings.TrimPrefix(k.table+"."+k.key, ".")
		if k.override || k.shape != "" || k.table == "cap.match" || slices.Contains(optional, name) {
			continue
		}
		if !set[name] {
			t.Errorf("the example does not mention %s", name)
		}
	}
}

func fmtTOML(v any) string {
	var b strings.Builder
	f := &file{}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Struct {
		return formatValue(rv, false)
	}
	for _, s := range f.inForce(rv, "", "") {
		b.WriteString(s.path + "=" + s.value + " ")
	}
	return b.String()
}

// decodeText decodes without any check of the values.
func decodeText(t *testing.T, d *decoder, text string) *file {
	t.Helper()
	raw, err := parseTOML(text)
	if err != nil {
		t.Fatal(err)
	}
	f := defaultFile()
	d.decodeTable(raw, reflect.ValueOf(f).Elem(), "", "")
	return f
}

func TestSuggestsTheSameKeyElsewhere(t *testing.T) {
	for _, c := range []struct{ key, table, want string }{
		{"deadline", "server", "did you mean deadline in [failover]?"},
		{"deadlien", "route", "did you mean deadline?"},
		{"api_key", "provider", "did you mean key?"},
		{"routes", "", "did you mean [[route]]?"},
		{"cooldwon", "breaker", "did you mean cooldown?"},
		{"input", "prices", `did you mean input in [prices.model."NAME"]?`},
	} {
		if got := suggest(c.key, c.table); got != c.want {
			t.Errorf("%s in %q: %s, want %s", c.key, c.table, got, c.want)
		}
	}
}

// Whatever stands in the file, the answer is a configuration or a *configError
// whose mistakes have lines, and what is shown of it never has a literal key.
func FuzzParseFile(f *testing.F) {
	example, err := os.ReadFile("../llmgw.toml.example")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example))
	f.Add("[[provider]]\nname='openai'\nkey='sk-1'\nheaders={a='env:B'}\n[[route]]\nmodel='m'\ntargets=['openai/m']\ncache.ttl='1h'")
	f.Add("[[cap]]\nusd=1e9\nmatch={model='x'}\n[prices.model.'a/b']\ninput='1'\n[prices.model.c]\noutput=2")
	f.Add("server.allowed_hosts=[[1]]\nprovider=[{name=1},{}]\nfailover.idle='1s'\n")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := parseFile("f", text, "")
		if err == nil {
			var b strings.Builder
			if err := file.show(&b, true); err != nil {
				t.Fatal(err)
			}
			for _, p := range file.Providers {
				if kind, _ := splitReference(p.Key); kind == "" && len(p.Key) > 8 && strings.Contains(b.String(), p.Key+`"  #`) && !strings.HasPrefix(p.Key, "k_") {
					t.Errorf("a literal key is shown:\n%s", b.String())
				}
			}
			return
		}
		e, ok := errors.AsType[*configError](err)
		if !ok {
			t.Fatalf("%T: %v", err, err)
		}
		for _, p := range e.problems {
			if p.line == 0 && strings.TrimSpace(text) != "" {
				t.Errorf("no line: %s", p.text)
			}
		}
	})
}
