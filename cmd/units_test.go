package cmd

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "1h30m": 90 * time.Minute, "0s": 0, "90d": 90 * day, "1d12h": 36 * time.Hour,
		"250ms": 250 * time.Millisecond, "1.5h": 90 * time.Minute,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "30", "-3s", "+3s", "d", "1.5d", "3d-2h", "3d2", "3 s", "100000000d", "106751d24h", "1y", "today"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q was taken for %v", text, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"64MB": 64 << 20, "512KB": 512 << 10, "2GB": 2 << 30, "1TB": 1 << 40, "7B": 7, "1000": 1000, "0": 0,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MB", "-1MB", "1.5GB", "1 MB", "1mb", "1MiB", "9999999TB", "1e3"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q was taken for %d", text, got)
		}
	}
}

// What is shown can be written back and means the same.
func FuzzUnitsRoundTrip(f *testing.F) {
	f.Add(int64(90*day), int64(64<<20))
	f.Add(int64(time.Millisecond), int64(1))
	f.Add(int64(25*time.Hour), int64(1<<40+1))
	f.Fuzz(func(t *testing.T, d, n int64) {
		if d < 0 || n < 0 {
			return
		}
		if got, err := parseDuration(formatDuration(time.Duration(d))); err != nil || int64(got) != d {
			t.Errorf("%d is written %s and read %d, %v", d, formatDuration(time.Duration(d)), got, err)
		}
		if got, err := parseSize(formatSize(n)); err != nil || got != n {
			t.Errorf("%d is written %s and read %d, %v", n, formatSize(n), got, err)
		}
	})
}
