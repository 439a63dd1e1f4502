package proxy

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"llmgw/providers/llm"
	"llmgw/store"
)

// fixed answers every call with the parts of a body, flushed between them.
func fixed(status int, contentType string, parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Etag", `"of-the-provider's-bytes"`)
		w.WriteHeader(status)
		for i, part := range parts {
			if i > 0 {
				_ = http.NewResponseController(w).Flush()
				synctest.Wait()
			}
			_, _ = w.Write([]byte(part))
		}
	}
}

const (
	sseType, jsonType = "text/event-stream", "application/json"

	chatWord = `data: {"id":"c1","model":"g","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}` + "\n\n"
	chatEnd  = `data: {"id":"c1","model":"g","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"

	messageWord = `event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[],"stop_reason":null,"usage":{"input_tokens":5,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}

`
	messageEnd = `event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}

event: message_stop
data: {"type":"message_stop"}

`
	messageMore = `event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"more"}}

`
)

// foreigner is a gateway before one provider, which speaks another dialect than
// the path's and answers what it is told to.
func foreigner(t *testing.T, path string, h http.HandlerFunc, change func(*Config)) *rig {
	name, model, d := "openai", gpt, llm.OpenAIChat
	if path == "/v1/chat/completions" {
		name, model, d = "anthropic", claude, llm.Anthropic
	}
	return newRig(t, []upstreamSpec{{name: name, dialect: d, handler: h}}, func(c *Config) {
		routed(model)(c)
		capped("5.00", nil)(c)
		if change != nil {
			change(c)
		}
	})
}

// TestNothingForeignReachesTheClient: whatever the provider adds behind its end,
// or says of its own bytes, is not the client's.
func TestNothingForeignReachesTheClient(t *testing.T) {
	for path, parts := range map[string][]string{
		"/v1/messages":         {chatWord + chatEnd, chatWord},
		"/v1/chat/completions": {messageWord + messageEnd, messageMore},
	} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := foreigner(t, path, fixed(200, sseType, parts...), nil)
				defer r.close()
				got := r.post(path, asking(path, true))
				end := map[string]string{"/v1/messages": "{\"type\":\"message_stop\"}\n\n", "/v1/chat/completions": "data: [DONE]\n\n"}[path]
				if got.err != nil || !strings.HasSuffix(string(got.body), end) {
					t.Errorf("ended with %v and\n%s", got.err, got.body)
				}
				if tag := got.header.Get("Etag"); tag != "" {
					t.Errorf("the tag of other bytes: %s", tag)
				}
			})
		})
	}
}

// TestAnswersNobodyAskedFor: a body instead of a stream, a stream instead of a
// body, statuses and bodies that say nothing: the client's own protocol, and
// nothing stays held.
func TestAnswersNobodyAskedFor(t *testing.T) {
	const chatBody = `{"id":"c1","model":"g","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":7}}`
	const messageBody = `{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":7}}`
	const chat, messages = "/v1/chat/completions", "/v1/messages"
	tests := []struct {
		name, path string
		stream     bool
		h          http.HandlerFunc
		status     int
		want       []string
	}{
		{"body for stream", messages, true, fixed(200, jsonType, chatBody), 200, []string{`"text":"hi"`, `"output_tokens":7`, "message_stop"}},
		{"body for stream", chat, true, fixed(200, jsonType, messageBody), 200, []string{`"content":"hi"`, `"completion_tokens":7`, "[DONE]"}},
		{"stream for body", messages, false, fixed(200, sseType, chatWord+chatEnd), 200, []string{`"content":[{"type":"text","text":"hi"}]`}},
		{"stream for body", chat, false, fixed(200, sseType, messageWord+messageEnd), 200, []string{`"content":"hi"`, `"completion_tokens":7`}},
		{"cut stream for body", messages, false, fixed(200, sseType, chatWord), 502, []string{`"type":"error"`, "reset"}},
		{"unfinished call", messages, false, fixed(200, jsonType, `{"choices":[{"message":{"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":"}}]},"finish_reason":"length"}]}`), 200, []string{`"stop_reason":"max_tokens"`, `"INVALID_JSON"`}},
		{"nothing with an error", messages, false, fixed(400, jsonType), 400, []string{"the provider answered 400 Bad Request and said nothing"}},
		{"a page with an error", chat, true, fixed(403, "text/html", "<html>go away</html>"), 403, []string{"go away", `"type":"permission_error"`}},
		{"much with an error", messages, true, fixed(413, jsonType, strings.Repeat("x", 2<<20)), 413, []string{`"type":"request_too_large"`}},
		{"unknown stop", messages, true, fixed(200, sseType, chatWord+strings.Replace(chatEnd, `"stop"`, `"brand_new"`, 1)), 200, []string{`"stop_reason":"brand_new"`}},
		{"unknown stop", chat, true, fixed(200, sseType, messageWord+strings.Replace(messageEnd, "end_turn", "brand_new", 1)), 200, []string{`"finish_reason":"brand_new"`}},
		{"unknown event and block", chat, true, fixed(200, sseType, messageWord+"event: brand_new\ndata: {\"type\":\"brand_new\"}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"hologram\"}}\n\n"+messageEnd), 200, []string{`"content":"hi"`, "[DONE]"}},
		{"large delta", messages, true, fixed(200, sseType, strings.Replace(chatWord, "hi", strings.Repeat("y", 1<<20), 1)+chatEnd), 200, []string{strings.Repeat("y", 1<<20), "message_stop"}},
	}
	for _, test := range tests {
		t.Run(test.name+" "+test.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := foreigner(t, test.path, test.h, nil)
				defer r.close()
				got := r.post(test.path, asking(test.path, test.stream))
				if got.status != test.status || got.err != nil {
					t.Errorf("%d %v: %.400s", got.status, got.err, got.body)
				}
				for _, want := range test.want {
					if !strings.Contains(string(got.body), want) {
						t.Errorf("no %.40s in %.800s", want, got.body)
					}
				}
				if _, held := r.spentAndHeld(); held != 0 {
					t.Errorf("%s stay held", held)
				}
			})
		})
	}
}

