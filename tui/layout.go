package tui

// area is a rectangle to draw in, in cells.
type area struct {
	w, h    int
	focused bool // its keys are in force
	strip   bool // one of the two at the bottom: tables and no more
}

// The sizes at which the shape changes.
const (
	tinyWidth, tinyHeight = 40, 10 // below: three lines that matter
	narrowWidth           = 72     // below: two lines a call
	paneWidth             = 110    // from here on a pane below the list
	paneHeight            = 28
	fullWidth             = 180 // from here on all at once
	fullHeight            = 40
)

// pane is a part of the screen that can have the focus.
type pane int

const (
	paneList pane = iota // the screen's own
	paneDetail
	paneProviders
	paneSpend
)

// layout is where everything goes. Areas without height are not drawn.
type layout struct {
	w, h   int
	tiny   bool // three lines and nothing else
	narrow bool // two lines a call, a short header
	body   area // what is between the rules: the screen, or the list

	detail    area // the call under the cursor
	beside    bool // it is at the right of the list, not below
	providers area // the strips at the bottom
	spend     area

	header, footer bool
}

// arrange is the only place that decides where things go: a function of the
// terminal's size, the screen, the focus and whether it is zoomed.
func arrange(w, h int, s screen, focus pane, zoom bool) layout {
	l := layout{w: w, h: h}
	if w < tinyWidth || h < tinyHeight {
		l.tiny = true
		return l
	}
	l.header, l.footer = true, true
	l.narrow = w < narrowWidth
	inner := h - 4 // header, rule, rule, footer
	l.body = area{w: w, h: inner, focused: true}
	if s != screenCalls || w < paneWidth || h < paneHeight {
		return l
	}
	if zoom {
		l.zoom(focus)
		return l
	}
	l.body.focused = focus == paneList
	if w < fullWidth || h < fullHeight {
		l.detail = area{w: w, h: inner/2 - 1, focused: focus == paneDetail}
		l.body.h = inner - l.detail.h - 1
		return l
	}
	strip := min(14, inner/3)
	l.body.h = inner - strip - 1
	l.beside = true
	l.detail = area{w: w * 3 / 8, h: l.body.h, focused: focus == paneDetail}
	l.body.w = w - l.detail.w - 1
	l.providers = area{w: w/2 - 4, h: strip, focused: focus == paneProviders, strip: true}
	l.spend = area{w: w - l.providers.w - 1, h: strip, focused: focus == paneSpend, strip: true}
	return l
}

// zoom gives all the room to one pane.
func (l *layout) zoom(focus pane) {
	full := l.body
	switch focus {
	case paneDetail:
		l.body, l.detail = area{}, full
	case paneProviders:
		l.body, l.providers = area{}, full
	case paneSpend:
		l.body, l.spend = area{}, full
	}
}

// panes are those that are drawn, in the order of tab.
func (l *layout) panes() []pane {
	list := []pane{paneList}
	for i, a := range [...]area{l.detail, l.providers, l.spend} {
		if a.h > 0 {
			list = append(list, paneDetail+pane(i))
		}
	}
	return list
}
