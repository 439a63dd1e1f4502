package cmd

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Two models of the demo that have a route of their own.
const (
	demoCached   = "gpt-4.1-mini" // whose answers are cached
	demoUnpriced = "llama-4-demo" // whose price nobody knows
)

// demoCall is a call that the demo makes again and again.
type demoCall struct {
	path, body string
	agent      string        // User-Agent
	session    string        // "" for none
	patience   time.Duration // after which the client hangs up; 0: none
	repeats    int           // how many rounds ask the same before the question changes; 0: all
	rare       bool          // only in every third round
}

// demoCalls is the traffic, over and over: one call every demoPause. In the
// text, %d is the number of the question.
var demoCalls = []demoCall{
	chat("gpt-4o-mini", "codex_cli_rs/0.60", true, 640, "Name three rivers. [[words 40]]"),
	claude("claude-sonnet-4-5", true, 4000, "Explain a mutex to a child. [[words 200]]"),
	chat("gpt-4o", "aider/0.86", false, 1500, "Translate: good morning. [[words 12]]"),
	repeated(chat(demoCached, "codex_cli_rs/0.60", true, 512, "What is a monad, take %d? [[words 30]]"), 4),
	claude("claude-haiku-4-5", false, 410, "One line on entropy. [[words 20]]"),
	{path: "/p/demo/v1/embeddings", body: `{"model":"text-embedding-3-small","input":"the quick brown fox"}`, agent: "python-requests/2.32"},
	chat("gpt-4o", "codex_cli_rs/0.60", true, 1100, "Weather in Oslo? [[tools 1]]"),
	claude("claude-opus-4-5", true, 12000, "Review this patch. [[words 160]]"),
	chat("gpt-4o", "aider/0.86", true, 900, "Write a haiku about disks. [[words 90]]"),
	patient(claude("claude-sonnet-4-5", true, 2000, "Tell me everything about tides. [[words 400]]"), 2*time.Second),
	chat("gpt-4o-mini", "codex_cli_rs/0.60", false, 310, "Is 91 prime? [[words 8]]"),
	claude("claude-haiku-4-5", true, 4100, "Summarize the log. [[words 60]] [[fault fin-mid-stream:after=20]]"),
	repeated(chat(demoCached, "codex_cli_rs/0.60", true, 512, "What is a functor, take %d? [[words 30]]"), 4),
	{path: "/p/lab/v1/chat/completions", agent: "ollama-js/0.6",
		body: `{"model":"` + demoUnpriced + `","max_tokens":200,"messages":[{"role":"user","content":"Hello there. [[words 15]]"}]}`},
	chat("gpt-4o", "codex_cli_rs/0.60", true, 1800, "Explain this stack trace. [[words 70]]"),
	{path: "/p/demo/v1/chat/completions", agent: "curl/8.9", body: `{"model":"no-such-model","messages":[]}`, rare: true},
}

func chat(model, agent string, stream bool, tokens int, prompt string) demoCall {
	tools := ""
	if strings.Contains(prompt, "[[tools") {
		tools = `"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}],`
	}
	return demoCall{
		path: "/p/demo/v1/chat/completions", agent: agent, session: "demo-" + strings.ToLower(agent[:5]),
		body: fmt.Sprintf(`{"model":%q,"max_tokens":600,"stream":%t,%s"messages":[{"role":"user","content":%q}]}`, model, stream, tools, padded(prompt, tokens)),
	}
}

func claude(model string, stream bool, tokens int, prompt string) demoCall {
	return demoCall{
		path: "/p/demo/v1/messages", agent: "claude-cli/2.1", session: "demo-claude",
		body: fmt.Sprintf(`{"model":%q,"max_tokens":1500,"stream":%t,"messages":[{"role":"user","content":%q}]}`, model, stream, padded(prompt, tokens)),
	}
}

// padded is a prompt that the simulator counts as about so many tokens, four
// bytes each: what is asked, below what an agent would send along.
func padded(prompt string, tokens int) string {
	const line = "// context: func (s *Store) Commit(ctx context.Context, c Change) error { … }\n"
	return strings.Repeat(line, 4*tokens/len(line)) + prompt
}

func repeated(c demoCall, rounds int) demoCall { c.repeats = rounds; return c }

func patient(c demoCall, d time.Duration) demoCall { c.patience = d; return c }

// The demo's traffic is light: one call begins every demoPause, and no more
// than demoAtOnce run.
const (
	demoPause  = time.Second
	demoAtOnce = 6
)

// start begins the traffic; stop ends it.
func (d *demo) start(base string) {
	d.traffic.Go(d.flap)
	d.traffic.Go(func() {
		running := make(chan struct{}, demoAtOnce)
		for i := 0; ; i++ {
			running <- struct{}{}
			d.traffic.Go(func() {
				defer func() { <-running }()
				d.call(base, i)
			})
			if !d.sleep(demoPause) {
				return
			}
		}
	})
}

// call makes the i-th call. What comes of it is on record like any other
// call's, which is the point; nothing is to be done about it here.
func (d *demo) call(base string, i int) {
	spec, round := demoCalls[i%len(demoCalls)], i/len(demoCalls)
	if spec.rare && round%3 != 0 {
		return
	}
	body := spec.body
	if spec.repeats > 0 {
		body = strings.ReplaceAll(body, "%d", fmt.Sprint(round/spec.repeats+1))
	}
	ctx := d.ctx
	if spec.patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, spec.patience)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+spec.path, strings.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", spec.agent)
	if spec.session != "" {
		req.Header.Set("X-Llmgw-Session", spec.session)
	}
	if strings.HasSuffix(spec.path, "/v1/messages") {
		req.Header.Set("Anthropic-Version", "2023-06-01")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}
