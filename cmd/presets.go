package cmd

import (
	"cmp"
	"slices"
	"strings"

	"llmgw/providers"
)

// presetNames lists the providers that need no base URL or kind.
func presetNames() []string {
	var names []string
	for _, p := range providers.Presets() {
		names = append(names, p.Name)
	}
	return names
}

func isPreset(name string) bool { return slices.Contains(presetNames(), name) }

// presetKinds are the kinds that the file takes from presets, by a provider's
// name or a target's: as if each had been set there.
func (f *file) presetKinds() []setting {
	var all []setting
	imply := func(path, name string) {
		for _, p := range providers.Presets() {
			if p.Name == name {
				all = append(all, setting{path, "provider.kind", quote(string(p.Kind))})
			}
		}
	}
	for i, p := range f.Providers {
		if p.Kind == "" {
			imply(joinKey(indexKey("provider", i), "name"), p.Name)
		}
	}
	for i, r := range f.Routes {
		for n, target := range r.Targets {
			if name, _, _ := strings.Cut(target, "/"); f.provider(name) == nil {
				imply(indexKey(joinKey(indexKey("route", i), "targets"), n), name)
			}
		}
	}
	return all
}

// withPresets is f with what presets fill in, and with the providers that exist
// because a variable is set: what is in force, as [providers.New] sees it.
func (f *file) withPresets(getenv func(string) string) *file {
	full := *f
	full.Providers = slices.Clone(f.Providers)
	for _, preset := range providers.Presets() {
		key := presetKey(preset, getenv)
		if f.provider(preset.Name) == nil && key != "" {
			p := fileProvider{Config: providers.DefaultConfig()}
			p.Name = preset.Name
			full.Providers = append(full.Providers, p)
		}
		p := full.provider(preset.Name)
		if p == nil || p.Kind != "" && p.Kind != string(preset.Kind) {
			continue
		}
		p.Kind = string(preset.Kind)
		p.BaseURL = cmp.Or(p.BaseURL, preset.BaseURL)
		if p.Key == "" && len(p.Keys) == 0 {
			p.Key = key
		}
	}
	return &full
}

// presetKey refers to the variable that holds the service's key, "" when none
// is set.
func presetKey(p providers.Preset, getenv func(string) string) string {
	for _, name := range p.Env {
		if strings.TrimSpace(getenv(name)) != "" {
			return "env:" + name
		}
	}
	return ""
}
