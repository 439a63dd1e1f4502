package sim

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"llmgw/providers/llm"
)

// End is how an arrival ended.
type End string

// The ends. Cut is the simulator's own doing: a fault broke the answer off
// before the dialect's end. HungUp is the client's: it left while bytes were
// still to come. An answer whose last byte was handed to the connection is
// Delivered, even if nobody read it.
const (
	Inflight  End = "inflight"
	Delivered End = "delivered"
	HungUp    End = "hung_up"
	Cut       End = "cut"
)

// Arrival is one request as it reached the simulator and what became of it.
// It is complete before the last byte of its answer goes out, so whoever has
// seen an answer end finds it so.
type Arrival struct {
	Seq       int // 1-based, in order of arrival
	Time      time.Time
	Method    string
	Path      string      // escaped, without the query
	Query     string      // raw; the value of key= cut to its last 4 characters
	Header    http.Header // credentials cut to their last 4 characters
	Body      []byte      // as received, still compressed if it came so
	BodyHash  string      // hex SHA-256 of Body
	Model     string      // as asked for
	Stream    bool
	Key       string // "k_" and 8 hex digits of the credential's SHA-256; "" without one
	RequestID string // as the answer's header says

	Fault     Fault
	Status    int // 0: no status line was sent
	SentBytes int64
	SentHash  string    // hex SHA-256 of the body bytes written, after any content coding
	Usage     llm.Usage // what the answer declares, or would have declared
	UsageSent bool      // the final usage went out whole
	End       End
	Done      time.Time // zero while in flight
}

// ledger is the list of arrivals; the Sim's mutex guards it.
type ledger struct {
	rows    []Arrival
	dropped int // rows given up because of Options.Keep
	ended   int
	changed chan struct{} // closed and replaced at every arrival and end
}

// Ledger returns a copy of what arrived, oldest first. The headers and bodies
// are shared; do not write to them.
func (s *Sim) Ledger() []Arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger.rows)
}

// Wait blocks until n arrivals have ended since New.
func (s *Sim) Wait(ctx context.Context, n int) error {
	return s.wait(ctx, func(l *ledger) bool { return l.ended >= n })
}

// WaitArrived blocks until n arrivals were read whole and given their faults,
// ended or not.
func (s *Sim) WaitArrived(ctx context.Context, n int) error {
	return s.wait(ctx, func(l *ledger) bool {
		ready := l.dropped
		for i := range l.rows {
			if l.rows[i].BodyHash != "" || l.rows[i].End != Inflight {
				ready++
			}
		}
		return ready >= n
	})
}

func (s *Sim) wait(ctx context.Context, enough func(*ledger) bool) error {
	for {
		s.mu.Lock()
		done, changed := enough(&s.ledger), s.ledger.changed
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// enter gives an arrival its number and adds it.
func (s *Sim) enter(a *Arrival) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.ledger
	a.Seq = l.dropped + len(l.rows) + 1
	l.rows = append(l.rows, *a)
	if keep := s.opt.Keep; keep > 0 && len(l.rows) > keep {
		// Cleared so that the array does not hold on to their bodies.
		l.rows[0] = Arrival{}
		l.rows = l.rows[1:]
		l.dropped++
	}
	l.notify()
}

// save writes an arrival's present state.
func (s *Sim) save(a Arrival) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.ledger
	i := a.Seq - 1 - l.dropped
	if i >= 0 {
		l.rows[i] = a
	}
	l.notify()
}

// finish writes an arrival's final state and counts it as ended.
func (s *Sim) finish(a Arrival) {
	s.mu.Lock()
	s.ledger.ended++
	s.mu.Unlock()
	s.save(a)
}

func (l *ledger) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// redact returns a copy of h in which credentials show their last 4
// characters only.
func redact(h http.Header) http.Header {
	out := h.Clone()
	for _, name := range []string{"Authorization", "Proxy-Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Cookie"} {
		for i, v := range out[name] {
			scheme, secret, ok := strings.Cut(v, " ")
			if !ok {
				scheme, secret = "", v
			}
			out[name][i] = strings.TrimSpace(scheme + " " + last4(secret))
		}
	}
	return out
}

func last4(secret string) string {
	if len(secret) <= 4 {
		return "…"
	}
	return "…" + secret[len(secret)-4:]
}

// redactQuery cuts the value of key= without touching the rest.
func redactQuery(raw string) string {
	pairs := strings.Split(raw, "&")
	for i, p := range pairs {
		if v, ok := strings.CutPrefix(p, "key="); ok {
			pairs[i] = "key=" + last4(v)
		}
	}
	return strings.Join(pairs, "&")
}
