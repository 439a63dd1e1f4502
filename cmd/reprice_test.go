package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"llmgw/providers/price"
	"llmgw/store"
)

// repriceCaps count all calls in windows of every kind that does not roll.
const repriceCaps = `
[[cap]]
name = "day"
usd = "1000"
[[cap]]
name = "hour"
usd = "1000"
per = "hour"
[[cap]]
name = "total"
usd = "5000"
per = "total"
[[cap]]
name = "project"
usd = "900"
per = "month"
each = "project"
`

// dearer doubles what gpt-4o costs and gives a price to a model without one.
const dearer = `
[prices.model."openai/gpt-4o"]
input = "5"
cached_input = "2.5"
output = "20"
[prices.model."openai/mystery-1"]
input = "1"
output = "1"
`

// at runs the binary with another configuration than the server's.
func (g *gateway) at(config string, args ...string) string {
	g.t.Helper()
	path := filepath.Join(g.dir, "other.toml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		g.t.Fatal(err)
	}
	c := exec.Command(g.bin, append(args, "--config", path, "--db", g.db())...)
	c.Dir, c.Env = g.dir, g.command().Env
	out, err := c.Output()
	if err != nil {
		g.t.Fatalf("llmgw %s: %v\n%s", strings.Join(args, " "), err, stderrOf(err))
	}
	return string(out)
}

// spend makes one call and reads its answer.
func (g *gateway) spend(project, model string, in, out int) {
	g.t.Helper()
	body := fmt.Sprintf(`{"model":%q,"max_tokens":300,"messages":[{"role":"user","content":"[[usage in=%d out=%d]]"}]}`, model, in, out)
	resp, err := http.Post(g.base+"/p/"+project+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
		g.t.Fatalf("%s: %s, %v", resp.Status, text, err)
	}
}

// capsSpent is what the caps have spent, as the running server says.
func (g *gateway) capsSpent() string {
	g.t.Helper()
	var report struct {
		Source string `json:"caps_source"`
		Caps   []struct {
			Name  string  `json:"name"`
			Each  *string `json:"each"`
			Spent string  `json:"spent_usd"`
		} `json:"caps"`
	}
	if err := json.Unmarshal([]byte(g.llmgw("spend", "--caps", "--format", "json")), &report); err != nil {
		g.t.Fatal(err)
	}
	if report.Source != capsFromServer {
		g.t.Fatalf("the caps are told by %q", report.Source)
	}
	text := ""
	for _, c := range report.Caps {
		text += fmt.Sprintf("%s%s %s\n", c.Name, orDash(given(c.Each)), c.Spent)
	}
	return text
}

// A correction under a running server moves its caps along with the record, a
// restart counts the same, and the old prices bring back the old amounts.
func TestRepriceUnderARunningServer(t *testing.T) {
	g := startGateway(t, strings.ReplaceAll(repriceCaps, "\n[[cap]]", "\n[[cap]]\nunbounded = \"window\"\naction = \"warn\""))
	for i := range 12 {
		g.spend([]string{"a", "b"}[i%2], "gpt-4o", 1000+i, 10+i)
	}
	for range 3 {
		g.spend("a", "mystery-1", 500, 50)
	}
	before := g.capsSpent()

	g.at(dearer, "spend", "--reprice")
	if got := g.capsSpent(); got != before {
		t.Fatalf("looking changed the caps to\n%swhich had\n%s", got, before)
	}
	if out := g.at(dearer, "spend", "--reprice", "--yes"); !strings.Contains(out, "charged 15 attempts anew as correction 1") {
		t.Fatalf("%s", out)
	}
	after := g.capsSpent()
	if after == before {
		t.Error("the caps did not follow")
	}
	g.llmgw("spend", "--check", "--since", "2d")
	g.llmgw("db", "check")
	g.stop()
	g.start()
	if got := g.capsSpent(); got != after {
		t.Errorf("after a restart the caps have spent\n%sbefore it was\n%s", got, after)
	}
	g.spend("a", "gpt-4o", 1000, 10)

	g.stop()
	if out := g.at("", "spend", "--reprice", "--yes"); !strings.Contains(out, "charged 15 attempts anew as correction 2") {
		t.Fatalf("%s", out)
	}
	g.start()
	g.llmgw("spend", "--check", "--since", "2d")
	p, _ := price.Builtin().Lookup("openai", "gpt-4o", spentAt)
	g.checkFrozen(p)
}

// checkFrozen compares each attempt with the price it was made at.
func (g *gateway) checkFrozen(p price.Price) {
	g.t.Helper()
	r, err := store.OpenReader(g.db())
	if err != nil {
		g.t.Fatal(err)
	}
	defer r.Close()
	err = r.EachAttempt(context.Background(), store.Query{}, func(_ *store.CallRow, a *store.Attempt) error {
		if a.Model == "mystery-1" {
			if a.Cost.Known || a.CostSource != store.CostUnpriced {
				return fmt.Errorf("what nobody knew a price for costs %+v (%s)", a.Cost, a.CostSource)
			}
			return nil
		}
		want, err := p.Cost(a.Usage, a.StartedAt)
		if err == nil && (a.Cost != want.Amount || a.CostSource != store.CostReported) {
			err = errors.New("an attempt costs " + a.Cost.Money.String() + ", not " + want.Amount.Money.String())
		}
		return err
	})
	if err != nil {
		g.t.Error(err)
	}
}

func TestAnsweredYes(t *testing.T) {
	for text, want := range map[string]bool{"y\n": true, "YES\n": true, " y \n": true, "n\n": false, "\n": false, "": false, "yesterday\n": false} {
		if got, err := answeredYes(t.Context(), strings.NewReader(text)); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	silent, end := io.Pipe()
	defer end.Close()
	if yes, err := answeredYes(ctx, silent); yes || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", yes, err)
	}
}
