package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmgw/providers/price"
	"llmgw/proxy/cache"
	"llmgw/store"
)

// replayStep is how much of an answer goes out at once: a client that left is
// noticed between two steps.
const replayStep = 64 << 10

// replay gives an answer again, byte for byte as the client of its call got it:
// what comes before the end, then the outcome is committed, then the end.
func (c *call) replay(e *store.Cached) {
	age, _ := cache.Age(e.At, time.Now())
	c.attempts = nil // nobody was looked at
	c.repeat.state, c.repeat.given = store.CacheHit, e
	c.repeat.note = fmt.Sprintf("%s/%s had answered %s before", e.Provider, e.Model, age.Round(time.Second))
	c.rec.Cache, c.rec.CachedFrom = store.CacheHit, e.CallID
	if p := c.begin(); p != nil {
		c.refuse(*p)
		return
	}
	c.rec.Provider, c.rec.Model, c.rec.HTTPStatus = cachedProvider, e.Model, http.StatusOK
	c.rec.ModelReported, c.rec.FinishReason, c.rec.Usage = e.ModelReported, e.Finish, e.Usage
	c.rec.Cost, c.rec.CostSource, c.rec.Worth = price.Of(0), store.CostCache, e.Cost
	c.replayHeaders(e, age)
	body := c.replayBody(e)
	head := body[:min(e.Head, int64(len(body)))]
	c.rec.FirstToken = time.Since(c.rec.StartedAt)
	c.live.setPhase(store.LiveStreaming)
	if !c.replayHead(head) {
		c.hungUp()
	}
	c.replayEnd(body[len(head):])
}

// cachedProvider is who the record says answered a call from the cache.
const cachedProvider = "cache"

func (c *call) replayHeaders(e *store.Cached, age time.Duration) {
	h := c.w.Header()
	for line := range strings.SplitSeq(e.Headers, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h.Add(name, value)
		}
	}
	c.answerHeaders(nil)
	h.Set("X-Llmgw-Provider", cachedProvider)
	h.Set("X-Llmgw-Model", headerText(trailName(e.Model)))
	h.Set("Age", strconv.FormatInt(int64(age/time.Second), 10))
	// A client that never reads must not hold the call for ever.
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(c.plan.targets[0].limits.MaxDuration))
}

// replayBody is the answer in an encoding that this client accepts: the one
// that it was kept for may have taken gzip.
func (c *call) replayBody(e *store.Cached) []byte {
	h := c.w.Header()
	encoding := h.Get("Content-Encoding")
	if encoding == "" || acceptsEncoding(c.r.Header.Get("Accept-Encoding"), encoding) {
		return e.Body
	}
	plain, err := decoded(e.Body, encoding)
	if err != nil {
		return e.Body // it was decoded before it was kept
	}
	h.Del("Content-Encoding")
	c.edits = append(c.edits, "response-content-encoding")
	return plain
}

// replayHead writes what comes before the end; false when the client left.
func (c *call) replayHead(head []byte) bool {
	for part := range slices.Chunk(head, replayStep) {
		if !c.headed {
			c.headed = true
			c.w.WriteHeader(http.StatusOK)
		}
		c.sent.keep(part)
		c.live.moved(int64(len(part)))
		if _, err := c.w.Write(part); err != nil || c.ctx.Err() != nil && !c.stopping() {
			return false
		}
	}
	return !c.headed || c.flush()
}

// replayEnd commits the outcome and releases the end.
func (c *call) replayEnd(end []byte) {
	c.sent.keep(end)
	c.finish(store.StatusOK)
	if !c.headed {
		c.costHeaders()
		c.w.Header().Set("Content-Length", strconv.Itoa(len(end)))
		c.w.WriteHeader(http.StatusOK)
	}
	_, _ = c.w.Write(end) // the outcome is on record; nobody is left to tell
	c.flush()
}

// disown takes an answer out of the cache whose upstream went on after its end:
// what is kept is not all that its client got.
func (c *call) disown() {
	if c.repeat.kept == nil {
		return
	}
	c.repeat.kept = nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), c.set.cfg.Store.FinishWait)
	defer cancel()
	if _, err := c.g.store.RemoveCached(ctx, c.rec.ID); err != nil {
		c.g.log.Error("an answer that went on after its end is still in the cache; llmgw cache rm removes it", "call", c.rec.ID, "err", err)
	}
}

// limitCache tells the store how much of the cache each pool may keep. A route
// with a max_size of its own has one to itself.
func (g *Gateway) limitCache() {
	set := g.set.Load()
	pools := map[string]int64{"": set.cfg.Cache.MaxSize}
	for _, rt := range set.cfg.Routes {
		pools[set.cachePool(rt.Model)] = set.cacheFor(rt.Model).MaxSize
	}
	g.store.LimitCached(pools)
}

// cachePool names the limit that answers of a route count against.
func (s *settings) cachePool(route string) string {
	if s.cacheFor(route).MaxSize == s.cfg.Cache.MaxSize {
		return ""
	}
	return route
}

// cacheFor are the [cache] values in force for a route, by its model pattern.
func (s *settings) cacheFor(route string) cache.Config {
	if use, ok := s.caches[route]; ok {
		return use
	}
	return s.cfg.Cache
}

// routeCaches works the [cache] values of the routes out, once.
func routeCaches(cfg *Config) map[string]cache.Config {
	caches := make(map[string]cache.Config)
	for _, rt := range cfg.Routes {
		if cfg.CacheFor != nil {
			caches[rt.Model] = cfg.CacheFor(rt.Model)
		}
	}
	return caches
}

// CacheCommand does what llmgw cache asks: rm with the ids of calls whose
// answers go, or clear. The answer is a [store.Removed] as JSON.
func CacheCommand(ctx context.Context, st *store.Store, args []string) (string, error) {
	switch {
	case len(args) > 1 && args[0] == "rm", len(args) == 1 && args[0] == "clear":
	default:
		return "", errors.New("cache needs rm with the ids of calls, or clear")
	}
	removed, err := st.RemoveCached(ctx, args[1:]...)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(removed)
	return string(text), err
}
