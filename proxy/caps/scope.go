package caps

import "strings"

// Scope is whose money an attempt spends and on what. Caps match on it.
type Scope struct {
	Project  string
	Provider string
	Model    string // as the provider is asked for it
	Route    string // the route's model pattern, "" without one
	Client   string
	Key      string
	Session  string
}

// field names a member of [Scope].
type field uint8

const (
	noField field = iota
	fieldProject
	fieldProvider
	fieldModel
	fieldRoute
	fieldClient
	fieldKey
	fieldSession
)

// get returns a member of s, "" for noField.
func (s *Scope) get(f field) string {
	switch f {
	case fieldProject:
		return s.Project
	case fieldProvider:
		return s.Provider
	case fieldModel:
		return s.Model
	case fieldRoute:
		return s.Route
	case fieldClient:
		return s.Client
	case fieldKey:
		return s.Key
	case fieldSession:
		return s.Session
	}
	return ""
}

// eachField is the member that a value of [Config].Each names.
func eachField(each string) field {
	switch each {
	case "project":
		return fieldProject
	case "session":
		return fieldSession
	case "key":
		return fieldKey
	case "model":
		return fieldModel
	}
	return noField
}

// condition is one member of [Match] that is set.
type condition struct {
	field   field
	pattern string
	literal int // length of what comes before the first wildcard
}

// holds tells whether the pattern matches value. Most patterns are a name or
// end in their only star, which need no search.
func (c *condition) holds(value string) bool {
	switch len(c.pattern) - c.literal {
	case 0:
		return value == c.pattern
	case 1:
		if c.pattern[c.literal] == '*' {
			return strings.HasPrefix(value, c.pattern[:c.literal])
		}
	}
	return Glob(c.pattern, value)
}

// Counts tells whether the money of s counts.
func (m Match) Counts(s Scope) bool {
	for _, c := range m.conditions() {
		if !c.holds(s.get(c.field)) {
			return false
		}
	}
	return true
}

// conditions lists what m asks for.
func (m Match) conditions() []condition {
	var set []condition
	for _, c := range []condition{
		{field: fieldProject, pattern: m.Project}, {field: fieldProvider, pattern: m.Provider},
		{field: fieldModel, pattern: m.Model}, {field: fieldRoute, pattern: m.Route},
		{field: fieldClient, pattern: m.Client}, {field: fieldKey, pattern: m.Key}, {field: fieldSession, pattern: m.Session},
	} {
		if c.pattern == "" {
			continue
		}
		c.literal = len(c.pattern)
		if i := strings.IndexAny(c.pattern, "*?"); i >= 0 {
			c.literal = i
		}
		set = append(set, c)
	}
	return set
}

// Glob matches "*" (any run of bytes, "/" included) and "?" (any one byte);
// every other byte is itself. A star is retried from its last place only, so
// the time is at most pattern × name, whatever the pattern.
func Glob(pattern, name string) bool {
	p, n := 0, 0
	star, from := -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
