package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"llmgw/proxy/caps"
	"llmgw/store"
)

// RepriceDone is the answer to the command "reprice".
type RepriceDone struct {
	N       int64 `json:"n"`       // number of the correction, for the parts that follow
	Changed int   `json:"changed"` // attempts that cost something else now
}

// RepriceCommand applies a part of a correction of what attempts cost: args is
// one [store.Reprice] as JSON, the answer a [RepriceDone].
func RepriceCommand(ctx context.Context, st *store.Store, args []string) (string, error) {
	ledger, err := caps.New(nil, time.Now())
	if err != nil {
		return "", err
	}
	return reprice(ctx, st, ledger, args)
}

func reprice(ctx context.Context, st *store.Store, ledger *caps.Ledger, args []string) (string, error) {
	if len(args) != 1 {
		return "", errors.New("reprice takes one correction")
	}
	var all store.Reprice
	if err := json.Unmarshal([]byte(args[0]), &all); err != nil {
		return "", fmt.Errorf("reading the correction: %w", err)
	}
	done := RepriceDone{N: all.N}
	for part := range all.Parts() {
		part.N = done.N
		err := ledger.Correct(time.Now(), func() ([]caps.Correction, error) {
			did, err := st.Reprice(ctx, part)
			if err != nil {
				return nil, err
			}
			done.N, done.Changed = did.N, done.Changed+len(did.Changes)
			return corrections(did.Changes), nil
		})
		if err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(done)
	return string(text), err
}

// corrections is what changed as caps count it.
func corrections(changes []store.ChargeChange) []caps.Correction {
	var all []caps.Correction
	for _, c := range changes {
		all = append(all, caps.Correction{At: c.At, Delta: c.Amount.Money - c.Was.Money, Scope: caps.Scope{
			Project: c.Project, Provider: c.Provider, Model: c.Model, Route: c.Route, Client: c.Client, Key: c.Key, Session: c.Session,
		}})
	}
	return all
}
