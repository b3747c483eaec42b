package backplane_test

import (
	"encoding/json"
	"fmt"
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/postgres"
)

// walk calls f for the files of the repository with a suffix, without those of Node.js packages and of builds.
func walk(t *testing.T, suffix string, f func(path string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "bin" || d.Name() == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(path, suffix):
			f(filepath.ToSlash(path))
		}
		return nil
	}))
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(content)
}

// documents returns all pages of documentation by their path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	pages := make(map[string]string)
	walk(t, ".md", func(path string) { pages[path] = read(t, path) })
	require.Contains(t, pages, "README.md")
	require.Contains(t, pages, "docs/README.md")
	return pages
}

// block is a fenced block of a page.
type block struct {
	language, text string
	marker         string // the HTML comment before it, without its delimiters; empty when there is none
	line           int
}

var fence = regexp.MustCompile("^\\s*(```+|~~~+)\\s*(\\S*)")

// blocks returns all fenced blocks of a page.
func blocks(page string) []block {
	var all []block
	var open *block
	before := "" // the last line that is not empty
	for i, line := range strings.Split(page, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case m != nil && open == nil:
			open = &block{language: m[2], line: i + 1}
			if marker, is := strings.CutPrefix(before, "<!-- "); is {
				open.marker = strings.TrimSuffix(marker, " -->")
			}
		case m != nil:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
		if strings.TrimSpace(line) != "" {
			before = line
		}
	}
	return all
}

// blocksIn returns the blocks of a page in a language.
func blocksIn(page, language string) []string {
	var all []string
	for _, b := range blocks(page) {
		if b.language == language {
			all = append(all, b.text)
		}
	}
	return all
}

// Every Go block is either a whole program, which TestProgramsInTheDocumentsCompile compiles, or part of a file that is
// compiled. An HTML comment before the block names the file: <!-- from examples/hub/hub.go -->. Indentation does not
// count, and a line "// …" stands for any number of lines.
func TestGoBlocksAreProgramsOrPartsOfCompiledFiles(t *testing.T) {
	fragments := 0
	for name, page := range documents(t) {
		for _, b := range blocks(page) {
			if b.language != "go" {
				assert.NotRegexp(t, `(?m)^\s*(func |package |import \()`, b.text,
					"%s:%d: a block with Go code has the language go", name, b.line)
				continue
			}
			at := fmt.Sprintf("%s:%d", name, b.line)
			file, isFragment := strings.CutPrefix(b.marker, "from ")
			if !isFragment {
				assert.True(t, strings.HasPrefix(b.text, "package "),
					"%s: a Go block that is no program names its file: <!-- from examples/hub/hub.go -->", at)
				continue
			}
			fragments++
			compiled, err := build.Default.MatchFile(filepath.Split(file))
			require.NoError(t, err, at)
			require.True(t, compiled, "%s: build constraints exclude %s", at, file)
			rest := flat(read(t, file))
			for _, part := range strings.Split("\n"+flat(b.text), "\n// …\n") {
				part = "\n" + strings.Trim(part, "\n") + "\n"
				_, after, found := strings.Cut(rest, part)
				if !assert.True(t, found, "%s: %s does not contain this, or not in this order:\n%s", at, file, part) {
					break
				}
				rest = "\n" + after
			}
		}
	}
	require.Greater(t, fragments, 30)
}

// flat is source without indentation.
func flat(source string) string {
	lines := strings.Split(source, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return "\n" + strings.Join(lines, "\n") + "\n"
}

// The parts of the proxies' configurations in the documents are from the files that tests run.
func TestConfigurationsOfProxiesInTheDocumentsAreThoseOfTheExample(t *testing.T) {
	page := read(t, "docs/howto/behind-a-proxy.md")
	for language, name := range map[string]string{"nginx": "nginx.conf", "haproxy": "haproxy.cfg"} {
		whole := flat(read(t, filepath.Join("examples", "proxy", name)))
		parts := blocksIn(page, language)
		require.NotEmpty(t, parts)
		for _, part := range parts {
			part = strings.TrimRight(flat(part), "\n") + "\n"
			require.Contains(t, whole, part, "docs/howto/behind-a-proxy.md shows a part of %s", name)
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

func TestLinksInTheDocumentsLeadSomewhere(t *testing.T) {
	pages := documents(t)
	for name, page := range pages {
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			target := name
			if path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(name), path))
				_, err := os.Stat(target)
				assert.NoError(t, err, "%s links to %s", name, m[1])
			}
			if anchor != "" {
				assert.Contains(t, anchors(pages[target]), anchor, "%s links to %s", name, m[1])
			}
		}
	}
}

// anchors are the names that headings get on a page.
func anchors(page string) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		name := strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")
		all = append(all, regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(name, ""))
	}
	return all
}

