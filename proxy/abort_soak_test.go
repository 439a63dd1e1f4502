//go:build soak

package proxy

import "testing"

// TestTenThousandAbortedStreams is ten thousand aborted streams.
func TestTenThousandAbortedStreams(t *testing.T) {
	abortStreams(t, 10_000, "/v1/chat/completions", chat("gpt-4o", true))
}
