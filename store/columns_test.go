package store

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
	"time"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

// filled sets every field of a struct to a value of its own, so that a field
// that is not stored, or stored as another, is noticed.
func filled(v reflect.Value, next *int64) {
	*next++
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = epoch.Add(time.Duration(*next) * time.Microsecond)
		return
	case *time.Duration:
		*p = time.Duration(*next) * time.Microsecond
		return
	case *llm.Count:
		*p = llm.Tokens(*next)
		return
	case *price.Amount:
		*p = price.Of(price.Money(*next))
		return
	case *[]byte:
		*p = fmt.Appendf(nil, `{"n":%d}`, *next)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			filled(v.Field(i), next)
		}
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *next))
	case reflect.Int, reflect.Int64:
		v.SetInt(*next)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.ValueOf([]string{fmt.Sprint("a ", *next), `"quoted", with comma`}))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"k": fmt.Sprint(*next)}))
	}
}

// TestEveryFieldIsStored holds columns, binding and reading together.
func TestEveryFieldIsStored(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	var call Call
	var attempt Attempt
	var next int64
	filled(reflect.ValueOf(&call).Elem(), &next)
	filled(reflect.ValueOf(&attempt).Elem(), &next)
	call.ID, call.Status = NewID(epoch), StatusOK
	attempt.CallID, attempt.N = call.ID, 7
	commit(t, s, Change{Call: &call, Attempts: []*Attempt{&attempt}, Final: true})

	got, err := r.Find(t.Context(), call.ID)
	if err != nil {
		t.Fatal(err)
	}
	call.Seq = got.Seq // the store's own
	u := call.Usage
	call.Usage = llm.Usage{Input: u.Input, CachedInput: u.CachedInput, CacheWrite: u.CacheWrite, Output: u.Output, Reasoning: u.Reasoning}
	if !reflect.DeepEqual(got.Call, call) {
		t.Errorf("call read back as\n%+v\nwant\n%+v", got.Call, call)
	}
	if len(got.Attempts) != 1 || !reflect.DeepEqual(got.Attempts[0], attempt) {
		t.Errorf("attempt read back as\n%+v\nwant\n%+v", got.Attempts, attempt)
	}
}

// TestDefaultsAreThoseOfABegin: a begin does not write what the schema says by
// itself, so both must say the same.
func TestDefaultsAreThoseOfABegin(t *testing.T) {
	s := openStore(t, Options{})
	r := openReader(t, s.Path())
	c, a := begun(0)
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}})
	fromDefaults, err := r.Find(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}}) // written out this time
	written, err := r.Find(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	fromDefaults.Seq = written.Seq
	if !reflect.DeepEqual(fromDefaults, written) {
		t.Errorf("the schema's defaults read as\n%+v\nwritten out they are\n%+v", fromDefaults, written)
	}
}

// TestHeadMayChange: it hardly ever does, and must not be lost when it does.
func TestHeadMayChange(t *testing.T) {
	s := openStore(t, Options{})
	c, a := begun(0)
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}})
	c, a = ended(c, a)
	c.Project, c.Session, a.Provider, a.Held = "moved", "s2", "other", price.Of(7)
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}, Final: true})
	got, err := openReader(t, s.Path()).Find(t.Context(), c.ID)
	if err != nil || got.Project != "moved" || got.Session != "s2" || got.Attempts[0].Provider != "other" || got.Attempts[0].Held != price.Of(7) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestUsageThatIsNoJSONIsKept(t *testing.T) {
	s := openStore(t, Options{})
	c, a := begun(0)
	a.Usage.Raw = []byte("{\"broken\xff")
	commit(t, s, Change{Call: c, Attempts: []*Attempt{a}})
	got, err := openReader(t, s.Path()).Find(t.Context(), c.ID)
	if err != nil || !bytes.Equal(got.Attempts[0].Usage.Raw, a.Usage.Raw) {
		t.Errorf("%q, %v", got.Attempts[0].Usage.Raw, err)
	}
}
