package proxy

import (
	"testing"
	"time"

	"llmgw/providers/price"
	"llmgw/proxy/caps"
)

func TestLargestHolds(t *testing.T) {
	book, err := price.Builtin().With(nil)
	if err != nil {
		t.Fatal(err)
	}
	narrow, wide := caps.DefaultConfig(), caps.DefaultConfig()
	narrow.Name, narrow.USD, narrow.Match.Provider = "narrow", price.Of(price.USD/100), "openai"
	wide.Name, wide.USD = "wide", price.Of(100*price.USD)
	cfg := Config{Prices: book, Caps: []caps.Config{narrow, wide}, Routes: []RouteConfig{{Model: "gpt-4o", Targets: []string{"openai/gpt-4o", "nobody/knows"}}}}
	got, err := LargestHolds(cfg, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 { // narrow covers openai only
		t.Fatalf("%d holds: %+v", len(got), got)
	}
	if !got[0].Exceeds() || got[0].Fits != 0 {
		t.Errorf("a full window of gpt-4o costs more than a cent: %+v", got[0])
	}
	if got[1].Exceeds() || !got[1].Hold.Known || got[1].Hold.Money == 0 {
		t.Errorf("a full window of gpt-4o fits into 100 USD: %+v", got[1])
	}
	if got[2].Hold.Known {
		t.Errorf("the hold of an unknown model is known: %+v", got[2])
	}
}
