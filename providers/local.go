package providers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// probeTimeout is how long a local server may take to list its models. Loopback
// answers or refuses at once; only a busy one needs longer.
const probeTimeout = 500 * time.Millisecond

// maxModelList bounds what is read of a stranger's answer.
const maxModelList = 4 << 20

// errNotList is an answer on a usual port that is no model list.
var errNotList = errors.New("no model list")

// LocalServer is a local model server that answered.
type LocalServer struct {
	Provider *Provider
	Models   []string // the models it lists, in its order
}

// ProbeLocal asks the usual ports of Ollama, LM Studio, vLLM and llama.cpp for
// their models, all at once and without any credential, and returns the servers
// that answered with a model list. Anything else on these ports is left alone.
func ProbeLocal(ctx context.Context, client *http.Client) []LocalServer {
	var all []Preset
	for _, p := range presets {
		if p.Local {
			all = append(all, p)
		}
	}
	return probe(ctx, client, all)
}

func probe(ctx context.Context, client *http.Client, all []Preset) []LocalServer {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	found := make([]LocalServer, len(all))
	var wg sync.WaitGroup
	for i, preset := range all {
		wg.Go(func() {
			if s, err := askModels(ctx, client, preset); err == nil {
				found[i] = s
			}
		})
	}
	wg.Wait()
	var running []LocalServer
	for _, s := range found {
		if s.Provider != nil {
			running = append(running, s)
		}
	}
	return running
}

// askModels asks one server for its models.
func askModels(ctx context.Context, client *http.Client, preset Preset) (LocalServer, error) {
	p, err := New(Config{Name: preset.Name, BaseURL: preset.BaseURL}, func(string) (string, bool) { return "", false })
	if err != nil {
		return LocalServer{}, err
	}
	p.Implicit = true
	req, err := p.NewRequest(ctx, RequestParts{Method: http.MethodGet, Rest: "/models"})
	if err != nil {
		return LocalServer{}, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return LocalServer{}, fmt.Errorf("asking %s for its models: %w", p.Name, err)
	}
	defer resp.Body.Close()
	models, err := readModels(resp)
	return LocalServer{Provider: p, Models: models}, err
}

// readModels reads OpenAI's model list, which all four servers speak.
func readModels(resp *http.Response) ([]string, error) {
	if resp.StatusCode != http.StatusOK {
		return nil, errNotList
	}
	var list struct {
		Object string `json:"object"`
		Data   []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxModelList)).Decode(&list); err != nil || list.Object != "list" {
		return nil, errNotList
	}
	models := make([]string, 0, len(list.Data))
	for _, m := range list.Data {
		models = append(models, m.ID)
	}
	return models, nil
}
