package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"llmgw/providers"
	"llmgw/providers/price"
	"llmgw/proxy"
	"llmgw/proxy/breaker"
	"llmgw/proxy/cache"
	"llmgw/proxy/caps"
	"llmgw/store"
)

// file is llmgw.toml with every default filled in.
type file struct {
	// Listen is the address served. Anything but loopback needs
	// [server] require_key.
	Listen    string               `toml:"listen"`
	Server    proxy.ServerConfig   `toml:"server"`
	Store     store.Config         `toml:"store"`
	Providers []fileProvider       `toml:"provider"`
	Routes    []fileRoute          `toml:"route"`
	Failover  proxy.FailoverConfig `toml:"failover"`
	Breaker   breaker.Config       `toml:"breaker"`
	Caps      []fileCap            `toml:"cap"`
	Cache     cache.Config         `toml:"cache"`
	Prices    price.Config         `toml:"prices"`

	path     string    // where it was read; "" when there is none
	lines    keyLines  // of what it sets
	settings []setting // what it sets
}

// fileProvider is one [[provider]] with what it overrides.
type fileProvider struct {
	providers.Config
	over overrides `override:"failover breaker"`
}

// fileRoute is one [[route]] with what it overrides.
type fileRoute struct {
	proxy.RouteConfig
	over overrides `override:"failover cache"`
}

// fileCap is one [[cap]].
type fileCap struct{ caps.Config }

func (p *fileProvider) setDefaults() { p.Config = providers.DefaultConfig() }
func (r *fileRoute) setDefaults()    { r.RouteConfig = proxy.DefaultRouteConfig() }
func (c *fileCap) setDefaults()      { c.Config = caps.DefaultConfig() }

func (p *fileProvider) setOverrides(o overrides) { p.over = o }
func (r *fileRoute) setOverrides(o overrides)    { r.over = o }

// defaultListen is the address served where nothing else is said.
const defaultListen = "127.0.0.1:4747"

// defaultFile is the configuration without a file.
func defaultFile() *file {
	return &file{
		Listen:   defaultListen,
		Server:   proxy.DefaultServerConfig(),
		Store:    store.DefaultConfig(),
		Failover: proxy.DefaultFailoverConfig(),
		Breaker:  breaker.DefaultConfig(),
		Cache:    cache.DefaultConfig(),
		Prices:   price.DefaultConfig(),
	}
}

// findConfig returns the configuration file to read, "" for none: the one
// asked for, else the one in the user's configuration folder if it is there.
// Never the current folder's: a cloned repository must not bring base URLs.
func findConfig(flag string) (string, error) {
	if asked := cmp.Or(flag, os.Getenv("LLMGW_CONFIG")); asked != "" {
		return asked, nil
	}
	folder, err := os.UserConfigDir()
	if err != nil {
		return "", nil // no home: no configuration of its user
	}
	path := filepath.Join(folder, "llmgw", "llmgw.toml")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return path, nil
}

// loadFile reads the configuration at path, or the defaults for "". Served is the
// address that is listened on where that is not the configuration's to say; or "".
func loadFile(path, served string) (*file, error) {
	if path == "" {
		return defaultFile(), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &configError{path: path, problems: []located{{text: fmt.Sprintf("reading the configuration: %v", err)}}}
	}
	return parseFile(path, string(text), served)
}

// parseFile reads a configuration; its error is a *configError with everything
// that is wrong.
func parseFile(path, text, served string) (*file, error) {
	raw, err := parseTOML(text)
	if err != nil {
		return nil, &configError{path: path, problems: []located{parseProblem(text, err)}}
	}
	f := defaultFile()
	f.path, f.lines = path, locate(text)
	var d decoder
	d.decodeTable(raw, reflect.ValueOf(f).Elem(), "", "")
	f.settings = d.settings
	f.check(&d, cmp.Or(served, f.Listen))
	for _, p := range refuseNotBuilt(slices.Concat(f.settings, f.presetKinds())) {
		if !slices.ContainsFunc(d.problems, func(q problem) bool { return q.path == p.path }) {
			d.problems = append(d.problems, p)
		}
	}
	if err := f.wrong(d.problems); err != nil {
		return nil, err
	}
	// From here on paths are as they are from here, whoever uses them.
	f.Store.Path = besideConfig(f.Store.Path, path)
	for i := range f.Providers {
		f.Providers[i].CAFile = besideConfig(f.Providers[i].CAFile, path)
	}
	return f, nil
}

