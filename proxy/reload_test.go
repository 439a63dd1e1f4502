package proxy

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

// A new configuration holds for the calls that arrive after it; a running one
// ends under the configuration it came with; a bad one changes nothing.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, nil)
		defer r.close()
		r.sims["openai"].Script(parse(t, "slow-first-byte:ms=3000"))
		old := make(chan reply)
		go func() { old <- r.post("/v1/chat/completions", chat("gpt-4o", false)) }()
		time.Sleep(time.Second)

		bad := r.cfg
		bad.Routes = []RouteConfig{{Model: "gpt-4o", Targets: []string{"nobody/gpt-4o"}}}
		if err := r.gw.Reload(bad); err == nil {
			t.Fatal("a route to an unknown provider was accepted")
		}
		good := r.cfg
		good.Routes = []RouteConfig{{Model: "gpt-4o", Targets: []string{"openai/gpt-5"}}}
		good.Server.MaxRequest = 200
		if err := r.gw.Reload(good); err != nil {
			t.Fatal(err)
		}
		if got := r.post("/v1/chat/completions", chat("gpt-4o", false)); got.header.Get("X-Llmgw-Model") != "gpt-5" {
			t.Errorf("after the reload %s served: %s", got.header.Get("X-Llmgw-Model"), got.body)
		}
		if got := <-old; got.status != 200 || got.header.Get("X-Llmgw-Model") != "gpt-4o" {
			t.Errorf("the call from before the reload: status %d, model %q", got.status, got.header.Get("X-Llmgw-Model"))
		}
	})
}

// A key that the provider refused is not called again, with words that say
// what to do, until a reload.
func TestReloadForgivesRefusedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bothDialects, nil)
		defer r.close()
		r.sims["openai"].Script(parse(t, "401"))
		if got := r.post("/v1/chat/completions", chat("gpt-4o", false)); got.status != 401 {
			t.Fatalf("status %d: %s", got.status, got.body)
		}
		got := r.post("/v1/chat/completions", chat("gpt-4o", false))
		if got.status != 503 || !bytes.Contains(got.body, []byte("llmgw targets reset")) || !bytes.Contains(got.body, []byte("k_")) {
			t.Errorf("while the key is marked: status %d: %s", got.status, got.body)
		}
		if err := r.gw.Reload(r.cfg); err != nil {
			t.Fatal(err)
		}
		if got := r.post("/v1/chat/completions", chat("gpt-4o", false)); got.status != 200 {
			t.Errorf("after the reload: status %d: %s", got.status, got.body)
		}
	})
}
