package cmd

import (
	"encoding"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"llmgw/providers/price"
	"llmgw/proxy"
	"llmgw/proxy/breaker"
	"llmgw/proxy/cache"
)

// The TOML library stops at the first mistake and forgets where keys stood.
// So it only parses, and the decoder here puts the values into the
// configuration's structs: it goes on after a mistake, and takes nothing but
// the type that is documented.

// problem is one mistake in the configuration.
type problem struct {
	path string // the key, as in keyLines
	text string // what is wrong with it
}

// setting is one value that the file sets.
type setting struct {
	path   string // where it stands: provider[0].deadline
	option string // what it is, without numbers: failover.deadline for an override
	value  string // as formatValue writes it; "" for a table
}

// overrides are values of other tables that a [[provider]] or [[route]] sets
// for itself, as the file has them: by table, then by key.
type overrides map[string]map[string]any

// overridable returns what decoding an override of a table is tried on.
func overridable(table string) any {
	switch table {
	case "failover":
		c := proxy.DefaultFailoverConfig()
		return &c
	case "breaker":
		c := breaker.DefaultConfig()
		return &c
	case "cache":
		c := cache.DefaultConfig()
		return &c
	}
	panic("no table " + table + " to override")
}

// configKey is one key of a table: where its value goes and what it is called.
type configKey struct {
	key   string
	name  string // with its table: server.max_request
	value reflect.Value
	bytes bool   // an integer written as a size
	table string // the table it overrides, if that is another one
}

// configKeys lists the keys of the struct v, the configuration's table of that
// name, in the order in which they are declared.
func configKeys(v reflect.Value, table string) []configKey {
	var all []configKey
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := f.Tag.Get("toml")
		switch {
		case f.Anonymous:
			all = append(all, configKeys(v.Field(i), table)...)
		case f.Tag.Get("override") != "":
			for _, other := range strings.Fields(f.Tag.Get("override")) {
				for _, o := range configKeys(reflect.ValueOf(overridable(other)).Elem(), other) {
					o.table = other
					all = append(all, o)
				}
			}
		case key != "":
			all = append(all, configKey{
				key:   key,
				name:  strings.TrimPrefix(table+"."+key, "."),
				value: v.Field(i),
				bytes: f.Tag.Get("unit") == "bytes",
			})
		}
	}
	return all
}

// decoder puts parsed TOML into structs and keeps what it could not place.
type decoder struct {
	problems []problem
	settings []setting
	untaken  []string // paths of values that could not be taken, and so are not missing
}

func (d *decoder) refuse(path, format string, args ...any) {
	d.problems = append(d.problems, problem{path, fmt.Sprintf(format, args...)})
}

// decodeTable fills the struct v, the configuration's table of that name, from
// raw and returns the overrides in it.
func (d *decoder) decodeTable(raw map[string]any, v reflect.Value, path, table string) overrides {
	over := overrides{}
	d.decodeKeys(raw, configKeys(v, table), path, table, over)
	return over
}

func (d *decoder) decodeKeys(raw map[string]any, known []configKey, path, table string, over overrides) {
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		at := joinKey(path, key)
		// deadline = "5s" and failover.deadline = "5s" both override.
		if sub, ok := raw[key].(map[string]any); ok {
			if inner := slices.DeleteFunc(slices.Clone(known), func(o configKey) bool { return o.table != key }); len(inner) > 0 {
				d.decodeKeys(sub, inner, at, key, over)
				continue
			}
		}
		i := slices.IndexFunc(known, func(o configKey) bool { return o.key == key })
		if i < 0 {
			d.refuse(at, "unknown key; %s", suggest(key, table))
			continue
		}
		o := known[i]
		if o.table != "" && over.has(o.table, key) {
			d.refuse(at, "is set twice, here and as %s.%s", o.table, key)
		}
		if d.decodeOption(raw[key], o, at) && o.table != "" {
			over.set(o.table, key, raw[key])
		}
	}
}

func (o overrides) has(table, key string) bool {
	_, ok := o[table][key]
	return ok
}

func (o overrides) set(table, key string, value any) {
	if o[table] == nil {
		o[table] = map[string]any{}
	}
	o[table][key] = value
}

