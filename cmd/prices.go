package cmd

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"llmgw/providers/llm"
	"llmgw/providers/price"
)

func newPricesCommand(g *globals) *cobra.Command {
	return newGroup("prices", "What models cost, from where, since when",
		newPricesListCommand(g), newPricesDiffCommand(g), newPricesImportCommand(g))
}

// importedPrices is the file of imported prices, beside the database.
const importedPrices = "prices.txt"

// maxPriceFile is the largest price table that is read, in bytes.
const maxPriceFile = 64 << 20

// priceBook is the book in force for a configuration and the database at
// dbPath: its [prices], then what was imported, then the built-in prices.
func (f *file) priceBook(dbPath string) (*price.Book, error) {
	book := price.Builtin()
	path := filepath.Join(filepath.Dir(dbPath), importedPrices)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("reading the imported prices: %w", err)
	default:
		imported, err := price.ParseBook(string(text))
		if err != nil {
			return nil, usagef("import it again, or delete it", "%s: %w", path, err)
		}
		book = imported.Over(book)
	}
	book, err = book.With(f.Prices.Model)
	if err != nil {
		return nil, usagef("", "%s: prices: %w", f.path, err)
	}
	return book, nil
}

// priceBook is the book a server would use.
func (g *globals) priceBook() (*price.Book, error) {
	f, err := g.load()
	if err != nil {
		return nil, err
	}
	path, err := g.configuredDB()
	if err != nil {
		return nil, err
	}
	return f.priceBook(path)
}

func newPricesListCommand(g *globals) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "list [WORD]...",
		Short: "List prices in US dollars per million tokens, of models whose provider/model has all the words",
		RunE: func(_ *cobra.Command, words []string) error {
			book, err := g.priceBook()
			if err != nil {
				return err
			}
			now := time.Now()
			var rows []priceRow
			for _, p := range book.All(now) {
				if row := newPriceRow(p, now); row.has(words) {
					rows = append(rows, row)
				}
			}
			return writePrices(g.stdout, format, rows)
		},
	}
	c.Flags().StringVar(&format, "format", "table", "`FORMAT`: table, json or csv")
	return c
}

// priceRow is a price as JSON has it: US dollars per million tokens for small
// calls now, and the whole of it as text.
type priceRow struct {
	Provider     string  `json:"provider"`
	Model        string  `json:"model"`
	Input        *string `json:"input"`
	CachedInput  *string `json:"cached_input"`
	CacheWrite   *string `json:"cache_write"`
	CacheWrite1h *string `json:"cache_write_1h"`
	Output       *string `json:"output"`
	Price        string  `json:"price"`
	Window       *int64  `json:"context_window"`
	MaxOutput    *int64  `json:"max_output"`
	Source       string  `json:"source"`
	Checked      *string `json:"checked"`
}

func newPriceRow(p price.Price, now time.Time) priceRow {
	rate := func(k price.Kind) *string {
		a := p.Rate(k, now, 0)
		if !a.Known {
			return nil
		}
		text := a.Money.String()
		return &text
	}
	row := priceRow{
		Provider: p.Provider, Model: p.Model, Price: p.String(), Source: p.Source,
		Input: rate(price.Input), CachedInput: rate(price.CachedInput), Output: rate(price.Output),
		CacheWrite: rate(price.CacheWrite), CacheWrite1h: rate(price.CacheWrite1h),
		Window: known(p.ContextWindow()), MaxOutput: known(p.MaxOutput()),
	}
	if p.Checked != "" {
		row.Checked = &p.Checked
	}
	return row
}

func known(c llm.Count) *int64 {
	if !c.Known {
		return nil
	}
	return &c.N
}

func (r *priceRow) has(words []string) bool {
	name := strings.ToLower(r.Provider + "/" + r.Model)
	for _, w := range words {
		if !strings.Contains(name, strings.ToLower(w)) {
			return false
		}
	}
	return true
}

// cells are the row's in a table.
func (r *priceRow) cells() []string {
	return []string{r.Provider, r.Model, text(r.Input), text(r.CachedInput), text(r.CacheWrite), text(r.CacheWrite1h), text(r.Output),
		r.Source, text(r.Checked), r.more()}
}

