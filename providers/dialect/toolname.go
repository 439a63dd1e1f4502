package dialect

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"llmgw/providers/llm"
)

// maxToolName is the longest name of a tool that OpenAI takes ("a maximum
// length of 64", openai-go v3.96.0 on FunctionDefinitionParam); Anthropic takes
// 128, and agents that put a server's name before a tool's use them.
const maxToolName = 64

// shortToolName is the same for the same name everywhere.
func shortToolName(name string) string {
	if len(name) <= maxToolName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	tail := "_" + hex.EncodeToString(sum[:6])
	return strings.ToValidUTF8(name[:maxToolName-len(tail)], "") + tail
}

// toolName is a tool's name for a chat model. The reply is told the long one
// again, see [Reply].
func (e *encoder) toolName(node string, f llm.Field, name string) string {
	if e.own || len(name) <= maxToolName {
		return name
	}
	e.change(Edited, node, f, "OpenAI takes names of 64 characters")
	return shortToolName(name)
}

// longNames are the tools' names that are too long for some, by what they are
// called there.
func longNames(tools []llm.Tool) map[string]string {
	var names map[string]string
	for i := range tools {
		if name := tools[i].Name; len(name) > maxToolName {
			if names == nil {
				names = make(map[string]string)
			}
			names[shortToolName(name)] = name
		}
	}
	return names
}

// rename gives a call the name that the client knows its tool by.
func (r *Reply) rename(p *llm.Part) {
	if name, long := r.names[p.Call.Name]; long {
		p.Call.Name = name
	}
}
