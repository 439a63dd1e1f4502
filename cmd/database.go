package cmd

import (
	"path/filepath"

	"llmgw/store"
)

// dbPath is the database the configuration means.
func (f *file) dbPath() (string, error) {
	if f.Store.Path != "" {
		return f.Store.Path, nil
	}
	return store.DefaultPath()
}

// database is the file to read: --db, else that of the newest running
// instance, a demo last, else the configured one. It says which unless asked
// for by name.
func (g *globals) database() (string, error) {
	if g.db != "" {
		return g.db, nil
	}
	if i, ok := g.newestInstance(); ok {
		what := "running"
		if i.Demo {
			what = "a running demo"
		}
		g.say("reading %s (%s, pid %d on %s)", i.DB, what, i.PID, i.Listen)
		return i.DB, nil
	}
	path, err := g.configuredDB()
	if err == nil {
		g.say("reading %s (no llmgw is running)", path)
	}
	return path, err
}

// configuredDB is the database a server would use: --db, else the
// configuration's.
func (g *globals) configuredDB() (string, error) {
	if g.db != "" {
		return g.db, nil
	}
	f, err := g.load()
	if err != nil {
		return "", err
	}
	return f.dbPath()
}

// newestInstance returns the running instance that readers mean.
func (g *globals) newestInstance() (store.Instance, bool) {
	all := instances()
	if len(all) == 0 {
		return store.Instance{}, false
	}
	return all[0], true
}

// runningInstance returns the instance that clients should call: the newest, on
// --db if that is given, and never a demo, whose answers are made up.
func (g *globals) runningInstance() (store.Instance, bool) {
	for _, i := range instances() {
		if !i.Demo && (g.db == "" || samePath(i.DB, g.db)) {
			return i, true
		}
	}
	return store.Instance{}, false
}

// samePath tells whether two paths name one file, which need not be there.
func samePath(a, b string) bool {
	a, errA := filepath.Abs(a)
	b, errB := filepath.Abs(b)
	return errA == nil && errB == nil && a == b
}

// instances lists what runs, newest first and demos last. A runtime folder that cannot be read is one in
// which nothing announced itself.
func instances() []store.Instance {
	dir, err := store.RuntimeDir()
	if err != nil {
		return nil
	}
	all, err := store.Instances(dir)
	if err != nil {
		return nil
	}
	return all
}

// openReader opens the database to read.
func (g *globals) openReader() (*store.Reader, error) {
	path, err := g.database()
	if err != nil {
		return nil, err
	}
	return store.OpenReader(path)
}
