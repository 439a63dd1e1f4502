package cmd

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// day is what "d" means in a duration: always 24 hours. Where a calendar day
// is meant, daylight saving included, it is called by its name ("today").
const day = 24 * time.Hour

// parseDuration reads a duration such as "30s", "1h30m" or "90d". Unlike
// time.ParseDuration it knows days; unlike it, it wants no sign.
func parseDuration(s string) (time.Duration, error) {
	whole, rest := time.Duration(0), s
	if days, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || int64(n) > int64(math.MaxInt64/day) {
			return 0, fmt.Errorf("%q is no duration such as \"30s\" or \"90d\"", s)
		}
		whole, rest = time.Duration(n)*day, after
		if rest == "" {
			return whole, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || rest[0] == '+' || d > math.MaxInt64-whole {
		return 0, fmt.Errorf("%q is no duration such as \"30s\" or \"90d\"", s)
	}
	return whole + d, nil
}

// formatDuration writes d as parseDuration reads it, without the zero parts
// that time.Duration.String adds: "2m", not "2m0s"; "90d", not "2160h0m0s", but
// "24h" as people say.
func formatDuration(d time.Duration) string {
	if d > 2*day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// sizeUnits are the units of a size, largest first. As memory and disks of a
// workstation are usually shown, 1 KB is 1,024 bytes.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}}

// parseSize reads a number of bytes such as "64MB", "512KB" or "0".
func parseSize(s string) (int64, error) {
	number, factor := s, int64(1)
	for _, u := range sizeUnits {
		if n, ok := strings.CutSuffix(s, u.name); ok {
			number, factor = n, u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || int64(n) > math.MaxInt64/factor {
		return 0, fmt.Errorf("%q is no size such as \"64MB\"", s)
	}
	return int64(n) * factor, nil
}

// formatSize writes n as parseSize reads it, in the largest unit that divides
// it.
func formatSize(n int64) string {
	for _, u := range sizeUnits {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
