package providers

import "bytes"

// minRun is the length of the shortest credential of a known format: AWS's
// access key ids. Every format but PEM is a run of at least so many characters
// of [A-Za-z0-9_-], which is what makes looking at every twentieth byte enough.
const minRun = 20

// isRun marks the characters of such runs.
var isRun = func() (t [256]bool) {
	for c := range t {
		b := byte(c)
		t[c] = isAlnum(b) || b == '_' || b == '-'
	}
	return t
}()

func isAlnum(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
}

// credentialFormats are the known formats: how they begin and how long the rest
// is at least. random asks for a stretch that no words make: that many letters
// and digits in a row, digits among them.
var credentialFormats = []struct {
	prefix string
	rest   int
	exact  bool // no longer either
	random int
}{
	{prefix: "sk-", rest: 20, random: 10},      // OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse, …
	{prefix: "sk_live_", rest: 20, random: 16}, // Stripe
	{prefix: "AIza", rest: 35},                 // Google
	{prefix: "gsk_", rest: 32, random: 16},     // Groq
	{prefix: "xai-", rest: 32, random: 16},     // xAI
	{prefix: "pplx-", rest: 32, random: 16},    // Perplexity
	{prefix: "csk-", rest: 32, random: 16},     // Cerebras
	{prefix: "tgp_v1_", rest: 32, random: 10},  // Together
	{prefix: "nvapi-", rest: 32, random: 10},   // NVIDIA
	{prefix: "AKIA", rest: 16, exact: true, random: 16},
	{prefix: "ASIA", rest: 16, exact: true, random: 16},
	{prefix: "ghp_", rest: 30, random: 16},
	{prefix: "gho_", rest: 30, random: 16},
	{prefix: "ghu_", rest: 30, random: 16},
	{prefix: "ghs_", rest: 30, random: 16},
	{prefix: "ghr_", rest: 30, random: 16},
	{prefix: "github_pat_", rest: 30, random: 16},
	{prefix: "glpat-", rest: 20, random: 6},
	{prefix: "xoxb-", rest: 20, random: 8}, // Slack
	{prefix: "xoxp-", rest: 20, random: 8},
	{prefix: "xoxa-", rest: 20, random: 8},
	{prefix: "hf_", rest: 30, random: 16},
	{prefix: "r8_", rest: 30, random: 16}, // Replicate
	{prefix: gatewayPrefix, rest: 16, random: 8},
}

// beginsFormat marks the first characters of the formats, so that nearly every
// long word and every line of base64 is done with after one look.
var beginsFormat = func() (t [256]bool) {
	t['e'] = true // eyJ, a JSON Web Token
	for _, f := range credentialFormats {
		t[f.prefix[0]] = true
	}
	return t
}()

// findFormats looks for credentials of known formats. It samples: a run of
// minRun characters cannot hide between two samples.
func findFormats(hits []hit, b []byte) []hit {
	from := 0 // everything before is done with
	for i := minRun - 1; i < len(b); {
		if !isRun[b[i]] {
			i += minRun
			continue
		}
		start, end := i, i+1
		for start > from && isRun[b[start-1]] {
			start--
		}
		for end < len(b) && isRun[b[end]] {
			end++
		}
		from = end
		if end-start >= minRun {
			hits, from = judgeRun(hits, b, start, end)
		}
		i = from + minRun
	}
	return hits
}

// judgeRun looks at one long run and returns where to go on.
func judgeRun(hits []hit, b []byte, start, end int) ([]hit, int) {
	start = afterEscape(b, start, end)
	run := b[start:end]
	if len(run) < minRun || !beginsFormat[run[0]] {
		return hits, end
	}
	if bytes.HasPrefix(run, []byte("eyJ")) {
		if stop := endOfJWT(b, end); stop > 0 {
			return append(hits, hit{start, stop, secretID(string(b[start:stop]))}), stop
		}
		return hits, end
	}
	for i := range credentialFormats {
		f := &credentialFormats[i]
		if run[0] != f.prefix[0] || !bytes.HasPrefix(run, []byte(f.prefix)) {
			continue
		}
		rest := run[len(f.prefix):]
		long := len(rest) == f.rest || len(rest) > f.rest && !f.exact
		if long && looksRandom(rest, f.random) {
			return append(hits, hit{start, end, secretID(string(run))}), end
		}
	}
	return hits, end
}

