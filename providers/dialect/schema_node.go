package dialect

import (
	"bytes"
	"slices"
	"strings"
)

// schemaNode is a schema: an object of keywords.
type schemaNode struct {
	keywords []schemaKeyword
	types    []string // those it names; nil when it names none
}

type schemaKeyword struct {
	name    string
	literal []byte // the name as it is written
	value   []byte
}

// readSchema reads an object's members. Of those with one name the last counts.
func readSchema(value []byte) schemaNode {
	var n schemaNode
	var index map[string]int // once there are many
	for m := objectIn(value); m.next(); {
		k := schemaKeyword{string(m.name()), m.b[m.keyAt:m.keyEnd], m.val()}
		if i := n.index(k.name, index); i >= 0 {
			n.keywords[i].value = k.value
			continue
		}
		n.keywords = append(n.keywords, k)
		switch at := len(n.keywords) - 1; {
		case index != nil:
			index[k.name] = at
		case at == fewKeywords:
			index = map[string]int{}
			for i := range n.keywords {
				index[n.keywords[i].name] = i
			}
		}
	}
	n.types = typesIn(n.value("type"))
	return n
}

// fewKeywords are those that are searched one by one.
const fewKeywords = 16

// index is where a keyword stands, -1 when nowhere.
func (n *schemaNode) index(name string, among map[string]int) int {
	if among != nil {
		if i, found := among[name]; found {
			return i
		}
		return -1
	}
	return slices.IndexFunc(n.keywords, func(k schemaKeyword) bool { return k.name == name })
}

// value is what a keyword says; nil when it is not there.
func (n *schemaNode) value(name string) []byte {
	if i := n.index(name, nil); i >= 0 {
		return n.keywords[i].value
	}
	return nil
}

func (n *schemaNode) has(name string) bool { return n.value(name) != nil }

// typesIn are the types that a keyword names.
func typesIn(value []byte) []string {
	switch {
	case isString(value):
		return []string{stringIn(value)}
	case !isList(value):
		return nil
	}
	types := []string{}
	for e := arrayIn(value); e.next(); {
		types = append(types, stringIn(e.val()))
	}
	return types
}

// shapes tells whether the schema is of such values: it says so, or says
// nothing but what only they have.
func (n *schemaNode) shapes(kind string) bool {
	return slices.Contains(n.types, kind) || kind == "object" && !n.has("type") && n.has("properties")
}

// union tells whether the schema is one of several others.
func (n *schemaNode) union() bool {
	return (isFilled(n.value("anyOf")) || isFilled(n.value("oneOf"))) && !n.has("properties")
}

// isFilled tells whether a value is a list of something.
func isFilled(value []byte) bool {
	return isList(value) && value[skipSpace(value, 1)] != ']'
}

// values are the values that the schema has, where it lists them and none is an
// object or a list; nil elsewhere.
func (n *schemaNode) values() [][]byte {
	if value := n.value("const"); value != nil && isPrimitive(value) {
		return [][]byte{value}
	}
	var all [][]byte
	for e := arrayIn(n.value("enum")); e.next(); {
		if !isPrimitive(e.val()) {
			return nil
		}
		all = append(all, e.val())
	}
	return all
}

func isPrimitive(value []byte) bool { return value[0] != '{' && value[0] != '[' }

// areOf tells whether all values are of a type.
func areOf(values [][]byte, kind string) bool {
	for _, v := range values {
		if is := typeOf(v); is != kind && !(is == "integer" && kind == "number") {
			return false
		}
	}
	return true
}

// typeOf is the type of a value.
func typeOf(value []byte) string {
	switch value[0] {
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	case '{':
		return "object"
	case '[':
		return "array"
	}
	if bytes.ContainsAny(value, ".eE") {
		return "number"
	}
	return "integer"
}

// typesOf writes the types of values, for a schema that lists them.
func typesOf(values [][]byte) string {
	var types []string
	for _, v := range values {
		if kind := `"` + typeOf(v) + `"`; !slices.Contains(types, kind) {
			types = append(types, kind)
		}
	}
	if len(types) == 1 {
		return types[0]
	}
	return "[" + strings.Join(types, ",") + "]"
}

// typeFate is what becomes of a type that is left out beside values: nothing is
// lost where each is of such a type.
func (n *schemaNode) typeFate() Fate {
	values := n.values()
	for _, v := range values {
		if !slices.ContainsFunc(n.types, func(kind string) bool { return areOf([][]byte{v}, kind) }) {
			return Approximated
		}
	}
	if values == nil {
		return Approximated
	}
	return Edited
}
