package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// jsonPage is an answer of the providers' APIs: one, or one of several.
type jsonPage struct {
	Data    *[]json.RawMessage `json:"data"`
	HasMore bool               `json:"has_more"`
}

// jsonBucket is a member of data: OpenAI's names, Anthropic's, and the date of
// OpenRouter's, whose other members are its own.
type jsonBucket struct {
	StartTime  json.Number       `json:"start_time"`
	EndTime    json.Number       `json:"end_time"`
	StartingAt string            `json:"starting_at"`
	EndingAt   string            `json:"ending_at"`
	Results    []json.RawMessage `json:"results"`
	Date       string            `json:"date"`
}

// readJSONExport reads one page, several one after the other, or a list of
// them.
func readJSONExport(text []byte) (*usageExport, error) {
	pages, err := readPages(text)
	if err != nil {
		return nil, &exportError{err.Error(), exportsKnown}
	}
	e := &usageExport{}
	seen := map[string]bool{}
	for _, p := range pages {
		for _, one := range *p.Data {
			if err := e.addJSON(one, seen); err != nil {
				return nil, &exportError{inLayout(e.layout, err), exportsKnown}
			}
		}
	}
	if len(pages) > 0 && pages[len(pages)-1].HasMore {
		return nil, &exportError{
			"the export is not whole: its last page says that more follow (has_more)",
			"fetch the pages that follow too and append them to the file",
		}
	}
	if e.layout == "" {
		e.layout = "an export"
	}
	return e, nil
}

func inLayout(layout string, err error) string {
	if layout == "" {
		return err.Error()
	}
	return layout + ": " + err.Error()
}

var errNoPage = errors.New("JSON, but not the pages of an export: no member data")

func readPages(text []byte) ([]jsonPage, error) {
	var pages []jsonPage
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		var one json.RawMessage
		err := d.Decode(&one)
		if errors.Is(err, io.EOF) {
			return pages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("not valid JSON: %w", err)
		}
		list := []json.RawMessage{one}
		if one[0] == '[' {
			list = nil
			if err := json.Unmarshal(one, &list); err != nil {
				return nil, err
			}
		}
		for _, text := range list {
			var p jsonPage
			if err := json.Unmarshal(text, &p); err != nil || p.Data == nil {
				return nil, errNoPage
			}
			pages = append(pages, p)
		}
	}
}

// addJSON reads a member of data. The same bucket twice is a page that was
// appended twice.
func (e *usageExport) addJSON(text json.RawMessage, seen map[string]bool) error {
	var b jsonBucket
	if err := json.Unmarshal(text, &b); err != nil {
		return fmt.Errorf("reading a bucket: %w", err)
	}
	service, name, read := "", "", func(*jsonBucket, *usageExport) error { return nil }
	switch {
	case b.StartTime != "":
		service, name, read = "openai", b.StartTime.String(), readOpenAIBucket
	case b.StartingAt != "":
		service, name, read = "anthropic", b.StartingAt, readAnthropicBucket
	case b.Date != "":
		service = "openrouter"
	default:
		return errors.New("a member of data has neither start_time, nor starting_at, nor date")
	}
	if e.service != "" && e.service != service {
		return fmt.Errorf("pages of %s and of %s in one file", e.service, service)
	}
	if service == "openrouter" {
		var item openRouterItem
		if err := json.Unmarshal(text, &item); err != nil {
			return fmt.Errorf("reading an item: %w", err)
		}
		return item.add(e)
	}
	if seen[name] {
		return fmt.Errorf("the bucket of %s is there twice", name)
	}
	seen[name] = true
	return read(&b, e)
}
