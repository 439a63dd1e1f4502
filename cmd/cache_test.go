package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3"
	"github.com/rogpeppe/go-internal/testscript"

	"llmgw/providers/price"
	"llmgw/store"
)

// scriptCaching is `caching FILE`: a record with one kept answer, a call that
// was given it, and calls that were not.
func scriptCaching(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: caching FILE")
	}
	s, err := store.Open(ts.MkAbs(args[0]), store.Options{})
	ts.Check(err)
	served := recordedCalls()[0]
	served.Call.Cache, served.Call.CacheNote = "miss", "first time; ignored user"
	at := served.Call.StartedAt
	served.Cached = &store.Cached{
		Key: [32]byte{1}, CallID: served.Call.ID, At: at, Expires: at.AddDate(1000, 0, 0), Project: "demo", Provider: "sec\x1bond", Model: "m2",
		Stream: true, Cost: served.Call.Cost, Body: []byte("data: [DONE]\n\n"),
	}
	ts.Check(s.Commit(context.Background(), served))
	kept, _, err := s.Cached([32]byte{1})
	ts.Check(err)
	for i, c := range []struct{ cache, note, from string }{
		{"hit", "second/m2 had answered 60s before", served.Call.ID},
		{"miss", "not stored: finished with length; ignored user", ""}, {"miss", "not stored: finished with length", ""},
		{"bypass", "asked for no-store", ""}, {"off", "", ""},
	} {
		call := *served.Call
		call.StartedAt = at.Add(time.Duration(i+1) * time.Minute)
		call.ID = store.NewID(call.StartedAt)[:10] + fmt.Sprintf("%016d", i+2)
		call.Cache, call.CacheNote, call.CachedFrom = c.cache, c.note, c.from
		change := store.Change{Call: &call, Final: true}
		if c.cache == store.CacheHit {
			call.Provider, call.Worth, call.Cost, call.CostSource = "cache", call.Cost, price.Of(0), store.CostCache
			change.Replayed = kept
		}
		ts.Check(s.Commit(context.Background(), change))
	}
	ts.Check(s.Close(context.Background()))
}

// llmgw runs the binary and returns what it prints.
func (g *gateway) llmgw(args ...string) string {
	g.t.Helper()
	out, err := g.command(args...).Output()
	if err != nil {
		g.t.Fatalf("llmgw %s: %v\n%s", strings.Join(args, " "), err, stderrOf(err))
	}
	return string(out)
}

// SF-C6: the official SDKs read a replayed stream, and a replayed answer, as
// they read the first one; and the commands act on a running server as on a
// stopped one.
func TestSDKsReadReplays(t *testing.T) {
	g := startGateway(t, "\n[cache]\nenabled = true\n")
	ctx := context.Background()
	chat := openai.ChatCompletionNewParams{Model: "gpt-4o", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hello [[usage in=123 out=45]]")},
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}}
	message := anthropic.MessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 300, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hello"))}}
	var chats, messages [2]string
	for i := range chats {
		stream, acc := g.openaiClient().Chat.Completions.NewStreaming(ctx, chat), openai.ChatCompletionAccumulator{}
		for stream.Next() {
			acc.AddChunk(stream.Current())
		}
		if stream.Err() != nil || acc.Usage.CompletionTokens != 45 || acc.Choices[0].FinishReason != "stop" {
			t.Fatalf("openai-go, time %d: %+v, %v", i, acc.Usage, stream.Err())
		}
		chats[i] = acc.ID + acc.Choices[0].Message.Content
		events, sum := g.anthropicClient().Messages.NewStreaming(ctx, message), anthropic.Message{}
		for events.Next() {
			if err := sum.Accumulate(events.Current()); err != nil {
				t.Fatal(err)
			}
		}
		if events.Err() != nil || sum.StopReason != "end_turn" {
			t.Fatalf("anthropic-sdk-go, time %d: %s, %v", i, sum.StopReason, events.Err())
		}
		messages[i] = sum.ID + sum.Content[0].Text
	}
	if chats[0] != chats[1] || messages[0] != messages[1] {
		t.Errorf("first %q and %q, then %q and %q", chats[0], messages[0], chats[1], messages[1])
	}
	if n, m := len(g.openai.Ledger()), len(g.anthropic.Ledger()); n != 1 || m != 1 {
		t.Errorf("%d and %d calls upstream", n, m)
	}
	var stats cacheStats
	if err := json.Unmarshal([]byte(g.llmgw("cache", "stats", "--format", "json")), &stats); err != nil || stats.Hits != 2 || stats.Misses != 2 || stats.Answers != 2 || stats.SavedUSD == "0" {
		t.Errorf("stats: %+v, %v", stats, err)
	}
	if out := g.llmgw("spend", "--check"); !strings.HasPrefix(out, "ok: ") {
		t.Errorf("spend --check: %s", out)
	}
	if out := g.llmgw("cache", "rm", "last"); !strings.HasPrefix(out, "removed 1 answer, ") {
		t.Errorf("rm beside the server: %s", out)
	}
	if out := g.llmgw("show", "last"); !strings.Contains(out, "hit, from ") {
		t.Errorf("show: %s", out)
	}
	g.stop()
	if out := g.llmgw("cache", "clear"); !strings.HasPrefix(out, "removed 1 answer, ") {
		t.Errorf("clear without a server: %s", out)
	}
	g.checkIntact()
}

// Killed at any moment, the cache gives every answer that a client saw end,
// byte for byte, and never a part of one (SF-C2, SF-D1).
func TestKilledCacheIsWhole(t *testing.T) {
	g := startGateway(t, "\n[cache]\nenabled = true\n")
	g.openai.Default(fault(t, "slow:ms=1"))
	answers := map[string]string{} // by body, of those whose end was seen
	for round := range 3 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		enough := make(chan struct{}, 1000)
		for client := range 8 {
			wg.Go(func() {
				for n := 0; ; n++ {
					body := fmt.Sprintf(`{"model":"gpt-4o","stream":%v,"messages":[{"role":"user","content":"%d %d %d"}]}`, client%2 == 0, round, client, n)
					got, _, err := g.ask(body)
					if err != nil {
						return // killed
					}
					mu.Lock()
					answers[body] = got
					mu.Unlock()
					enough <- struct{}{}
				}
			})
		}
		for range 30 {
			<-enough
		}
		g.kill()
		wg.Wait()
		g.start()
		for body, want := range answers {
			got, cache, err := g.ask(body)
			if err != nil || got != want || cache != "hit" {
				t.Errorf("round %d: %s: %s, %d bytes of %d, %v", round, body, cache, len(got), len(want), err)
			}
		}
	}
	g.stop()
	g.checkIntact()
}

// ask makes a call and reads the whole answer.
func (g *gateway) ask(body string) (answer, cache string, err error) {
	resp, err := http.Post(g.base+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), resp.Header.Get("X-Llmgw-Cache"), err
}
