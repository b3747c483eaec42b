package figures

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files is what becomes of the results of a run.
type Files struct {
	Results any    // as JSON
	Chart   []byte // SVG
	Table   []byte // Markdown
}

// Write writes the results to out, the chart beside them, and the table into the page unless that is "".
func (f Files) Write(out, page string) error {
	text, err := json.MarshalIndent(f.Results, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(out, append(text, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(strings.TrimSuffix(out, ".json")+".svg", f.Chart, 0o644); err != nil || page == "" {
		return err
	}
	return document(page, f.Table)
}

// The table of a page of the documentation stands between these lines.
const (
	tableBegins = "<!-- bench: the table begins -->\n"
	tableEnds   = "<!-- bench: the table ends -->\n"
)

// document replaces the table in a page.
func document(page string, table []byte) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(tableBegins))
	_, after, ends := bytes.Cut(rest, []byte(tableEnds))
	if !ok || !ends {
		return fmt.Errorf("%s has no place for the table", page)
	}
	return os.WriteFile(page, slices.Concat(before, []byte(tableBegins), table, []byte(tableEnds), after), 0o644)
}