// apply sets the overrides of a table in c, a pointer to its struct.
func (o overrides) apply(table string, c any) {
	var d decoder // the values were taken once: nothing is refused now
	d.decodeTable(o[table], reflect.ValueOf(c).Elem(), "", table)
}

// decodeOption puts one value where it belongs, or says why it cannot.
func (d *decoder) decodeOption(raw any, o configKey, path string) bool {
	switch elem := o.value.Type(); {
	case elem.Kind() == reflect.Struct && !isScalar(elem):
		sub, ok := raw.(map[string]any)
		if !ok {
			return d.wrongType(path, "a table: [%s]", raw, o.name)
		}
		d.note(path, o.name, "")
		d.decodeTable(sub, o.value, path, o.name)
	case elem.Kind() == reflect.Slice && elem.Elem().Kind() == reflect.Struct:
		return d.decodeTables(raw, o, path)
	case elem.Kind() == reflect.Map:
		return d.decodeMap(raw, o, path)
	default:
		if err := setValue(o.value, raw, o.bytes); err != nil {
			d.refuse(path, "%s", err)
			d.untaken = append(d.untaken, path)
			return false
		}
		d.note(path, o.name, formatValue(o.value, o.bytes))
	}
	return true
}

func (d *decoder) note(path, option, value string) {
	d.settings = append(d.settings, setting{path, option, value})
}

func (d *decoder) wrongType(path, want string, raw any, args ...any) bool {
	d.refuse(path, "must be "+want+", not %s", append(args, describe(raw))...)
	return false
}

// decodeTables fills a slice of structs from an array of tables; each begins
// with its defaults.
func (d *decoder) decodeTables(raw any, o configKey, path string) bool {
	tables, ok := tablesOf(raw)
	if !ok {
		return d.wrongType(path, "an array of tables: [[%s]]", raw, o.name)
	}
	for i, table := range tables {
		d.note(indexKey(path, i), o.name, "")
		entry := reflect.New(o.value.Type().Elem()).Elem()
		if c, ok := entry.Addr().Interface().(interface{ setDefaults() }); ok {
			c.setDefaults()
		}
		over := d.decodeTable(table, entry, indexKey(path, i), o.name)
		if c, ok := entry.Addr().Interface().(interface{ setOverrides(overrides) }); ok {
			c.setOverrides(over)
		}
		o.value.Set(reflect.Append(o.value, entry))
	}
	return true
}

// tablesOf is an array of tables, whether written as [[table]] or as a list.
func tablesOf(raw any) ([]map[string]any, bool) {
	if tables, ok := raw.([]map[string]any); ok {
		return tables, true
	}
	list, ok := raw.([]any)
	var tables []map[string]any
	for _, elem := range list {
		table, isTable := elem.(map[string]any)
		ok = ok && isTable
		tables = append(tables, table)
	}
	return tables, ok
}

// decodeMap fills a map whose keys the user chooses.
func (d *decoder) decodeMap(raw any, o configKey, path string) bool {
	table, ok := raw.(map[string]any)
	if !ok {
		return d.wrongType(path, "a table: [%s]", raw, o.name)
	}
	o.value.Set(reflect.MakeMap(o.value.Type()))
	for _, key := range slices.Sorted(maps.Keys(table)) {
		entry := configKey{key: key, name: o.name + ".*", value: reflect.New(o.value.Type().Elem()).Elem()}
		d.decodeOption(table[key], entry, joinKey(path, key))
		o.value.SetMapIndex(reflect.ValueOf(key), entry.value)
	}
	return true
}

// isScalar tells whether a struct is written as one value, not as a table.
func isScalar(t reflect.Type) bool {
	return t == reflect.TypeFor[price.Amount]() || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// setValue puts one TOML value into v, and nothing that would have to be
// converted with a guess: "true" is no boolean and 0.1 no amount of money.
func setValue(v reflect.Value, raw any, bytes bool) error {
	if list, ok := raw.([]any); ok && v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i, elem := range list {
			if err := setValue(v.Index(i), elem, bytes); err != nil {
				return fmt.Errorf("number %d: %w", i+1, err)
			}
		}
		return nil
	}
	switch raw := raw.(type) {
	case string:
		return setString(v, raw, bytes)
	case bool:
		if v.Kind() == reflect.Bool {
			v.SetBool(raw)
			return nil
		}
	case int64:
		return setInt(v, raw, bytes)
	case float64:
		if v.Kind() == reflect.Float64 && !math.IsNaN(raw) && !math.IsInf(raw, 0) {
			v.SetFloat(raw)
			return nil
		}
	}
	return typeError(v, raw, bytes)
}

