package cmd

import (
	"fmt"
	"slices"
	"strings"
)

// notBuilt lists the options whose feature does not exist yet. Their values
// are checked, but only those listed are accepted: a setting that has no effect
// must not look as if it had. Building a feature deletes its rows.
var notBuilt = []struct {
	option  string   // as in setting.option
	accepts []string // as the file writes them; none: not even the table
	feature string
}{
	{"route.strategy", []string{`"ordered"`}, "choosing targets by weight, speed or price"},
	{"route.sticky", []string{`"none"`}, "sticky conversations"},
	{"failover.hedge_after", []string{`"0s"`}, "hedging"},
	{"failover.commit", []string{`"first_content"`}, "holding a stream back until it is complete"},
	{"failover.liveness", []string{`"native"`}, "streaming upstream for liveness"},
	{"provider.kind", []string{`"openai"`, `"anthropic"`}, "other kinds of providers"},
	{"server.require_key", []string{"false"}, "llmgw's own keys"},
}

// refuseNotBuilt names the settings whose feature does not exist yet.
func refuseNotBuilt(settings []setting) []problem {
	var problems []problem
	for _, row := range notBuilt {
		for _, s := range settings {
			if s.option != row.option || slices.Contains(row.accepts, s.value) {
				continue
			}
			text := row.feature + ": not built yet"
			if len(row.accepts) > 0 {
				text += "; only " + strings.Join(row.accepts, " or ") + " is accepted"
			}
			problems = append(problems, problem{s.path, fmt.Sprint(text)})
		}
	}
	return problems
}
