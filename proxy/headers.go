package proxy

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/llm"
	"llmgw/store"
)

// hopByHop are the headers of one connection, which are never passed on (RFC
// 9110 section 7.6.1; Keep-Alive and Proxy-Connection as RFC 2616 had them).
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Proxy-Authenticate": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// copyHeader passes an upstream's end-to-end headers on. Names of llmgw's own
// are left out, and so is what it says of web pages (Access-Control-…): an
// upstream must not speak for this gateway. Vary is of both.
//
// What Connection names is of one hop too, but where it says close beside it:
// net/http's transport removes that header then, names and all.
func copyHeader(dst, src http.Header) {
	var named []string
	for _, v := range src["Connection"] {
		for name := range strings.SplitSeq(v, ",") {
			named = append(named, textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
	for name, values := range src {
		switch {
		case hopByHop[name], slices.Contains(named, name), strings.HasPrefix(name, "X-Llmgw-"), strings.HasPrefix(name, "Access-Control-"):
		case name == "Vary":
			dst[name] = append(dst[name], values...)
		default:
			dst[name] = values
		}
	}
}

// answerHeaders adds what llmgw says about the call. a is the attempt that
// serves it, nil when none does.
func (c *call) answerHeaders(a *attempt) {
	h := c.w.Header()
	set := func(name, value string) {
		if value != "" {
			h.Set(name, headerText(value))
		}
	}
	if a != nil {
		set("X-Llmgw-Provider", trailName(a.row.Provider))
		set("X-Llmgw-Model", trailName(a.row.Model))
	}
	set("X-Llmgw-Requested-Model", trailName(c.rec.ModelRequested))
	set("X-Llmgw-Route", trailName(c.plan.route))
	set("X-Llmgw-Attempts", c.attemptTrail(a))
	set("X-Llmgw-Cache", cmp.Or(c.repeat.state, cacheOff))
	set("X-Llmgw-Dropped", nameList(c.rec.Dropped))
	set("X-Llmgw-Edits", nameList(c.edits))
	if c.waited > 0 {
		h.Set("X-Llmgw-Waited", seconds(c.waited))
	}
	c.shareRequestID(h)
}

// shareRequestID gives the provider's request id under the name too that the
// client's SDK reads, where the two speak different dialects (openai-python and
// its like read x-request-id, anthropic-sdk-python and its like request-id;
// 2026-11).
func (c *call) shareRequestID(h http.Header) {
	up, name := c.set.router.byName[c.rec.Provider], "X-Request-Id"
	if c.ep.Dialect == llm.Anthropic {
		name = "Request-Id"
	}
	if c.rec.UpstreamRequestID != "" && up != nil && !up.p.Speaks(c.ep.Dialect) && h.Get(name) == "" {
		h.Set(name, c.rec.UpstreamRequestID)
	}
}

// nameHeaderEdits declares what of the client's headers goes to t otherwise
// than it came: its credential, and what the provider's own headers replace.
func (c *call) nameHeaderEdits(t *candidate) {
	if edit := t.up.p.CredentialEdit(c.brought, t.cred); edit != "" {
		c.edits = append(c.edits, edit)
	}
	for _, name := range slices.Sorted(maps.Keys(t.up.p.Headers)) {
		if came, ok := c.r.Header[name]; ok && !slices.Equal(came, t.up.p.Headers[name]) {
			c.edits = append(c.edits, "header:"+strings.ToLower(name))
		}
	}
}

// costHeaders say what an answer that was not streamed cost; they are known
// only once it has been read to its end.
func (c *call) costHeaders() {
	if c.rec.Cost.Known {
		c.w.Header().Set("X-Llmgw-Cost-Usd", c.rec.Cost.Money.String())
	}
	if c.rec.CostSource != "" {
		c.w.Header().Set("X-Llmgw-Cost-Source", c.rec.CostSource)
	}
}

// maxTrail bounds each header that lists things. Clients give up on an answer
// whose headers are large (Node.js: 16 KiB altogether); the record has all.
const maxTrail = 4 << 10

// nameList is names in one header, what would be read as structure
// percent-encoded, and how many more there are than fit.
func nameList(names []string) string {
	var b strings.Builder
	for i, name := range names {
		name = headerText(strings.NewReplacer("%", "%25", ",", "%2C", ";", "%3B").Replace(name))
		if b.Len()+len(", ")+len(name)+len(";more=9999999") > maxTrail {
			return b.String() + ";more=" + strconv.Itoa(len(names)-i)
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name)
	}
	return b.String()
}

// attemptTrail is "openai/gpt-4o=timeout;2.001s, anthropic/claude=ok;0.840s".
func (c *call) attemptTrail(serving *attempt) string {
	var b strings.Builder
	for i, a := range c.attempts {
		outcome, took := a.Outcome, a.Duration
		switch {
		case serving != nil && a == serving.row:
			outcome, took = store.OutcomeOK, time.Since(a.StartedAt)
		case a.Outcome == store.OutcomeSkipped:
			outcome = "skipped:" + a.Skipped
		}
		entry := fmt.Sprintf("%s=%s;%s", trailName(a.Provider+"/"+a.Model), outcome, trailSeconds(took))
		if b.Len()+len(entry)+len(";more=9999") > maxTrail {
			return b.String() + ";more=" + strconv.Itoa(len(c.attempts)-i)
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(entry)
	}
	return b.String()
}

// trailName percent-encodes what would be read as structure; [headerText] does
// the rest, so that decoding gives the name back.
func trailName(s string) string {
	if !strings.ContainsAny(s, "%,;= ") {
		return s
	}
	return strings.NewReplacer("%", "%25", ",", "%2C", ";", "%3B", "=", "%3D", " ", "%20").Replace(s)
}

func trailSeconds(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	return seconds(d)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }

// headerText makes outside text fit for a header value: visible ASCII, the
// rest percent-encoded.
func headerText(s string) string {
	clean := func(r byte) bool { return r >= ' ' && r <= '~' }
	ok := true
	for i := range len(s) {
		ok = ok && clean(s[i])
	}
	if ok {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if clean(s[i]) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

// isWebSocket tells whether the client wants to leave HTTP for a WebSocket.
// Any other Upgrade (curl's h2c) is ignored, as RFC 9110 section 7.8 allows.
func isWebSocket(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// errText is an error fit for one line of the record.
func errText(err error) string {
	if err == nil {
		return ""
	}
	return cut(strings.Join(strings.Fields(err.Error()), " "), 300)
}