// Comments and texts of the Go code name pages that exist.
func TestPagesThatTheCodeNamesExist(t *testing.T) {
	named := regexp.MustCompile(`\bdocs/[\w/.-]+\.md\b`)
	walk(t, ".go", func(path string) {
		for _, page := range named.FindAllString(read(t, path), -1) {
			_, err := os.Stat(page)
			assert.NoError(t, err, "%s names %s", path, page)
		}
	})
}

// The table of CONTRIBUTING.md says where the test of a behavior is.
func TestFilesThatCONTRIBUTINGNamesExist(t *testing.T) {
	files := regexp.MustCompile("`([a-z][\\w/]*\\.go)`").FindAllStringSubmatch(read(t, "CONTRIBUTING.md"), -1)
	require.Greater(t, len(files), 10)
	for _, m := range files {
		_, err := os.Stat(m[1])
		assert.NoError(t, err)
	}
}

func TestIndexOfTheDocumentsHasEveryPage(t *testing.T) {
	pages := documents(t)
	for name := range pages {
		kind, _, isPage := strings.Cut(strings.TrimPrefix(name, "docs/"), "/")
		if !strings.HasPrefix(name, "docs/") || !isPage {
			continue
		}
		assert.Contains(t, []string{"tutorial", "howto", "reference", "explanation"}, kind, name)
		entry := "](" + strings.TrimPrefix(name, "docs/") + ")"
		assert.Contains(t, pages["docs/README.md"], entry, "docs/README.md lists every page")
	}
}

func TestREADMEIsShort(t *testing.T) {
	require.LessOrEqual(t, strings.Count(read(t, "README.md"), "\n"), 150, "lines of README.md: move the rest to docs")
}

// Prose ends at 120 columns, a tab counting as 4. Tables, links and blocks may be longer.
func TestLinesOfTheDocumentsEndAt120Columns(t *testing.T) {
	for name, page := range documents(t) {
		inBlock := false
		for i, line := range strings.Split(page, "\n") {
			if fence.MatchString(line) {
				inBlock = !inBlock
			}
			width := len([]rune(strings.ReplaceAll(line, "\t", "    ")))
			if inBlock || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "![") || generated.MatchString(line) {
				continue
			}
			assert.LessOrEqual(t, width, 120, "%s:%d has %d columns", name, i+1, width)
		}
	}
}

// generated are lines that the benchmarks write.
var generated = regexp.MustCompile("Printed by `make bench")

// The SQL in docs/howto/deploy.md is what the library says is needed.
func TestSQLInTheDocumentsIsWhatTheLibrarySays(t *testing.T) {
	schema, err := postgres.Schema(postgres.DefaultTable)
	require.NoError(t, err)
	grants, err := postgres.Grants(postgres.DefaultTable, "app")
	require.NoError(t, err)
	sql := strings.Join(blocksIn(read(t, "docs/howto/deploy.md"), "sql"), "")
	require.Contains(t, sql, schema+";\n")
	require.Contains(t, sql, grants)
}

// A figure is measured once: README.md repeats some of the table that "make bench-peers" writes.
func TestFiguresAreThoseOfTheBenchmarks(t *testing.T) {
	measured := make(map[string]string)
	for _, row := range table(t, read(t, "docs/explanation/performance.md"), "case", 1) {
		measured[row[0]] = row[5]
	}
	readme := strings.Join(strings.Fields(read(t, "README.md")), " ")
	for _, about := range []string{"100 B JSON, 64 in flight", "20 KiB JSON, 64 in flight",
		"100 B JSON, 1 in flight"} {
		require.Contains(t, readme, about+": "+measured[about], "pgx to Node.js")
	}

	var results struct {
		Cases []struct {
			Name       string
			Base, Ours float64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "bench/results/server.json")), &results))
	i := slices.IndexFunc(results.Cases, func(c struct {
		Name       string
		Base, Ours float64
	}) bool {
		return c.Name == "fanout_500_centrifuge"
	})
	require.GreaterOrEqual(t, i, 0)
	millions := func(f float64) string { return strconv.FormatFloat(f/1e6, 'g', 2, 64) + " million" }
	require.Contains(t, read(t, "docs/explanation/comparison.md"),
		"| "+millions(results.Cases[i].Base)+" deliveries/s | "+millions(results.Cases[i].Ours)+" deliveries/s |")
}

// table returns the rows of the n-th table of a page, from 1, whose first column has this title.
func table(t *testing.T, page, title string, n int) [][]string {
	t.Helper()
	for _, part := range strings.Split(page, "\n\n") {
		lines := strings.Split(strings.TrimSpace(part), "\n")
		if !strings.HasPrefix(lines[0], "| "+title+" |") {
			continue
		}
		if n--; n > 0 {
			continue
		}
		var rows [][]string
		for _, line := range lines[2:] {
			if !strings.HasPrefix(line, "|") {
				break
			}
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
		return rows
	}
	require.Fail(t, "no such table", title)
	return nil
}

// unquoted is the content of a table's cell.
func unquoted(cell string) string { return strings.Trim(cell, "`") }
