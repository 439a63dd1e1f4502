package tui

// glyphs are the signs of a screen, each one cell wide.
type glyphs struct {
	ascii bool

	ok, active, switched, slow, failed, gone, blocked, cached, lost, skipped string // states

	cursor, from, none, cut, dot, idle, up, down, minus, approx, back string

	rule, bar                             string // lines
	edgeLeft, edgeRight, full, held, free string // of bars
	connect, wait, first, stream          string // phases of a waterfall
	fault, commit                         string
	spark                                 [8]string
	eighths                               []string  // of a cell, from the left
	corners                               [4]string // of steps: from the left down and up, to the right from above and from below
}

var unicodeGlyphs = glyphs{
	ok: "●", active: "◐", switched: "↻", slow: "▲", failed: "✖", gone: "◌", blocked: "⊘", cached: "≡", lost: "?", skipped: "–",
	cursor: "▸", from: "←", none: "—", cut: "…", dot: "·", idle: "○", up: "↑", down: "↓", minus: "−", approx: "~", back: "‹",
	rule: "─", bar: "│", edgeLeft: "▕", edgeRight: "▏", full: "█", held: "▒", free: "·",
	connect: "░", wait: "▒", first: "▓", stream: "█", fault: "╳", commit: "┤",
	spark:   [8]string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	eighths: []string{"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"},
	corners: [4]string{"┐", "┘", "└", "┌"},
}

// asciiGlyphs are for the Linux console, for locales without UTF-8, and for
// those in which many of the others are two cells wide. What can stand in the
// same place differs.
var asciiGlyphs = glyphs{
	ascii: true,
	ok:    ".", active: ">", switched: "~", slow: "^", failed: "x", gone: "-", blocked: "#", cached: "=", lost: "?", skipped: "/",
	cursor: "*", from: "<", none: "-", cut: "+", dot: ".", idle: "o", up: "^", down: "v", minus: "-", approx: "~", back: "<",
	rule: "-", bar: "|", edgeLeft: "[", edgeRight: "]", full: "#", held: "+", free: ".",
	connect: ",", wait: ":", first: "=", stream: "#", fault: "X", commit: "|",
	spark:   [8]string{"_", ".", ":", "-", "=", "*", "%", "#"},
	eighths: []string{".", "#"},
	corners: [4]string{"+", "+", "+", "+"},
}
