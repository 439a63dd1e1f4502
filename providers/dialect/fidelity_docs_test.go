package dialect

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"llmgw/providers/llm"
)

var update = flag.Bool("update", false, "write docs/dialects.md anew")

const dialectsDoc = "../../docs/dialects.md"

// docs/dialects.md is what the tables say.
func TestDialectsDocIsTheTables(t *testing.T) {
	want := dialectsPage()
	if *update {
		if err := os.WriteFile(dialectsDoc, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(dialectsDoc)
	if err != nil || string(got) != want {
		t.Errorf("docs/dialects.md is not what the tables say (%v); `go test ./providers/dialect -update` writes it", err)
	}
}

const dialectsIntro = `# Between the dialects

<!-- Written by: go test ./providers/dialect -update -->

Where client and provider speak the same protocol, the bytes pass as they came.
Where they do not, the call is read into one neutral form and written from it,
both ways. These tables say what becomes of every documented member; a test
walks them and checks that it is what happens.

| fate | means |
|---|---|
| passed | the same member, the same value |
| mapped | another member or shape that means the same |
| approximated | the nearest that the other protocol has; named |
| dropped | left out, and named; the answer is one to what was asked all the same |
| refused | cannot be asked for there; a call that asks for it is skipped, refused, or goes on without it and names it, as ` + "`on_unsupported`" + ` says |

What the tables do not list (a provider's own additions, members newer than they
are) is dropped and named. Beside these fates some things are edited so that the
other side takes them, and named as edits: ids of tool calls that are too long,
names that are required and missing, an output limit above the model's own, a
media type by another name ("image/jpg"). And some values are refused, or named as
approximated or dropped, where their member is not: more stop sequences or tools
than OpenAI takes, a choice among tools that are lost, a call without its result,
the beginning of an answer that the model would not continue, an image of a type
that Anthropic does not read, a thought of which only the signature is left, an
effort that the model does not have (the nearest becomes of it; gpt-5.4 to 5.6
have tools in OpenAI's chat protocol only where they do not reason, so that it is
"none" there), whether the o models may call several tools at once.

A model is held to a JSON schema while it generates: Anthropic's to the schema of
an answer and of tools with ` + "`strict`" + `, OpenAI's where ` + "`strict`" + ` says so. Each
provider takes a part of JSON Schema for that and refuses the rest. A schema that
fits is written as it came, byte for byte. In another, a keyword that is not taken
becomes a word in the ` + "`description`" + ` of its value, ` + "`oneOf`" + ` becomes ` + "`anyOf`" + `, objects
are closed, and what the provider wants said is said; the first places are named
(` + "`…schema.properties.n.minimum`" + `), more than four at the schema itself. Where that
would be another schema (an optional property at OpenAI, one that refers to
itself at Anthropic, a map of any names, a value of no type), a tool loses its
` + "`strict`" + `, an answer for OpenAI is asked for without it, and an answer for Anthropic
is refused. A tool without ` + "`strict`" + ` keeps its schema, but for a choice at its top,
which neither takes, and lists for OpenAI that do not say of what.

What an answer holds that the client's protocol has no words for is left out, and
named behind ` + "`answer.`" + `: "answer.image", "answer.audio", "answer.citation" (one that
has no URL, where only URLs can be told), "answer.signature" and
"answer.encrypted_thinking" (another provider's, which could not come back),
"answer.choices[1]" (one that was not asked for), "answer.server_tool_use" and
others of a provider's own. It is on record, and in ` + "`x-llmgw-dropped`" + ` where it was
known before the first byte. An answer of which nothing is left is none: another
target is asked. So it is with a stream whose events do not follow from one
another, as a second ` + "`message_start`" + ` or arguments of no call; after the first
content that ends as an error in the client's protocol.
`

func dialectsPage() string {
	var page strings.Builder
	page.WriteString(dialectsIntro)
	for _, from := range translated {
		for _, to := range translated {
			if Translates(from.d, to.d, requestOp(from.d)) {
				requestTable(&page, from.d, to.d)
				answerTable(&page, from.d, to.d)
			}
		}
	}
	return page.String()
}

func requestTable(page *strings.Builder, from, to llm.Dialect) {
	fmt.Fprintf(page, "\n## Requests: %s to %s\n\n| member | fate | becomes | |\n|---|---|---|---|\n", from, to)
	for _, row := range fieldsOf(from) {
		t := takingOf(to, row.is)
		if row.path == t.to && t.fate == Mapped {
			t.fate = Passed
		}
		fmt.Fprintf(page, "| `%s` | %s | %s | %s |\n", row.path, t.fate, code(t.to), t.why)
	}
}

func answerTable(page *strings.Builder, from, to llm.Dialect) {
	fmt.Fprintf(page, "\n## Answers: %s for a client of %s\n\n| member | becomes |\n|---|---|\n", from, to)
	members, _ := answersOf(from)
	_, gives := answersOf(to)
	for _, row := range members {
		becomes := code(gives[row.is])
		switch {
		case becomes != "":
		case row.is == llm.FieldAudio, row.is == llm.FieldAudioID, row.is == llm.FieldImage, row.is == llm.FieldNative:
			becomes = "left out, and named"
		default:
			becomes = "left out"
		}
		fmt.Fprintf(page, "| `%s` | %s |\n", row.path, becomes)
	}
}

func code(path string) string {
	if path == "" {
		return ""
	}
	return "`" + path + "`"
}
