package dialect

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// schemaRefs are the definitions of a schema and the references to them.
type schemaRefs struct {
	defined map[string]bool
	refs    map[string][]string // definitions, by the one that refers to them
}

const rootRef = "#"

// reference is what a schema says that it is; nil where it describes itself. A
// list of one to be joined is another way to say so (pydantic's first version).
func (n *schemaNode) reference() []byte {
	if ref := n.value("$ref"); isString(ref) {
		return ref
	}
	if n.has("type") || n.has("properties") || n.union() || !isList(n.value("allOf")) {
		return nil
	}
	var ref []byte
	for e := arrayIn(n.value("allOf")); e.next(); {
		if ref = memberOf(e.val(), "$ref"); e.n > 1 || !isString(ref) {
			return nil
		}
	}
	return ref
}

// reference writes a reference. Nothing may stand beside one but definitions:
// OpenAI says "$ref cannot have keywords {'description'}", and Anthropic's SDKs
// leave out what does.
func (f *schemaFit) reference(n *schemaNode, ref []byte) {
	if f.to != anthropicFormat && len(f.path) == 0 {
		f.cannot("$ref", "the schema must be of an object, and not a choice")
	}
	f.open("", '{')
	for i := range n.keywords {
		switch k := &n.keywords[i]; k.name {
		case "$ref":
			f.raw("$ref", ref)
		case "allOf":
			if n.has("$ref") {
				f.cannot("allOf", "schemas cannot be joined")
			}
			f.raw("$ref", ref)
			f.change("allOf", Edited, "a list of one schema became that schema")
		case "properties", "anyOf", "oneOf", "items", "enum", "const", "not":
			f.cannot(k.name, "nothing may stand beside a reference")
		case "$schema", "$id", "$comment", "$defs", "definitions":
			f.keyword(n, k)
		default:
			f.change(k.name, Approximated, "nothing may stand beside a reference")
		}
	}
	f.close('{')
	f.refer(stringIn(ref))
}

// refer notes a reference.
func (f *schemaFit) refer(ref string) {
	target := definitionOf(ref)
	if target == "" {
		f.cannot("$ref", "not a reference to a definition of the schema")
		return
	}
	if f.refs == nil {
		f.refs = map[string][]string{}
	}
	f.refs[f.from()] = append(f.refs[f.from()], target)
}

// from is where a reference stands.
func (f *schemaFit) from() string {
	if len(f.path) > 1 && (f.path[0] == "$defs" || f.path[0] == "definitions") {
		return rootRef + "/" + f.path[0] + "/" + f.path[1]
	}
	return rootRef
}

// define notes a definition.
func (f *schemaFit) define(keyword, name string) {
	if f.defined == nil {
		f.defined = map[string]bool{}
	}
	f.defined[rootRef+"/"+keyword+"/"+name] = true
}

// definitionOf is the definition that a reference is to (RFC 6901 section 6),
// without escapes; "" when it is to anything else.
func definitionOf(ref string) string {
	if ref == rootRef {
		return rootRef
	}
	plain, err := url.PathUnescape(ref)
	for _, list := range []string{"#/$defs/", "#/definitions/"} {
		if name, found := strings.CutPrefix(plain, list); found && err == nil && !strings.Contains(name, "/") {
			return list + strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		}
	}
	return ""
}

// checkRefs checks that references lead somewhere, and not in circles where the
// provider takes none: "Circular reference detected in schema definitions:
// A -> A", says Anthropic (egonSchiele/agency-lang#487, 2026-07).
func (f *schemaFit) checkRefs() {
	state := map[string]refState{}
	for _, from := range slices.Sorted(maps.Keys(f.refs)) {
		for _, to := range f.refs[from] {
			if to != rootRef && !f.defined[to] {
				f.cannot("", "a reference to what is not defined")
			}
		}
		if !f.to.openAI() && f.circular(from, state) {
			f.cannot("", "the schema refers to itself")
		}
	}
}

// refState is how far a definition has been followed.
type refState uint8

const (
	unfollowed refState = iota
	following
	followed
)

// circular tells whether a definition leads back to itself.
func (f *schemaFit) circular(from string, state map[string]refState) bool {
	switch state[from] {
	case following:
		return true
	case followed:
		return false
	}
	state[from] = following
	for _, to := range f.refs[from] {
		if f.circular(to, state) {
			return true
		}
	}
	state[from] = followed
	return false
}
