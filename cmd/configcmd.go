package cmd

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"llmgw/proxy"
)

func newConfigCommand(g *globals) *cobra.Command {
	return newGroup("config", "Check the configuration, or show what is in force",
		newConfigCheckCommand(g), newConfigShowCommand(g))
}

func newConfigCheckCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Name everything that is wrong with the configuration",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := g.load()
			if err != nil {
				return err
			}
			if err := f.checkSecrets(); err != nil {
				return err
			}
			if f.path == "" {
				_, err = fmt.Fprintln(g.stdout, "ok: no configuration file, every value has its default")
				return err
			}
			db, err := g.configuredDB()
			if err != nil {
				return err
			}
			book, err := f.priceBook(db)
			if err != nil {
				return &wiringError{err}
			}
			if _, err := fmt.Fprintf(g.stdout, "ok: %s: %d providers, %d routes\n", f.path, len(f.Providers), len(f.Routes)); err != nil {
				return err
			}
			capLines(g.stdout, proxy.Config{Caps: f.caps(), Routes: f.routes(), Prices: book})
			cacheLines(g.stdout, proxy.Config{Routes: f.routes(), Cache: f.Cache, CacheFor: f.cacheFor, Store: f.Store})
			return nil
		},
	}
}

func newConfigShowCommand(g *globals) *cobra.Command {
	effective := false
	c := &cobra.Command{
		Use:   "show",
		Short: "Show each value that the configuration sets, and where",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := g.load()
			if err != nil {
				return err
			}
			return f.show(g.stdout, effective)
		},
	}
	c.Flags().BoolVar(&effective, "effective", false, "show every value in force, set or not")
	return c
}

// show writes values as "key = value  # where from": every value in force, or
// only those that the file sets.
func (f *file) show(w io.Writer, effective bool) error {
	full := f
	if effective {
		full = f.withPresets(os.Getenv)
	}
	var b strings.Builder
	for _, s := range full.inForce(reflect.ValueOf(full).Elem(), "", "") {
		line, set := f.lines[s.path]
		switch {
		case set:
			fmt.Fprintf(&b, "%s = %s  # %s:%d\n", s.path, s.value, f.path, line)
		case effective && s.option == "provider.key" && s.value != `""`:
			fmt.Fprintf(&b, "%s = %s  # env\n", s.path, s.value)
		case effective && s.value != "":
			fmt.Fprintf(&b, "%s = %s  # default\n", s.path, s.value)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// inForce lists the values of v, the table of that name which stands at path,
// and of all tables in it.
func (f *file) inForce(v reflect.Value, path, table string) []setting {
	var all []setting
	for _, o := range configKeys(v, table) {
		at := joinKey(path, o.key)
		switch t := o.value.Type(); {
		case o.table != "": // below, where it is set
		case t.Kind() == reflect.Struct && !isScalar(t):
			all = append(all, f.inForce(o.value, at, o.name)...)
		case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
			for i := range o.value.Len() {
				all = append(all, f.inForce(o.value.Index(i), indexKey(at, i), o.name)...)
				all = append(all, f.overridden(indexKey(at, i), o.name)...)
			}
		case t.Kind() == reflect.Map:
			all = append(all, f.inForceMap(o, at)...)
		default:
			all = append(all, setting{at, o.name, showValue(o)})
		}
	}
	return all
}

// inForceMap lists a map's entries: values or tables.
func (f *file) inForceMap(o configKey, path string) []setting {
	keys := o.value.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	var all []setting
	for _, key := range keys {
		entry := configKey{name: o.name + ".*", value: o.value.MapIndex(key)}
		at := joinKey(path, key.String())
		if entry.value.Kind() == reflect.Struct {
			all = append(all, f.inForce(entry.value, at, entry.name)...)
		} else {
			all = append(all, setting{at, entry.name, showValue(entry)})
		}
	}
	return all
}

// overridden lists the values of other tables that the one at path sets.
func (f *file) overridden(path, table string) []setting {
	var all []setting
	for _, s := range f.settings {
		if strings.HasPrefix(s.path, path+".") && !strings.HasPrefix(s.option, table+".") {
			all = append(all, s)
		}
	}
	return all
}

// showValue writes a value as the file would have it, but never a credential
// that is written out there.
func showValue(o configKey) string {
	switch o.name {
	case "provider.key", "provider.headers.*":
		return quote(maskLiteral(o.value.String()))
	case "provider.keys":
		masked := slices.Clone(o.value.Interface().([]string))
		for i := range masked {
			masked[i] = maskLiteral(masked[i])
		}
		return formatValue(reflect.ValueOf(masked), false)
	}
	return formatValue(o.value, o.bytes)
}

// maskLiteral leaves references alone and replaces anything else by what
// credentials are known by: "k_" and eight hex digits of their hash.
func maskLiteral(ref string) string {
	if kind, _ := splitReference(ref); kind != "" || ref == "" {
		return ref
	}
	sum := sha256.Sum256([]byte(ref))
	return "k_" + hex.EncodeToString(sum[:4])
}
