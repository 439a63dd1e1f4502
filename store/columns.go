package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// attemptBits is how far calls.n is shifted to make room for the attempt's
// number in attempts.k.
const attemptBits = 10

func attemptKey(call int64, n int) int64 { return call<<attemptBits | int64(n) }

// The columns in the order in which bindCall, readCall, bindAttempt and
// readAttempt go through them.
var (
	callColumns = []string{
		"n", "id", "change_seq", "started_at", "finished_at", "first_token_us",
		"project", "client", "session", "key", "dialect", "endpoint", "method", "path", "stream",
		"model_requested", "route", "route_reason", "status", "http_status", "error", "error_text",
		"provider", "model", "model_reported", "upstream_request_id", "finish_reason",
		"cache", "cached_from", "dropped", "edits", "tags",
		"input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
		"cost", "cost_source", "worth", "request_bytes", "response_bytes", "redactions",
		"remote_addr", "user_agent",
	}
	attemptColumns = []string{
		"k", "provider", "model", "key", "started_at", "duration_us", "first_token_us",
		"outcome", "http_status", "error", "skipped", "why", "hedge", "waited_us",
		"upstream_request_id", "model_reported", "finish_reason",
		"input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
		"usage_more", "price", "cost", "cost_source", "held", "worth",
		"dns_us", "dial_us", "tls_us", "wait_us", "sent_bytes", "received_bytes", "reused",
	}
)

// upsert writes the SQL that inserts a row or, where its key exists, replaces
// all columns but the fixed ones (which would touch an index for nothing).
func upsert(table string, columns []string, fixed int) string {
	var set []string
	for _, c := range columns[fixed:] {
		set = append(set, c+" = excluded."+c)
	}
	return "INSERT INTO " + table + "(" + strings.Join(columns, ", ") + ") VALUES (?" +
		strings.Repeat(", ?", len(columns)-1) + ") ON CONFLICT(" + columns[0] + ") DO UPDATE SET " +
		strings.Join(set, ", ")
}

func bindCall(s *stmt, n, seq int64, c *Call) error {
	dropped, edits, tags, err := lists(c)
	if err != nil {
		return err
	}
	s.with(n, c.ID, seq, micros(c.StartedAt), orNull(micros(c.FinishedAt), c.FinishedAt.IsZero()), span(c.FirstToken))
	for _, v := range [...]string{c.Project, c.Client, c.Session, c.Key, string(c.Dialect), c.Endpoint, c.Method, c.Path} {
		s.add(v)
	}
	s.add(bit(c.Stream))
	for _, v := range [...]string{c.ModelRequested, c.Route, c.RouteReason, string(c.Status)} {
		s.add(v)
	}
	s.add(int64(c.HTTPStatus))
	for _, v := range [...]string{
		c.Error, c.ErrorText, c.Provider, c.Model, c.ModelReported, c.UpstreamRequestID, c.FinishReason,
		c.Cache, c.CachedFrom, dropped, edits, tags,
	} {
		s.add(v)
	}
	s.addUsage(&c.Usage)
	s.add(orNull(int64(c.Cost.Money), !c.Cost.Known))
	s.add(c.CostSource)
	s.add(orNull(int64(c.Worth.Money), !c.Worth.Known))
	s.add(c.RequestBytes)
	s.add(c.ResponseBytes)
	s.add(int64(c.Redactions))
	s.add(c.RemoteAddr)
	s.add(c.UserAgent)
	return nil
}

// readCall returns the call in a row of callColumns, and its n.
func readCall(row []driver.Value) (int64, Call, error) {
	r := fields{row: row}
	n := r.int()
	c := Call{
		ID: r.text(), Seq: r.int(), StartedAt: r.time(), FinishedAt: r.time(), FirstToken: r.span(),
		Project: r.text(), Client: r.text(), Session: r.text(), Key: r.text(),
		Dialect: llm.Dialect(r.text()), Endpoint: r.text(), Method: r.text(), Path: r.text(), Stream: r.bit(),
		ModelRequested: r.text(), Route: r.text(), RouteReason: r.text(),
		Status: Status(r.text()), HTTPStatus: int(r.int()), Error: r.text(), ErrorText: r.text(),
		Provider: r.text(), Model: r.text(), ModelReported: r.text(), UpstreamRequestID: r.text(), FinishReason: r.text(),
		Cache: r.text(), CachedFrom: r.text(),
	}
	r.json(&c.Dropped)
	r.json(&c.Edits)
	r.json(&c.Tags)
	r.usage(&c.Usage)
	c.Cost, c.CostSource, c.Worth = r.amount(), r.text(), r.amount()
	c.RequestBytes, c.ResponseBytes, c.Redactions = r.int(), r.int(), int(r.int())
	c.RemoteAddr, c.UserAgent = r.text(), r.text()
	return n, c, r.err
}

