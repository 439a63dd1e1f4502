package sim

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"llmgw/providers/llm"
)

// call is one arrival being answered.
type call struct {
	sim     *Sim
	w       http.ResponseWriter
	r       *http.Request
	row     Arrival
	ended   bool
	dialect llm.Dialect
	ident   uint64 // what ids and other noise are made from
	fault   Fault
	body    []byte // decompressed
	q       *ask   // nil where the request is not about a model
}

// answer is a whole answer before a fault touches its delivery.
type answer struct {
	status int
	header http.Header
	frames []frame // a stream; nil: body is the answer
	body   []byte
	usage  bool // the body tells the usage
}

// operation is an endpoint: how its request is read and its answer written.
type operation struct {
	method string
	read   func(*call) (*ask, *problem) // nil: the body does not matter
	write  func(*call) answer
}

func (s *Sim) arrive(w http.ResponseWriter, r *http.Request) *call {
	c := &call{sim: s, w: w, r: r}
	c.dialect = s.dialectOf(r)
	secret := credential(r)
	c.row = Arrival{
		Time: s.opt.Now(), Method: r.Method, Path: r.URL.EscapedPath(), Query: redactQuery(r.URL.RawQuery),
		Header: redact(r.Header), End: Inflight,
	}
	if secret != "" {
		c.row.Key = "k_" + hexHash([]byte(secret))[:8]
	}
	s.enter(&c.row)
	return c
}

// dialectOf is the one dialect spoken, else the path's, else the headers'.
func (s *Sim) dialectOf(r *http.Request) llm.Dialect {
	switch {
	case s.opt.Dialect != "":
		return s.opt.Dialect
	case strings.HasPrefix(r.URL.Path, "/v1/messages"):
		return llm.Anthropic
	case slices.Contains([]string{"/v1/chat/completions", "/v1/completions", "/v1/embeddings"}, r.URL.Path):
		return llm.OpenAIChat
	case r.Header.Get("Anthropic-Version") != "" || r.Header.Get("X-Api-Key") != "":
		return llm.Anthropic
	}
	return llm.OpenAIChat
}

// readBody reads the request to its end, without which the server would not
// notice a client that leaves.
func (c *call) readBody() error {
	raw, err := io.ReadAll(c.r.Body)
	c.row.Body = raw
	if err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	return nil
}

// accept settles what follows from the bytes of the request.
func (c *call) accept(raw []byte) {
	sum := sha256.Sum256(raw)
	c.row.BodyHash = hex.EncodeToString(sum[:])
	c.ident = c.sim.identify(hashOf(c.sim.opt.Name, fmt.Sprint(c.sim.opt.Seed), c.r.Method, c.r.URL.RequestURI(), c.row.BodyHash))
	c.row.RequestID = c.requestID()
}

// answer decides what to say: the fault's error, else the request's own, else
// the healthy answer.
func (c *call) answer() answer {
	c.accept(c.row.Body)
	op, refused := c.operation()
	if refused == nil {
		refused = c.unpack()
	}
	if refused == nil && op.read != nil {
		c.q, refused = op.read(c)
	}
	c.choose()
	if c.fault.status() != 0 {
		return c.problem(c.faultProblem())
	}
	if p := firstOf(c.unauthorized(), refused, c.unknownModel(), c.rejectedField()); p != nil {
		return c.problem(p)
	}
	if a, ok := c.replaced(); ok {
		return a
	}
	return op.write(c)
}

// choose takes the fault and puts it on record with what else is known.
func (c *call) choose() {
	var brought *Fault
	if c.q != nil {
		c.row.Model, c.row.Stream, brought = c.q.model, c.q.stream, c.q.d.fault
	}
	c.fault = c.sim.take(c.row.Model, brought)
	c.row.Fault = c.fault
	c.sim.save(c.row)
}

func firstOf(problems ...*problem) *problem {
	i := slices.IndexFunc(problems, func(p *problem) bool { return p != nil })
	if i < 0 {
		return nil
	}
	return problems[i]
}

// operation finds the endpoint.
func (c *call) operation() (operation, *problem) {
	op := openAIOperation(c.r.URL.Path)
	if c.dialect == llm.Anthropic {
		op = anthropicOperation(c.r.URL.Path)
	}
	switch {
	case op == nil:
		return operation{}, c.noSuchPath()
	case op.method != c.r.Method:
		return operation{}, c.wrongMethod()
	}
	return *op, nil
}

