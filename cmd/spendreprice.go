package cmd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"golang.org/x/term"

	"llmgw/providers/price"
	"llmgw/proxy"
	"llmgw/store"
)

// repriceSpend shows what the attempts of a span would cost at today's prices
// and, confirmed, charges them so.
func (g *globals) repriceSpend(ctx context.Context, r *store.Reader, f spendFlags, q spendQuery) error {
	c, err := g.load()
	if err != nil {
		return err
	}
	book, err := c.priceBook(r.Path())
	if err != nil {
		return err
	}
	p := &repricing{r: r, query: q, what: f.repriceLine(), prices: todaysPrices{book: book, known: map[pricedDay]frozenPrice{}}}
	report, err := p.preview(ctx)
	if err != nil {
		return fmt.Errorf("looking what would change: %w", err)
	}
	if err := g.sayWhatStays(ctx, r, q); err != nil {
		return err
	}
	if f.format == "table" {
		if err := report.writeTable(g.stdout, screenOf(g.stdout)); err != nil {
			return err
		}
	}
	if report.total.changed > 0 {
		yes, err := g.confirmReprice(ctx, f, report.total.changed)
		if err != nil {
			return err
		}
		if yes {
			if report.applied, err = p.apply(ctx); err != nil {
				return &repriceCutError{report.applied, err}
			}
		}
	}
	return report.writeOutcome(g.stdout, f.format)
}

// sayWhatStays warns of a span that reaches back to calls past retention.
func (g *globals) sayWhatStays(ctx context.Context, r *store.Reader, q spendQuery) error {
	pruned, err := r.PrunedBefore(ctx)
	if err == nil && q.since.Before(pruned) {
		g.say("calls up to %s are past retention: what they cost stays as it was added up", pruned.Local().Format(time.DateTime))
	}
	return err
}

// confirmReprice asks whether to go on where there is somebody to ask.
func (g *globals) confirmReprice(ctx context.Context, f spendFlags, changed int64) (bool, error) {
	what := count(changed, "attempt")
	switch {
	case f.yes:
		return true, nil
	case f.format != "table" || !isTerminal(g.stdout) || !term.IsTerminal(int(os.Stdin.Fd())):
		g.say("nothing was changed; to charge %s anew add --yes", what)
		return false, nil
	}
	fmt.Fprintf(g.stderr, "llmgw: charge %s anew? [y/N] ", what)
	yes, err := answeredYes(ctx, os.Stdin)
	if err == nil && !yes {
		g.say("nothing was changed")
	}
	return yes, err
}

