package tui

import (
	"os"
	"strings"

	"github.com/muesli/termenv"
)

// ColoursOf is what the terminal that out is can show, for the value of
// --color: auto heeds NO_COLOR and CLICOLOR (no-color.org, bixense.com/clicolors),
// never leaves bold and reverse video, always takes colours for granted.
func ColoursOf(out *os.File, mode string) Colours {
	getenv := os.Getenv
	profile := termenv.NewOutput(out).ColorProfile()
	switch {
	case mode == "never":
		return Mono
	case mode != "always" && (getenv("NO_COLOR") != "" || getenv("CLICOLOR") == "0" && !forced(getenv)):
		return Mono
	case profile == termenv.TrueColor:
		return TrueColor
	case profile == termenv.ANSI256:
		return ANSI256
	case profile == termenv.ANSI, mode == "always", forced(getenv):
		return ANSI
	}
	return Mono
}

func forced(getenv func(string) string) bool {
	v := getenv("CLICOLOR_FORCE")
	return v != "" && v != "0"
}

// LightBackground asks the terminal. Call it before anything else reads from
// it.
func LightBackground(out *os.File) bool { return !termenv.NewOutput(out).HasDarkBackground() }

// NeedsASCII tells from the environment whether the terminal can not be
// trusted with glyphs: the Linux console has few, a locale without UTF-8 none,
// and where East Asian scripts are read many are two cells wide.
func NeedsASCII(getenv func(string) string) bool {
	if getenv("TERM") == "linux" || getenv("RUNEWIDTH_EASTASIAN") == "1" {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(getenv(name)); locale != "" {
			utf8 := strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
			return !utf8 || strings.HasPrefix(locale, "zh") || strings.HasPrefix(locale, "ja") || strings.HasPrefix(locale, "ko")
		}
	}
	return false // nobody says; most terminals of today are UTF-8
}