func parseTOML(text string) (map[string]any, error) {
	raw := map[string]any{}
	_, err := toml.Decode(text, &raw)
	return raw, err
}

// parseProblem is what the TOML library could not read. It knows where, but
// counts a line that ends too early as the next one.
func parseProblem(text string, err error) located {
	e, ok := errors.AsType[toml.ParseError](err)
	if !ok {
		return located{text: err.Error()}
	}
	before := text[:min(e.Position.Start, len(text))]
	return located{line: 1 + strings.Count(before, "\n"), text: "no valid TOML: " + e.Message}
}

// wrong makes the error of these problems, nil when there are none.
func (f *file) wrong(problems []problem) error {
	if len(problems) == 0 {
		return nil
	}
	e := &configError{path: f.path}
	for _, p := range problems {
		e.problems = append(e.problems, located{f.lines.at(p.path), indexes.ReplaceAllString(p.path, "") + ": " + p.text})
	}
	slices.SortStableFunc(e.problems, func(a, b located) int { return cmp.Compare(a.line, b.line) })
	return e
}

// sets tells whether the file sets the key at path.
func (f *file) sets(path string) bool {
	return slices.ContainsFunc(f.settings, func(s setting) bool { return s.path == path })
}

// failoverFor gives the [failover] values for a route, by its model pattern,
// and a provider. A route's own values win over a provider's own: a route says
// what a kind of call needs, a provider what its service can do.
func (f *file) failoverFor(route, provider string) proxy.FailoverConfig {
	c := f.Failover
	if p := f.provider(provider); p != nil {
		p.over.apply("failover", &c)
	}
	if r := f.route(route); r != nil {
		r.over.apply("failover", &c)
	}
	return c
}

// breakerFor gives the [breaker] values for a provider.
func (f *file) breakerFor(provider string) breaker.Config {
	c := f.Breaker
	if p := f.provider(provider); p != nil {
		p.over.apply("breaker", &c)
	}
	return c
}

// cacheFor gives the [cache] values for a route, by its model pattern.
func (f *file) cacheFor(route string) cache.Config {
	c := f.Cache
	if r := f.route(route); r != nil {
		r.over.apply("cache", &c)
	}
	return c
}

// provider returns the [[provider]] of that name, or nil.
func (f *file) provider(name string) *fileProvider {
	if i := slices.IndexFunc(f.Providers, func(p fileProvider) bool { return p.Name == name }); i >= 0 {
		return &f.Providers[i]
	}
	return nil
}

// route returns the [[route]] with that model pattern, or nil.
func (f *file) route(model string) *fileRoute {
	if i := slices.IndexFunc(f.Routes, func(r fileRoute) bool { return r.Model == model }); i >= 0 {
		return &f.Routes[i]
	}
	return nil
}

// routes returns the routes without what they override.
func (f *file) routes() []proxy.RouteConfig {
	var all []proxy.RouteConfig
	for _, r := range f.Routes {
		all = append(all, r.RouteConfig)
	}
	return all
}

// caps returns the caps as their package takes them.
func (f *file) caps() []caps.Config {
	var all []caps.Config
	for _, c := range f.Caps {
		all = append(all, c.Config)
	}
	return all
}

// check refuses values that cannot work, alone or together.
func (f *file) check(d *decoder, served string) {
	d.refuseErrors("server", f.Server.Validate())
	d.refuseErrors("store", f.Store.Validate())
	d.refuseErrors("failover", f.Failover.Validate())
	d.refuseErrors("breaker", f.Breaker.Validate())
	d.refuseErrors("cache", f.Cache.Validate())
	d.refuseErrors("prices", f.Prices.Validate())
	if err := checkListen(f.Listen, f.Server.RequireKey); err != nil {
		d.refuse("listen", "%s", err)
	}
	for i := range f.Providers {
		f.checkProvider(d, i, served)
	}
	for i := range f.Routes {
		f.checkRoute(d, i)
	}
	for i, c := range f.Caps {
		path := indexKey("cap", i)
		d.refuseErrors(path, c.Validate())
		if slices.ContainsFunc(f.Caps[:i], func(other fileCap) bool { return other.Name == c.Name }) {
			d.refuse(joinKey(path, "name"), "%q is the name of another cap", c.Name)
		}
		if c.Substitute != "" {
			f.checkTarget(d, joinKey(path, "substitute"), c.Substitute)
		}
	}
}

