package dialect

import "iter"

// Member is a member of a body's top level.
type Member struct {
	Name  []byte // without escapes
	Value []byte // as it stands there
	Whole []byte // name and value with the white space around them, between two commas or a brace
}

// Members yields the members of a body that [Peek] accepted, in order. With
// the commas and braces between them, their Whole is all that stands between
// the outermost braces.
func Members(body []byte) iter.Seq[Member] {
	return func(yield func(Member) bool) {
		sc := scan{b: body, at: skipSpace(body, 0)}
		start := sc.at + 1
		for m := sc.members(0); m.next(); {
			value := m.val()
			end := skipSpace(body, m.at)
			if value == nil || !yield(Member{m.name(), value, body[start:end]}) {
				return
			}
			start = end + 1
		}
	}
}
