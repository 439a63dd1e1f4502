package providers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"

	"llmgw/providers/llm"
)

// ClassifyTransport says which fault an exchange without an answer is. wrote
// tells whether any of the request may have been written: without it the
// provider cannot have seen the call. Who ended the exchange on our side (the
// client, a clock of ours) is for the caller to ask first; what reaches here as
// a cancelled context is the client's.
func ClassifyTransport(err error, wrote bool) llm.Fault {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return llm.ClientGone
	case !wrote && isConnect(err):
		return llm.Connect
	case isTimeout(err):
		return llm.Timeout
	case isNonsense(err):
		return llm.Malformed
	}
	return llm.Reset
}

// isConnect tells whether the connection was never made: DNS, TCP, a proxy that
// refused, TLS.
func isConnect(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		switch op.Op {
		case "dial", "proxyconnect", "socks connect", "remote error": // the last is a TLS alert
			return true
		}
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	return isTLS(err)
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return true
	}
	// net/http has no exported errors for these.
	return strings.Contains(err.Error(), "TLS handshake") || strings.Contains(err.Error(), "tls: ") ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
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
	for _, word := range []string{"malformed", "invalid header", "server response headers exceeded", "unexpected content-length", "bad Content-Length", "too many transfer encodings", "unsupported transfer encoding"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
