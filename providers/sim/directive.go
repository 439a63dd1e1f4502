package sim

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// directives are what the prompt orders. They are read from the system prompt
// and from the last user message that has text; of each kind the last counts.
type directives struct {
	usage  map[string]int
	say    *string
	words  int // -1: not given
	tools  int // -1: not given
	refuse bool
	fault  *Fault // only one meant for this provider
}

// Other text in double brackets (shell tests, wiki links) is left alone.
var directivePattern = regexp.MustCompile(`(?s)\[\[(usage|say|words|tools|fault|refuse)\b ?(.*?)\]\]`)

// readDirectives returns an error for a directive that is misspelt, so that a
// test with a typing error does not pass by chance.
func readDirectives(text, provider string) (directives, error) {
	d := directives{words: -1, tools: -1}
	for _, m := range directivePattern.FindAllStringSubmatch(text, -1) {
		if err := d.read(m[1], m[2], provider); err != nil {
			return d, fmt.Errorf("sim: directive %s: %w", m[0], err)
		}
	}
	return d, nil
}

func (d *directives) read(name, arg, provider string) (err error) {
	switch name {
	case "say":
		d.say = &arg
	case "refuse":
		d.refuse = true
	case "words":
		d.words, err = count(arg)
	case "tools":
		d.tools, err = count(arg)
	case "usage":
		d.usage, err = readUsage(arg)
	case "fault":
		kind, at, named := strings.Cut(arg, "@")
		if named && at != provider {
			return nil
		}
		var f Fault
		f, err = ParseFault(kind)
		d.fault = &f
	}
	return err
}

// count reads a number small enough to make that many events of.
func count(s string) (int, error) {
	const most = 100_000
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("want a number from 0 to %d, not %q", most, s)
	}
	return n, nil
}

func readUsage(arg string) (map[string]int, error) {
	out := map[string]int{}
	for _, f := range strings.Fields(arg) {
		name, value, _ := strings.Cut(f, "=")
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q is not name=number", f)
		}
		switch name {
		case "in", "out", "cached", "write", "write1h", "reasoning", "searches":
			out[name] = n
		default:
			return nil, fmt.Errorf("no count is named %q", name)
		}
	}
	return out, nil
}
