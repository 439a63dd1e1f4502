package proxy

import (
	"testing"
	"testing/synctest"
	"time"

	"llmgw/proxy/cache"
	"llmgw/store"
)

// cached switches the cache on for every call.
func cached(change func(*cache.Config)) func(*Config) {
	return func(c *Config) {
		c.Cache = cache.DefaultConfig()
		c.Cache.Enabled = true
		if change != nil {
			change(&c.Cache)
		}
	}
}

func TestHitIsTheSameAnswer(t *testing.T) {
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, bothDialects, cached(nil))
				defer r.close()
				first := r.post(sh.path, bodyFor(sh.path, sh.model, sh.stream))
				one := r.last()
				time.Sleep(3 * time.Second)
				second := r.post(sh.path, bodyFor(sh.path, sh.model, sh.stream))
				two := r.last()
				if first.header.Get("X-Llmgw-Cache") != "miss" || one.Cache != "miss" || one.CacheNote != "first time" {
					t.Errorf("first: %q, on record %q (%s)", first.header.Get("X-Llmgw-Cache"), one.Cache, one.CacheNote)
				}
				if second.header.Get("X-Llmgw-Cache") != "hit" || two.Cache != store.CacheHit || two.CachedFrom != one.ID {
					t.Errorf("second: %q, on record %q from %q (%s)", second.header.Get("X-Llmgw-Cache"), two.Cache, two.CachedFrom, two.CacheNote)
				}
				if string(first.body) != string(second.body) || len(second.body) == 0 || second.err != nil {
					t.Errorf("%d bytes the first time, %d the second, %v", len(first.body), len(second.body), second.err)
				}
			})
		})
	}
}
