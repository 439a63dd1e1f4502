package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"llmgw/providers/price"
	"llmgw/store"
)

// showFlags are the flags of `llmgw show`.
type showFlags struct {
	body   string
	raw    bool
	format string
}

func newShowCommand(g *globals) *cobra.Command {
	var f showFlags
	c := &cobra.Command{
		Use:   "show ID|last",
		Short: "Show one call: each attempt, who answered, what it cost",
		Long:  "Shows one call. ID is any unique beginning or end of four or more characters of a call's id, or \"last\".",
		Args:  cobra.ExactArgs(1),
		RunE:  func(c *cobra.Command, args []string) error { return g.show(c.Context(), args[0], f) },
	}
	c.Flags().StringVar(&f.body, "body", "", "print only the body of `PART`: request, response, attempt.N (what it answered) or attempt.N.request (what it was asked, where that is not the request)")
	c.Flags().BoolVar(&f.raw, "raw", false, "with --body: byte for byte as recorded")
	c.Flags().StringVar(&f.format, "format", "table", "`FORMAT`: table or json")
	return c
}

func (g *globals) show(ctx context.Context, id string, f showFlags) error {
	switch {
	case f.raw && f.body == "":
		return usagef("add --body request or --body response", "--raw is for a body")
	case f.body != "" && !bodyPart.MatchString(f.body):
		return usagef("use request, response, attempt.N or attempt.N.request", "a call has no body %q", f.body)
	case f.format != "table" && f.format != "json":
		return usagef("use table or json", "there is no format %q", f.format)
	}
	r, err := g.openReader()
	if err != nil {
		return err
	}
	defer r.Close()
	c, err := r.Find(ctx, id)
	if err != nil {
		return err
	}
	if f.body != "" {
		return g.showBody(ctx, r, &c, f)
	}
	if f.format == "json" {
		return (&callLines{w: g.stdout}).write([]store.CallRow{c})
	}
	bodies, err := r.Bodies(ctx, c.ID)
	if err != nil {
		return err
	}
	if err := writeCall(g.stdout, &c, bodies); err != nil {
		return err
	}
	before, err := r.Before(ctx, c.ID)
	if err != nil {
		return err
	}
	return writeBefore(g.stdout, before)
}

// bodyPart is what --body may name.
var bodyPart = regexp.MustCompile(`^(request|response|attempt\.[1-9][0-9]*(\.request)?)$`)

// noBodyError is a body that is not on record.
type noBodyError struct{ id, part, have string }

// Error says which body of which call is missing.
func (e *noBodyError) Error() string {
	return fmt.Sprintf("call %s has no body %q on record", e.id, e.part)
}

// Hint says which ones there are.
func (e *noBodyError) Hint() string {
	if e.have == "" {
		return "none of its bodies was kept: [store] bodies decides which are, max_size and retention for how long"
	}
	return "it has " + e.have
}

// showBody prints one body: JSON indented and cleaned for reading, or with
// --raw the bytes. A terminal gets bytes only cleaned.
func (g *globals) showBody(ctx context.Context, r *store.Reader, c *store.CallRow, f showFlags) error {
	body, err := findBody(ctx, r, c, f.body)
	if errors.Is(err, store.ErrNotFound) {
		bodies, err := r.Bodies(ctx, c.ID)
		if err != nil {
			return err
		}
		return &noBodyError{c.ID, f.body, strings.Join(parts(bodies), ", ")}
	}
	if err != nil {
		return err
	}
	if body.Truncated {
		g.say("cut: %d of %d bytes are on record", len(body.Data), body.Size)
	}
	if c.Redactions > 0 {
		g.say("%s replaced in what is on record of this call", count(int64(c.Redactions), "credential"))
	}
	data := body.Data
	if !f.raw {
		data = readable(data)
	}
	if !f.raw || isTerminal(g.stdout) {
		data = cleanLines(data)
	}
	_, err = g.stdout.Write(data)
	return err
}

// bodiesFollow is within what time the bodies of a call are on record, after its
// end is: they are written together with other calls'.
const bodiesFollow = time.Second

