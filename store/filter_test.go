package store

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// filterCalls are the calls that the table below selects from.
func filterCalls(t testing.TB, s *Store) map[string]string {
	names := map[string]string{}
	add := func(name string, i int, change func(c *Call, a *Attempt)) {
		c, a := ended(begun(i))
		change(c, a)
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: !c.Running()})
		names[c.ID] = name
	}
	add("plain", 0, func(*Call, *Attempt) {})
	add("failed", 1, func(c *Call, a *Attempt) {
		c.Status, c.HTTPStatus, c.Error, c.Cost = StatusError, 429, "rate_limited", price.Of(0)
		a.Outcome, a.HTTPStatus, a.Error = string(llm.RateLimited), 429, "slow down, please"
	})
	add("cached", 2, func(c *Call, _ *Attempt) {
		c.Cache, c.Provider, c.Model, c.Cost = CacheHit, "cache", "gpt-5-mini", price.Of(0)
		c.ModelRequested = "gpt-5-mini"
	})
	add("tagged", 3, func(c *Call, _ *Attempt) {
		c.Tags, c.Project, c.Session = map[string]string{"team": "Blue Sky", `odd"key`: "v"}, "Website", "s[1]"
		c.Dropped = []string{"top_k"}
	})
	add("slow", 4, func(c *Call, _ *Attempt) {
		c.FinishedAt, c.FirstToken, c.Cost = c.StartedAt.Add(time.Minute), 9*time.Second, price.Of(2*price.USD)
	})
	add("running", 5, func(c *Call, a *Attempt) {
		*a = Attempt{CallID: c.ID, N: 1, Provider: "bedrock", Model: "opus", StartedAt: c.StartedAt, Outcome: OutcomeSkipped, Skipped: "breaker"}
		c.Status, c.HTTPStatus, c.FinishedAt, c.FirstToken, c.Cost = StatusRunning, 0, time.Time{}, -1, price.Amount{}
		c.Provider, c.Model, c.Dialect = "", "", llm.OpenAIChat
	})
	return names
}

