package store

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// days keeps what whole days add up to, in rollup_days: those that are over,
// from the quarters in rollups.
type days struct {
	until int64 // Unix microseconds; every day before it is folded

	drop, fold, setUntil, nextQuarter *stmt
}

// dayWidth is a day in UTC, in microseconds. Local days are no concern here:
// what a span has beside whole UTC days is read from the quarters.
const dayWidth = int64(24 * time.Hour / time.Microsecond)

func newDays(c *conn) (*days, error) {
	d := &days{}
	names := strings.Join(append(append([]string{}, rollupKeyColumns[1:]...), sumColumns[:]...), ", ")
	key := strings.Join(rollupKeyColumns[1:], ", ")
	err := prepareAll(c, map[**stmt]string{
		&d.drop: "DELETE FROM rollup_days WHERE day >= ? AND day < ?",
		&d.fold: "INSERT INTO rollup_days(day, " + names + ") SELECT ?, " + key + ", " + strings.Join(sumsOf(sumColumns[:]), ", ") +
			" FROM rollups WHERE bucket >= ? AND bucket < ? GROUP BY " + key,
		&d.setUntil:    "UPDATE meta SET value = ? WHERE name = 'days_until'",
		&d.nextQuarter: "SELECT coalesce(min(bucket), 9000000000000000) FROM rollups WHERE bucket >= " + daysUntil,
	})
	if err != nil {
		return nil, err
	}
	return d, d.read(c)
}

func (d *days) read(c *conn) (err error) {
	d.until, err = c.number("SELECT value FROM meta WHERE name = 'days_until'")
	return err
}

// refold adds up the day that begins at day anew.
func (d *days) refold(day int64) error {
	return errors.Join(d.drop.with(day, day+dayWidth).exec(), d.fold.with(day, day, day+dayWidth).exec())
}

// foldDays folds the next day that is over. Where the clock was set back, the
// days it has yet to reach are unfolded: their quarters are going to change.
func (w *writer) foldDays(now time.Time) (bool, error) {
	d := w.ledger.rollups.days
	today := dayOf(now.UnixMicro())
	if today == d.until {
		return false, nil
	}
	until := today
	if today > d.until {
		first, err := w.number(d.nextQuarter)
		if err != nil {
			return false, err
		}
		if first >= today {
			return false, nil // nothing to fold: an idle file is left alone
		}
		until = dayOf(first) + dayWidth
	}
	err := w.transact(func(seq int64) error {
		if until < d.until {
			return errors.Join(d.drop.with(until, d.until).exec(), d.setUntil.with(until).exec(), w.setSeq.with(seq).exec())
		}
		return errors.Join(d.refold(until-dayWidth), d.setUntil.with(until).exec(), w.setSeq.with(seq).exec())
	})
	if err == nil {
		d.until = until
	}
	return err == nil, err
}

// daysUntil is up to when days are folded, as a part of a statement: so both
// are of one state of the file.
const daysUntil = "(SELECT value FROM meta WHERE name = 'days_until')"

// wrongDays finds the days that are not the sum of their quarters.
var wrongDays = func() string {
	key := strings.Join(rollupKeyColumns[1:], ", ")
	folded := "SELECT day, " + key + ", " + strings.Join(sumColumns[:], ", ") + " FROM rollup_days"
	added := fmt.Sprintf("SELECT bucket - bucket %% %d AS day, %s, %s FROM rollups WHERE bucket < %s GROUP BY 1, %s",
		dayWidth, key, strings.Join(sumsOf(sumColumns[:]), ", "), daysUntil, key)
	return fmt.Sprintf(`SELECT DISTINCT 'the day ' || date(day / 1000000, 'unixepoch') || ' is not the sum of its quarters, for ' || provider || '/' || model
		FROM (SELECT * FROM (%s EXCEPT %s) UNION ALL SELECT * FROM (%s EXCEPT %s))`, folded, added, added, folded)
}()

// ceilDay is the start of the first day that begins at an instant or later.
func ceilDay(micros int64) int64 {
	day := dayOf(micros)
	if day < micros {
		day += dayWidth
	}
	return day
}

// dayOf is the start of the day that holds an instant.
func dayOf(micros int64) int64 {
	return micros - (micros%dayWidth+dayWidth)%dayWidth
}
