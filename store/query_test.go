package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"llmgw/providers/llm"
)

func ids(list []CallRow) (out []string) {
	for _, c := range list {
		out = append(out, c.ID)
	}
	return out
}

// TestPaging walks over all calls in pages of every kind: each call comes up
// once, in order, with its own attempts.
func TestPaging(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	all := record(t, s, 53)
	down := slices.Clone(all)
	slices.Reverse(down)
	for _, page := range []int{1, 7, 52, 53, 54} {
		var got []string
		for q := (Query{Limit: page}); ; {
			list, err := r.Calls(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			for _, c := range list {
				if len(c.Attempts) != 1 || c.Attempts[0].CallID != c.ID {
					t.Fatalf("call %s has attempts %+v", c.ID, c.Attempts)
				}
			}
			got = append(got, ids(list)...)
			q.Before = got[len(got)-1]
		}
		if !slices.Equal(got, down) {
			t.Fatalf("pages of %d: %v, want %v", page, got, down)
		}
	}
	up, err := r.Calls(t.Context(), Query{Ascending: true, After: all[9], Limit: 5})
	if err != nil || !slices.Equal(ids(up), all[10:15]) {
		t.Errorf("upwards after the tenth: %v, %v", ids(up), err)
	}
	span, err := r.Calls(t.Context(), Query{Since: epoch.Add(10 * time.Second), Until: epoch.Add(13 * time.Second), Ascending: true})
	if err != nil || !slices.Equal(ids(span), all[10:13]) {
		t.Errorf("a span: %v, %v", ids(span), err)
	}
	none, err := r.Calls(t.Context(), Query{Limit: -1})
	if err != nil || len(none) != 53 {
		t.Errorf("without a limit: %d, %v", len(none), err)
	}
}

// TestEachCallCrossesItsPages reads more than one transaction's worth, and
// scattered rows.
func TestEachCallCrossesItsPages(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	all := record(t, s, exportPage+3)
	n := 0
	if err := r.EachCall(t.Context(), Query{Limit: -1, Ascending: true}, func(c CallRow) error {
		if c.ID != all[n] {
			return fmt.Errorf("call %d is %s", n, c.ID)
		}
		n++
		return nil
	}); err != nil || n != len(all) {
		t.Errorf("%d calls, %v", n, err)
	}
	f, err := ParseFilter(all[1] + " !nowhere")
	if err != nil {
		t.Fatal(err)
	}
	list, err := r.Calls(t.Context(), Query{Filter: f})
	if err != nil || len(list) != 1 || len(list[0].Attempts) != 1 {
		t.Errorf("%d calls, %v", len(list), err)
	}
	stop := errors.New("enough")
	if err := r.EachCall(t.Context(), Query{}, func(CallRow) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("EachCall returned %v", err)
	}
}

func TestFind(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	if _, err := r.Find(t.Context(), "last"); !errors.Is(err, ErrNotFound) {
		t.Errorf("last of none: %v", err)
	}
	all := []string{"01JD7Q0000000000000000AAAA", "01JD7Q0000000000000000BAAA", "01JD8Q0000000000000000CCCC"}
	for i, id := range all {
		c, a := begun(i)
		c.ID, a.CallID = id, id
		commit(t, s, Change{Call: c, Attempts: []*Attempt{a}})
	}
	for text, want := range map[string]string{
		"last": all[2], all[0]: all[0], "01JD8": all[2], "01jd8q": all[2], "cccc": all[2], "BAAA": all[1], "0AAAA": all[0],
	} {
		if got, err := r.Find(t.Context(), text); err != nil || got.ID != want {
			t.Errorf("Find(%q) = %s, %v; want %s", text, got.ID, err, want)
		}
	}
	_, err := r.Find(t.Context(), "01JD7Q")
	if ambiguous, ok := errors.AsType[*AmbiguousError](err); !ok || len(ambiguous.IDs) != 2 || ambiguous.Hint() == "" {
		t.Errorf("an ambiguous prefix: %v", err)
	}
	for _, text := range []string{"CCC", "", "ZZZZ", "%%%%", "01JD7Q0000000000000000AAAB"} {
		if _, err := r.Find(t.Context(), text); !errors.Is(err, ErrNotFound) {
			t.Errorf("Find(%q): %v", text, err)
		}
	}
}

func TestChangesAreSeen(t *testing.T) {
	s := openStore(t, Options{Now: still})
	r := openReader(t, s.Path())
	old := record(t, s, 5)
	before, err := r.Changed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Wait(cancelled, before); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait without a change: %v", err)
	}
	c, err := r.Find(t.Context(), old[1])
	if err != nil {
		t.Fatal(err)
	}
	c.ErrorText = "a late word"
	commit(t, s, Change{Call: &c.Call})
	after, err := r.Wait(t.Context(), before)
	if err != nil || after <= before {
		t.Fatalf("Wait: %d after %d, %v", after, before, err)
	}
	list, err := r.Calls(t.Context(), Query{ChangedAfter: before})
	if err != nil || !slices.Equal(ids(list), old[1:2]) || list[0].Seq != after {
		t.Errorf("changed: %v, %v", ids(list), err)
	}
}