func TestFilter(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	names := filterCalls(t, s)
	all := "plain failed cached tagged slow running"
	for filter, want := range map[string]string{
		"":                                all,
		"  \t ":                           all,
		"model:CLAUDE":                    "plain failed tagged slow running",
		"model:gpt-5-mini":                "cached",
		"model:gpt-*":                     "cached",
		"model:gpt":                       "cached",
		"model:gpt-?":                     "",
		"!model:claude*":                  "cached",
		"provider:anthropic":              "plain failed tagged slow",
		"provider:bedrock":                "",
		"target:anthropic/claude":         "plain failed cached tagged slow",
		"target:bedrock":                  "",
		"route:claude":                    all,
		"project:website":                 "tagged",
		"client:claude key:k_0a1b2c3d":    all,
		"session:s[1]":                    "tagged",
		"session:s[?]":                    "tagged",
		"session:s[[]1]":                  "",
		"tag.team:blue":                   "tagged",
		`tag.team:"Blue Sky"`:             "tagged",
		`"tag.team":x`:                    "",
		"tag.none:x":                      "",
		"!tag.team:blue model:gpt":        "cached",
		"status:ok":                       "plain cached tagged slow",
		"status:429":                      "failed",
		"status:4xx":                      "failed",
		"!status:200":                     "failed running",
		"status:running":                  "running",
		"fault:rate_limited":              "failed",
		"fault:skipped":                   "running",
		"!fault:rate_limited status:4xx":  "",
		"cache:hit":                       "cached",
		"dropped:yes":                     "tagged",
		"dropped:no":                      "plain failed cached slow running",
		"cost:>0.1":                       "slow",
		"cost:0":                          "failed cached",
		"cost:<=0.0123":                   "plain failed cached tagged",
		"!cost:>0.1":                      "plain failed cached tagged running",
		"took:>5s":                        "slow",
		"took:<5s":                        "plain failed cached tagged",
		"first:>2s":                       "slow",
		"tries:0":                         "running",
		"tries:>=1":                       "plain failed cached tagged slow",
		"since:1h":                        all,
		"since:56s":                       "slow running",
		"since:2026-11-03":                "",
		"!since:56s":                      "plain failed cached tagged",
		"slow":                            "failed",
		`"slow down, please"`:             "failed",
		"slow*please":                     "failed",
		"RATE_limited":                    "failed",
		"blue":                            "tagged",
		"breaker":                         "",
		"!anthropic/claude":               "running",
		`"took:>5s"`:                      "",
		"model:claude cost:>0.1 !website": "slow",
	} {
		f, err := ParseFilter(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		list, err := r.Calls(t.Context(), Query{Filter: f, Ascending: true, Now: epoch.Add(time.Minute)})
		var got []string
		for _, c := range list {
			got = append(got, names[c.ID])
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: selects %q, %v; want %q", filter, got, err, want)
		}
	}
}

func TestFilterErrorsPointAtTheirPlace(t *testing.T) {
	for filter, want := range map[string]struct {
		pos int
		msg string
	}{
		"took:>5x":                       {5, "a span"},
		"model:a cost:cheap":             {13, "dollars"},
		"modell:x":                       {0, `no field "modell"`},
		"model:a http://x":               {8, "quote it"},
		`model:"open`:                    {6, "not closed"},
		"a !":                            {2, "nothing to look for"},
		"a !!alpha":                      {3, "one ! negates"},
		"!!model:x":                      {1, "one ! negates"},
		`""`:                             {0, "nothing to look for"},
		"status:weird":                   {7, "status: takes ok"},
		"status:failed":                  {7, "did you mean status:error?"},
		"took:>5s !status:fail":          {17, "did you mean status:error?"},
		"status:eror":                    {7, "did you mean status:error?"},
		"status:client-gone":             {7, "did you mean status:client_gone?"},
		"status:cancelled":               {7, "did you mean status:client_gone?"},
		"status:trunc":                   {7, "did you mean status:truncated?"},
		"fault:429":                      {6, "did you mean fault:rate_limited?"},
		"fault:ratelimit":                {6, "did you mean fault:rate_limited?"},
		"cache:yes":                      {6, "did you mean cache:hit?"},
		"dropped:true":                   {8, "did you mean dropped:yes?"},
		"stauts:ok":                      {0, "did you mean status:?"},
		"a !modle:x":                     {3, "did you mean model:?"},
		"latency:>5s":                    {0, "did you mean took:?"},
		"tag:x":                          {0, "did you mean tag.K:?"},
		"status:9xx":                     {7, "status: takes"},
		"fault:weird":                    {6, "fault: takes timeout"},
		"cache:maybe":                    {6, "hit, miss"},
		"dropped:maybe":                  {8, "dropped: takes yes, no"},
		"tries:many":                     {6, "a number"},
		"since:whenever":                 {6, "neither a span"},
		"model:":                         {6, "needs a value"},
		"!model:":                        {7, "needs a value"},
		"tag.:x":                         {0, "no field"},
		"took:>-5s":                      {5, "a span"},
		strings.Repeat("a ", maxTerms+1): {2 * maxTerms, "more than"},
		strings.Repeat("a", 5000):        {maxFilter, "longer than"},
	} {
		_, err := ParseFilter(filter)
		bad, ok := errors.AsType[*FilterError](err)
		if !ok || bad.Pos != want.pos || !strings.Contains(bad.Msg, want.msg) || bad.Hint() == "" {
			t.Errorf("%.40s: %+v; want %q at %d", filter, bad, want.msg, want.pos)
		}
	}
}

func TestFilterErrorShowsACaret(t *testing.T) {
	_, err := ParseFilter("\x1b took:>5x")
	want := "reading the filter: it takes a span, such as >5s or >300ms\n  \\x1b took:>5x\n            ^"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// TestWordsFindIDs: a word names a call by the end or the beginning of its id
// and is no text to be found in the middle of all of them.
func TestWordsFindIDs(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	var id string
	for i := range 3 {
		c, a := ended(begun(i * 3600))
		c.ID = c.ID[:10] + "QZXQZXQZXQZXQZ" + []string{"JX", "KX", "VX"}[i] // nothing else in a row looks like it
		a.CallID = c.ID
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
		if i == 1 {
			id = c.ID
		}
	}
	for word, want := range map[string]int{
		id: 1, strings.ToLower(id): 1, id[22:]: 1, id[20:]: 1, id[:10]: 1, id[:6]: 1, id[:12] + "*": 1, "*" + id[22:]: 1, "!" + id[22:]: 2,
		id[:2]: 0, id[:4]: 0, id[24:]: 0, id[8:14]: 0, "*" + id[8:14] + "*": 1, "*": 3,
	} {
		f, err := ParseFilter(word)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := r.Calls(t.Context(), Query{Filter: f}); err != nil || len(list) != want {
			t.Errorf("%s finds %d of 3 calls, %v; want %d", word, len(list), err, want)
		}
	}
}

// TestFilterValues: every word that completion offers can be run, and every
// word that is meant is one of them.
func TestFilterValues(t *testing.T) {
	for _, field := range FilterFields() {
		for _, v := range FilterValues(field) {
			if _, err := ParseFilter(field + ":" + v); err != nil {
				t.Error(err)
			}
		}
	}
	for field, words := range otherWords {
		for word, meant := range words {
			if field == "" {
				meant, field = "x", meant // a field: it must be one
				if _, ok := lookUpField(field); !ok {
					t.Errorf("%s: there is no field %s", word, field)
				}
				field = ""
				continue
			}
			if !slices.Contains(FilterValues(field), meant) {
				t.Errorf("%s:%s: there is no %s", field, word, meant)
			}
		}
	}
}

func TestSlips(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"listen", "lisen", 1}, {"listen", "litsen", 1}, {"abc", "xyz", 3}, {"kitten", "sitting", 3}} {
		if got := Slips(c.a, c.b); got != c.want || Slips(c.b, c.a) != c.want {
			t.Errorf("%q, %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// FuzzFilter holds every filter to either being refused at a place within it
// or being runnable, and a filter with its negation to selecting each call
// exactly once.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"", "a", "!a", "model:opus* status:error", `"two words" !tag.a:b`, "took:>5s since:2h", "cost:<=0.1", "%_'\"", "model:[a-", "tag.\x00:\xff",
		"status:4xx fault:timeout cache:hit dropped:no tries:3 since:today", `a\"b:c"d e"f`,
	} {
		f.Add(seed)
	}
	s := openStore(f, Options{})
	names := filterCalls(f, s)
	r := openReader(f, s.Path())
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := ParseFilter(text)
		if err != nil {
			bad, ok := errors.AsType[*FilterError](err)
			if !ok || bad.Pos < 0 || bad.Pos > len(text) || bad.Error() == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		got, err := r.Calls(t.Context(), Query{Filter: filter, Now: epoch})
		if err != nil {
			t.Fatalf("%q was accepted and cannot be run: %v", text, err)
		}
		if len(filter.terms) != 1 {
			return
		}
		opposite := Filter{terms: slices.Clone(filter.terms)}
		opposite.terms[0].negate = !opposite.terms[0].negate
		rest, err := r.Calls(t.Context(), Query{Filter: opposite, Now: epoch})
		if err != nil || len(got)+len(rest) != len(names) {
			t.Fatalf("%q selects %d and its opposite %d of %d, %v", text, len(got), len(rest), len(names), err)
		}
	})
}

func TestParseSince(t *testing.T) {
	zone := time.FixedZone("+05:45", (5*60+45)*60)
	now := time.Date(2026, 11, 2, 1, 30, 0, 0, zone)
	for text, want := range map[string]time.Time{
		"90m":                  now.Add(-90 * time.Minute),
		"7d":                   now.Add(-7 * 24 * time.Hour),
		"2w":                   now.Add(-14 * 24 * time.Hour),
		"0s":                   now,
		"today":                time.Date(2026, 11, 2, 0, 0, 0, 0, zone),
		"Yesterday":            time.Date(2026, 11, 1, 0, 0, 0, 0, zone),
		"2026-11-01":           time.Date(2026, 11, 1, 0, 0, 0, 0, zone),
		"2026-11-01T12:00:00Z": time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC),
	} {
		if got, err := ParseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("ParseSince(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-2h", "d", "-1d", "1.5d", "99999999999d", "4294967295w", "2026-13-01", "tomorrow"} {
		if got, err := ParseSince(text, now); err == nil {
			t.Errorf("ParseSince(%q) = %v", text, got)
		}
	}
}

// TestParseSinceAcrossDST: yesterday is a local day, even one of 25 hours.
func TestParseSinceAcrossDST(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	now := time.Date(2026, 10, 26, 0, 30, 0, 0, berlin) // the clocks went back on the 25th
	got, err := ParseSince("yesterday", now)
	if want := time.Date(2026, 10, 25, 0, 0, 0, 0, berlin); err != nil || !got.Equal(want) {
		t.Errorf("yesterday = %v, %v; want %v", got, err, want)
	}
}