// more is what the columns cannot hold: steps, hours, fees, other kinds.
func (r *priceRow) more() string {
	_, rates, _ := strings.Cut(r.Price, " ; ")
	if strings.Contains(rates, " ; ") {
		return rates // it depends on the hour
	}
	var more []string
	for field := range strings.FieldsSeq(rates) {
		name, value, _ := strings.Cut(field, "=")
		if !slices.Contains(priceColumns, name) || strings.Contains(value, ">") {
			more = append(more, field)
		}
	}
	if rates == "" {
		return "free"
	}
	return strings.Join(more, " ")
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

var priceColumns = []string{"provider", "model", "input", "cached_input", "cache_write", "cache_write_1h", "output", "source", "checked", "more"}

func writePrices(w io.Writer, format string, rows []priceRow) error {
	cells := [][]string{}
	for _, r := range rows {
		cells = append(cells, r.cells())
	}
	if rows == nil {
		rows = []priceRow{}
	}
	return writeRows(w, format, priceColumns, cells, rows)
}

// writeRows writes rows as a table, as CSV, or whatever all is as JSON.
func writeRows(w io.Writer, format string, columns []string, rows [][]string, all any) error {
	switch format {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	case "csv":
		out := csv.NewWriter(w)
		return out.WriteAll(append([][]string{columns}, rows...))
	case "table":
		head := make([]string, len(columns))
		for i, c := range columns {
			head[i] = strings.ToUpper(strings.ReplaceAll(c, "_", " "))
		}
		return writeTable(w, append([][]string{head}, rows...))
	}
	return checkFormat(format)
}

// readPriceFile reads another project's price table.
func readPriceFile(path string) (*price.Foreign, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxPriceFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxPriceFile:
		return nil, fmt.Errorf("%s is larger than 64 MB", path)
	}
	table, err := price.ReadForeign(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return table, nil
}

func newPricesDiffCommand(g *globals) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "diff FILE",
		Short: "List where a price table of genai-prices, LiteLLM or models.dev differs by more than 1 %",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			table, err := readPriceFile(args[0])
			if err != nil {
				return err
			}
			book, err := g.priceBook()
			if err != nil {
				return err
			}
			diffs, common := table.Diff(book, time.Now())
			g.say("%s: %d models have a price, %d of them in the price book too", table.Format, table.Len(), common)
			return writeDiffs(g.stdout, format, diffs)
		},
	}
	c.Flags().StringVar(&format, "format", "table", "`FORMAT`: table, json or csv")
	return c
}

// diffRow is a difference as JSON has it, in US dollars per million tokens (per
// piece for searches and requests).
type diffRow struct {
	Provider string   `json:"provider"`
	Model    string   `json:"model"`
	Kind     string   `json:"kind"`
	Above    int64    `json:"above_input_tokens"`
	Ours     string   `json:"ours"`
	Theirs   string   `json:"theirs"`
	Percent  *float64 `json:"percent"` // null where ours is 0
}

func writeDiffs(w io.Writer, format string, diffs []price.Difference) error {
	all, cells := []diffRow{}, [][]string{}
	for _, d := range diffs {
		row := diffRow{d.Provider, d.Model, d.Kind.String(), d.InputTokens, d.Ours.String(), d.Theirs.String(), nil}
		percent := ""
		if p := math.Round(10*d.Percent()) / 10; !math.IsInf(p, 0) {
			row.Percent, percent = &p, strconv.FormatFloat(p, 'f', 1, 64)
		}
		all = append(all, row)
		cells = append(cells, []string{row.Provider, row.Model, row.Kind, strconv.FormatInt(row.Above, 10), row.Ours, row.Theirs, percent})
	}
	return writeRows(w, format, []string{"provider", "model", "kind", "above_input_tokens", "ours", "theirs", "percent"}, cells, all)
}

func newPricesImportCommand(g *globals) *cobra.Command {
	toStdout := false
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Use a price table of genai-prices, LiteLLM or models.dev over the built-in prices",
		Long: "Use a price table of genai-prices, LiteLLM or models.dev over the built-in prices.\n" +
			"It is kept beside the database as " + importedPrices + ", in place of what was imported before.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			table, err := readPriceFile(args[0])
			if err != nil {
				return err
			}
			book := table.Text(fmt.Sprintf("%s, imported %s from %s", table.Format, time.Now().UTC().Format(time.DateOnly), filepath.Base(args[0])))
			if _, err := price.ParseBook(book); err != nil {
				return fmt.Errorf("checking what was imported: %w", err)
			}
			g.sayImported(table)
			if toStdout {
				_, err := io.WriteString(g.stdout, book)
				return err
			}
			return g.keepPrices(book)
		},
	}
	c.Flags().BoolVar(&toStdout, "stdout", false, "print it instead of keeping it")
	return c
}

// sayImported says what of a table is taken, and what not for which reason.
func (g *globals) sayImported(table *price.Foreign) {
	const shown = 5
	for i, why := range table.Skipped {
		if i == shown {
			g.say("… and %d more without a price that can be used", len(table.Skipped)-shown)
			break
		}
		g.say("left out %s", why)
	}
	g.say("%s: %d models", table.Format, table.Len())
}

// keepPrices writes the imported prices beside the database, whole or not at
// all, for this user only.
func (g *globals) keepPrices(book string) error {
	db, err := g.configuredDB()
	if err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(db), importedPrices)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".llmgw-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, book)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	g.say("a server takes them when it starts or reloads")
	_, err = fmt.Fprintln(g.stdout, path)
	return err
}
