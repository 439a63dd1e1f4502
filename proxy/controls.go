package proxy

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"llmgw/proxy/cache"
)

// control is a request header that is for llmgw and goes no further.
type control struct {
	name string
	form string // what it takes
	list bool   // several of it are one, their values joined (RFC 9110 section 5.3)
}

var controls = []control{
	{"x-llmgw-key", "one key of llmgw's own", false},
	{"x-llmgw-project", "one name of at most 128 bytes", false},
	{"x-llmgw-session", "one name of at most 128 bytes", false},
	{"x-llmgw-tags", "k=v,k2=v2: at most 16 tags, each once, names of up to 64 bytes, values of up to 256", true},
	{"x-llmgw-fallbacks", "provider/model,provider/model, or none", true},
	{"x-llmgw-deadline", "one duration such as 20s", false},
	{"x-llmgw-cache", "no-store, no-cache or only-if-cached", true},
}

// MaxName is how long the name of a project or session may be, in bytes.
const MaxName = 128

// What is taken of tags; names and values in bytes.
const (
	maxTags     = 16
	maxTagName  = 64
	maxTagValue = 256
)

// readControls reads what the caller asks of llmgw in headers. What cannot be
// honoured as it stands is refused, never shortened, joined or passed over.
func (c *call) readControls() *problem {
	for _, name := range slices.Sorted(maps.Keys(c.r.Header)) {
		if !strings.HasPrefix(name, "X-Llmgw-") {
			continue
		}
		if p := c.readControl(name); p != nil {
			return p
		}
	}
	if len(c.ep.Project) > MaxName {
		return &problem{code: codeUnsupported, message: fmt.Sprintf("the project in the path has %d bytes, more than %d", len(c.ep.Project), MaxName)}
	}
	return nil
}

// readControl checks one header and joins its values where it is a list.
func (c *call) readControl(name string) *problem {
	values := c.r.Header[name]
	i := slices.IndexFunc(controls, func(k control) bool { return strings.EqualFold(k.name, name) })
	if i < 0 {
		var known []string
		for _, k := range controls {
			known = append(known, k.name)
		}
		return &problem{code: codeUnsupported, message: fmt.Sprintf("the request header %s is none that llmgw knows; known are %s", quoteShort(strings.ToLower(name)), strings.Join(known, ", "))}
	}
	k := controls[i]
	refuse := func(what string) *problem {
		return &problem{code: codeUnsupported, message: fmt.Sprintf("the request header %s %s; it takes %s", k.name, what, k.form)}
	}
	if len(values) > 1 && !k.list {
		return refuse(fmt.Sprintf("came %d times", len(values)))
	}
	value := strings.Join(values, ",")
	c.r.Header[name] = []string{value}
	if wrong := c.takeControl(k.name, value); wrong != "" {
		return refuse(wrong)
	}
	return nil
}

// takeControl says what is wrong with a header's value, "" for nothing.
func (c *call) takeControl(name, value string) (wrong string) {
	switch name {
	case "x-llmgw-project", "x-llmgw-session":
		if len(value) > MaxName {
			return fmt.Sprintf("has %d bytes", len(value))
		}
	case "x-llmgw-tags":
		c.rec.Tags, wrong = tagsOf(value)
	case "x-llmgw-fallbacks":
		if names := splitList(value); len(names) > 1 && slices.Contains(names, "none") {
			return `has "none" among others`
		}
	case "x-llmgw-deadline":
		if _, ok := askedDeadline(c.r.Header); !ok {
			return "is " + quoteShort(value)
		}
	case "x-llmgw-cache":
		if _, err := cache.ReadAsk(nil, []string{value}); err != nil {
			return "is " + quoteShort(value)
		}
	}
	return wrong
}

// tagsOf reads x-llmgw-tags. An entry without "=" is a tag with an empty value.
func tagsOf(text string) (tags map[string]string, wrong string) {
	tags = make(map[string]string)
	for _, entry := range splitList(text) {
		k, v, _ := strings.Cut(entry, "=")
		k, v = strings.TrimSpace(k), strings.TrimSpace(v)
		_, twice := tags[k]
		switch {
		case k == "":
			return nil, "has the tag " + quoteShort(entry) + " without a name"
		case twice:
			return nil, "has the tag " + quoteShort(k) + " twice"
		case len(k) > maxTagName:
			return nil, fmt.Sprintf("has a tag whose name has %d bytes: %s", len(k), quoteShort(k))
		case len(v) > maxTagValue:
			return nil, fmt.Sprintf("has a value of %d bytes for the tag %s", len(v), quoteShort(k))
		}
		tags[k] = v
	}
	if len(tags) > maxTags {
		return nil, fmt.Sprintf("has %d tags", len(tags))
	}
	return tags, ""
}

// splitList is the entries of a header that is a list; empty ones say nothing.
func splitList(text string) (entries []string) {
	for entry := range strings.SplitSeq(text, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	return entries
}

// askedDeadline is the time that the caller gives the call, 0 where it says
// nothing; not ok where what it says is no time.
func askedDeadline(h http.Header) (d time.Duration, ok bool) {
	text := strings.TrimSpace(h.Get("X-Llmgw-Deadline"))
	if text == "" {
		return 0, true
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d > 0
}
