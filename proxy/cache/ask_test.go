package cache

import (
	"math"
	"testing"
	"time"
)

func TestReadAsk(t *testing.T) {
	silent := Ask{MaxAge: -1}
	with := func(change func(*Ask)) Ask {
		a := silent
		change(&a)
		return a
	}
	for _, c := range []struct {
		control, own []string
		want         Ask
		refused      bool
	}{
		{nil, nil, silent, false},
		{[]string{""}, []string{""}, silent, false},
		{[]string{"no-store"}, nil, with(func(a *Ask) { a.NoStore = true }), false},
		{[]string{"No-Cache, foo=bar"}, nil, with(func(a *Ask) { a.NoCache = true }), false},
		{[]string{"private", "only-if-cached"}, nil, with(func(a *Ask) { a.OnlyIfCached = true }), false},
		{[]string{"max-age=0"}, nil, with(func(a *Ask) { a.MaxAge = 0 }), false},
		{[]string{`max-age="60"`}, nil, with(func(a *Ask) { a.MaxAge = time.Minute }), false},
		{[]string{"max-age=60, max-age=5"}, nil, with(func(a *Ask) { a.MaxAge = 5 * time.Second }), false},
		{[]string{"max-age=soon"}, nil, with(func(a *Ask) { a.MaxAge = 0 }), false},
		{[]string{"max-age=-1"}, nil, with(func(a *Ask) { a.MaxAge = 0 }), false},
		{[]string{"max-age"}, nil, with(func(a *Ask) { a.MaxAge = 0 }), false},
		{[]string{"max-age=99999999999999999999"}, nil, with(func(a *Ask) { a.MaxAge = math.MaxInt64 }), false},
		{nil, []string{" no-store "}, with(func(a *Ask) { a.NoStore = true }), false},
		{nil, []string{"NO-CACHE"}, with(func(a *Ask) { a.NoCache = true }), false},
		{nil, []string{"only-if-cached"}, with(func(a *Ask) { a.OnlyIfCached = true }), false},
		{nil, []string{"no-cache, only-if-cached"}, with(func(a *Ask) { a.NoCache, a.OnlyIfCached = true, true }), false},
		{nil, []string{"off"}, silent, true},
		{nil, []string{"max-age=5"}, silent, true},
		{nil, []string{"no-store", "never"}, with(func(a *Ask) { a.NoStore = true }), true},
	} {
		got, err := ReadAsk(c.control, c.own)
		if got != c.want || (err != nil) != c.refused {
			t.Errorf("%q %q: %+v, %v", c.control, c.own, got, err)
		}
	}
}

func TestStale(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		now    time.Duration // after at
		until  time.Duration // after at
		ttl    time.Duration
		maxAge time.Duration
		want   string
	}{
		{"new", 0, time.Hour, time.Hour, -1, ""},
		{"nearly over", time.Hour - 1, time.Hour, time.Hour, -1, ""},
		{"over", time.Hour, time.Hour, time.Hour, -1, WhyExpired},
		{"ttl was shortened", 10 * time.Minute, time.Hour, 10 * time.Minute, -1, WhyExpired},
		{"ttl was lengthened", time.Hour, time.Hour, 24 * time.Hour, -1, WhyExpired},
		{"as old as asked for", time.Minute, time.Hour, time.Hour, time.Minute, ""},
		{"older than asked for", time.Minute + 1, time.Hour, time.Hour, time.Minute, WhyTooOld},
		{"a clock that was set back a little", -time.Second, time.Hour, time.Hour, -1, ""},
		{"a clock that was set back a day", -24 * time.Hour, time.Hour, time.Hour, -1, WhyExpired},
	} {
		ask := Ask{MaxAge: c.maxAge}
		if got := ask.Stale(at, at.Add(c.until), at.Add(c.now), c.ttl); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestConfigRefusesToIgnoreTheQuestion(t *testing.T) {
	for name, fine := range map[string]bool{"user": true, "metadata": true, "": false, "model": false, "messages": false, "stream": false, "input": false} {
		c := DefaultConfig()
		c.Ignore = []string{name}
		if err := c.Validate(); (err == nil) != fine {
			t.Errorf("ignore %q: %v", name, err)
		}
	}
}
