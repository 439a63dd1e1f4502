package store

import (
	"database/sql/driver"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// attemptBits is how far calls.n is shifted to make room for the attempt's
// number in attempts.k.
const attemptBits = 10

func attemptKey(call int64, n int) int64 { return call<<attemptBits | int64(n) }

// The columns of a row: first the head, which is known when a call or an
// attempt begins and hardly ever changes, then what comes of it. A begin writes
// only the head and an end only the rest, for each value bound costs time.
// Readers take the columns in the same order.
var (
	callHead = []string{
		"n", "id", "started_at", "project", "client", "session", "key", "dialect", "endpoint", "method", "path", "stream",
		"model_requested", "route", "route_reason", "request_bytes", "remote_addr", "user_agent", "change_seq",
	}
	callRest = []string{
		"finished_at", "first_token_us", "status", "http_status", "error", "error_text",
		"provider", "model", "model_reported", "upstream_request_id", "finish_reason",
		"cache", "cached_from", "cache_note", "dropped", "edits", "tags",
		"input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
		"cost", "cost_source", "worth", "response_bytes", "redactions",
	}
	attemptHead = []string{"k", "provider", "model", "key", "started_at", "hedge", "waited_us", "held", "price"}
	attemptRest = []string{
		"duration_us", "first_token_us", "outcome", "http_status", "error", "skipped", "why",
		"upstream_request_id", "model_reported", "finish_reason",
		"input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
		"usage_more", "cost", "cost_source", "worth", "overrun",
		"dns_us", "dial_us", "tls_us", "wait_us", "sent_bytes", "received_bytes", "reused",
	}
	callColumns    = slices.Concat(callHead, callRest)
	attemptColumns = slices.Concat(attemptHead, attemptRest)
)

func insertSQL(table string, columns []string) string {
	return "INSERT INTO " + table + "(" + strings.Join(columns, ", ") + ") VALUES (?" +
		strings.Repeat(", ?", len(columns)-1) + ")"
}

// updateSQL sets columns and whatever else extra sets; the key is bound last.
func updateSQL(table, key string, columns []string, extra string) string {
	return "UPDATE " + table + " SET " + strings.Join(columns, " = ?, ") + " = ?" + extra + " WHERE " + key + " = ?"
}

// callHeadValues is what callHead holds but for n and change_seq, in a form
// that two calls can be compared by.
type callHeadValues struct {
	id                                               string
	started                                          int64
	project, client, session, key, dialect, endpoint string
	method, path                                     string
	stream                                           bool
	modelRequested, route, routeReason               string
	requestBytes                                     int64
	remoteAddr, userAgent                            string
}

func (c *Call) head() callHeadValues {
	return callHeadValues{
		c.ID, micros(c.StartedAt), c.Project, c.Client, c.Session, c.Key, string(c.Dialect), c.Endpoint, c.Method, c.Path,
		c.Stream, c.ModelRequested, c.Route, c.RouteReason, c.RequestBytes, c.RemoteAddr, c.UserAgent,
	}
}

func (s *stmt) addCallHead(h *callHeadValues) {
	s.add(h.id)
	s.add(h.started)
	for _, v := range [...]string{h.project, h.client, h.session, h.key, h.dialect, h.endpoint, h.method, h.path} {
		s.add(v)
	}
	s.add(bit(h.stream))
	for _, v := range [...]string{h.modelRequested, h.route, h.routeReason} {
		s.add(v)
	}
	s.add(h.requestBytes)
	s.add(h.remoteAddr)
	s.add(h.userAgent)
}

// addCallRest binds what callRest holds.
func (s *stmt) addCallRest(c *Call) error {
	dropped, edits, tags, err := lists(c)
	if err != nil {
		return err
	}
	s.add(orNull(micros(c.FinishedAt), c.FinishedAt.IsZero()))
	s.add(span(c.FirstToken))
	s.add(string(c.Status))
	s.add(int64(c.HTTPStatus))
	for _, v := range [...]string{
		c.Error, c.ErrorText, c.Provider, c.Model, c.ModelReported, c.UpstreamRequestID, c.FinishReason,
		c.Cache, c.CachedFrom, c.CacheNote, dropped, edits, tags,
	} {
		s.add(v)
	}
	s.addUsage(&c.Usage)
	s.add(orNull(int64(c.Cost.Money), !c.Cost.Known))
	s.add(c.CostSource)
	s.add(orNull(int64(c.Worth.Money), !c.Worth.Known))
	s.add(c.ResponseBytes)
	s.add(int64(c.Redactions))
	return nil
}

// readCall returns the call in a row of callColumns, and its n.
func readCall(row []driver.Value) (int64, Call, error) {
	r := fields{row: row}
	n := r.int()
	c := Call{
		ID: r.text(), StartedAt: r.time(),
		Project: r.text(), Client: r.text(), Session: r.text(), Key: r.text(),
		Dialect: llm.Dialect(r.text()), Endpoint: r.text(), Method: r.text(), Path: r.text(), Stream: r.bit(),
		ModelRequested: r.text(), Route: r.text(), RouteReason: r.text(),
		RequestBytes: r.int(), RemoteAddr: r.text(), UserAgent: r.text(), Seq: r.int(),
		FinishedAt: r.time(), FirstToken: r.span(),
		Status: Status(r.text()), HTTPStatus: int(r.int()), Error: r.text(), ErrorText: r.text(),
		Provider: r.text(), Model: r.text(), ModelReported: r.text(), UpstreamRequestID: r.text(), FinishReason: r.text(),
		Cache: r.text(), CachedFrom: r.text(), CacheNote: r.text(),
	}
	r.json(&c.Dropped)
	r.json(&c.Edits)
	r.json(&c.Tags)
	r.usage(&c.Usage)
	c.Cost, c.CostSource, c.Worth = r.amount(), r.text(), r.amount()
	c.ResponseBytes, c.Redactions = r.int(), int(r.int())
	return n, c, r.err
}

// attemptHeadValues is what attemptHead holds but for k.
type attemptHeadValues struct {
	provider, model, key string
	started              int64
	hedge                bool
	waited               int64
	held                 price.Amount
	price                string
}

func (a *Attempt) head() attemptHeadValues {
	return attemptHeadValues{
		a.Provider, a.Model, a.Key, micros(a.StartedAt), a.Hedge, a.Waited.Microseconds(), a.Held, a.Price,
	}
}

func (s *stmt) addAttemptHead(h *attemptHeadValues) {
	for _, v := range [...]string{h.provider, h.model, h.key} {
		s.add(v)
	}
	s.add(h.started)
	s.add(bit(h.hedge))
	s.add(h.waited)
	s.add(orNull(int64(h.held.Money), !h.held.Known))
	s.add(h.price)
}

// addAttemptRest binds what attemptRest holds.
func (s *stmt) addAttemptRest(a *Attempt) error {
	more, err := packUsage(&a.Usage)
	if err != nil {
		return err
	}
	s.add(orNull(a.Duration.Microseconds(), a.Duration < 0 || a.Outcome == OutcomeRunning))
	s.add(span(a.FirstToken))
	s.add(a.Outcome)
	s.add(int64(a.HTTPStatus))
	for _, v := range [...]string{a.Error, a.Skipped, a.Why, a.UpstreamRequestID, a.ModelReported, a.Finish} {
		s.add(v)
	}
	s.addUsage(&a.Usage)
	s.add(more)
	s.add(orNull(int64(a.Cost.Money), !a.Cost.Known))
	s.add(a.CostSource)
	s.add(orNull(int64(a.Worth.Money), !a.Worth.Known))
	s.add(orNull(int64(a.Overrun.Money), !a.Overrun.Known))
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
		N: int(k & MaxAttempts), Provider: r.text(), Model: r.text(), Key: r.text(), StartedAt: r.time(),
		Hedge: r.bit(), Waited: time.Duration(r.int()) * time.Microsecond, Held: r.amount(), Price: r.text(),
		Duration: r.span(), FirstToken: r.span(),
		Outcome: r.text(), HTTPStatus: int(r.int()), Error: r.text(), Skipped: r.text(), Why: r.text(),
		UpstreamRequestID: r.text(), ModelReported: r.text(), Finish: r.text(),
	}
	r.usage(&a.Usage)
	var more usageMore
	r.json(&more)
	more.unpack(&a.Usage)
	a.Cost, a.CostSource, a.Worth, a.Overrun = r.amount(), r.text(), r.amount(), r.amount()
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

// packUsage writes a usageMore, as encoding/json would in ten times the time.
func packUsage(u *llm.Usage) (string, error) {
	b := make([]byte, 0, len(u.Raw)+128)
	for _, m := range [...]struct {
		name  string
		count llm.Count
	}{
		{"cache_write_1h_tokens", u.CacheWrite1h}, {"input_audio_tokens", u.InputAudio}, {"output_audio_tokens", u.OutputAudio},
		{"web_searches", u.WebSearches}, {"reported_cost_pusd", u.ReportedCost},
	} {
		if m.count.Known {
			b = strconv.AppendInt(appendName(b, m.name), m.count.N, 10)
		}
	}
	if u.ServiceTier != "" {
		text, err := json.Marshal(u.ServiceTier)
		if err != nil {
			return "", err
		}
		b = append(appendName(b, "service_tier"), text...)
	}
	switch {
	case len(u.Raw) == 0:
	case json.Valid(u.Raw):
		b = append(appendName(b, "raw"), u.Raw...)
	default:
		b = append(base64.StdEncoding.AppendEncode(append(appendName(b, "raw_bytes"), '"'), u.Raw), '"')
	}
	if len(b) == 0 {
		return "{}", nil
	}
	return string(append(b, '}')), nil
}

// appendName goes on in a JSON object, or begins it, with a member's name.
func appendName(b []byte, name string) []byte {
	if len(b) == 0 {
		b = append(b, '{')
	} else {
		b = append(b, ',')
	}
	return append(append(append(b, '"'), name...), '"', ':')
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
