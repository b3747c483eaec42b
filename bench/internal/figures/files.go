package figures

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Results holds the results that a benchmark writes as JSON.
type Results[C any] struct {
	Machine  map[string]any    `json:"machine"`
	Versions map[string]string `json:"versions"`
	Settings map[string]any    `json:"settings"`
	Cases    []C               `json:"cases"`
}

// NewResults returns results without cases: of this machine, with the versions of Go, Node.js and the npm packages.
func NewResults[C any](settings map[string]any, packages ...string) Results[C] {
	versions := map[string]string{"go": runtime.Version(), "node": NodeVersion()}
	for _, name := range packages {
		versions[name] = PackageVersion(name)
	}
	return Results[C]{Machine: Machine(), Versions: versions, Settings: settings}
}

// Write writes the results to o.Out, the chart beside them, and the table into the page o.Docs if that is not empty.
func (r Results[C]) Write(o Options, chart, table []byte) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.Out), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(o.Out, append(text, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(strings.TrimSuffix(o.Out, ".json")+".svg", chart, 0o644); err != nil || o.Docs == "" {
		return err
	}
	return replaceTable(o.Docs, cmp.Or(o.Table, "bench"), table)
}

// replaceTable replaces the table in a page of the documentation, which stands between two lines with its name.
func replaceTable(page, name string, table []byte) error {
	tableBegins, tableEnds := "<!-- "+name+": the table begins -->\n", "<!-- "+name+": the table ends -->\n"
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(tableBegins))
	_, after, ends := bytes.Cut(rest, []byte(tableEnds))
	if !ok || !ends {
		return fmt.Errorf("%s has no lines that mark the place of the table", page)
	}
	return os.WriteFile(page, slices.Concat(before, []byte(tableBegins), table, []byte(tableEnds), after), 0o644)
}