// findBody reads a body. One of a call that has just ended may be on its way to
// the file. What the attempt that served answered is the call's response.
func findBody(ctx context.Context, r *store.Reader, c *store.CallRow, part string) (store.Body, error) {
	if n := len(c.Attempts); n > 0 && part == fmt.Sprintf("attempt.%d", c.Attempts[n-1].N) {
		body, err := r.Body(ctx, c.ID, part)
		if !errors.Is(err, store.ErrNotFound) {
			return body, err
		}
		part = "response"
	}
	end := c.FinishedAt.Add(bodiesFollow)
	for {
		body, err := r.Body(ctx, c.ID, part)
		if !errors.Is(err, store.ErrNotFound) || c.Status == store.StatusRunning || time.Now().After(end) {
			return body, err
		}
		select {
		case <-ctx.Done():
			return store.Body{}, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// readable indents JSON and leaves anything else as it is.
func readable(data []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, data, "", "  ") != nil {
		return data
	}
	return append(b.Bytes(), '\n')
}

// cleanLines makes outside text safe for a terminal, keeping its lines.
func cleanLines(data []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(data) {
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		b.WriteString(store.Clean(string(text)))
		if ended {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func parts(bodies []store.Body) []string {
	var all []string
	for _, b := range bodies {
		all = append(all, b.Part)
	}
	return all
}

// writeCall is one call for a person: what was asked and answered, then a line
// for each attempt with what happened next and why.
func writeCall(w io.Writer, c *store.CallRow, bodies []store.Body) error {
	rows := [][]string{
		{"call", c.ID},
		{"started", c.StartedAt.Local().Format("2006-01-02 15:04:05.000 -0700")},
		{"status", joinWords(statusWords(c), httpStatus(c.HTTPStatus))},
		{"asked for", joinWords(c.ModelRequested, "("+joinWords(string(c.Dialect), c.Endpoint, streamed(c.Stream))+")")},
		{"by", listWords(c.Client, labelled("project", c.Project), labelled("session", c.Session), labelled("key", c.Key))},
		{"route", listWords(c.Route, c.RouteReason)},
		{map[bool]string{true: "served by", false: "last tried"}[c.Answered()], listWords(target(c.Provider, c.Model), labelled("reported", c.ModelReported), labelled("request id", c.UpstreamRequestID))},
		{"took", listWords(took(c), labelled("first token", millis(c.FirstToken)), labelled("finish", c.FinishReason))},
		{"tokens", tokenWords(c)},
		{"cost", listWords(cost(c.Cost, c.CostSource), labelled("worth", worth(c.Worth)))},
		{"cache", listWords(c.Cache, labelled("from", c.CachedFrom), c.CacheNote)},
		{"dropped", strings.Join(c.Dropped, ", ")},
		{"edits", strings.Join(c.Edits, ", ")},
		{"error", c.ErrorText},
		{"bodies", strings.Join(parts(bodies), ", ")},
	}
	rows = slices.DeleteFunc(rows, func(row []string) bool { return row[1] == "" })
	if err := writeTable(w, rows); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return writeAttempts(w, c)
}

func writeAttempts(w io.Writer, c *store.CallRow) error {
	rows := [][]string{{"TRY", "TARGET", "AT", "TOOK", "OUTCOME", "COST", "WHAT IT SAID", "THEN"}}
	for i := range c.Attempts {
		a := &c.Attempts[i]
		rows = append(rows, []string{
			fmt.Sprint(a.N), target(a.Provider, a.Model), "+" + millis(a.StartedAt.Sub(c.StartedAt)), attemptTook(a),
			attemptOutcome(a), attemptCost(a), a.Error, a.Why,
		})
	}
	return writeTable(w, rows)
}

// worth is what a call would have cost outside a subscription or the cache.
func worth(a price.Amount) string {
	if !a.Known {
		return ""
	}
	return "$" + a.Money.String()
}

// attemptCost also says where it was more than a hard cap held.
func attemptCost(a *store.Attempt) string {
	text := cost(a.Cost, a.CostSource)
	if a.Overrun.Known {
		text = listWords(text, usd(a.Overrun.Money)+" more than was held")
	}
	return text
}

func attemptTook(a *store.Attempt) string {
	if a.Outcome == store.OutcomeRunning || a.Outcome == store.OutcomeSkipped {
		return ""
	}
	return listWords(millis(a.Duration), labelled("first", millis(a.FirstToken)), labelled("waited", waited(a.Waited)))
}

func attemptOutcome(a *store.Attempt) string {
	if a.Outcome == store.OutcomeSkipped {
		return labelled("skipped", a.Skipped)
	}
	words := joinWords(a.Outcome, httpStatus(a.HTTPStatus))
	if a.Hedge {
		words += " hedge"
	}
	return words
}

func waited(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return millis(d)
}

func tokenWords(c *store.CallRow) string {
	u := &c.Usage
	return listWords(labelled("in", tokens(u.Input)), labelled("cached", tokens(u.CachedInput)), labelled("cache write", tokens(u.CacheWrite)),
		labelled("out", tokens(u.Output)), labelled("reasoning", tokens(u.Reasoning)))
}

func target(provider, model string) string {
	if provider == "" || model == "" {
		return provider
	}
	return provider + "/" + model
}

func httpStatus(code int) string {
	if code == 0 {
		return ""
	}
	return fmt.Sprint(code)
}

func streamed(stream bool) string {
	if stream {
		return "streamed"
	}
	return ""
}

// labelled is "label value", "" without a value.
func labelled(label, value string) string {
	if value == "" {
		return ""
	}
	return label + " " + value
}

// joinWords puts what there is side by side.
func joinWords(words ...string) string { return strings.Join(present(words), " ") }

// listWords puts commas between what there is.
func listWords(words ...string) string { return strings.Join(present(words), ", ") }

func present(words []string) []string {
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}
