package store

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// filterKeys are the keys of rows that a filter can select by, with the field
// that does.
var filterKeys = []string{"project", "provider", "model", "route", "client", "key", "session", "tag.team"}

// TestSumsOfAFilterAreRows: over random histories, what is added up with a
// filter by a key is what the rows by that key say, negated and combined too.
// Names are parts of one another, since a filter looks for parts.
func TestSumsOfAFilterAreRows(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	var earlier []Change
	for range 120 {
		change := randomChange(random, earlier)
		c := change.Call
		c.Route, c.Client, c.Key, c.Session = pick("", "fast", "faster"), pick("", "claude", "codex"), pick("k_1", "k_2"), pick("", "s1", "s12")
		c.Tags = map[string]string{"team": pick("blue", "bluest", "red")}
		c.ModelRequested, c.ModelReported = pick("gpt-5", "opus", "alias"), pick("opus", "gpt-5-2025")
		for _, a := range change.Attempts {
			a.Model = pick(a.Model, "gpt-5-mini")
		}
		commit(t, s, change)
		earlier = append(earlier, change)
	}
	for _, key := range filterKeys {
		rows := sumsUnder(t, r, "", key)
		for _, of := range rows {
			if v := of.By[0]; v != "" {
				is := func(by []string) bool { return strings.Contains(by[0], v) }
				compareFiltered(t, r, key+":"+v, rows, is)
				compareFiltered(t, r, "!"+key+":"+v, rows, func(by []string) bool { return !is(by) })
			}
		}
	}
	places := sumsUnder(t, r, "", "provider", "model")
	at := func(by []string) string { return by[0] + "/" + by[1] }
	for _, of := range places {
		if of.By[0] == "" || of.By[1] == "" {
			continue
		}
		provider, model := of.By[0], of.By[1]
		compareFiltered(t, r, "target:"+provider+"/*", places, func(by []string) bool { return by[0] == provider })
		compareFiltered(t, r, "target:"+at(of.By), places, func(by []string) bool { return strings.Contains(at(by), provider+"/"+model) })
		compareFiltered(t, r, fmt.Sprintf("provider:%s model:%s*", provider, model), places,
			func(by []string) bool { return by[0] == provider && strings.HasPrefix(by[1], model) })
		compareFiltered(t, r, fmt.Sprintf("provider:%s !model:%s", provider, model), places,
			func(by []string) bool { return by[0] == provider && !strings.Contains(by[1], model) })
		compareFiltered(t, r, provider, places, func(by []string) bool { return by[0] == provider })
		compareFiltered(t, r, "!"+provider, places, func(by []string) bool { return by[0] != provider })
	}
}

func sumsUnder(t *testing.T, r *Reader, filter string, by ...string) []Sum {
	t.Helper()
	f, err := ParseFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	list, err := r.Sums(t.Context(), SumQuery{By: by, Filter: f})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// compareFiltered compares the total under a filter with those of the rows that
// it should select.
func compareFiltered(t *testing.T, r *Reader, filter string, rows []Sum, selects func(by []string) bool) {
	t.Helper()
	want := Sum{}
	for i := range rows {
		if selects(rows[i].By) {
			addSums(&want, &rows[i])
		}
	}
	var got Sum
	for _, s := range sumsUnder(t, r, filter) {
		got = s
	}
	if got.By = nil; !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v\nits rows: %+v", filter, got, want)
	}
}

// addSums adds every number of a sum to another's.
func addSums(into, s *Sum) {
	to, from := reflect.ValueOf(into).Elem(), reflect.ValueOf(s).Elem()
	for i := range to.NumField() {
		switch f := to.Field(i); f.Kind() {
		case reflect.Int64:
			f.SetInt(f.Int() + from.Field(i).Int())
		case reflect.Array:
			for j := range f.Len() {
				f.Index(j).SetInt(f.Index(j).Int() + from.Field(i).Index(j).Int())
			}
		}
	}
}