func (f *file) checkProvider(d *decoder, i int, served string) {
	p, path := f.Providers[i], indexKey("provider", i)
	d.refuseErrors(path, p.Validate())
	if slices.ContainsFunc(f.Providers[:i], func(other fileProvider) bool { return other.Name == p.Name }) {
		d.refuse(joinKey(path, "name"), "%q is the name of another provider", p.Name)
	}
	if !isPreset(p.Name) && p.Name != "" {
		if p.Kind == "" {
			d.refuse(joinKey(path, "kind"), "is missing: %q is no preset%s", p.Name, orNearest(p.Name, presetNames()))
		}
		if p.BaseURL == "" {
			d.refuse(joinKey(path, "base_url"), "is missing: %q is no preset%s", p.Name, orNearest(p.Name, presetNames()))
		}
	}
	if isSelf(p.BaseURL, served) {
		d.refuse(joinKey(path, "base_url"), "is the address llmgw listens on: every call would come back to it")
	}
	failover, breaker := f.Failover, f.Breaker
	p.over.apply("failover", &failover)
	p.over.apply("breaker", &breaker)
	f.refuseOverrides(d, path, "failover", p.over, failover.Validate())
	f.refuseOverrides(d, path, "breaker", p.over, breaker.Validate())
}

func (f *file) checkRoute(d *decoder, i int) {
	r, path := f.Routes[i], indexKey("route", i)
	d.refuseErrors(path, r.Validate())
	if j := slices.IndexFunc(f.Routes[:i], func(other fileRoute) bool { return other.Model == r.Model }); j >= 0 && r.Model != "" {
		d.refuse(joinKey(path, "model"), "%q has a route already, on line %d", r.Model, f.lines.at(indexKey("route", j)))
	}
	for n, target := range r.Targets {
		f.checkTarget(d, indexKey(joinKey(path, "targets"), n), target)
	}
	failover, cached := f.Failover, f.Cache
	r.over.apply("failover", &failover)
	r.over.apply("cache", &cached)
	f.refuseOverrides(d, path, "failover", r.over, failover.Validate())
	f.refuseOverrides(d, path, "cache", r.over, cached.Validate())
}

// checkTarget refuses a target whose provider is neither configured nor a
// preset. That it is no target at all is its table's to say.
func (f *file) checkTarget(d *decoder, path, target string) {
	name, model, ok := strings.Cut(target, "/")
	if !ok || name == "" || model == "" || f.provider(name) != nil || isPreset(name) {
		return
	}
	d.refuse(path, "no provider is named %q%s", name, orNearest(name, f.providerNames()))
}

// providerNames are those that a target may have: the presets' and the file's.
func (f *file) providerNames() []string {
	names := presetNames()
	for _, p := range f.Providers {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// refuseErrors takes what a Validate found, which names keys of the table at
// path.
func (d *decoder) refuseErrors(path string, err error) {
	for _, e := range splitJoined(err) {
		key, text, _ := strings.Cut(e.Error(), ": ")
		if !slices.Contains(d.untaken, path+"."+key) {
			d.refuse(path+"."+key, "%s", text)
		}
	}
}

// refuseOverrides checks a table with the overrides of the one at path and
// takes only what is about those: the rest is refused where it stands.
func (f *file) refuseOverrides(d *decoder, path, table string, over overrides, err error) {
	for _, e := range splitJoined(err) {
		key, text, _ := strings.Cut(e.Error(), ": ")
		if !over.has(table, key) {
			continue
		}
		at := joinKey(path, key)
		if _, ok := f.lines[at]; !ok {
			at = joinKey(joinKey(path, table), key)
		}
		d.refuse(at, "%s", text)
	}
}

// splitJoined undoes errors.Join, however deep.
func splitJoined(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, splitJoined(e)...)
	}
	return all
}

// checkListen refuses an address that cannot be served, and one that others
// could reach while nobody has to show a key.
func checkListen(listen string, requireKey bool) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("%q is not host:port", listen)
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
		return fmt.Errorf("%q is no port", port)
	}
	if !isLoopback(host) && !requireKey {
		return fmt.Errorf("%s can be reached by others: it needs [server] require_key = true", listen)
	}
	return nil
}

// isLoopback tells whether a host name or address is this machine's own. An
// empty one is every address of it.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// isSelf tells whether a base URL leads back to the address served.
func isSelf(baseURL, listen string) bool {
	u, err := url.Parse(baseURL)
	if err != nil || u.Host == "" {
		return false
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	host, served, err := net.SplitHostPort(listen)
	if err != nil || port != served {
		return false
	}
	return isLoopback(u.Hostname()) || strings.EqualFold(u.Hostname(), host) || u.Hostname() == "0.0.0.0" || u.Hostname() == "::"
}
