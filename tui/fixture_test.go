package tui

import (
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/store"
)

// The clock of these tests stands still, in a zone of its own.
var (
	testNow  = time.Date(2026, 11, 2, 14, 2, 35, 300_000_000, testZone)
	testZone = time.FixedZone("test", 3600)
)

// fixed is an id that depends on nothing but the time and a number.
func fixed(at time.Time, n int) string {
	var entropy [10]byte
	binary.BigEndian.PutUint64(entropy[2:], uint64(n)*0x9e3779b97f4a7c15)
	id := ulid.ULID{}
	_ = id.SetTime(ulid.Timestamp(at))
	_ = id.SetEntropy(entropy[:])
	return id.String()
}

// spec is a call of the fixture in few words.
type spec struct {
	ago     time.Duration
	client  string
	model   string
	dialect llm.Dialect
	route   string
	status  store.Status
	tries   []try
	first   time.Duration // below zero: none
	took    time.Duration
	in, out int64       // below zero: unknown
	cost    price.Money // below zero: unknown
	source  string
	more    func(c *store.Call)
}

// try is an attempt: provider, outcome, HTTP status, what was said.
type try struct {
	provider, outcome string
	status            int
	took              time.Duration
	said              string
}

const usd4 = price.USD / 10_000 // a hundredth of a cent

