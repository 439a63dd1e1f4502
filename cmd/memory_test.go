package cmd

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkImageMemory measures how far a call with a picture of 20 MB raises
// the most memory that llmgw serve has ever held, in sizes of the call: passed
// on, and translated. Each has a process of its own, which a small call has
// warmed up.
//
//	go test ./cmd -run '^$' -bench ImageMemory -benchtime 1x
func BenchmarkImageMemory(b *testing.B) {
	image := strings.Repeat("iVBORw0K", 20<<20/8)
	body := func(model string, size int) string {
		return fmt.Sprintf(`{"model":%q,"max_tokens":100,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"%s"}},{"type":"text","text":"What is it?"}]}]}`, model, image[:size])
	}
	for name, model := range map[string]string{"relayed": "anthropic/claude-sonnet-4-5", "translated": "openai/gpt-4o"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				g := startGateway(b, "")
				ask := func(size int) {
					req, err := http.NewRequest("POST", g.base+"/v1/messages", strings.NewReader(body(model, size)))
					if err != nil {
						b.Fatal(err)
					}
					req.Header.Set("Content-Type", "application/json")
					req.Header.Set("Anthropic-Version", "2023-06-01")
					resp, err := http.DefaultClient.Do(req)
					if err != nil {
						b.Fatal(err)
					}
					defer resp.Body.Close()
					if answer, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
						b.Fatalf("%d %v %.300s", resp.StatusCode, err, answer)
					}
				}
				ask(8)
				before := mostMemory(b, g.cmd.Process.Pid)
				ask(len(image))
				raised := mostMemory(b, g.cmd.Process.Pid) - before
				b.ReportMetric(float64(raised)/float64(len(body(model, len(image)))), "×body")
				b.ReportMetric(0, "ns/op")
				g.kill()
			}
		})
	}
}

// mostMemory is the most resident memory that a process ever had, in bytes.
func mostMemory(b *testing.B, pid int) int {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip("this system does not say")
	}
	_, after, _ := bytes.Cut(status, []byte("VmHWM:"))
	line, _, _ := strings.Cut(string(after), "kB")
	kib, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		b.Fatal(err)
	}
	return kib << 10
}
