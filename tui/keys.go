package tui

import "slices"

// screen is what fills the terminal.
type screen int

const (
	screenCalls screen = 1 << iota
	screenProviders
	screenSpend
	screenDetail // of one call
	screenBody   // one body of it

	screenTabs  = screenCalls | screenProviders | screenSpend
	screenLists = screenTabs
	screenAll   = screenTabs | screenDetail | screenBody
)

// action is what a key does.
type action int

const (
	doNothing action = iota
	doCalls
	doProviders
	doSpend
	doNextPane
	doPreviousPane
	doUp
	doDown
	doHalfUp
	doHalfDown
	doPageUp
	doPageDown
	doFirst
	doLast
	doOpen
	doBack
	doNextCall
	doPreviousCall
	doFilter
	doFaults
	doLike
	doFollow
	doFreeze
	doSort
	doReverse
	doGroup
	doWindow
	doExpand
	doClock
	doZoom
	doUnzoom
	doCopy
	doCurl
	doBody
	doAgain
	doHelp
	doRedraw
	doSuspend
	doBackOrQuit
	doQuit
	doSearch

	actions // how many there are
)

// binding is a row of the table of keys, from which the help, the footer and
// docs/tui.md are made.
type binding struct {
	keys    []string // as Bubble Tea names them
	shown   string   // as a person reads them
	does    action
	screens screen
	words   string // what it does, for the help
	footer  string // the same in a word or two; empty: not in the footer
	group   string // heading in the help
	pair    string // what it and the next one do, where the help shows both in a line
}

// bindings are all keys, the most needed of a screen's footer first.
var bindings = []binding{
	{[]string{"up", "k"}, "↑ k", doUp, screenAll, "up", "", "MOVE", "row up, down"},
	{[]string{"down", "j"}, "↓ j", doDown, screenAll, "down", "", "MOVE", ""},
	{[]string{"ctrl+u"}, "ctrl+u", doHalfUp, screenAll, "half a page up", "", "MOVE", "half a page"},
	{[]string{"ctrl+d"}, "ctrl+d", doHalfDown, screenAll, "half a page down", "", "MOVE", ""},
	{[]string{"pgup"}, "pgup", doPageUp, screenAll, "a page up", "", "MOVE", "page up, down"},
	{[]string{"pgdown"}, "pgdn", doPageDown, screenAll, "a page down", "", "MOVE", ""},
	{[]string{"g", "home"}, "g home", doFirst, screenAll, "newest, or top", "", "MOVE", "newest, oldest"},
	{[]string{"G", "end"}, "G end", doLast, screenAll, "oldest, or end", "", "MOVE", ""},
	{[]string{"enter"}, "enter", doOpen, screenLists, "open", "open", "MOVE", "open, back"},
	{[]string{"esc"}, "esc", doBack, screenAll, "back", "", "MOVE", ""},
	{[]string{"n"}, "n", doNextCall, screenDetail, "next call, older", "next", "MOVE", "next, prev call"},
	{[]string{"p"}, "p", doPreviousCall, screenDetail, "previous call, newer", "previous", "MOVE", ""},
	{[]string{"n"}, "n", doNextCall, screenBody, "next match", "", "FIND", "next, prev match"},
	{[]string{"p"}, "p", doPreviousCall, screenBody, "previous match", "", "FIND", ""},
	{[]string{"tab"}, "tab", doNextPane, screenCalls, "next pane", "pane", "MOVE", "next, prev pane"},
	{[]string{"shift+tab"}, "shift+tab", doPreviousPane, screenCalls, "previous pane", "", "MOVE", ""},

	{[]string{"/"}, "/", doFilter, screenCalls, "filter the calls", "filter", "FIND", ""},
	{[]string{"/"}, "/", doSearch, screenBody, "search the text", "search", "FIND", ""},
	{[]string{"e"}, "e", doFaults, screenCalls, "faults, switches", "faults", "FIND", ""},
	{[]string{"m"}, "m", doLike, screenCalls | screenProviders, "calls like this", "", "FIND", ""},

	{[]string{"f"}, "f", doFollow, screenCalls, "follow the newest", "follow", "LIVE", ""},
	{[]string{" "}, "space", doFreeze, screenAll, "freeze the screen", "", "LIVE", ""},
	{[]string{"r"}, "r", doAgain, screenAll, "read again now", "", "LIVE", ""},

	{[]string{"1"}, "1", doCalls, screenAll, "calls", "", "VIEW", "calls, providers"},
	{[]string{"2"}, "2", doProviders, screenAll, "providers", "", "VIEW", ""},
	{[]string{"3"}, "3", doSpend, screenAll, "spend", "", "VIEW", ""},
	{[]string{"s"}, "s", doSort, screenLists, "next sort column", "sort", "VIEW", "sort by, reverse"},
	{[]string{"S"}, "S", doReverse, screenLists, "reverse the sort", "", "VIEW", ""},
	{[]string{"a"}, "a", doGroup, screenSpend, "group by the next", "group", "VIEW", ""},
	{[]string{"w"}, "w", doWindow, screenProviders | screenSpend, "span of time", "span", "VIEW", ""},
	{[]string{"x"}, "x", doExpand, screenProviders, "its models", "models", "VIEW", ""},
	{[]string{"t"}, "t", doClock, screenCalls, "clock time or age", "", "VIEW", ""},
	{[]string{"+"}, "+", doZoom, screenCalls, "zoom the pane", "", "VIEW", "zoom, all panes"},
	{[]string{"_"}, "_", doUnzoom, screenCalls, "all panes", "", "VIEW", ""},

	{[]string{"y"}, "y", doCopy, screenAll, "id, JSON or CSV", "copy", "COPY", ""},
	{[]string{"c"}, "c", doCurl, screenCalls | screenDetail, "as curl, no key", "curl", "COPY", ""},
	{[]string{"b"}, "b", doBody, screenCalls | screenDetail | screenBody, "bodies of the call", "body", "COPY", ""},

	{[]string{"?"}, "?", doHelp, screenAll, "this page", "help", "OTHER", ""},
	{[]string{"ctrl+l"}, "ctrl+l", doRedraw, screenAll, "draw anew", "", "OTHER", "draw anew, suspend"},
	{[]string{"ctrl+z"}, "ctrl+z", doSuspend, screenAll, "suspend", "", "OTHER", ""},
	{[]string{"q"}, "q", doBackOrQuit, screenAll, "back, then quit", "quit", "OTHER", "back, quit"},
	{[]string{"ctrl+c"}, "ctrl+c", doQuit, screenAll, "quit", "", "OTHER", ""},
}

// lookUp is what a key does on a screen.
func lookUp(key string, s screen) action {
	for i := range bindings {
		if b := &bindings[i]; b.screens&s != 0 && slices.Contains(b.keys, key) {
			return b.does
		}
	}
	return doNothing
}

// elsewhere returns the binding of a key that does something on other screens.
func elsewhere(key string) (binding, bool) {
	for _, b := range bindings {
		if slices.Contains(b.keys, key) {
			return b, true
		}
	}
	return binding{}, false
}
