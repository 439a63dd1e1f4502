package dialect

import (
	"strconv"

	"llmgw/providers/llm"
)

// object is a JSON object whose members are taken one by one; what nobody took
// is its rest. So a decoder cannot lose a member by not knowing it.
type object struct {
	whole   []byte
	members []objectMember
}

type objectMember struct {
	name  []byte // decoded
	value []byte // nil when taken
}

// readObject reads the object that value is, which was checked before; any
// other value has no members.
func readObject(value []byte) object {
	o := object{whole: value}
	o.read(objectIn(value))
	return o
}

// readItem reads the object that a walk's item is, in the walk's own pass over
// the text.
func readItem(w *walk) object {
	var o object
	o.read(w.object())
	o.whole = w.val()
	return o
}

// readBody reads the object that a body is.
func readBody(body []byte) (object, *BadJSON) {
	s := scan{b: body, at: skipSpace(body, 0)}
	start := s.at
	if start < len(body) && body[start] != '{' {
		return object{}, &BadJSON{Offset: start, Reason: "the body must be a JSON object: '{' expected"}
	}
	var o object
	o.read(s.members(0))
	if err := s.end(); err != nil {
		return object{}, err
	}
	o.whole = body[start:s.at]
	return o, nil
}

func (o *object) read(m walk) {
	for m.next() {
		if o.members == nil {
			o.members = make([]objectMember, 0, 4) // most blocks, calls and messages have no more
		}
		o.members = append(o.members, objectMember{m.name(), m.val()})
	}
}

// find returns the member of that name that counts, the last one, unless it
// was taken.
func (o *object) find(name string) *objectMember {
	for i := len(o.members) - 1; i >= 0; i-- {
		if m := &o.members[i]; string(m.name) == name {
			if m.value == nil {
				return nil
			}
			return m
		}
	}
	return nil
}

// peek returns a member's value and leaves it; nil when absent.
func (o *object) peek(name string) []byte {
	if m := o.find(name); m != nil {
		return m.value
	}
	return nil
}

// take takes a member whose value begins with one of these bytes; nil when
// there is none.
func (o *object) take(name, starts string) []byte {
	m := o.find(name)
	if m == nil {
		return nil
	}
	for i := range len(starts) {
		if m.value[0] == starts[i] {
			value := m.value
			m.value = nil
			return value
		}
	}
	return nil
}

// text takes a string.
func (o *object) text(name string) *string {
	if value := o.take(name, `"`); value != nil {
		s := unquote(value)
		return &s
	}
	return nil
}

// string takes a string; "" when there is none.
func (o *object) string(name string) string { return stringIn(o.take(name, `"`)) }

// word takes a string that is not empty; "" when there is none.
func (o *object) word(name string) string {
	if len(o.peek(name)) > len(`""`) {
		return o.string(name)
	}
	return ""
}

// list takes a list that is not empty.
func (o *object) list(name string) []byte {
	value := o.peek(name)
	if e := arrayIn(value); !isList(value) || !e.next() {
		return nil
	}
	return o.take(name, "[")
}

// flag takes true or false.
func (o *object) flag(name string) *bool {
	if value := o.take(name, "tf"); value != nil {
		b := value[0] == 't'
		return &b
	}
	return nil
}

// number takes a number as it stands.
func (o *object) number(name string) llm.Raw { return o.take(name, "-0123456789") }

// count takes a whole number that is not negative.
func (o *object) count(name string) llm.Count {
	n := countIn(o.peek(name))
	if n.Known {
		o.number(name)
	}
	return n
}

// texts takes a list of strings; nil when it is anything else.
func (o *object) texts(name string) []string {
	value := o.peek(name)
	if !isList(value) {
		return nil
	}
	all := []string{}
	for e := arrayIn(value); e.next(); {
		if !isString(e.val()) {
			return nil
		}
		all = append(all, unquote(e.val()))
	}
	o.take(name, "[")
	return all
}

// inner takes an object that has members.
func (o *object) inner(name string) (inner object, found bool) {
	if inner = readObject(o.peek(name)); len(inner.members) == 0 {
		return object{}, false
	}
	o.take(name, "{")
	return inner, true
}

// rest is what was not taken; in is where the object stands below its node.
func (o *object) rest(in string) []llm.Extra {
	var rest []llm.Extra
	for _, m := range o.members {
		if m.value != nil {
			rest = append(rest, llm.Extra{In: in, Name: string(m.name), Value: m.value})
		}
	}
	return rest
}

// at is the path of a list's element.
func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
