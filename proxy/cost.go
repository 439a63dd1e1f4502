package proxy

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/providers/price"
	"llmgw/store"
)

// pricer finds the price of a target and keeps it for the minute: prices
// change by the date and by the hour, and freezing one is work.
type pricer struct {
	book *price.Book

	mu     sync.Mutex
	minute time.Time
	prices map[target]pricing
}

// pricing is a price and the text that freezes it on an attempt.
type pricing struct {
	price price.Price
	text  string
	known bool
}

func newPricer(book *price.Book) *pricer {
	if book == nil {
		book = price.Builtin()
	}
	return &pricer{book: book, prices: make(map[target]pricing)}
}

// of returns what the model costs at the provider at a time.
func (p *pricer) of(up *upstream, model string, at time.Time) pricing {
	key := target{up, model}
	p.mu.Lock()
	defer p.mu.Unlock()
	if minute := at.Truncate(time.Minute); !minute.Equal(p.minute) {
		p.minute = minute
		clear(p.prices)
	}
	found, ok := p.prices[key]
	if !ok {
		found.price, found.known = p.book.Lookup(up.p.Name, model, at)
		if found.known {
			found.text = found.price.String()
		}
		p.prices[key] = found
	}
	return found
}

// charge works out what an attempt that has ended costs, and with it the call.
func (c *call) charge(a *attempt) {
	var res dialect.Result
	if a.meter != nil {
		res = a.meter.Result()
	}
	row := a.row
	plausible := res.Usage.Plausible()
	if !plausible {
		c.g.log.Warn("a provider reports more tokens than a call can have; they count as unknown", "call", c.rec.ID,
			"provider", row.Provider, "usage", string(res.Usage.Raw))
		res.Usage = llm.Usage{Raw: res.Usage.Raw, ServiceTier: res.Usage.ServiceTier}
	}
	row.Usage, row.ModelReported, row.Finish = res.Usage, cut(res.Model, 256), cut(res.Finish, 64)
	c.nameLosses(a)
	c.price(a, &res)
	a.chargeHeld()
	row.Overrun = a.c.hold.Over(row.Cost)
	if !plausible {
		row.Why = "usage_not_believable: more tokens than a call can have; they count as unknown"
	}
	c.rec.Usage, c.rec.ModelReported, c.rec.FinishReason = row.Usage, row.ModelReported, row.Finish
	c.total()
	c.charged = a
	if row.Outcome == store.OutcomeOK {
		c.g.sessions.learn(c, a.c, res.Usage)
	}
}

// price sets the attempt's cost and its basis. An attempt that failed before
// content and reported no usage is not charged for, unless llmgw or the client
// left a provider that was at work; on a subscription it costs 0 like any other.
func (c *call) price(a *attempt, res *dialect.Result) {
	row := a.row
	switch {
	case a.unread != "" && a.committed.Load() && c.metered() && !c.free() && !a.c.up.p.Free && !a.c.cred.Plan:
		row.CostSource = store.CostUnpriced // nobody here knows how much it says
		return
	case c.free() || a.c.up.p.Free:
		row.Cost, row.CostSource = price.Of(0), store.CostFree
		return
	case !a.committed.Load() && !res.Usage.Known() && !a.abandoned():
		if a.c.cred.Plan {
			row.Cost, row.CostSource = price.Of(0), store.CostPlan
		}
		return
	}
	p := c.set.prices.of(a.c.up, row.Model, row.StartedAt)
	usage, estimated := c.usageToCharge(a, res, p.price.MaxOutput())
	if bytes.Contains(usage.Raw, []byte(`"iterations"`)) {
		// Passes on other models are charged at theirs (corpus of Anthropic
		// usage, 2026-11).
		p.price = c.set.prices.book.WithPasses(p.price, usage, row.StartedAt)
		p.text = p.price.String()
	}
	b, err := p.price.Cost(usage, row.StartedAt)
	if err != nil {
		c.g.log.Error("the cost of a call cannot be expressed", "call", c.rec.ID, "err", err)
	}
	row.Price = p.text
	row.Cost, row.CostSource = b.Amount, string(b.Basis)
	if contradicts(&res.Usage, res.Inconsistent, &b) {
		row.Why = contradiction(&res.Usage)
		if row.CostSource == store.CostReported {
			row.CostSource = store.CostEstimated
		}
	}
	if estimated && row.Cost.Known {
		// Only where the label says so; unpriced, the record keeps to what was
		// reported.
		row.Usage, row.CostSource = usage, store.CostEstimated
	}
	if a.c.cred.Plan {
		row.Worth, row.Cost, row.CostSource = row.Cost, price.Of(0), store.CostPlan
	}
}

