package caps

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
}

// conditions lists what m asks for.
func (m Match) conditions() []condition {
	var set []condition
	for _, c := range []condition{
		{fieldProject, m.Project}, {fieldProvider, m.Provider}, {fieldModel, m.Model}, {fieldRoute, m.Route},
		{fieldClient, m.Client}, {fieldKey, m.Key}, {fieldSession, m.Session},
	} {
		if c.pattern != "" {
			set = append(set, c)
		}
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
