package cmd

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"llmgw/store"
)

// summary are the lines below the table: what is in the total, and what is not.
func (r *spendReport) summary(s screen, f spendFlags) []string {
	t := &r.total.sum
	lines := []string{fmt.Sprintf("%s %s: %s, %s", r.total.costWords(), r.span(), count(t.Calls, "call"), count(t.Attempts, "attempt"))}
	add := func(is bool, format string, args ...any) {
		if is {
			lines = append(lines, fmt.Sprintf("  "+format, args...))
		}
	}
	add(t.Estimated != 0, "estimated  ~%s of it", usd(t.Estimated))
	add(t.UnpricedCalls > 0, "unpriced   %s with a cost that is not known and not in it (?)", count(t.UnpricedCalls, "call"))
	add(t.Plan != 0, "plan       %s more, had calls on a subscription been charged", usd(t.Plan))
	add(t.CacheHits > 0, "cache      saved %s in %s", usd(t.Saved), count(t.CacheHits, "hit"))
	add(t.FailedAttempts > 0, "failed     %s; what was billed for them is in it", count(t.FailedAttempts, "attempt"))
	add(r.overruns.Calls > 0, "%s", overrunWords(r.overruns))
	lines = append(lines, "same numbers, exact: "+f.commandLine())
	for i, line := range lines {
		line = store.Clean(line)
		if s.width > 0 && i < len(lines)-1 { // the last one is to be copied
			line = ansi.Truncate(line, s.width, ellipsis)
		}
		lines[i] = line
	}
	return lines
}

// overrunWords say what a cap could not hold: a provider charged more than it
// says it can.
func overrunWords(o store.Overruns) string {
	return fmt.Sprintf("overrun    %s cost more than was held: %s more, see --check", count(o.Calls, "call"), usd(o.Cost))
}

// span says in local time what is added up.
func (r *spendReport) span() string {
	const form = "2006-01-02 15:04 MST"
	zone := r.query.now.Location()
	var words []string
	if !r.query.since.IsZero() {
		words = append(words, "since "+r.query.since.In(zone).Format(form))
	}
	if !r.query.until.IsZero() {
		words = append(words, "until "+r.query.until.In(zone).Format(form))
	}
	return strings.Join(words, " ")
}

func count(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// commandLine is the command that prints these numbers as JSON.
func (f *spendFlags) commandLine() string {
	return commandWords("llmgw spend", [][2]string{
		{"--since", f.sinceWord()}, {"--until", f.until}, {"--by", f.by}, {"--where", f.where}, {"--format", "json"},
	})
}

// repriceLine is the command that corrects the same span again.
func (f *spendFlags) repriceLine() string {
	return commandWords("llmgw spend --reprice", [][2]string{{"--since", f.since}, {"--until", f.until}, {"--where", f.where}})
}

// commandWords is a command with those flags that have a value.
func commandWords(command string, flags [][2]string) string {
	words := []string{command}
	for _, flag := range flags {
		if flag[1] != "" {
			words = append(words, flag[0], shellQuoted(flag[1]))
		}
	}
	return strings.Join(words, " ")
}

func (f *spendFlags) sinceWord() string {
	if f.since == "" && f.until == "" {
		return "today"
	}
	return f.since
}

// shellQuoted quotes what a shell would take apart.
func shellQuoted(s string) string {
	if !strings.ContainsAny(s, " \t\n'\"\\$`!*?[]{}()<>|&;#~") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