func bindAttempt(s *stmt, call int64, a *Attempt) error {
	more, err := packUsage(&a.Usage)
	if err != nil {
		return err
	}
	s.with(attemptKey(call, a.N), a.Provider, a.Model, a.Key, micros(a.StartedAt))
	s.add(orNull(a.Duration.Microseconds(), a.Duration < 0 || a.Outcome == OutcomeRunning))
	s.add(span(a.FirstToken))
	s.add(a.Outcome)
	s.add(int64(a.HTTPStatus))
	s.add(a.Error)
	s.add(a.Skipped)
	s.add(a.Why)
	s.add(bit(a.Hedge))
	s.add(a.Waited.Microseconds())
	s.add(a.UpstreamRequestID)
	s.add(a.ModelReported)
	s.add(a.Finish)
	s.addUsage(&a.Usage)
	s.add(more)
	s.add(a.Price)
	s.add(orNull(int64(a.Cost.Money), !a.Cost.Known))
	s.add(a.CostSource)
	s.add(orNull(int64(a.Held.Money), !a.Held.Known))
	s.add(orNull(int64(a.Worth.Money), !a.Worth.Known))
	for _, d := range [...]time.Duration{a.DNS, a.Dial, a.TLS, a.Wait} {
		s.add(span(d))
	}
	s.add(a.SentBytes)
	s.add(a.ReceivedBytes)
	s.add(bit(a.Reused))
	return nil
}

// readAttempt returns the attempt in a row of attemptColumns without its
// CallID, and the n of its call.
func readAttempt(row []driver.Value) (int64, Attempt, error) {
	r := fields{row: row}
	k := r.int()
	a := Attempt{
		N: int(k & MaxAttempts), Provider: r.text(), Model: r.text(), Key: r.text(),
		StartedAt: r.time(), Duration: r.span(), FirstToken: r.span(),
		Outcome: r.text(), HTTPStatus: int(r.int()), Error: r.text(), Skipped: r.text(), Why: r.text(),
		Hedge: r.bit(), Waited: time.Duration(r.int()) * time.Microsecond,
		UpstreamRequestID: r.text(), ModelReported: r.text(), Finish: r.text(),
	}
	r.usage(&a.Usage)
	var more usageMore
	r.json(&more)
	more.unpack(&a.Usage)
	a.Price, a.Cost, a.CostSource, a.Held, a.Worth = r.text(), r.amount(), r.text(), r.amount(), r.amount()
	a.DNS, a.Dial, a.TLS, a.Wait = r.span(), r.span(), r.span(), r.span()
	a.SentBytes, a.ReceivedBytes, a.Reused = r.int(), r.int(), r.bit()
	return k >> attemptBits, a, r.err
}

// usageMore is what of a usage has no column of its own.
type usageMore struct {
	CacheWrite1h *int64          `json:"cache_write_1h_tokens,omitempty"`
	InputAudio   *int64          `json:"input_audio_tokens,omitempty"`
	OutputAudio  *int64          `json:"output_audio_tokens,omitempty"`
	WebSearches  *int64          `json:"web_searches,omitempty"`
	ReportedCost *int64          `json:"reported_cost_pusd,omitempty"`
	ServiceTier  string          `json:"service_tier,omitempty"`
	Raw          json.RawMessage `json:"raw,omitempty"`
	NotJSON      []byte          `json:"raw_bytes,omitempty"` // Raw that is no JSON, kept all the same
}

func packUsage(u *llm.Usage) (string, error) {
	m := usageMore{
		CacheWrite1h: pointer(u.CacheWrite1h), InputAudio: pointer(u.InputAudio), OutputAudio: pointer(u.OutputAudio),
		WebSearches: pointer(u.WebSearches), ReportedCost: pointer(u.ReportedCost), ServiceTier: u.ServiceTier,
	}
	switch {
	case len(u.Raw) == 0 && m.CacheWrite1h == nil && m.InputAudio == nil && m.OutputAudio == nil &&
		m.WebSearches == nil && m.ReportedCost == nil && m.ServiceTier == "":
		return "{}", nil
	case json.Valid(u.Raw):
		m.Raw = u.Raw
	default:
		m.NotJSON = u.Raw
	}
	text, err := json.Marshal(m)
	return string(text), err
}

