package tui

import (
	"strconv"
)

// tiny is what a very small terminal shows: the three things that matter.
func (m *app) tiny() []string {
	s, k := m.snap, m.look
	v := m.view()
	lines := []string{" llmgw  " + m.serving(0)}
	if s.err == nil {
		p := s.pulse
		lines = append(lines, " "+k.activeStyle.paint(k.active)+" "+strconv.FormatInt(m.active(), 10)+" active  "+
			k.failedStyle.paint(k.failed)+" "+strconv.Itoa(int(p.Failed))+"  "+
			k.switchedStyle.paint(k.switched)+" "+strconv.Itoa(int(p.Switched)))
		today := " today " + cents(s.today.Cost)
		if c, ok := s.firstCap(m.now); ok {
			today = " " + k.outside(c.Name, 8) + " " + cents(c.Spent) + " / " + wholeUSD(c.Limit)
		}
		if b := m.blocks(0); b != "" {
			today += "  " + b
		}
		lines = append(lines, today)
		if len(s.window.rows) > 0 {
			who, rest := v.judge(s.window.rows[0]).words(m.w - 6)
			lines = append(lines, " last "+k.outside(who+rest, max(m.w-6, 1)))
		}
	}
	if len(lines) < m.h-1 {
		lines = append(lines, "")
	}
	return append(lines, " need "+strconv.Itoa(tinyWidth)+"x"+strconv.Itoa(tinyHeight)+" for the list")
}