// specs are the calls of the fixture, newest first.
var specs = []spec{
	{ago: 4 * time.Second, client: "claude", model: "claude-sonnet-4-5", dialect: llm.Anthropic, status: store.StatusRunning,
		tries: []try{{"anthropic", store.OutcomeRunning, 0, 0, ""}}, first: 800 * time.Millisecond, in: 12_100, out: -1, cost: -1},
	{ago: 7 * time.Second, client: "claude", model: "claude-opus-4-5", dialect: llm.Anthropic, route: "opus", status: store.StatusOK,
		tries: []try{{"anthropic", "overloaded", 529, 1200 * time.Millisecond, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`},
			{"bedrock", "ok", 200, 8200 * time.Millisecond, ""}}, first: 1930 * time.Millisecond, took: 9410 * time.Millisecond, in: 18_204, out: 1127, cost: 1121 * usd4},
	{ago: 16 * time.Second, client: "codex", model: "gpt-5-mini", status: store.StatusOK, tries: []try{{"openai", "ok", 200, 1200 * time.Millisecond, ""}},
		first: 400 * time.Millisecond, took: 1200 * time.Millisecond, in: 640, out: 88, cost: 8 * usd4},
	{ago: 18 * time.Second, client: "codex", model: "gpt-5-mini", status: store.StatusOK, first: 2 * time.Millisecond, took: 3 * time.Millisecond,
		in: 640, out: 88, cost: 0, source: store.CostCache, more: func(c *store.Call) {
			c.Cache, c.Provider, c.Worth = store.CacheHit, "cache", price.Of(8*usd4)
		}},
	{ago: 33 * time.Second, client: "aider", model: "gemini-2.5-pro", dialect: llm.OpenAIChat, status: store.StatusOK, tries: []try{{"google", "ok", 200, 6 * time.Second, ""}},
		first: 1100 * time.Millisecond, took: 6 * time.Second, in: 3900, out: 701, cost: 174 * usd4, more: func(c *store.Call) { c.Dropped = []string{"thinking", "cache_control"} }},
	{ago: 40 * time.Second, client: "claude", model: "claude-opus-4-5", dialect: llm.Anthropic, route: "opus", status: store.StatusError,
		tries: []try{{"anthropic", "overloaded", 529, 900 * time.Millisecond, "Overloaded"}, {"bedrock", "auth", 401, 300 * time.Millisecond, "bad key"},
			{"openrouter", "timeout", 0, 20 * time.Second, "silent for 20s"}},
		first: -1, took: 21_700 * time.Millisecond, in: -1, out: -1, cost: -1, more: func(c *store.Call) { c.HTTPStatus, c.Error = 529, "all_targets_failed" }},
	{ago: 55 * time.Second, client: "claude", model: "claude-sonnet-4-5", dialect: llm.Anthropic, status: store.StatusOK,
		tries: []try{{"anthropic", "ok", 200, 12_300 * time.Millisecond, ""}}, first: 700 * time.Millisecond, took: 12_300 * time.Millisecond, in: 41_000, out: 1600, cost: 930 * usd4},
	{ago: 57 * time.Second, client: "codex", model: "gpt-5", dialect: llm.OpenAIResponses, status: store.StatusClientGone,
		tries: []try{{"openai", "client_gone", 200, 2200 * time.Millisecond, ""}}, first: 900 * time.Millisecond, took: 2200 * time.Millisecond, in: 2000, out: 61, cost: 60 * usd4, source: store.CostEstimated},
	{ago: 74 * time.Second, client: "ci-12", model: "gpt-5", route: "opus", status: store.StatusBlocked, tries: []try{{"openai", "skipped", 0, 0, "cap opus: of 10 USD 8.62 are spent and 1.2 held; this call needs 0.9 and 0.18 would fit"}},
		first: -1, took: time.Millisecond, in: -1, out: -1, cost: -1, more: func(c *store.Call) {
			c.HTTPStatus, c.Error, c.ErrorText = 402, "cap_exceeded", "cap opus: of 10 USD 8.62 are spent"
		}},
	{ago: 92 * time.Second, client: "codex", model: "gpt-5", route: "gpt-*", status: store.StatusOK,
		tries: []try{{"openai", "timeout", 0, 15 * time.Second, "silent for 15s"}, {"azure", "ok", 200, 7900 * time.Millisecond, ""}},
		first: 15_600 * time.Millisecond, took: 22_900 * time.Millisecond, in: 5500, out: 820, cost: 312 * usd4},
	{ago: 97 * time.Second, client: "codex", model: "gpt-5-mini", status: store.StatusTruncated, tries: []try{{"openai", "truncated", 200, 900 * time.Millisecond, "the connection was reset"}},
		first: 500 * time.Millisecond, took: 900 * time.Millisecond, in: 310, out: 41, cost: 4 * usd4, source: store.CostEstimated},
	{ago: 98 * time.Second, client: "codex", model: "llama-4", status: store.StatusOK, tries: []try{{"groq", "ok", 200, 1100 * time.Millisecond, ""}},
		first: 400 * time.Millisecond, took: 1100 * time.Millisecond, in: 310, out: 44, cost: -1, source: store.CostUnpriced},
	{ago: 124 * time.Second, client: "claude", model: "claude-sonnet-4-5", dialect: llm.Anthropic, status: store.StatusOK,
		tries: []try{{"anthropic", "ok", 200, 31 * time.Second, ""}}, first: 9800 * time.Millisecond, took: 31 * time.Second, in: 30_200, out: 2400, cost: 712 * usd4},
	{ago: 165 * time.Second, client: "claude", model: "claude-haiku-4-5", dialect: llm.Anthropic, status: store.StatusOK,
		tries: []try{{"anthropic", "ok", 200, 800 * time.Millisecond, ""}}, first: 300 * time.Millisecond, took: 800 * time.Millisecond, in: 410, out: 52, cost: 0, source: store.CostPlan,
		more: func(c *store.Call) { c.Worth = price.Of(3 * usd4) }},
	{ago: 171 * time.Second, client: "claude", model: "claude-haiku-4-5", dialect: llm.Anthropic, route: "claude-*", status: store.StatusOK,
		tries: []try{{"openrouter", "skipped", 0, 0, "the breaker is open"}, {"anthropic", "ok", 200, 700 * time.Millisecond, ""}},
		first: 300 * time.Millisecond, took: 700 * time.Millisecond, in: 398, out: 49, cost: 3 * usd4},
	{ago: 203 * time.Second, client: "claude", model: "claude-sonnet-4-5", dialect: llm.Anthropic, status: store.StatusOK,
		tries: []try{{"anthropic", "ok", 200, 7700 * time.Millisecond, ""}}, first: 800 * time.Millisecond, took: 7700 * time.Millisecond, in: 22_000, out: 930, cost: 401 * usd4},
	{ago: 235 * time.Second, client: "codex", model: "gpt-5", status: store.StatusOK, tries: []try{{"openai", "ok", 200, 8100 * time.Millisecond, ""}},
		first: 900 * time.Millisecond, took: 8100 * time.Millisecond, in: 9100, out: 1000, cost: 214 * usd4},
	{ago: 244 * time.Second, client: "evil\x1b[2J\u202e", model: "模型-gpt\x07-4o\u202e😀", status: store.StatusError, tries: []try{{"openai", "bad_request", 400, 90 * time.Millisecond, "unknown model"}},
		first: -1, took: 90 * time.Millisecond, in: -1, out: -1, cost: -1, more: func(c *store.Call) { c.HTTPStatus, c.Error = 400, "bad_request" }},
	{ago: 300 * time.Second, client: "codex", model: "gpt-5", status: store.StatusInterrupted, tries: []try{{"openai", "interrupted", 0, -1, ""}},
		first: 900 * time.Millisecond, in: -1, out: -1, cost: 100 * usd4, source: store.CostEstimated},
}

// change is what a server would have committed for the i-th spec.
func (p spec) change(i int) store.Change {
	at := testNow.Add(-p.ago)
	count := func(n int64) llm.Count {
		if n < 0 {
			return llm.Count{}
		}
		return llm.Tokens(n)
	}
	c := &store.Call{
		ID: fixed(at, i), StartedAt: at, FirstToken: p.first, Project: "default", Client: p.client, Session: "9c1e", Key: "k_0a1b2c3d",
		Dialect: p.dialect, Endpoint: "chat", Method: "POST", Path: "/v1/chat/completions", Stream: true, ModelRequested: p.model,
		Route: p.route, RouteReason: "the model's owner", Status: p.status, HTTPStatus: 200, RequestBytes: 71_000, ResponseBytes: 9400,
		RemoteAddr: "127.0.0.1:51934", UserAgent: p.client + "/2.1", Cache: "off",
		Usage: llm.Usage{Input: count(p.in), Output: count(p.out)}, CostSource: p.source,
	}
	if c.Dialect == "" {
		c.Dialect = llm.OpenAIChat
	}
	if c.Dialect == llm.Anthropic {
		c.Endpoint, c.Path = "messages", "/v1/messages"
	}
	if p.status != store.StatusRunning && p.status != store.StatusInterrupted {
		c.FinishedAt = at.Add(p.took)
	}
	if p.status == store.StatusRunning {
		c.HTTPStatus = 0
	}
	if p.cost >= 0 {
		c.Cost = price.Of(p.cost)
	}
	if c.CostSource == "" && c.Cost.Known {
		c.CostSource = store.CostReported
	}
	attempts := p.attempts(c)
	if p.more != nil {
		p.more(c)
	}
	return store.Change{Call: c, Attempts: attempts, Final: p.status != store.StatusRunning}
}

func (p spec) attempts(c *store.Call) []*store.Attempt {
	var list []*store.Attempt
	at := c.StartedAt
	for n, t := range p.tries {
		a := &store.Attempt{
			CallID: c.ID, N: n + 1, Provider: t.provider, Model: p.model, Key: "k_11223344", StartedAt: at, Duration: t.took, FirstToken: -1,
			Outcome: t.outcome, HTTPStatus: t.status, Error: t.said, DNS: -1, Dial: 41 * time.Millisecond, TLS: 38 * time.Millisecond, Wait: 200 * time.Millisecond,
		}
		if t.outcome == store.OutcomeSkipped {
			a.Skipped, a.Key, a.Dial, a.TLS, a.Wait = "breaker", "", -1, -1, -1
			if p.status == store.StatusBlocked {
				a.Skipped = "cap"
			}
		} else {
			c.Provider, c.Model, c.ModelReported = t.provider, p.model, p.model
		}
		if n == len(p.tries)-1 && a.Sent() {
			a.FirstToken = max(p.first-at.Sub(c.StartedAt), -1)
			a.Usage, a.Cost, a.CostSource, a.Price = c.Usage, c.Cost, c.CostSource, "list 2026-11-02"
			if c.FinishedAt.IsZero() {
				a.Duration = -1
			}
		}
		at = at.Add(t.took)
		list = append(list, a)
	}
	return list
}

// openFixture opens a store whose clock is the tests'.
func openFixture(t testing.TB) *store.Store {
	return openFixtureAt(t, filepath.Join(t.TempDir(), "llmgw.db"))
}

func openFixtureAt(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path, store.Options{
		Now: func() time.Time { return testNow }, Version: "0.1.0",
		Owner: store.Instance{PID: 4747, Listen: "127.0.0.1:4747", StartedAt: testNow.Add(-3*time.Hour - 12*time.Minute)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return s
}

// fixture is a store with the calls above and more of the hour before them,
// and what a server says about itself.
func fixture(t testing.TB) *store.Store {
	t.Helper()
	s := openFixture(t)
	for i := 40; i > 0; i-- {
		p := specs[2+(i%3)*14/2%15]
		p.ago = 6*time.Minute + time.Duration(i*i)*1900*time.Millisecond
		if p.status == store.StatusRunning {
			p.status = store.StatusOK
		}
		commit(t, s, p.change(100+i))
	}
	for i := len(specs) - 1; i >= 0; i-- {
		commit(t, s, specs[i].change(i))
	}
	fillState(t, s)
	return s
}

func commit(t testing.TB, s *store.Store, c store.Change) {
	t.Helper()
	if err := s.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// fillState leaves what a running server would have said about itself.
func fillState(t testing.TB, s *store.Store) {
	t.Helper()
	running := specs[0].change(0).Call.ID
	s.SetLive([]store.Live{{
		CallID: running, Phase: store.LiveStreaming, Provider: "anthropic", Model: "claude-sonnet-4-5", Attempt: 1,
		Bytes: 2400, Tokens: llm.Tokens(402), Tail: "and so the mutex", UpdatedAt: testNow,
	}})
	day := store.DayStart(testNow)
	s.SetCaps([]store.Cap{
		{Name: "day", Scope: "all", State: store.CapOK, Limit: 20 * price.USD, Spent: 41_800 * usd4, Held: 3000 * usd4, Per: "day", Timezone: "Local",
			WindowStart: day, ResetsAt: day.AddDate(0, 0, 1), BurnPerHour: price.Of(9100 * usd4)},
		{Name: "month", Scope: "all", State: store.CapOK, Limit: 200 * price.USD, Spent: 814_000 * usd4, Held: 3000 * usd4, Per: "month", Timezone: "Local",
			WindowStart: day.AddDate(0, 0, -1), ResetsAt: day.AddDate(0, 0, 29)},
		{Name: "opus", Scope: "route opus", State: store.CapWarn, Limit: 10 * price.USD, Spent: 86_200 * usd4, Held: 2200 * usd4, Per: "day", Timezone: "Local",
			WindowStart: day, ResetsAt: day.AddDate(0, 0, 1), BurnPerHour: price.Of(8000 * usd4), ExhaustedAt: testNow.Add(100 * time.Minute)},
		{Name: "ci", Each: "ci-12", Scope: "client ci-*", State: store.CapBlocked, Limit: 5 * price.USD, Spent: 5 * price.USD, Per: "day", Timezone: "Local",
			WindowStart: day, ResetsAt: day.AddDate(0, 0, 1)},
	})
	s.SetTargets(store.Targets{
		Breakers: []store.Breaker{
			{Target: "openrouter/claude-opus-4-5", State: store.BreakerOpen, Since: testNow.Add(-46 * time.Second), Until: testNow.Add(18 * time.Second),
				Reason: "5 faults in a row", Consecutive: 5, Failures: 5, Bad: 6, Cooldown: 60 * time.Second},
			{Target: "anthropic/claude-opus-4-5", State: store.BreakerHalfOpen, Since: testNow.Add(-20 * time.Second), Consecutive: 4, Failures: 5, Good: 5, Bad: 4},
			{Target: "openai/gpt-5", State: store.BreakerClosed, Since: testNow.Add(-time.Hour), Consecutive: 1, Failures: 5, Good: 50, Bad: 1},
		},
		Cooldowns: []store.Cooldown{{Key: "k_11223344 bedrock", Since: testNow.Add(-40 * time.Second), Until: testNow.Add(4 * time.Minute), Reason: "auth", Count: 1, Single: true}},
		Faults:    []store.TargetFault{{Target: "openrouter/claude-opus-4-5", At: testNow.Add(-46 * time.Second), Fault: "timeout", Said: "silent for 20s"}},
	})
	fillSetup(t, s)
	// A commit after them: once it is in the file, so are they.
	commit(t, s, specs[len(specs)-1].change(len(specs)-1))
}

// fillSetup leaves what a server serves with.
func fillSetup(t testing.TB, s *store.Store) {
	t.Helper()
	provider := func(name, dialect, base, source, key string) store.SetupProvider {
		return store.SetupProvider{Name: name, Kind: dialect, Dialect: dialect, BaseURL: base, Source: source, Key: key, Failures: 5}
	}
	s.SetSetup(store.Setup{
		BaseURL: "http://127.0.0.1:4747", Bodies: "all", Caps: []string{"day", "month", "opus", "ci"},
		Providers: []store.SetupProvider{
			provider("anthropic", "anthropic", "https://api.anthropic.com", "env:ANTHROPIC_API_KEY", store.KeyConfigured),
			provider("openai", "openai-chat", "https://api.openai.com/v1", "env:OPENAI_API_KEY", store.KeyConfigured),
			provider("openrouter", "openai-chat", "https://openrouter.ai/api/v1", "env:OPENROUTER_API_KEY", store.KeyConfigured),
			provider("bedrock", "anthropic", "https://bedrock.example/eu-west-1", "env:AWS_BEARER_TOKEN_BEDROCK", store.KeyConfigured),
			provider("google", "gemini", "https://generativelanguage.googleapis.com", "env:GEMINI_API_KEY", store.KeyConfigured),
			provider("azure", "openai-chat", "https://azure.example", "", store.KeyClient),
			provider("groq", "openai-chat", "https://api.groq.com/openai/v1", "env:GROQ_API_KEY", store.KeyConfigured),
		},
		Routes: []store.SetupRoute{
			{Model: "opus", Targets: []string{"anthropic/claude-opus-4-5", "bedrock/claude-opus-4-5", "openrouter/claude-opus-4-5"}},
			{Model: "gpt-*", Targets: []string{"openai/gpt-5", "azure/gpt-5"}},
		},
	})
}

// options show a store as the tests see it.
func options(path string, w, h int) Options {
	return Options{
		Record: func() (string, bool, error) { return path, false, nil }, Width: w, Height: h, Program: "0.1.0",
		Now: func() time.Time { return testNow }, Zone: testZone,
	}
}
