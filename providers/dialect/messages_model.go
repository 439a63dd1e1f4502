package dialect

import (
	"strconv"
	"strings"
)

// claude is what a model's name tells about what Anthropic's API takes for it.
// The zero value is a model of others that speak the protocol, who take what
// older models did.
type claude struct {
	family       string // "opus"
	major, minor int
}

// claudeOf reads a model's name: "claude-3-7-sonnet-20250219",
// "claude-opus-4-8", "anthropic/claude-sonnet-4.5". One without a version is
// taken for a new one.
func claudeOf(model string) claude {
	rest, found := strings.CutPrefix(bareModel(model), "claude-")
	if !found {
		return claude{}
	}
	var c claude
	for word := range strings.FieldsFuncSeq(rest, func(r rune) bool { return r == '-' || r == '@' || r == ':' }) {
		n, err := strconv.Atoi(word)
		switch {
		case err != nil && c.family == "":
			c.family = word
		case err != nil || len(word) > 2: // a date
		case c.major == 0:
			c.major = n
		case c.minor == 0:
			c.minor = n
		}
	}
	if c.major == 0 {
		c.major = 5
	}
	return c
}

// since tells whether the model is of that version or later.
func (c claude) since(major, minor int) bool {
	return c.major > major || c.major == major && c.minor >= minor
}

// before tells whether the model is of an earlier version.
func (c claude) before(major, minor int) bool { return c.major > 0 && !c.since(major, minor) }

// The versions in which the API changed what it takes
// (platform.claude.com/docs: build-with-claude/effort, /adaptive-thinking,
// /extended-thinking, /mid-conversation-system-messages, /structured-outputs,
// about-claude/models/migration-guide; 2026-11).

// adapts: {"type": "adaptive"} with an effort; before it, a budget of tokens.
func (c claude) adapts() bool { return c.since(4, 6) }

// budgets: a budget of thinking tokens is not refused.
func (c claude) budgets() bool { return !c.since(4, 7) }

// reasons: the model can be told to think.
func (c claude) reasons() bool { return !c.before(3, 7) }

// thinksUnasked: thinking is on unless it is disabled.
func (c claude) thinksUnasked() bool { return c.since(5, 0) }

// alwaysThinks: thinking cannot be disabled.
func (c claude) alwaysThinks() bool { return c.family == "fable" || c.family == "mythos" }

// samples: temperature, top_p and top_k may be other than their defaults.
func (c claude) samples() bool { return !c.since(4, 7) }

// samplesOneWay: temperature and top_p may not both be given.
func (c claude) samplesOneWay() bool { return c.since(4, 1) }

// prefills: an answer may be begun for the model.
func (c claude) prefills() bool { return !c.since(4, 6) }

// instructedMidway: "system" is a role within a conversation.
func (c claude) instructedMidway() bool { return c.since(4, 8) }

// formats: the answer's JSON schema can be given.
func (c claude) formats() bool { return !c.before(4, 1) }
