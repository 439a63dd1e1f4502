// Package sim is the built-in provider simulator: an [http.Handler] that
// speaks the public APIs of OpenAI (chat) and Anthropic, misbehaves on order,
// and keeps its own ledger of what it received and sent. The program uses it
// for `serve --demo`, `serve --fault` and `verify`; the tests use it as the
// upstream.
//
// Body bytes are a function of the request, the script and the seed, never of
// the clock or of chance; of the headers only Date and the absolute reset
// times follow Options.Now. Text in the prompt may choose the answer, see
// directive.go for the grammar:
//
//	[[usage in=123 out=45 cached=10 write=7 write1h=0 reasoning=5 searches=0]]
//	[[say TEXT]]  [[words 500]]  [[tools 2]]  [[refuse]]  [[fault 429:retry-after=2@name]]
//
// The model "echo" answers with JSON of the request as it arrived.
package sim

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"llmgw/providers/llm"
)

// Options say what a simulated provider is like when it is healthy. The zero
// value answers at once, in both dialects, to any model.
type Options struct {
	Name          string           // part of every text and id, so that two providers never answer alike; also what [[fault KIND@name]] matches
	Dialect       llm.Dialect      // llm.OpenAIChat or llm.Anthropic; "": both, by path
	Seed          uint64           // another seed, other texts and ids
	FirstByte     time.Duration    // silence before the headers
	BetweenEvents time.Duration    // pause before every event of a stream but the first
	Models        []string         // what GET /v1/models lists; when set, any other model is a 404
	Now           func() time.Time // nil: time.Now
	Keep          int              // newest arrivals the ledger keeps; 0: all (a long-running demo sets it)
}

// Sim is one simulated provider. It is safe for concurrent use and starts no
// goroutine of its own.
type Sim struct {
	opt Options

	mu       sync.Mutex
	script   []Fault
	byModel  map[string][]Fault
	standing Fault
	grown    map[Fault]int       // times a growing fault was given
	sights   map[uint64]int      // arrivals with this very request, so that ids differ
	cached   map[uint64]struct{} // prompt prefixes a cache_control marker has written
	ledger   ledger
	release  chan struct{} // closed and replaced by Release
}

// New returns a healthy provider with an empty script.
func New(o Options) *Sim {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Models = slices.Clone(o.Models)
	return &Sim{
		opt:     o,
		byModel: map[string][]Fault{},
		grown:   map[Fault]int{},
		sights:  map[uint64]int{},
		cached:  map[uint64]struct{}{},
		ledger:  ledger{changed: make(chan struct{})},
		release: make(chan struct{}),
	}
}

// Script queues faults, one for each arrival whatever its path, in order.
// Fault{} is a healthy answer.
func (s *Sim) Script(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, faults...)
}

// Default sets what every arrival beyond the queues gets.
func (s *Sim) Default(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.standing = f
}

// ForModel queues faults for arrivals that ask for this model; they come
// before the general script and leave it alone.
func (s *Sim) ForModel(model string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byModel[model] = append(s.byModel[model], faults...)
}

// Release lets every arrival that hangs without an end (no ms=) at this moment
// go on with its healthy answer.
func (s *Sim) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.release)
	s.release = make(chan struct{})
}

// ServeHTTP answers one arrival. It panics with [http.ErrAbortHandler] where
// the connection has to end in the middle of an answer.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := s.arrive(w, r)
	defer c.close()
	if f, ok := s.takeEarly(); ok {
		c.answerEarly(f)
		return
	}
	if err := c.readBody(); err != nil {
		c.hungUp()
	}
	a := c.answer()
	c.deliver(c.layout(a))
}

// take picks the fault of an arrival: the one its prompt brings, else the
// model's queue, else the script, else the default.
func (s *Sim) take(model string, brought *Fault) Fault {
	if brought != nil {
		return *brought
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.standing
	if queue := s.byModel[model]; len(queue) > 0 {
		f, s.byModel[model] = queue[0], queue[1:]
	} else if len(s.script) > 0 {
		f, s.script = s.script[0], s.script[1:]
	}
	return s.grow(f)
}

// takeEarly takes the next fault when it is one that acts before the body is
// read, and so before anything is known about the arrival.
func (s *Sim) takeEarly() (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.standing
	if len(s.script) > 0 {
		f = s.script[0]
	}
	if f.Kind != EarlyAnswer {
		return Fault{}, false
	}
	if len(s.script) > 0 {
		s.script = s.script[1:]
	}
	return f, true
}

// grow doubles a growing fault's RetryAfter for each time it was given before.
func (s *Sim) grow(f Fault) Fault {
	if !f.Grow {
		return f
	}
	const most = 30 * 24 * time.Hour
	n := s.grown[f]
	s.grown[f]++
	for range n {
		f.RetryAfter = min(2*f.RetryAfter, max(most, f.RetryAfter))
	}
	return f
}

// identify numbers the arrivals of one very request, so that ids are unique
// and yet do not depend on what else arrives meanwhile.
func (s *Sim) identify(request uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.sights[request]
	s.sights[request]++
	return mix(request, uint64(n))
}

// released returns the channel that the next Release closes.
func (s *Sim) released() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.release
}