func TestLiveAndState(t *testing.T) {
	s := openStore(t, Options{Now: still})
	r := openReader(t, s.Path())
	c, a := begun(0)
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}})
	want := Live{
		CallID: c.ID, Phase: "waiting", Note: "cap daily", Provider: "p", Model: "m", Attempt: 1,
		Bytes: 9, Tokens: llm.Tokens(3), Tail: "words", UpdatedAt: epoch, Until: epoch,
	}
	seq, err := r.Changed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.SetLive([]Live{want})
	if _, err = r.Wait(t.Context(), seq); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Live(t.Context()); err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("live: %+v, %v", got, err)
	}
	c, a = ended(c, a)
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
	if got, err := r.Live(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("an ended call is still live: %+v, %v", got, err)
	}

	if _, _, err := r.State(t.Context(), "breakers"); !errors.Is(err, ErrNotFound) {
		t.Errorf("state that was never set: %v", err)
	}
	if seq, err = r.Changed(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.SetState("breakers", []byte(`{"a":1}`))
	if _, err = r.Wait(t.Context(), seq); err != nil {
		t.Fatal(err)
	}
	if got, at, err := r.State(t.Context(), "breakers"); err != nil || string(got) != `{"a":1}` || at.IsZero() {
		t.Errorf("state: %s, %v, %v", got, at, err)
	}
}

func TestServerIsKnown(t *testing.T) {
	now := epoch
	s := openStore(t, Options{Owner: Instance{Listen: "127.0.0.1:1"}, Version: "1.2", Now: func() time.Time { return now }})
	r := openReader(t, s.Path())
	if err := s.SetOwner(Instance{Listen: "127.0.0.1:4747"}); err != nil {
		t.Fatal(err)
	}
	got, err := r.Server(t.Context())
	if err != nil || !got.Alive || got.Owner.Listen != "127.0.0.1:4747" || !got.Heartbeat.Equal(epoch) || got.Program != "1.2" {
		t.Errorf("while it runs: %+v, %v", got, err)
	}
	closeStore(t, s)
	if got, err := r.Server(t.Context()); err != nil || got.Alive || got.Owner.PID != 0 || !got.Heartbeat.Equal(epoch) {
		t.Errorf("after it stopped: %+v, %v", got, err)
	}
}

// TestReadingWhileWriting reads pages all the while: each is consistent (an
// ended call has an ended attempt) and none fails.
func TestReadingWhileWriting(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				list, err := r.Calls(t.Context(), Query{Limit: 50})
				if err != nil {
					t.Error(err)
					return
				}
				for _, c := range list {
					if len(c.Attempts) != 1 || c.Running() != (c.Attempts[0].Outcome == OutcomeRunning) {
						t.Errorf("half a call: %s with %+v", c.Status, c.Attempts)
						return
					}
				}
			}
		})
	}
	record(t, s, fewer(300))
	cancel()
	wg.Wait()
}

