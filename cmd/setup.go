package cmd

import (
	"os"
	"strings"

	"llmgw/providers"
	"llmgw/proxy"
	"llmgw/store"
)

// saveSetup leaves what is served with for readers.
func (s *server) saveSetup(f *file, cfg proxy.Config) {
	setup := store.Setup{
		BaseURL: gatewayURL(s.listener.Addr().String()), Config: f.path, Bodies: f.Store.Bodies,
		Providers: []store.SetupProvider{}, Routes: []store.SetupRoute{}, Caps: []string{},
	}
	for _, p := range cfg.Providers {
		row := store.SetupProvider{
			Name: p.Name, Kind: string(p.Kind), Dialect: string(p.Dialect), BaseURL: p.Base.String(),
			Keys: []string{}, Source: f.keySource(p), Key: store.KeyClient, Free: p.Free, Failures: cfg.BreakerFor(p.Name).Failures,
		}
		for _, k := range p.Keys {
			row.Keys = append(row.Keys, k.ID())
		}
		switch {
		case p.Mode == providers.CredentialClient:
		case len(p.Keys) > 0:
			row.Key = store.KeyConfigured
		case p.Free:
			row.Key = store.KeyNone
		}
		setup.Providers = append(setup.Providers, row)
	}
	for _, r := range cfg.Routes {
		setup.Routes = append(setup.Routes, store.SetupRoute{Model: r.Model, Targets: r.Targets, Cache: cfg.CacheFor(r.Model).Enabled})
	}
	for _, c := range cfg.Caps {
		setup.Caps = append(setup.Caps, c.Name)
	}
	s.store.SetSetup(setup)
}

// keySource says where a provider's keys come from, never what they are: the
// reference of the configuration, without the command of one that is run.
func (f *file) keySource(p *providers.Provider) string {
	if len(p.Keys) == 0 {
		return ""
	}
	if c := f.provider(p.Name); c != nil && c.Key != "" {
		return refSource([]string{c.Key})
	} else if c != nil && len(c.Keys) > 0 {
		return refSource(c.Keys)
	}
	for _, preset := range providers.Presets() {
		if key := presetKey(preset, os.Getenv); preset.Name == p.Name && key != "" {
			return key
		}
	}
	return "configured"
}

// refSource names what references refer to. A key that is written out is only
// said to be configured.
func refSource(refs []string) string {
	var names []string
	for _, ref := range refs {
		switch kind, _ := splitReference(ref); kind {
		case "env", "file", "keyring":
			names = append(names, ref)
		case "cmd":
			names = append(names, "cmd:…")
		default:
			names = append(names, "configured")
		}
	}
	return strings.Join(names, ", ")
}