// TestUsageIsAskedForOnce: a provider that refuses to be asked for a stream's
// usage is asked without, as within a dialect.
func TestUsageIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := bilingual(t, nil, gpt)
		defer r.close()
		r.order("openai", "reject-field:code=stream_options")
		got := r.sdk(t, "/v1/messages", "hello", true)
		if row := r.last(); got.err != nil || outcomes(row) != "openai=bad_request openai=ok" {
			t.Errorf("%v, %s", got.err, outcomes(row))
		}
		arrived := r.ledger("openai")
		if len(arrived) != 2 || !strings.Contains(string(arrived[0].Body), `"include_usage":true`) {
			t.Errorf("%d calls arrived; the first: %s", len(arrived), arrived[0].Body)
		}
	})
}

// TestWordsOfOursAreRefused: a target that refuses what llmgw wrote does not
// end a call that others understand in the client's words; and an error that
// passes is not hidden behind one about a translation.
func TestWordsOfOursAreRefused(t *testing.T) {
	for _, test := range []struct {
		targets []string
		orders  map[string]string
		want    string
		status  int
	}{
		{[]string{gpt, claude}, map[string]string{"openai": "400"}, "openai=bad_request anthropic=ok", 200},
		{[]string{claude, gpt}, map[string]string{"anthropic": "503", "openai": "400"}, "anthropic=overloaded anthropic=overloaded openai=bad_request", 502},
		{[]string{gpt}, map[string]string{"openai": "400"}, "openai=bad_request", 400},
		{[]string{claude, gpt}, map[string]string{"anthropic": "400"}, "anthropic=bad_request", 400},
	} {
		t.Run(fmt.Sprint(test.orders), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := bilingual(t, nil, test.targets...)
				defer r.close()
				for name, fault := range test.orders {
					r.order(name, fault)
				}
				got := r.post("/v1/messages", asking("/v1/messages", false))
				if row := r.last(); got.status != test.status || outcomes(row) != test.want {
					t.Errorf("%d %s, want %d %s: %s", got.status, outcomes(row), test.status, test.want, got.body)
				}
			})
		})
	}
}

