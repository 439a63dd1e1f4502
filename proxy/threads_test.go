package proxy

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"llmgw/providers/llm"
)

// begun is a call that begins a thread, goesOn one that goes on with it, as
// Anthropic's SDKs write them: the second has only what is new.
const begun = `{"model":"m","max_tokens":50,"thread":{"type":"create"},"messages":[{"role":"user","content":"hello"}]}`

func goesOn(id string) string {
	return `{"model":"m","max_tokens":50,"thread":{"type":"continue","previous_message_id":"` + id + `"},"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"x"}]}]}`
}

// idOf is the id of a whole answer.
func idOf(t *testing.T, got reply) string {
	t.Helper()
	var answer struct{ ID string }
	if err := json.Unmarshal(got.body, &answer); err != nil || answer.ID == "" {
		t.Fatalf("%v: %s", err, got.body)
	}
	return answer.ID
}

// threadLost fails unless the SDKs will send the whole conversation.
func threadLost(t *testing.T, got reply) {
	t.Helper()
	var answer struct {
		Type  string
		Error struct {
			Type    string
			Details struct {
				Code string `json:"error_code"`
			}
		}
	}
	err := json.Unmarshal(got.body, &answer)
	if err != nil || got.status != 404 || answer.Type != "error" || answer.Error.Type != "not_found_error" || answer.Error.Details.Code != "thread_not_found" || got.header.Get("X-Should-Retry") != "false" {
		t.Errorf("%d: %s", got.status, got.body)
	}
}

// A thread goes on where it is kept; while that fails, or is another protocol,
// the client is asked for the whole conversation, which anybody can be asked.
func TestThreadsGoOnWhereTheyAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := bilingual(t, nil, claude, gpt)
		defer r.close()
		id := idOf(t, r.post("/v1/messages", begun))
		got := r.post("/v1/messages", goesOn(id))
		if row := r.last(); got.status != 200 || outcomes(row) != "openai=skipped:unsupported anthropic=ok" || !strings.Contains(string(r.ledger("anthropic")[1].Body), `"previous_message_id":"`+id+`"`) {
			t.Fatalf("%d %s", got.status, outcomes(row))
		}
		id = idOf(t, got)
		r.order("anthropic", "503")
		threadLost(t, r.post("/v1/messages", goesOn(id)))
		if row := r.last(); row.Error != "thread_not_found" || len(r.ledger("openai")) > 0 {
			t.Errorf("%s %s", row.Error, outcomes(row))
		}
		got = r.post("/v1/messages", begun)
		if row := r.last(); row.Provider != "openai" || strings.Join(row.Dropped, " ") != "thread" {
			t.Errorf("%s, dropped %q", outcomes(row), row.Dropped)
		}
		threadLost(t, r.post("/v1/messages", goesOn(idOf(t, got))))
	})
}

// A target of another protocol keeps no thread.
func TestThreadsAreNotTranslated(t *testing.T) {
	for _, mode := range []string{UnsupportedSkip, UnsupportedDrop, UnsupportedError} {
		synctest.Test(t, func(t *testing.T) {
			r := bilingual(t, func(c *Config) { c.Failover.OnUnsupported = mode }, gpt)
			defer r.close()
			threadLost(t, r.post("/v1/messages", goesOn(idOf(t, r.post("/v1/messages", begun)))))
			if n := len(r.ledger("openai")); n != 1 {
				t.Errorf("%d arrived", n)
			}
		})
	}
}

// Another key of the same provider does not keep the thread, and after a
// restart nobody is known to; one key alone is asked.
func TestThreadsBelongToAKey(t *testing.T) {
	first, second := "sk-ant-first-key-000001", "sk-ant-second-key-00002"
	for _, keys := range [][]string{{first, second}, {first}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, []upstreamSpec{{name: "anthropic", dialect: llm.Anthropic, keys: keys}}, routed(claude))
			defer r.close()
			id := idOf(t, r.post("/v1/messages", begun))
			if len(keys) > 1 {
				r.sims["anthropic"].Script(parse(t, "429:retry-after=60"))
				r.post("/v1/messages", begun)
				threadLost(t, r.post("/v1/messages", goesOn(id)))
			}
			r.restart()
			got := r.post("/v1/messages", goesOn(id))
			if len(keys) > 1 {
				threadLost(t, got)
			} else if got.status != 200 {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

// The oldest threads are forgotten.
func TestThreadsAreBounded(t *testing.T) {
	th := newThreads()
	id := func(n int) string { return strings.Repeat("x", n) }
	for n := range 40 {
		th.note(id(n), "a")
		th.note(id(n), "b")
	}
	if th.holder(id(3)) != "a" || th.holder("y") != "" || len(th.order) != 40 {
		t.Errorf("%q of %d", th.holder(id(3)), len(th.order))
	}
	for n := range threadsKept {
		th.note("m"+string(rune(0x10000+n)), "c")
	}
	if len(th.holders) != threadsKept || th.holder(id(3)) != "" || th.holder("m"+string(rune(0x10000))) != "c" {
		t.Errorf("%d kept", len(th.holders))
	}
}
