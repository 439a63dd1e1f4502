package cmd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"llmgw/store"
)

// marker is in every message of one call and of no other.
var marker = regexp.MustCompile(`mark-\d{4}`)

// foreign returns a marker in text that is not own.
func foreign(text []byte, own string) string {
	for _, m := range marker.FindAll(text, -1) {
		if string(m) != own {
			return string(m)
		}
	}
	return ""
}

// echoed is one of many calls at once whose provider answers with what it got.
type echoed struct {
	own     string
	path    string
	body    string
	abandon int    // bytes after which the client leaves; 0: never
	id      string // x-llmgw-call-id, "" when the client left before
	got     []byte
	err     error
}

func newEchoed(i int, r *rand.Rand) *echoed {
	e := &echoed{own: fmt.Sprintf("mark-%04d", i), path: "/v1/chat/completions"}
	if i%2 == 1 {
		e.path = "/v1/messages"
	}
	if i%5 == 0 {
		e.abandon = 1 + r.IntN(5000)
	}
	text := strings.Repeat(e.own+" ", 1+r.IntN(200)) // many events
	if i%3 == 0 {
		text = strings.Repeat(e.own+",", 1+r.IntN(8000)) // up to 80 KB: past every pooled buffer
	}
	stream := `"stream":false`
	if i/2%2 == 0 {
		stream = `"stream":true,"stream_options":{"include_usage":true}` // asked for, so that nothing is edited
	}
	e.body = fmt.Sprintf(`{"model":"echo","max_tokens":9,%s,"messages":[{"role":"user","content":%q}]}`, stream, text)
	return e
}

// run makes the call. An abandoned one ends without an error: it is what the
// client wanted.
func (e *echoed) run(base string, client *http.Client) {
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, "POST", base+e.path, strings.NewReader(e.body))
	if err != nil {
		e.err = err
		return
	}
	req.Header.Set("Anthropic-Version", "2023-06-01")
	resp, err := client.Do(req)
	if err != nil {
		e.err = err
		return
	}
	defer resp.Body.Close()
	e.id = resp.Header.Get("X-Llmgw-Call-Id")
	if e.abandon > 0 {
		e.got = make([]byte, e.abandon)
		n, _ := io.ReadFull(resp.Body, e.got)
		e.got = e.got[:n]
		return
	}
	e.got, e.err = io.ReadAll(resp.Body)
}

// Of many calls at once, some abandoned, each client gets its own answer and
// each row its own bodies: a pooled buffer that is handed out twice, or used
// after its call has ended, shows here (SF-N3).
func TestCallsDoNotMix(t *testing.T) {
	const calls = 200
	g := startGateway(t, "")
	r := rand.New(rand.NewPCG(3, 4))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: calls}}
	all := make([]*echoed, calls)
	var together sync.WaitGroup
	for i := range all {
		all[i] = newEchoed(i, r)
		together.Go(func() { all[i].run(g.base, client) })
	}
	together.Wait()
	g.stop()
	sent := map[string]string{} // by marker, the hash of what the provider sent
	for _, a := range append(g.openai.Ledger(), g.anthropic.Ledger()...) {
		sent[string(marker.Find(a.Body))] = a.SentHash
	}
	for _, e := range all {
		e.check(t, sent[e.own])
	}
	g.checkBodies(all)
}

// check compares what the client got with what the provider sent.
func (e *echoed) check(t *testing.T, sent string) {
	t.Helper()
	hash := sha256.Sum256(e.got)
	switch other := foreign(e.got, e.own); {
	case e.err != nil:
		t.Errorf("%s: %v", e.own, e.err)
	case other != "":
		t.Errorf("the client of %s got %s", e.own, other)
	case e.abandon == 0 && hex.EncodeToString(hash[:]) != sent:
		t.Errorf("the client of %s got other bytes than the provider sent", e.own)
	}
}

// checkBodies looks at what is on record: the request as sent, and nothing of
// another call anywhere.
func (g *gateway) checkBodies(all []*echoed) {
	g.t.Helper()
	reader, err := store.OpenReader(g.db())
	if err != nil {
		g.t.Fatal(err)
	}
	defer reader.Close()
	rows, err := reader.Calls(g.t.Context(), store.Query{Limit: -1})
	if err != nil {
		g.t.Fatal(err)
	}
	if len(rows) != len(all) {
		g.t.Errorf("%d calls on record, want %d", len(rows), len(all))
	}
	byMarker := map[string]*echoed{}
	for _, e := range all {
		byMarker[e.own] = e
	}
	for _, row := range rows {
		kept := map[string]string{}
		for _, part := range []string{"request", "response"} {
			b, err := reader.Body(g.t.Context(), row.ID, part)
			if err != nil {
				g.t.Fatalf("%s of call %s: %v", part, row.ID, err)
			}
			kept[part] = string(b.Data)
		}
		e := byMarker[marker.FindString(kept["request"])]
		if e == nil || e.id != row.ID || e.body != kept["request"] {
			g.t.Errorf("the request of call %s is not on record as it was sent", row.ID)
			continue
		}
		delete(byMarker, e.own)
		if other := foreign([]byte(kept["response"]), e.own); other != "" {
			g.t.Errorf("the response of call %s, which is %s, holds %s", row.ID, e.own, other)
		}
	}
}