// contradicts tells whether what a provider reported cannot be. Reasoning above
// the output can, where the price has a rate of its own for it.
func contradicts(u *llm.Usage, inconsistent bool, b *price.Breakdown) bool {
	apart := u.Reasoning.N > u.Output.N && !b.Inconsistent
	return b.Inconsistent || inconsistent && !apart
}

// contradiction words it for the record.
func contradiction(u *llm.Usage) string {
	return fmt.Sprintf("usage_inconsistent: %d input with %d cached and %d written, %d output with %d reasoning: it is charged by the larger counts",
		u.Input.N, u.CachedInput.N, u.CacheWrite.N, u.Output.N, u.Reasoning.N)
}

// chargeHeld makes an attempt whose cost nobody can tell cost what was held for
// it, as its caps are charged.
func (a *attempt) chargeHeld() {
	row := a.row
	if row.CostSource != store.CostUnpriced || !row.Held.Known {
		return
	}
	row.Cost, row.CostSource = row.Held, store.CostEstimated
	row.Usage = llm.Usage{Raw: row.Usage.Raw, ServiceTier: row.Usage.ServiceTier} // it rests on no count
}

// abandoned tells whether the provider had the request and was left before it
// answered, or broke off an answer that it had begun: it may charge for it.
func (a *attempt) abandoned() bool {
	switch a.fault() {
	case llm.Timeout, llm.ClientGone, interrupted:
		return a.sent
	case llm.Reset, llm.Truncated, llm.Malformed:
		page := a.resp != nil && strings.Contains(a.resp.Header.Get("Content-Type"), "html") // somebody else's
		return a.resp != nil && a.resp.StatusCode < 300 && a.row.ReceivedBytes > 0 && !page
	}
	return false
}

// bytesPerToken is the usual length of a token in English text and code; an
// estimate made with it is labelled as one.
const bytesPerToken = 4

// usageToCharge is the usage the provider reported, or where its last word is
// missing (a cut or abandoned stream, a service that reports none) an
// estimate: what was reported where that is more, never more output than was
// asked for or than the model can write (most).
func (c *call) usageToCharge(a *attempt, res *dialect.Result, most llm.Count) (usage llm.Usage, estimated bool) {
	usage = res.Usage
	if res.UsageFinal || !c.metered() || a.row.Outcome == store.OutcomeOK && usage.Known() {
		return usage, false
	}
	if !usage.Input.Known {
		usage.Input = llm.Tokens(int64(len(a.c.words.body)) / bytesPerToken)
	}
	written := res.OutputBytes
	if written == 0 && !c.facts.Stream {
		written = a.row.ReceivedBytes // of a body that is no JSON, or not all of it
	}
	output := max((written+bytesPerToken-1)/bytesPerToken, usage.Output.Or(0))
	asked := a.c.words.facts
	for _, limit := range []llm.Count{asked.MaxTokens, a.c.clamp} {
		if limit.Known {
			most = limit
		}
	}
	if most.Known {
		output = min(output, most.N*int64(max(asked.N, 1)))
	}
	usage.Output = llm.Tokens(output)
	return usage, true
}

// metered tells whether the answer's own words are tokens that are charged.
func (c *call) metered() bool {
	switch c.ep.Op {
	case dialect.OpChat, dialect.OpCompletions, dialect.OpMessages:
		return true
	}
	return false
}

// total adds the attempts up to the call's cost: unknown as soon as one that
// was charged is. The source is that of the attempt that served, or of the
// last one that was charged.
func (c *call) total() {
	var sum, worth price.Money
	known, source := true, ""
	for _, a := range c.attempts {
		if a.CostSource == "" {
			continue
		}
		source = a.CostSource
		known = known && a.Cost.Known
		sum += a.Cost.Money
		worth += a.Worth.Money
		c.rec.Worth = price.Amount{Money: worth, Known: c.rec.Worth.Known || a.Worth.Known}
	}
	c.rec.Cost, c.rec.CostSource = price.Amount{}, source
	if source != "" && known {
		c.rec.Cost = price.Of(sum)
	}
}

// paidWords says of a call that came with a subscription that going on to t
// costs money.
func (c *call) paidWords(t *candidate) string {
	if c.brought.Plan && !t.cred.Client && t.cred.ID != "" && !t.up.p.Free && !c.free() {
		return " with a configured key, which is paid"
	}
	return ""
}