func setInt(v reflect.Value, raw int64, bytes bool) error {
	switch {
	case v.Type() == reflect.TypeFor[price.Amount]():
		if raw > int64(math.MaxInt64/price.USD) || raw < int64(math.MinInt64/price.USD) {
			return fmt.Errorf("%d is more money than there is", raw)
		}
		v.Set(reflect.ValueOf(price.Of(price.Money(raw) * price.USD)))
	case v.Kind() == reflect.Int, v.Kind() == reflect.Int64 && !bytes && v.Type() != reflect.TypeFor[time.Duration]():
		v.SetInt(raw)
	case v.Kind() == reflect.Float64:
		v.SetFloat(float64(raw))
	default:
		return typeError(v, raw, bytes)
	}
	return nil
}

// expansion is what shells, and the configuration of other gateways, replace
// by a variable; here it would be sent as it stands.
var expansion = regexp.MustCompile(`\$\{\w+\}`)

func setString(v reflect.Value, raw string, bytes bool) error {
	if m := expansion.FindString(raw); m != "" && !strings.HasPrefix(raw, "cmd:") {
		return fmt.Errorf("%s is not expanded; a key or header may be \"env:%s\"", m, m[2:len(m)-1])
	}
	switch c := v.Addr().Interface().(type) {
	case *price.Amount:
		usd, err := price.ParseUSD(raw)
		if err != nil {
			return err
		}
		*c = price.Of(usd)
	case *time.Duration:
		d, err := parseDuration(raw)
		if err != nil {
			return err
		}
		*c = d
	case encoding.TextUnmarshaler:
		return c.UnmarshalText([]byte(raw))
	case *string:
		*c = raw
	case *int64:
		if !bytes {
			return typeError(v, raw, bytes)
		}
		n, err := parseSize(raw)
		if err != nil {
			return err
		}
		*c = n
	default:
		return typeError(v, raw, bytes)
	}
	return nil
}

func typeError(v reflect.Value, raw any, bytes bool) error {
	return fmt.Errorf("must be %s, not %s", typeName(v.Type(), bytes), describe(raw))
}

// typeName says how a value of the type is written.
func typeName(t reflect.Type, bytes bool) string {
	switch t {
	case reflect.TypeFor[price.Amount]():
		return `an amount in USD such as "10.00" or 10`
	case reflect.TypeFor[time.Duration]():
		return `a duration such as "30s"`
	case reflect.TypeFor[proxy.AutoDuration]():
		return `"auto" or a duration such as "30s"`
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		if bytes {
			return `a size such as "64MB"`
		}
		return "an integer"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list, each " + typeName(t.Elem(), bytes)
	}
	return "a string"
}

// describe names the TOML type that the file has instead.
func describe(raw any) string {
	switch raw := raw.(type) {
	case string:
		return "a string" // not which: it may be a credential
	case bool:
		return fmt.Sprint(raw)
	case int64:
		return fmt.Sprintf("the integer %d", raw)
	case float64:
		return fmt.Sprintf("the float %v", raw)
	case time.Time:
		return "a date"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "an array of tables"
	}
	return "a list"
}

// formatValue writes v as the file would have it; "" for money that is not set.
func formatValue(v reflect.Value, bytes bool) string {
	switch c := v.Interface().(type) {
	case price.Amount:
		if !c.Known {
			return ""
		}
		return quote(c.Money.String())
	case time.Duration:
		return quote(formatDuration(c))
	case encoding.TextMarshaler:
		text, err := c.MarshalText()
		if err != nil {
			return quote(err.Error())
		}
		return quote(string(text))
	case string:
		return quote(c)
	case int64:
		if bytes {
			return quote(formatSize(c))
		}
	}
	if v.Kind() == reflect.Slice {
		var elems []string
		for i := range v.Len() {
			elems = append(elems, formatValue(v.Index(i), bytes))
		}
		return "[" + strings.Join(elems, ", ") + "]"
	}
	return fmt.Sprint(v.Interface())
}

// quote writes a basic string of TOML.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
