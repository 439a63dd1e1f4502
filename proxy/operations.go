package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/proxy/caps"
)

// serveOperations answers what is about llmgw itself: is it there, is it up,
// can it record. Any other path is a plain 404 in OpenAI's shape, the one that
// most clients read.
func (g *Gateway) serveOperations(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/", "/healthz", "/readyz":
	default:
		dialect.WriteProblem(w, llm.OpenAIChat, problem{
			code:    codeNotFound,
			message: fmt.Sprintf("%s is no path of an LLM API; OpenAI's are under /v1/ (chat/completions, embeddings, models), Anthropic's too (messages), a provider's own under /provider/<name>/", quoteShort(r.URL.Path)),
		}.wire())
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		dialect.WriteProblem(w, llm.OpenAIChat, problem{code: codeUnsupported, as: http.StatusMethodNotAllowed, message: fmt.Sprintf("%s takes GET and HEAD only", r.URL.Path)}.wire())
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	switch r.URL.Path {
	case "/readyz":
		g.serveReady(w)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "llmgw is up since %s\n", g.started.UTC().Format(time.RFC3339))
	}
}

// readiness is the body of /readyz.
type readiness struct {
	Ready   bool            `json:"ready"`
	Running int             `json:"running_calls"`
	Record  recordReadiness `json:"record"`
	Targets []TargetHealth  `json:"targets"`
	Caps    []caps.Status   `json:"caps"`
}

// recordReadiness tells whether calls reach the file.
type recordReadiness struct {
	OK         bool   `json:"ok"`
	Queued     int    `json:"queued"`
	OldestMS   int64  `json:"oldest_queued_ms"`
	Error      string `json:"error,omitempty"`
	LostBodies int64  `json:"lost_bodies"`
}

// canServe tells whether every route has a target that may be called now.
// "Up" is not "healthy": a gateway whose targets all cool down serves nobody.
func (g *Gateway) canServe(now time.Time) bool {
	for _, rt := range g.Routes() {
		if !slices.ContainsFunc(rt.Targets, func(t string) bool { return g.health.open(t, now) }) {
			return false
		}
	}
	return true
}

func (g *Gateway) serveReady(w http.ResponseWriter) {
	h := g.store.Health()
	body := readiness{Running: g.running.len(), Targets: g.health.report(targetsOf(g.Routes()), time.Now()), Caps: g.ledger.Snapshot(time.Now())}
	body.Record = recordReadiness{OK: h.Err == nil, Queued: h.Pending, OldestMS: h.OldestWait.Milliseconds(), LostBodies: h.LostBodies}
	if h.Err != nil {
		body.Record.Error = h.Err.Error()
	}
	body.Ready = body.Record.OK && g.canServe(time.Now())
	w.Header().Set("Content-Type", "application/json")
	if !body.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // the client left: nobody to tell
}
