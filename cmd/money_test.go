package cmd

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"llmgw/providers/price"
	"llmgw/providers/sim"
	"llmgw/store"
)

// moneyCaps are three caps that every call counts in and none fills.
const moneyCaps = `
[[cap]]
name = "day"
usd = "1000"
[[cap]]
name = "total"
usd = "5000"
per = "total"
[[cap]]
name = "project"
usd = "900"
per = "month"
each = "project"
`

// Killed at random moments under load, the record and the providers agree on
// the money: to the pico-dollar for every answer that finished, and within what
// was held, labelled as an estimate, for the rest; and llmgw spend --check finds
// nothing to complain of.
func TestKilledMoneyAddsUp(t *testing.T) {
	g := startGateway(t, moneyCaps)
	slow := fault(t, "slow:ms=1")
	g.openai.Default(slow)
	g.anthropic.Default(slow)
	moments := rand.New(rand.NewPCG(3, 4))
	for round := range moneyRounds {
		if round > 0 {
			g.start()
		}
		ended := make(chan struct{}, 1024)
		var clients sync.WaitGroup
		for i := range 6 {
			clients.Go(func() { g.spendUntilGone(round, i, ended) })
		}
		for range 1 + moments.IntN(25) {
			<-ended
		}
		g.kill()
		clients.Wait()
	}
	g.start() // marks and charges what was running
	g.stop()
	g.checkMoney()
	if out, err := g.command("spend", "--since", "2d", "--check").CombinedOutput(); err != nil {
		t.Errorf("llmgw spend --check: %v\n%s", err, out)
	}
}

// spendUntilGone makes priced calls, one in six abandoned, until the server is
// gone; each end that it reads is told.
func (g *gateway) spendUntilGone(round, i int, ended chan<- struct{}) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for n := 0; ; n++ {
		path, model := "/v1/chat/completions", "gpt-4o"
		if i%2 == 1 {
			path, model = "/v1/messages", "claude-sonnet-4-5"
		}
		body := fmt.Sprintf(`{"model":%q,"max_tokens":300,"stream":%v,"messages":[{"role":"user","content":"%d [[usage in=%d out=%d]]"}]}`,
			model, i/2%2 == 0, round, 100+i*37+n, 5+n%40)
		req, err := http.NewRequest("POST", g.base+path, strings.NewReader(body))
		if err != nil {
			return
		}
		req.Header.Set("Anthropic-Version", "2023-06-01")
		resp, err := client.Do(req)
		if err != nil {
			return
		}
		if (i+n)%6 == 5 {
			_, _ = io.ReadFull(resp.Body, make([]byte, 30))
			resp.Body.Close()
			continue
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil {
			return
		}
		ended <- struct{}{}
	}
}

// checkMoney compares every attempt on record with the arrival it made.
func (g *gateway) checkMoney() {
	g.t.Helper()
	arrivals := make(map[string]sim.Arrival)
	sent := map[string]int{}
	for name, s := range map[string]*sim.Sim{"openai": g.openai, "anthropic": g.anthropic} {
		for _, a := range s.Ledger() {
			arrivals[name+" "+a.RequestID] = a
			sent[name]++
		}
	}
	rd, err := store.OpenReader(g.db())
	if err != nil {
		g.t.Fatal(err)
	}
	defer rd.Close()
	var ours, theirs price.Money
	rows, finished := map[string]int{}, 0
	err = rd.EachCall(context.Background(), store.Query{Limit: -1}, func(c store.CallRow) error {
		for _, a := range c.Attempts {
			if !a.Sent() {
				continue
			}
			rows[a.Provider]++
			if a.Outcome != store.OutcomeOK {
				g.checkEstimate(a)
				continue
			}
			arrival, ok := arrivals[a.Provider+" "+a.UpstreamRequestID]
			if !ok {
				return fmt.Errorf("call %s: no provider knows the request %q", c.ID, a.UpstreamRequestID)
			}
			p, _ := price.Builtin().Lookup(a.Provider, a.Model, a.StartedAt)
			billed, err := p.Cost(arrival.Usage, a.StartedAt)
			if err != nil {
				return err
			}
			if !a.Cost.Known || a.Cost.Money != billed.Amount.Money || a.CostSource != store.CostReported {
				g.t.Errorf("call %s cost %+v (%s), the provider bills %s", c.ID, a.Cost, a.CostSource, billed.Amount.Money)
			}
			ours, theirs, finished = ours+a.Cost.Money, theirs+billed.Amount.Money, finished+1
		}
		return nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	for name, n := range sent {
		if rows[name] < n {
			g.t.Errorf("%d calls arrived at %s, %d are on record", n, name, rows[name])
		}
	}
	if ours != theirs || finished == 0 {
		g.t.Errorf("%d finished answers cost %s on record and %s at the providers", finished, ours, theirs)
	}
	g.t.Logf("%d rounds, %d attempts, %d finished: %s USD", moneyRounds, rows["openai"]+rows["anthropic"], finished, ours)
}

// checkEstimate looks at an attempt whose answer did not finish: what it is
// charged says that it is an estimate, and never exceeds what was held.
func (g *gateway) checkEstimate(a store.Attempt) {
	g.t.Helper()
	switch {
	case a.CostSource == "": // failed before anybody could charge
	case a.CostSource == store.CostReported && a.Cost.Known: // the usage came, the end did not
	case a.CostSource != store.CostEstimated || !a.Cost.Known:
		g.t.Errorf("attempt %d of call %s (%s) cost %+v with the basis %q", a.N, a.CallID, a.Outcome, a.Cost, a.CostSource)
	case a.Held.Known && a.Cost.Money > a.Held.Money:
		g.t.Errorf("attempt %d of call %s (%s) is charged %s, %s was held", a.N, a.CallID, a.Outcome, a.Cost.Money, a.Held.Money)
	}
}
