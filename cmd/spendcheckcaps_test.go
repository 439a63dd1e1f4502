package cmd

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"llmgw/proxy/caps"
)

// checkedCap is what `llmgw spend --check` says of a call that cost more than
// is likely, once the configuration has the cap with these settings.
func checkedCap(t *testing.T, enforce, usdThen, usdNow string) (out string, code int) {
	t.Helper()
	table := "\n[[cap]]\nname = \"tight\"\nusd = \"%s\"\nenforce = \"%s\"\n"
	g := startGateway(t, fmt.Sprintf(table, usdThen, enforce))
	body := `{"model":"gpt-4o","max_tokens":16000,"messages":[{"role":"user","content":"[[usage in=20 out=9000]]"}]}`
	if got := g.post("/v1/chat/completions", strings.NewReader(body)); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	g.stop()
	config, err := os.ReadFile(g.config())
	if err == nil {
		err = os.WriteFile(g.config(), []byte(strings.Replace(string(config), usdThen, usdNow, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := g.command("spend", "--check")
	text, _ := cmd.CombinedOutput()
	return string(text), cmd.ProcessState.ExitCode()
}

// A hard cap that stands above its limit is named where no overrun explains it;
// one that holds what is likely may, and its calls may cost more than that.
func TestCheckNamesACapAboveItsLimit(t *testing.T) {
	if out, code := checkedCap(t, caps.EnforceHard, "17.25", "17.25"); code != 0 {
		t.Errorf("exit %d: %s", code, out)
	}
	if out, code := checkedCap(t, caps.EnforceHard, "17.25", "0.01"); code != 3 || !strings.Contains(out, "cap tight has spent $0.09005 of the $0.01 that it allows, and no overrun explains it") {
		t.Errorf("exit %d: %s", code, out)
	}
	if out, code := checkedCap(t, caps.EnforceExpected, "17.25", "0.01"); code != 0 {
		t.Errorf("exit %d: %s", code, out)
	}
}