// afterEscape moves start behind the tail of an escape sequence that runs into
// the credential: the n of "\nsk-…" in a JSON string, the 20 of "%20sk-…".
func afterEscape(b []byte, start, end int) int {
	skip, slashes := 0, 0
	for start > slashes && b[start-1-slashes] == '\\' {
		slashes++
	}
	switch {
	case start == 0:
	case slashes%2 == 1 && b[start] == 'u':
		skip = len("u000a")
	case slashes%2 == 1 && bytes.IndexByte([]byte("nrtbf"), b[start]) >= 0:
		skip = 1
	case b[start-1] == '%' && isHex(b[start]) && isHex(b[start+1]):
		skip = 2
	}
	return min(start+skip, end)
}

func isHex(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

// looksRandom tells whether text has n letters and digits in a row, at least one
// of them a digit, unlike words joined by hyphens. Any text does for n = 0.
func looksRandom(text []byte, n int) bool {
	length, digits := 0, 0
	for _, c := range text {
		if !isAlnum(c) {
			length, digits = 0, 0
			continue
		}
		length++
		if c <= '9' {
			digits++
		}
		if length >= n && digits > 0 {
			return true
		}
	}
	return n == 0
}

// endOfJWT returns where a JSON Web Token ends whose header ends at end, 0 when
// it is none.
func endOfJWT(b []byte, end int) int {
	for range 2 {
		if end >= len(b) || b[end] != '.' {
			return 0
		}
		part := end + 1
		for end = part; end < len(b) && isRun[b[end]]; {
			end++
		}
		if end-part < 8 {
			return 0
		}
	}
	return end
}

// minPEM is the length from which what follows a BEGIN line is taken for a key.
const minPEM = 32

// findPEM looks for private keys in PEM form, their lines broken for real or as
// \n inside a JSON string. A key that is cut off counts as far as it goes.
func findPEM(hits []hit, b []byte) []hit {
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte("-----BEGIN "))
		if i < 0 {
			return hits
		}
		start := at + i
		at = start + len("-----BEGIN ")
		if stop := endOfPEM(b, start); stop > 0 {
			hits = append(hits, hit{start, stop, secretID(string(b[start:stop]))})
			at = stop
		}
	}
}

// endOfPEM returns where the private key that begins at start ends, 0 when it is
// none.
func endOfPEM(b []byte, start int) int {
	const mark = "PRIVATE KEY-----"
	line := b[start:min(len(b), start+80)]
	i := bytes.Index(line, []byte(mark))
	if i < 0 || bytes.IndexByte(line[:i], '"') >= 0 {
		return 0
	}
	body := start + i + len(mark)
	stop := body
	for stop < len(b) && pemWidth(b, stop) > 0 {
		stop += pemWidth(b, stop)
	}
	if i := bytes.Index(b[body:stop], []byte(mark)); i >= 0 {
		stop = body + i + len(mark)
	}
	if stop-body < minPEM {
		return 0
	}
	return stop
}

// pemWidth returns how many bytes at i belong together inside a PEM block, 0
// where it ends.
func pemWidth(b []byte, i int) int {
	switch c := b[i]; {
	case isRun[c], c == '+', c == '/', c == '=', c == ':', c == ',', c == ' ', c == '\r', c == '\n', c == '\t':
		return 1
	case c == '\\' && i+1 < len(b) && (b[i+1] == 'n' || b[i+1] == 'r' || b[i+1] == 't' || b[i+1] == '/'):
		return 2
	}
	return 0
}