// answeredYes reads a line, or gives up with ctx.
func answeredYes(ctx context.Context, from io.Reader) (bool, error) {
	line := make(chan string, 1)
	go func() { // ends with the process at the latest
		text, _ := bufio.NewReader(from).ReadString('\n') // nothing is no
		line <- text
	}()
	select {
	case text := <-line:
		text = strings.ToLower(strings.TrimSpace(text))
		return text == "y" || text == "yes", nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// repriceCutError is a correction that stopped midway.
type repriceCutError struct {
	done *appliedReprice
	err  error
}

// Error says how far it got.
func (e *repriceCutError) Error() string {
	return fmt.Sprintf("charging anew stopped after %s: %v", count(e.done.Attempts, "attempt"), e.err)
}

// Unwrap returns what stopped it.
func (e *repriceCutError) Unwrap() error { return e.err }

// Hint says how to go on.
func (e *repriceCutError) Hint() string {
	return "what was changed is whole; run the same command again for the rest"
}

// repricing is one correction from its preview to its end. Both passes look at
// the calls that had ended when it began, at the same prices.
type repricing struct {
	r      *store.Reader
	query  spendQuery
	what   string
	prices todaysPrices
}

func (p *repricing) each(ctx context.Context, f func(store.RepriceView) error) error {
	q := store.Query{Filter: p.query.filter, Since: p.query.since, Until: p.query.until, Now: p.query.now}
	return p.r.EachRepriced(ctx, q, p.prices.of, func(v store.RepriceView) error {
		if v.Call.FinishedAt.After(p.query.now) {
			return nil
		}
		return f(v)
	})
}

func (p *repricing) preview(ctx context.Context) (*repriceReport, error) {
	report := newRepriceReport(p.query)
	err := p.each(ctx, func(v store.RepriceView) error {
		report.add(v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	report.order()
	report.earlier, err = p.r.Corrections(ctx, 3)
	return report, err
}

// commandAttempts is how many attempts go in one command to a running server:
// it answers well within the time that a command may take.
const commandAttempts = 500

// apply has the running server charge the attempts anew, or does it itself as
// the owner of the database when none runs.
func (p *repricing) apply(ctx context.Context) (done *appliedReprice, err error) {
	to := &repriceSender{path: p.r.Path()}
	done = &appliedReprice{}
	defer func() { err = errors.Join(err, to.close(ctx)) }()
	batch := store.Reprice{Who: userName(), What: p.what}
	send := func() error {
		if batch.N == 0 && len(batch.Attempts) == 0 {
			return nil // somebody else was faster
		}
		answer, err := to.send(ctx, batch)
		if err != nil {
			return err
		}
		done.Correction, done.Attempts = answer.N, done.Attempts+int64(answer.Changed)
		batch.N, batch.Prices, batch.Attempts = answer.N, nil, nil
		return nil
	}
	index := map[string]int{}
	err = p.each(ctx, func(v store.RepriceView) error {
		if !v.Changes {
			return nil
		}
		if len(batch.Attempts) == 0 {
			clear(index)
		}
		i, known := index[v.Is.Price]
		if !known {
			i = len(batch.Prices)
			index[v.Is.Price], batch.Prices = i, append(batch.Prices, v.Is.Price)
		}
		batch.Attempts = append(batch.Attempts, store.RepriceTarget{Call: v.Was.CallID, N: v.Was.N, Price: i})
		if len(batch.Attempts) < commandAttempts {
			return nil
		}
		return send()
	})
	if err != nil {
		return done, err
	}
	batch.Last = true
	return done, send()
}

// userName is who runs this, "" where the system does not say.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// repriceSender hands corrections to whoever owns the database.
type repriceSender struct {
	path string
	own  *store.Store // opened once no server owns it
}

func (s *repriceSender) send(ctx context.Context, batch store.Reprice) (answer proxy.RepriceDone, err error) {
	args, err := json.Marshal(batch)
	if err != nil {
		return answer, err
	}
	var text string
	if s.own == nil {
		text, err = store.SendCommand(ctx, s.path, "reprice", []string{string(args)})
	}
	if s.own == nil && errors.Is(err, store.ErrNotRunning) {
		s.own, err = store.Open(s.path, store.Options{Version: release()})
	}
	if s.own != nil && err == nil {
		text, err = proxy.RepriceCommand(ctx, s.own, []string{string(args)})
	}
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return answer, fmt.Errorf("reading the answer: %w", err)
	}
	return answer, nil
}

func (s *repriceSender) close(ctx context.Context) error {
	if s.own == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return s.own.Close(ctx)
}

// todaysPrices says what attempts would be charged at.
type todaysPrices struct {
	book  *price.Book
	known map[pricedDay]frozenPrice
}

// pricedDay is what a price depends on: those of the book change by the day.
type pricedDay struct {
	provider, model string
	day             time.Time
}

type frozenPrice struct {
	price price.Price
	text  string
}

// of returns the price of an attempt as it would be frozen on it, "" where
// nobody knows one.
func (t todaysPrices) of(a *store.Attempt) string {
	key := pricedDay{a.Provider, a.Model, a.StartedAt.UTC().Truncate(24 * time.Hour)}
	found, ok := t.known[key]
	if !ok {
		if p, known := t.book.Lookup(a.Provider, a.Model, a.StartedAt); known {
			found = frozenPrice{p, p.String()}
		}
		t.known[key] = found
	}
	if found.text != "" && bytes.Contains(a.Usage.Raw, []byte(`"iterations"`)) {
		return t.book.WithPasses(found.price, a.Usage, a.StartedAt).String()
	}
	return found.text
}
