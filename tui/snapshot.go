package tui

import (
	"time"

	"llmgw/store"
)

// snapshot is what the record said at one moment. It never changes: whoever
// has one may keep it.
type snapshot struct {
	at   time.Time
	want want  // what was asked for
	err  error // the record cannot be read; then the rest is what was last read

	retryAt time.Time // when it is tried again
	path    string    // of the record; empty while there is none
	file    int       // grows with each other file, also at the same path
	server  store.Server
	changed int64

	window  window // of calls
	live    map[string]store.Live
	matches int64 // calls that match the filter; below zero: not counted

	searching bool  // the window is not filled yet
	total     int64 // calls on record
	pulse     store.Pulse
	today     store.Sum

	// What the server last said about itself.
	setup   store.Setup
	caps    []store.Cap
	capsAt  time.Time
	blocked []blockage // caps that were in the way then
	targets store.Targets
	reload  store.Reload

	known map[string][]string // values for completion, by field

	// Read while their screen is visible; nil, or from before, otherwise.
	detail    *detailData
	body      *bodyData
	providers *providersData
	spend     *spendData
}

// want is what the screen needs next. It is compared with ==.
type want struct {
	filter   string // as typed; known to be readable
	faults   bool   // only faults and switches
	sort     store.SortKey
	reverse  bool
	around   string // id of the call under the cursor; "" is the newest, oldest the oldest
	complete bool   // the values for completion

	detail    string // id of the call whose detail is visible
	body      string // part of it whose text is visible
	width     int    // of that text, in cells
	providers bool   // the providers are visible, and since when
	since     providersSpan
	target    string // whose faults are listed
	breaker   string // of the target whose breaker is told of
	spend     bool   // so is the spending
	period    spendPeriod
	group     spendGroup

	fresh int // grows when everything is to be read again
}

// oldest, for want.around, is the end of the list.
const oldest = "oldest"
