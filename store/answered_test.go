package store

import "testing"

// A provider that was only asked has not answered.
func TestAnswered(t *testing.T) {
	failed := func(outcome string, status int) []Attempt {
		return []Attempt{{Provider: "p", Model: "m", Outcome: outcome, HTTPStatus: status}}
	}
	for name, tc := range map[string]struct {
		call     Call
		attempts []Attempt
		want     bool
	}{
		"served":              {Call{Provider: "p", Model: "m", Status: StatusOK}, failed(OutcomeOK, 200), true},
		"cut off":             {Call{Provider: "p", Model: "m", Status: StatusTruncated, Error: "truncated"}, failed("truncated", 200), true},
		"its error":           {Call{Provider: "p", Model: "m", Status: StatusError, Error: "bad_request", FirstToken: -1}, failed("bad_request", 400), true},
		"nobody":              {Call{Provider: "p", Model: "m", Status: StatusError, Error: "all_targets_failed", FirstToken: -1}, failed("server_error", 500), false},
		"too late":            {Call{Provider: "p", Model: "m", Status: StatusError, Error: "deadline", FirstToken: -1}, failed("timeout", 0), false},
		"left before":         {Call{Provider: "p", Model: "m", Status: StatusClientGone, Error: "client_gone", FirstToken: -1}, failed("client_gone", 200), false},
		"left in the middle":  {Call{Provider: "p", Model: "m", Status: StatusClientGone, Error: "client_gone"}, failed("client_gone", 200), true},
		"nobody was asked":    {Call{Status: StatusError, Error: "model_not_found", FirstToken: -1}, nil, false},
		"another one's error": {Call{Provider: "q", Model: "m", Status: StatusError, Error: "bad_request", FirstToken: -1}, failed("bad_request", 400), false},
	} {
		row := CallRow{Call: tc.call, Attempts: tc.attempts}
		if got := row.Answered(); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
