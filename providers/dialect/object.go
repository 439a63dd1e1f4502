package dialect

import (
	"iter"
	"slices"
	"strconv"

	"llmgw/providers/llm"
)

// object is a JSON object whose members are taken one by one; what nobody took
// is its rest. So a decoder cannot lose a member by not knowing it.
type object struct {
	whole   []byte // the value, also where it is no object
	members []objectMember
}

type objectMember struct {
	name  []byte   // decoded
	value []byte   // nil when taken
	items []object // of a list
}

// readObject reads the object that value is, which was checked before; any
// other value has no members.
func readObject(value []byte) object {
	var r objectReader
	return r.read(value)
}

// readBody reads the object that a body is. The items of its long list, the
// conversation, are handed over as they are read, and are gone after that: there
// may be thousands.
func readBody(body []byte, long string, each func(items iter.Seq2[int, object])) (object, *BadJSON) {
	s := scan{b: body, at: skipSpace(body, 0)}
	start := s.at
	if start < len(body) && body[start] != '{' {
		return object{}, &BadJSON{Offset: start, Reason: "the body must be a JSON object: '{' expected"}
	}
	var o object
	var r objectReader
	for m := s.members(0); m.next(); {
		member := objectMember{name: m.name()}
		switch {
		case m.starts('[') && string(member.name) == long:
			each(itemsOf(m.array()))
		case m.starts('['):
			member.items = r.list(m.array())
		}
		member.value = m.val()
		o.members = append(o.members, member)
	}
	if err := s.end(); err != nil {
		return object{}, err
	}
	o.whole = body[start:s.at]
	return o, nil
}

// itemsOf reads the items of a list, each in the room of the one before it.
func itemsOf(e walk) iter.Seq2[int, object] {
	return func(yield func(int, object) bool) {
		var r objectReader
		for e.next() {
			o := object{members: r.object(e.object())}
			if o.whole = e.val(); e.err != nil || !yield(e.n-1, o) {
				return
			}
			r.reset()
		}
	}
}

// objectReader reads an object, the lists in it, the objects in these and so
// on, in one pass over the text: conversations are lists in objects in lists.
// Objects that are members are left alone; tools and arguments are mostly such.
type objectReader struct {
	// What belongs to the objects and lists that are being read, inner ones last.
	openMembers []objectMember
	openItems   []object
	// What belongs to those that were read.
	members rooms[objectMember]
	items   rooms[object]
}

// read reads the object that value is, in the room of what was read before.
func (r *objectReader) read(value []byte) object {
	r.reset()
	s := scan{b: value}
	return object{whole: value, members: r.object(s.members(0))}
}

// reset makes the room of what was read free for what will be.
func (r *objectReader) reset() {
	r.members.room, r.items.room = r.members.room[:0], r.items.room[:0]
}

func (r *objectReader) object(m walk) []objectMember {
	if r.openMembers == nil {
		r.openMembers = make([]objectMember, 0, 4) // most objects have no more
	}
	from := len(r.openMembers)
	for m.next() {
		member := objectMember{name: m.name()}
		if m.starts('[') {
			member.items = r.list(m.array())
		}
		member.value = m.val()
		r.openMembers = append(r.openMembers, member)
	}
	members := r.members.keep(r.openMembers[from:])
	r.openMembers = r.openMembers[:from]
	return members
}

func (r *objectReader) list(e walk) []object {
	from := len(r.openItems)
	for e.next() {
		members := r.object(e.object())
		r.openItems = append(r.openItems, object{e.val(), members})
	}
	items := r.items.keep(r.openItems[from:])
	r.openItems = r.openItems[:from]
	return items
}

// rooms keeps many short lists in few allocations.
type rooms[T any] struct{ room []T }

const maxRoom = 256 // items

func (r *rooms[T]) keep(list []T) []T {
	from := len(r.room)
	if cap(r.room)-from < len(list) {
		r.room, from = make([]T, 0, max(len(list), min(2*cap(r.room), maxRoom))), 0
	}
	r.room = append(r.room, list...)
	return slices.Clip(r.room[from:])
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
	if s, found := o.said(name); found {
		return &s
	}
	return nil
}

// said takes a string; found is whether there was one.
func (o *object) said(name string) (s string, found bool) {
	value := o.take(name, `"`)
	return stringIn(value), value != nil
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

// list takes a list and returns its items, those that are no objects too; found
// is whether there was one.
func (o *object) list(name string) (items []object, found bool) {
	if m := o.find(name); m != nil && isList(m.value) {
		m.value = nil
		return m.items, true
	}
	return nil, false
}

// filled takes a list that is not empty.
func (o *object) filled(name string) []object {
	if m := o.find(name); m == nil || len(m.items) == 0 {
		return nil
	}
	items, _ := o.list(name)
	return items
}

// items returns a list's items and leaves it.
func (o *object) items(name string) []object {
	if m := o.find(name); m != nil {
		return m.items
	}
	return nil
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
func at(path string, i int) string { return atIn(path, "", i) }

// atIn is the path of an element of the list that stands below path as member,
// a name with the dot before it.
func atIn(path, member string, i int) string {
	var room [64]byte // most paths fit: no garbage but themselves
	b := append(append(append(room[:0], path...), member...), '[')
	return string(append(strconv.AppendInt(b, int64(i), 10), ']'))
}
