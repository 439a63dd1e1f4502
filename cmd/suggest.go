package cmd

import (
	"fmt"
	"reflect"
	"strings"

	"llmgw/store"
)

// knownKey is a key that the configuration has.
type knownKey struct {
	table, key string // table "" is the top, "prices.model.*" any table below prices.model
	shape      string // "[server]" and "[[provider]]" for tables, else ""
	override   bool   // the key is another table's
}

// knownKeys lists the keys of v, the table of that name, and of all tables
// below it.
func knownKeys(v reflect.Value, table string) []knownKey {
	var all []knownKey
	for _, o := range configKeys(v, table) {
		t, k := o.value.Type(), knownKey{table: table, key: o.key, override: o.table != ""}
		switch below := strings.TrimPrefix(table+"."+o.key, "."); {
		case t.Kind() == reflect.Struct && !isScalar(t):
			k.shape = "[" + below + "]"
			all = append(all, knownKeys(o.value, below)...)
		case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
			k.shape = "[[" + below + "]]"
			all = append(all, knownKeys(reflect.New(t.Elem()).Elem(), below)...)
		case t.Kind() == reflect.Map:
			k.shape = "[" + below + "]"
			if t.Elem().Kind() == reflect.Struct {
				all = append(all, knownKeys(reflect.New(t.Elem()).Elem(), below+".*")...)
			}
		}
		all = append(all, k)
	}
	return all
}

// suggest says which valid key is nearest to an unknown one in a table: often
// the same key one table away, more often a slip of the finger.
func suggest(key, table string) string {
	near, nearest := knownKey{}, 1<<30 // anywhere
	here, closest := knownKey{}, 1<<30 // in this table
	for _, k := range knownKeys(reflect.ValueOf(&file{}).Elem(), "") {
		// Twice the distance and one for another table: the same key elsewhere
		// beats a similar one here, a similar one here beats one elsewhere.
		cost := 2 * store.Slips(key, k.key)
		if k.table == table && cost < closest {
			here, closest = k, cost
		}
		if k.table != table {
			cost++
		}
		if cost < nearest && (k.table == table || !k.override) {
			near, nearest = k, cost
		}
	}
	if nearest <= len(key)+1 { // about half of it is right
		return "did you mean " + near.seenFrom(table) + "?"
	}
	return "the nearest valid key is " + here.seenFrom(table)
}

// seenFrom names a key for someone who wrote in another table.
func (k knownKey) seenFrom(table string) string {
	switch {
	case k.shape != "":
		return k.shape
	case k.table == table:
		return k.key
	case k.table == "":
		return k.key + ", above the first table"
	}
	return k.key + " in " + tableName(k.table)
}

// tableName writes a table as its header in the file.
func tableName(table string) string {
	switch table {
	case "provider", "route", "cap":
		return "[[" + table + "]]"
	}
	return "[" + strings.ReplaceAll(table, ".*", `."NAME"`) + "]"
}

// nearestWord returns the word nearest to s, "" when none is near.
func nearestWord(s string, words []string) string {
	best := ""
	for _, w := range words {
		if d := store.Slips(s, w); d <= max(1, len(s)/3) && (best == "" || d < store.Slips(s, best)) {
			best = w
		}
	}
	return best
}

// orNearest is ", did you mean …?" when one of the words is near s, else "".
func orNearest(s string, words []string) string {
	if w := nearestWord(s, words); w != "" {
		return fmt.Sprintf("; did you mean %q?", w)
	}
	return ""
}