// TestForeignHistoryComesHome: what another provider left in a conversation is
// taken out before the client's own provider has it back, is named, and no
// other byte is touched.
func TestForeignHistoryComesHome(t *testing.T) {
	long := "call_" + strings.Repeat("x", 60)
	tests := []struct{ name, path, target, in, out, edits string }{
		{"a thought without a signature", "/v1/messages", claude,
			`[{"role":"user","content":"hi"}, {"role":"assistant","content":[ {"type":"thinking","thinking":"hm","signature":""} ,{"type":"text","text":"yes"}]}, {"role":"user","content":"go on"}]`,
			`[{"role":"user","content":"hi"}, {"role":"assistant","content":[ {"type":"text","text":"yes"}]}, {"role":"user","content":"go on"}]`,
			"messages[1].content[0]"},
		{"its own thought", "/v1/messages", claude,
			`[{"role":"user","content":"hi"}, {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"}]}, {"role":"user","content":"go on"}]`, "", ""},
		{"another model that speaks the protocol", "/v1/messages", "anthropic/kimi-k2",
			`[{"role":"user","content":"hi"}, {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"yes"}]}, {"role":"user","content":"go on"}]`, "", ""},
		{"long ids", "/v1/chat/completions", gpt,
			`[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id": "` + long + `" ,"type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"` + long + `","content":"x"}]`,
			`[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id": "SHORT" ,"type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"SHORT","content":"x"}]`,
			"messages[1].tool_calls[0].id, messages[2].tool_call_id"},
		{"thoughts of another protocol's, and a long id", "/v1/chat/completions", gpt,
			`[{"role":"user","content":"hi"},{"role":"assistant","reasoning_content":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"c2ln","format":"anthropic-claude-v1","index":0}],"tool_calls":[{"id": "` + long + `" ,"type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"` + long + `","content":"x"}]`,
			`[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id": "SHORT" ,"type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"SHORT","content":"x"}]`,
			"messages[1].tool_calls[0].id, messages[2].tool_call_id, messages[1].reasoning_content, messages[1].reasoning_details"},
		{"its own thoughts", "/v1/chat/completions", gpt,
			`[{"role":"user","content":"hi"},{"role":"assistant","reasoning_content":"hm","content":"yes"},{"role":"user","content":"go on"}]`, "", ""},
		{"long ids elsewhere", "/v1/chat/completions", "openai/llama-3",
			`[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"` + long + `","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"` + long + `","content":"x"}]`, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := bilingual(t, nil, test.target)
				defer r.close()
				if test.out == "" {
					test.out = test.in
				}
				_, model, _ := strings.Cut(test.target, "/")
				body := func(model, messages string) string {
					return `{"model":"` + model + `", "max_tokens":200, "messages":` + messages + "}"
				}
				got := r.post(test.path, body("m", test.in))
				if got.status != 200 {
					t.Fatalf("%d %s", got.status, got.body)
				}
				sent := string(r.ledger(service(test.target))[0].Body)
				if before, after, found := strings.Cut(sent, `"id": "`); found && test.edits != "" {
					id, _, _ := strings.Cut(after, `"`)
					if len(id) > 40 || before == "" {
						t.Errorf("the id is %s", id)
					}
					sent = strings.ReplaceAll(sent, id, "SHORT")
				}
				if want := body(model, test.out); sent != want {
					t.Errorf("sent %s\nwant %s", sent, want)
				}
				if edits := got.header.Get("X-Llmgw-Edits"); edits != strings.TrimSuffix("model, "+test.edits, ", ") {
					t.Errorf("named %q, want %q", edits, test.edits)
				}
			})
		})
	}
}

// TestForeignSignatures: only Anthropic can tell who signed a thought. Where it
// refuses one, the call is asked once more, without thoughts; where that does
// not help, or the error is another, its error is the answer.
func TestForeignSignatures(t *testing.T) {
	const refusal = "messages.1.content.0: Invalid `signature` in `thinking` block"
	history := func(thoughts string) string {
		return `[{"role":"user","content":"hi"},{"role":"assistant","content":[` + thoughts + `{"type":"text","text":"yes"}]},{"role":"user","content":"go on"}]`
	}
	thoughts := `{"type":"thinking","thinking":"hm","signature":"Zm9yZWlnbg=="}, {"type":"redacted_thinking","data":"eHg="}, `
	for _, test := range []struct {
		text    string
		helps   bool
		want    string
		arrived int
	}{
		{refusal, true, "anthropic=bad_request anthropic=ok", 2},
		{"messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response.",
			true, "anthropic=bad_request anthropic=ok", 2},
		{refusal, false, "anthropic=bad_request anthropic=bad_request", 2},
		{"messages: roles must alternate", true, "anthropic=bad_request", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			var bodies []string
			r := foreignHome(t, func(w http.ResponseWriter, body string) {
				bodies = append(bodies, body)
				if strings.Contains(body, "signature") || !test.helps {
					fixed(400, jsonType, `{"type":"error","error":{"type":"invalid_request_error","message":"`+test.text+`"}}`)(w, nil)
					return
				}
				fixed(200, jsonType, `{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`)(w, nil)
			})
			defer r.close()
			got := r.post("/v1/messages", `{"model":"m","max_tokens":9,"messages":`+history(thoughts)+`}`)
			row := r.last()
			if outcomes(row) != test.want || len(bodies) != test.arrived {
				t.Errorf("%s: %s, %d arrived: %s", test.text, outcomes(row), len(bodies), got.body)
			}
			if test.arrived == 2 && (!strings.HasSuffix(bodies[1], history("")+"}") || got.header.Get("X-Llmgw-Edits") != "model, messages[1].content[0], messages[1].content[1]") {
				t.Errorf("%q: %s", got.header.Get("X-Llmgw-Edits"), bodies[1])
			}
			if _, held := r.spentAndHeld(); held != 0 {
				t.Errorf("%s stay held", held)
			}
		})
	}
}