func (m *usageMore) unpack(u *llm.Usage) {
	u.CacheWrite1h, u.InputAudio, u.OutputAudio = count(m.CacheWrite1h), count(m.InputAudio), count(m.OutputAudio)
	u.WebSearches, u.ReportedCost, u.ServiceTier = count(m.WebSearches), count(m.ReportedCost), m.ServiceTier
	u.Raw = m.Raw
	if m.NotJSON != nil {
		u.Raw = m.NotJSON
	}
}

func pointer(c llm.Count) *int64 {
	if !c.Known {
		return nil
	}
	return &c.N
}

func count(n *int64) llm.Count {
	if n == nil {
		return llm.Count{}
	}
	return llm.Tokens(*n)
}

func lists(c *Call) (dropped, edits, tags string, err error) {
	if dropped, err = list(c.Dropped); err != nil {
		return "", "", "", err
	}
	if edits, err = list(c.Edits); err != nil {
		return "", "", "", err
	}
	if len(c.Tags) == 0 {
		return dropped, edits, "{}", nil
	}
	text, err := json.Marshal(c.Tags)
	return dropped, edits, string(text), err
}

func list(l []string) (string, error) {
	if len(l) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(l)
	return string(text), err
}

func (s *stmt) addUsage(u *llm.Usage) {
	for _, c := range [...]llm.Count{u.Input, u.CachedInput, u.CacheWrite, u.Output, u.Reasoning} {
		s.add(orNull(c.N, !c.Known))
	}
}

func micros(t time.Time) int64 { return t.UnixMicro() }

// span is a duration as a column: below zero is unknown.
func span(d time.Duration) any { return orNull(d.Microseconds(), d < 0) }

func orNull(n int64, null bool) any {
	if null {
		return nil
	}
	return n
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// fields takes the columns of a row one after the other and keeps the first
// error, which would mean that schema and code have come apart.
type fields struct {
	row []driver.Value
	at  int
	err error
}

func (r *fields) next() driver.Value {
	r.at++
	return r.row[r.at-1]
}

func (r *fields) wrong(v driver.Value, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("reading column %d: %T, want %s", r.at, v, want)
	}
}

func (r *fields) text() string {
	v := r.next()
	s, ok := v.(string)
	if !ok {
		r.wrong(v, "text")
	}
	return s
}

func (r *fields) int() int64 {
	v := r.next()
	n, ok := v.(int64)
	if !ok {
		r.wrong(v, "integer")
	}
	return n
}

// blob also takes nil: SQLite hands out an empty blob as that.
func (r *fields) blob() []byte {
	v := r.next()
	b, ok := v.([]byte)
	if !ok && v != nil {
		r.wrong(v, "blob")
	}
	return b
}

func (r *fields) bit() bool { return r.int() != 0 }

func (r *fields) maybe() llm.Count {
	v := r.next()
	if v == nil {
		return llm.Count{}
	}
	n, ok := v.(int64)
	if !ok {
		r.wrong(v, "integer or null")
	}
	return llm.Tokens(n)
}

func (r *fields) amount() price.Amount {
	c := r.maybe()
	return price.Amount{Money: price.Money(c.N), Known: c.Known}
}

func (r *fields) time() time.Time {
	c := r.maybe()
	if !c.Known {
		return time.Time{}
	}
	return time.UnixMicro(c.N).UTC()
}

func (r *fields) span() time.Duration {
	c := r.maybe()
	if !c.Known {
		return -1
	}
	return time.Duration(c.N) * time.Microsecond
}

func (r *fields) json(into any) {
	text := r.text()
	if r.err != nil || text == "[]" || text == "{}" {
		return
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		r.err = fmt.Errorf("reading column %d: %w", r.at, err)
	}
}

func (r *fields) usage(u *llm.Usage) {
	u.Input, u.CachedInput, u.CacheWrite = r.maybe(), r.maybe(), r.maybe()
	u.Output, u.Reasoning = r.maybe(), r.maybe()
}