func openAIOperation(path string) *operation {
	switch path {
	case "/v1/chat/completions":
		return &operation{http.MethodPost, (*call).readChat, (*call).writeChat}
	case "/v1/completions":
		return &operation{http.MethodPost, (*call).readCompletion, (*call).writeCompletion}
	case "/v1/embeddings":
		return &operation{http.MethodPost, (*call).readEmbeddings, (*call).writeEmbeddings}
	case "/v1/files", "/v1/batches", "/v1/fine_tuning/jobs":
		return &operation{http.MethodGet, nil, (*call).writeEmptyList}
	}
	return modelsOperation(path)
}

func anthropicOperation(path string) *operation {
	switch path {
	case "/v1/messages":
		return &operation{http.MethodPost, (*call).readMessages, (*call).writeMessages}
	case "/v1/messages/count_tokens":
		return &operation{http.MethodPost, (*call).readCountTokens, (*call).writeCountTokens}
	case "/v1/messages/batches", "/v1/files":
		return &operation{http.MethodGet, nil, (*call).writeEmptyList}
	}
	return modelsOperation(path)
}

func modelsOperation(path string) *operation {
	if path == "/v1/models" || strings.HasPrefix(path, "/v1/models/") {
		return &operation{http.MethodGet, nil, (*call).writeModels}
	}
	return nil
}

// unpack undoes the request's Content-Encoding.
func (c *call) unpack() *problem {
	c.body = c.row.Body
	switch c.r.Header.Get("Content-Encoding") {
	case "", "identity":
		return nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(c.row.Body))
		if err == nil {
			c.body, err = io.ReadAll(z)
		}
		if err != nil {
			return c.badJSON()
		}
		return nil
	}
	return &problem{status: http.StatusUnsupportedMediaType, typ: "invalid_request_error", message: "Unsupported Content-Encoding."}
}

// decode reads the JSON body into in.
func (c *call) decode(in any) *problem {
	err := json.Unmarshal(c.body, in)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return c.wrongType(wrong)
	}
	if err != nil {
		return c.badJSON()
	}
	return nil
}

// ready completes q; its error is a misspelt directive.
func (c *call) ready(q *ask) *problem {
	if err := q.ready(c.sim.opt.Name); err != nil {
		return &problem{status: http.StatusBadRequest, typ: "invalid_request_error", message: err.Error()}
	}
	return nil
}

// ok is a 200 with the dialect's headers.
func (c *call) ok(body []byte) answer {
	h := c.header()
	h.Set("Content-Type", "application/json")
	return answer{status: http.StatusOK, header: h, body: body}
}

// okStream is a 200 that streams.
func (c *call) okStream(frames []frame) answer {
	h := c.header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	return answer{status: http.StatusOK, header: h, frames: frames}
}

func (c *call) writeChat() answer {
	r := c.bend(c.compose())
	c.row.Usage = openAITold(r.usage)
	w := c.chatWriter(r)
	if c.q.stream {
		return c.okStream(w.frames())
	}
	a := c.ok(w.body())
	a.usage = r.mode != usageNone && r.mode != usageNull
	return a
}

func (c *call) writeMessages() answer {
	r := c.bend(c.compose())
	c.row.Usage = anthropicTold(r.usage, c.q.thinking)
	w := c.messageWriter(r)
	if c.q.stream {
		return c.okStream(w.frames())
	}
	a := c.ok(w.body())
	a.usage = r.mode != usageNone && r.mode != usageNull
	return a
}

// writeEmptyList is what an account without files or batches is told.
func (c *call) writeEmptyList() answer {
	if c.dialect == llm.Anthropic {
		return c.ok([]byte(`{"data":[],"has_more":false,"first_id":null,"last_id":null}`))
	}
	return c.ok([]byte(`{"object":"list","data":[],"has_more":false}`))
}

// openAITold is what a reader of OpenAI's usage object knows.
func openAITold(u llm.Usage) llm.Usage {
	u.InputAudio, u.OutputAudio = llm.Tokens(0), llm.Tokens(0)
	if u.CacheWrite.N == 0 {
		u.CacheWrite = llm.Count{}
	}
	u.CacheWrite1h, u.WebSearches = llm.Count{}, llm.Count{}
	u.ServiceTier = "default"
	return u
}

// anthropicTold is what a reader of Anthropic's usage object knows.
func anthropicTold(u llm.Usage, thinking bool) llm.Usage {
	if !thinking {
		u.Reasoning = llm.Count{}
	}
	u.ServiceTier = "standard"
	return u
}

func hexHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// credential is the key the request brings, in whichever header.
func credential(r *http.Request) string {
	for _, name := range []string{"X-Api-Key", "Api-Key"} {
		if v := r.Header.Get(name); v != "" {
			return v
		}
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return ""
}