// TestRefusedThoughtsInTranslation: a chat client's history is put to Anthropic
// once more without the thoughts that it refuses, and without thinking in the
// turn that began with one.
func TestRefusedThoughtsInTranslation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []string
		r := foreignHome(t, func(w http.ResponseWriter, body string) {
			bodies = append(bodies, body)
			if strings.Contains(body, "signature") {
				fixed(400, jsonType, `{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `+"`signature` in `thinking`"+` block"}}`)(w, nil)
				return
			}
			fixed(200, jsonType, `{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`)(w, nil)
		})
		defer r.close()
		got := r.post("/v1/chat/completions", `{"model":"m","max_tokens":9000,"reasoning_effort":"low","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}],"messages":[{"role":"user","content":"hi"},
			{"role":"assistant","content":null,"reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"Zm9y","format":"anthropic-claude-v1"}],"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
			{"role":"tool","tool_call_id":"c","content":"x"}]}`)
		const dropped = "messages[1].reasoning_details[0].text messages[1].reasoning_details[0].signature reasoning_effort"
		if row := r.last(); outcomes(row) != "anthropic=bad_request anthropic=ok" || strings.Join(row.Dropped, " ") != dropped {
			t.Errorf("%s, dropped %q: %s", outcomes(row), row.Dropped, got.body)
		}
		if len(bodies) != 2 || strings.Contains(bodies[1], "thinking") {
			t.Errorf("%q", bodies)
		}
	})
}

// TestForeignTurnGoesOn: a client of Anthropic's whose turn another service
// began, without a thought, is asked on without thinking where Anthropic will
// not think in it; its next turn thinks again.
func TestForeignTurnGoesOn(t *testing.T) {
	const refusal = "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block"
	const thinking = `"thinking":{"type":"enabled","budget_tokens":2000}`
	const loop = `[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"x"}]}`
	for _, test := range []struct{ members, messages, want, second, edits string }{
		{thinking + `,`, loop + "]", "anthropic=bad_request anthropic=ok", `{"model":"m","max_tokens":9000,"messages":` + loop + "]}", "model, thinking"},
		{thinking + `,"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"},{"type":"clear_tool_uses_20250919"}]},`, loop + "]", "anthropic=bad_request anthropic=ok",
			`{"model":"m","max_tokens":9000,"context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]},"messages":` + loop + "]}", "model, thinking, context_management.edits[0]"},
		{thinking + `,`, loop + `,{"role":"assistant","content":"yes"},{"role":"user","content":"more"}]`, "anthropic=ok", "", "model"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var bodies []string
			r := foreignHome(t, func(w http.ResponseWriter, body string) {
				bodies = append(bodies, strings.Replace(body, `"claude-sonnet-4-5"`, `"m"`, 1))
				if strings.Contains(body, `"thinking"`) && strings.HasSuffix(body, loop+"]}") {
					fixed(400, jsonType, `{"type":"error","error":{"type":"invalid_request_error","message":"`+refusal+`"}}`)(w, nil)
					return
				}
				fixed(200, jsonType, `{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`)(w, nil)
			})
			defer r.close()
			got := r.post("/v1/messages", `{"model":"m","max_tokens":9000,`+test.members+`"messages":`+test.messages+`}`)
			if row := r.last(); outcomes(row) != test.want || got.header.Get("X-Llmgw-Edits") != test.edits {
				t.Errorf("%s, edits %q: %s", outcomes(row), got.header.Get("X-Llmgw-Edits"), got.body)
			}
			if len(bodies) > 1 && bodies[1] != test.second {
				t.Errorf("sent %s\nwant %s", bodies[1], test.second)
			}
		})
	}
}

