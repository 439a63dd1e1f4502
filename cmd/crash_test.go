package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"llmgw/providers/llm"
	"llmgw/providers/sim"
)

// ending is an answer whose end a client has read.
type ending struct {
	id            string // x-llmgw-call-id
	shape         string // path, streamed or not, status
	status        int
	input, output int64 // as the prompt ordered them
}

// crowd is the clients of one life of the server. Each calls again and again
// until the server is gone.
type crowd struct {
	base   string
	round  int
	clock  sync.WaitGroup
	ends   chan ending // every answer that was read to its end
	client *http.Client
}

func newCrowd(base string, round, clients int) *crowd {
	c := &crowd{base: base, round: round, ends: make(chan ending, 1024), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}}
	for i := range clients {
		c.clock.Go(func() {
			for n := 0; c.call(i, n); n++ {
			}
		})
	}
	return c
}

// call makes the n-th call of client i. Of twelve clients each has habits of
// its own, a dialect, streams or whole answers, prompts the provider takes or
// refuses; one call in five is abandoned. It reports whether the server is
// still there.
func (c *crowd) call(i, n int) bool {
	// Unique over the whole test: 1000 calls of 100 clients a round.
	want := ending{status: 200, input: int64(c.round*100_000 + i*1000 + n + 1), output: int64(2 + n%20)}
	prompt := fmt.Sprintf("[[usage in=%d out=%d]]", want.input, want.output)
	if i%3 == 2 {
		prompt, want.status = "[[fault 400]]", 400
	}
	path, model, stream := "/v1/chat/completions", fmt.Sprintf("gpt-%d", want.input), i/2%2 == 1
	if i%2 == 1 {
		path, model = "/v1/messages", fmt.Sprintf("claude-%d", want.input)
	}
	body := fmt.Sprintf(`{"model":%q,"max_tokens":500,"stream":%v,"messages":[{"role":"user","content":%q}]}`, model, stream, prompt)
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, "POST", c.base+path, strings.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Anthropic-Version", "2023-06-01")
	want.shape = fmt.Sprintf("%s stream=%v %d", path, stream, want.status)
	resp, err := c.client.Do(req)
	if err != nil {
		return false // killed
	}
	defer resp.Body.Close()
	if (i+n)%5 == 4 {
		_, _ = io.ReadFull(resp.Body, make([]byte, 20))
		return true // abandoned: leave hangs up
	}
	// What was read counts even where the connection broke afterwards.
	got, err := io.ReadAll(resp.Body)
	if want.id = resp.Header.Get("X-Llmgw-Call-Id"); ended(got, resp) && resp.StatusCode == want.status {
		c.ends <- want
	}
	return err == nil
}

// ended tells whether the answer's own end was read.
func ended(body []byte, resp *http.Response) bool {
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return bytes.Contains(body, []byte("data: [DONE]\n\n")) || bytes.Contains(body, []byte(`{"type":"message_stop"}`))
	}
	return json.Valid(body)
}

// Killed at any moment, the file holds every answer that a client saw end,
// exact, every call that a provider received, and nothing that still looks
// running once the next server is up.
func TestKilledUnderLoad(t *testing.T) {
	g := startGateway(t, "")
	slow := fault(t, "slow:ms=1") // so that many calls are under way at any moment
	g.openai.Default(slow)
	g.anthropic.Default(slow)
	moments := rand.New(rand.NewPCG(1, 2))
	for round := range crashRounds {
		if round > 0 {
			g.start()
			g.checkNothingRuns()
		}
		crowd := newCrowd(g.base, round, 12)
		var seen []ending
		shapes := map[string]bool{} // so that each of them is under way when it ends
		for least := 5 + moments.IntN(60); len(seen) < least || len(shapes) < 8; {
			e := <-crowd.ends
			seen, shapes[e.shape] = append(seen, e), true
		}
		g.kill()
		crowd.clock.Wait()
		close(crowd.ends)
		seen = slices.AppendSeq(seen, drained(crowd.ends))
		g.checkEndings(seen)
		g.checkIntact()
	}
	g.start()
	g.checkNothingRuns()
	g.stop()
	g.checkArrivals()
	g.checkIntact()
}

func drained(c <-chan ending) func(func(ending) bool) {
	return func(yield func(ending) bool) {
		for e := range c {
			if !yield(e) {
				return
			}
		}
	}
}

// checkEndings compares the record with what clients saw end.
func (g *gateway) checkEndings(seen []ending) {
	g.t.Helper()
	record := map[string]logged{}
	for _, l := range g.logs() {
		record[l.ID] = l
	}
	for _, e := range seen {
		l, ok := record[e.id]
		want := "ok"
		if e.status != 200 {
			want = "error"
		}
		switch {
		case !ok:
			g.t.Errorf("call %s: a client saw its end, it is not on record", e.id)
		case l.Status != want || l.HTTPStatus == nil || *l.HTTPStatus != e.status:
			g.t.Errorf("call %s: a client saw it end with %d, on record it is %+v", e.id, e.status, l)
		case want == "ok" && (!is(l.Usage.Input, e.input) || !is(l.Usage.Output, e.output)):
			g.t.Errorf("call %s: usage %d/%d was reported, on record it is %+v", e.id, e.input, e.output, l)
		}
	}
}

func is(got *int64, want int64) bool { return got != nil && *got == want }

func (g *gateway) checkNothingRuns() {
	g.t.Helper()
	for _, l := range g.logs() {
		if l.Status == "running" {
			g.t.Errorf("call %s is still running after a restart", l.ID)
		}
		for _, a := range l.Attempts {
			if a.Outcome == "running" {
				g.t.Errorf("an attempt of call %s is still running after a restart", l.ID)
			}
		}
	}
}

func (g *gateway) checkIntact() {
	g.t.Helper()
	if out, err := g.command("db", "check").CombinedOutput(); err != nil {
		g.t.Errorf("llmgw db check: %v\n%s", err, out)
	}
}

// checkArrivals compares the record with the providers' own books: an attempt
// for each arrival, and of what is on record as served, the very request id
// and usage.
func (g *gateway) checkArrivals() {
	g.t.Helper()
	attempts := map[string]int{}
	served := map[string]logged{}
	for _, l := range g.logs() {
		for _, a := range l.Attempts {
			attempts[a.Provider+"/"+a.Model]++
		}
		if l.Status == "ok" && l.UpstreamReqID != nil {
			served[*l.UpstreamReqID] = l
		}
	}
	for name, provider := range map[string]*sim.Sim{"openai": g.openai, "anthropic": g.anthropic} {
		arrivals := provider.Ledger()
		if len(arrivals) == 0 {
			g.t.Errorf("nothing arrived at %s", name)
		}
		for _, a := range arrivals {
			if a.Model == "" {
				continue // cut off before its body was whole
			}
			target := name + "/" + a.Model
			if attempts[target]--; attempts[target] < 0 {
				g.t.Errorf("arrival %d at %s has no attempt on record", a.Seq, target)
			}
			l, ok := served[a.RequestID]
			if delete(served, a.RequestID); ok && (!counted(l.Usage.Input, a.Usage.Input) || !counted(l.Usage.Output, a.Usage.Output)) {
				g.t.Errorf("%s reported %+v for %s, on record is %+v", name, a.Usage, a.RequestID, l)
			}
		}
	}
	for id, l := range served {
		g.t.Errorf("call %s is on record as served with request id %s, which no provider gave", l.ID, id)
	}
}

func counted(got *int64, want llm.Count) bool {
	return want.Known && is(got, want.N)
}