func TestReadingAfterAStop(t *testing.T) {
	s := openStore(t, Options{})
	all := record(t, s, 3)
	closeStore(t, s)
	for range 2 { // a reader must not spoil it for the next
		r, err := OpenReader(s.Path())
		if err != nil {
			t.Fatal(err)
		}
		list, err := r.Calls(t.Context(), Query{Ascending: true})
		if err != nil || !slices.Equal(ids(list), all) {
			t.Errorf("%v, %v", ids(list), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBackup(t *testing.T) {
	s := openStore(t, Options{})
	all := record(t, s, 20)
	to := t.TempDir() + "/copy?100%#.db" // names that are not URLs
	if err := Backup(t.Context(), s.Path(), to); err != nil {
		t.Fatal(err)
	}
	r := openReader(t, to)
	list, err := r.Calls(t.Context(), Query{Ascending: true})
	if err != nil || !slices.Equal(ids(list), all) {
		t.Errorf("%v, %v", ids(list), err)
	}
	if err := Backup(t.Context(), s.Path(), to); err == nil {
		t.Error("an existing file was overwritten")
	}
}

func TestCheckFindsDisagreement(t *testing.T) {
	for name, spoil := range map[string]string{
		"a rollup":      "UPDATE rollups SET reported = reported + 1",
		"a lost rollup": "DELETE FROM rollups",
		"a latency":     "UPDATE rollups SET latency = x''",
		"an attempt":    "INSERT INTO attempts(k, provider, model, key, started_at, hedge, waited_us, price) VALUES (9999999, '', '', '', 0, 0, 0, '')",
		"a body":        "INSERT INTO bodies(k, part, size, truncated, content_type, headers, stored, data) VALUES (999 * 2048, '', 0, 0, '', '', 0, x'')",
		"body sizes":    "UPDATE meta SET value = 5 WHERE name = 'bodies_bytes'",
		"a cost":        "UPDATE attempts SET cost = cost + 1",
	} {
		s := openStore(t, Options{})
		record(t, s, 3)
		closeStore(t, s)
		execRaw(t, s.Path(), spoil)
		problems, err := openReader(t, s.Path()).Check(t.Context())
		if err != nil || len(problems) == 0 {
			t.Errorf("%s: Check found %q, %v", name, problems, err)
		}
		if quarter := "rollup of " + epoch.Truncate(bucketWidth).Format(time.RFC3339) + " "; name == "a rollup" && !strings.HasPrefix(problems[0], quarter) {
			t.Errorf("%s: %q, want %q", name, problems[0], quarter)
		}
	}
}

func TestBodies(t *testing.T) {
	s := openStore(t, Options{BodiesMax: 1000})
	c, a := begun(0)
	long, short := bytes.Repeat([]byte("0123456789"), 200), []byte(`{"model":"m"}`)
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Bodies: []Body{
		{Part: "request", Data: short, ContentType: "application/json", Headers: "a: b\r\n"},
		{Part: "response", Data: long},
		{Part: "attempt.1", Data: nil},
		{Part: "attempt.2", Data: short, Size: 99}, // credentials in it are replaced
	}})
	if err := s.AddBodies(Body{CallID: c.ID, Part: "request", Data: short, Size: 50, Truncated: true, Headers: "c: d\r\n"}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddBodies(Body{CallID: NewID(epoch), Part: "request", Data: short}); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if lost := s.Health().LostBodies; lost != 1 {
		t.Errorf("%d bodies lost, want the one of an unknown call", lost)
	}
	r := openReader(t, s.Path())
	for part, want := range map[string]Body{
		"request":   {Data: short, Size: 50, Truncated: true, Headers: "c: d\r\n"},
		"response":  {Data: long[:1000], Size: 2000, Truncated: true},
		"attempt.1": {},
		"attempt.2": {Data: short, Size: 99},
	} {
		got, err := r.Body(t.Context(), c.ID, part)
		if err != nil || !bytes.Equal(got.Data, want.Data) || got.Size != want.Size || got.Truncated != want.Truncated || got.Headers != want.Headers {
			t.Errorf("%s: %+v, %v", part, got, err)
		}
	}
	list, err := r.Bodies(t.Context(), c.ID)
	if err != nil || len(list) != 4 || list[2].Part != "request" || list[2].Data != nil {
		t.Errorf("list: %+v, %v", list, err)
	}
	if _, err := r.Body(t.Context(), c.ID, "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a body that is not kept: %v", err)
	}
	if problems, err := r.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("Check: %q, %v", problems, err)
	}
}