// foreignHome is a gateway before a Claude model that answers as told.
func foreignHome(t *testing.T, answer func(w http.ResponseWriter, body string)) *rig {
	return newRig(t, []upstreamSpec{{name: "anthropic", dialect: llm.Anthropic, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answer(w, string(body))
	})}}, both(routed(claude), capped("5.00", nil)))
}

// TestLongToolNames: a tool whose name is too long for OpenAI is called by the
// name that the client knows.
func TestLongToolNames(t *testing.T) {
	name := "mcp__a_server_with_a_long_name__a_tool_with_a_name_that_is_longer_still"
	for _, stream := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := bilingual(t, nil, gpt)
			defer r.close()
			got := r.post("/v1/messages", body(`{"model":"m","max_tokens":200,"messages":[{"role":"user","content":"hello"},`+
				`{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"`+name+`","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"x"},{"type":"text","text":"[[tools 1]]"}]}],`+
				`"tools":[{"name":"`+name+`","input_schema":{"type":"object","properties":{}}}],"tool_choice":{"type":"tool","name":"`+name+`"}`, stream))
			if !strings.Contains(string(got.body), `"name":"`+name+`"`) {
				t.Errorf("%d %s", got.status, got.body)
			}
			sent := string(r.ledger("openai")[0].Body)
			if strings.Contains(sent, name) || strings.Count(sent, name[:40]) != 3 {
				t.Errorf("sent %s", sent)
			}
			if want := []string{"messages[1].content[0].name", "tools[0].name", "tool_choice"}; !slices.Equal(r.last().Edits, want) {
				t.Errorf("named %q, want %q", r.last().Edits, want)
			}
		})
	}
}

// TestManyLosses: what is named in a header is exact, ASCII and bounded; the
// record has it all.
func TestManyLosses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := bilingual(t, nil, gpt)
		defer r.close()
		var b strings.Builder
		b.WriteString(`{"model":"m","max_tokens":9,"größe, 100%; x":1,"messages":[{"role":"user","content":[`)
		for i := range 500 {
			fmt.Fprintf(&b, `{"type":"text","text":"%d","cache_control":{"type":"ephemeral"}},`, i)
		}
		b.WriteString(`{"type":"text","text":"end"}]}]}`)
		got := r.post("/v1/messages", b.String())
		named, row := got.header.Get("X-Llmgw-Dropped"), r.last()
		if len(row.Dropped) != 501 || !slices.Contains(row.Dropped, "größe, 100%; x") {
			t.Errorf("%d on record", len(row.Dropped))
		}
		list, more, cut := strings.Cut(named, ";more=")
		if shown := strings.Split(list, ", "); !cut || len(named) > 4096 || fmt.Sprint(501-len(shown)) != more {
			t.Errorf("%d bytes, %d shown, %s more", len(named), len(shown), more)
		}
	})
	if got, want := nameList([]string{"größe, 100%; x", "n"}), "gr%C3%B6%C3%9Fe%2C 100%25%3B x, n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestTranslationsAreOnRecord: what was really sent, and what the provider
// really answered, without the credentials in it.
func TestTranslationsAreOnRecord(t *testing.T) {
	const secret = "sk-proj-Zx8bQw3nVt6yLm2cRk9dHs4fJg7aPe5uTi1oKq0wXv"
	synctest.Test(t, func(t *testing.T) {
		r := bilingual(t, func(c *Config) { c.Store.Bodies = store.BodiesAll }, gpt)
		defer r.close()
		r.order("openai", "400")
		r.post("/v1/messages", messages("m", false), "X-Api-Key", secret)
		r.restart() // bodies may follow their call
		rd, err := store.OpenReader(r.db)
		if err != nil {
			t.Fatal(err)
		}
		defer rd.Close()
		for part, want := range map[string]string{"attempt.1.request": `"model":"gpt-4o"`, "attempt.1": `"param"`, "response": `"type":"error"`} {
			b, err := rd.Body(t.Context(), r.last().ID, part)
			if err != nil || !strings.Contains(string(b.Data), want) || strings.Contains(string(b.Data), secret) {
				t.Errorf("%s: %v %s", part, err, b.Data)
			}
		}
	})
}
