package providers

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"

	"llmgw/providers/llm"
)

// ClassifyTransport says which fault an exchange without an answer is.
// connected tells whether it had a connection; without one the provider cannot
// have seen the call, whatever went wrong: DNS, TCP, a proxy, TLS. Who ended the
// exchange on our side (the client, a clock of ours) is for the caller to ask
// first; what reaches here as a cancelled context is the client's.
func ClassifyTransport(err error, connected bool) llm.Fault {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return llm.ClientGone
	case !connected:
		return llm.Connect
	case isTimeout(err):
		return llm.Timeout
	case isNonsense(err):
		return llm.Malformed
	}
	return llm.Reset
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// isNonsense tells whether what came was no HTTP. net/http only says so in
// words.
func isNonsense(err error) bool {
	text := err.Error()
	for _, word := range []string{"malformed", "invalid header", "invalid byte in chunk", "chunk length too large", "server response headers exceeded", "unexpected content-length", "bad Content-Length", "multiple Content-Length", "too many transfer encodings", "unsupported transfer encoding"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
