package backplane_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/postgres"
)

// documents are the pages for people, by name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	pages := make(map[string]string)
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*/*.md"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range names {
			page, err := os.ReadFile(name)
			require.NoError(t, err)
			pages[name] = string(page)
		}
	}
	require.Contains(t, pages, "README.md")
	return pages
}

var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// blocks returns the blocks of a page in a language.
func blocks(page, language string) []string {
	var all []string
	for _, m := range fence.FindAllStringSubmatch(page, -1) {
		if m[1] == language {
			all = append(all, m[2])
		}
	}
	return all
}

// Go code in the documents is taken from files that are compiled, so that it cannot rot. Indentation does not count,
// and a line "// …" stands for any number of lines.
func TestGoInTheDocumentsIsCompiledElsewhere(t *testing.T) {
	var sources []string
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sources = append(sources, flat(string(source)))
		}
		return nil
	}))
	all := strings.Join(sources, "\n")
	for name, page := range documents(t) {
		for _, block := range blocks(page, "go") {
			for _, part := range strings.Split("\n"+flat(block), "\n// …\n") {
				require.True(t, strings.Contains(all, "\n"+strings.Trim(part, "\n")+"\n"), "%s: this is in no Go file:\n%s", name, part)
			}
		}
	}
}

// Parts of the proxies' configurations in the documents are from the files that the tests run.
func TestConfigurationsOfProxiesInTheDocumentsAreThoseOfTheExample(t *testing.T) {
	page := documents(t)["docs/reference/socketio.md"]
	for language, name := range map[string]string{"nginx": "nginx.conf", "haproxy": "haproxy.cfg"} {
		whole, err := os.ReadFile(filepath.Join("examples", "proxy", name))
		require.NoError(t, err)
		parts := blocks(page, language)
		require.NotEmpty(t, parts)
		for _, part := range parts {
			require.Contains(t, flat(string(whole)), strings.TrimRight(flat(part), "\n")+"\n", "what docs/reference/socketio.md shows of %s", name)
		}
	}
}

// flat is source without indentation.
func flat(source string) string {
	lines := strings.Split(source, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return "\n" + strings.Join(lines, "\n") + "\n"
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
				target = filepath.Join(filepath.Dir(name), path)
				_, err := os.Stat(target)
				require.NoError(t, err, "%s links to %s", name, m[1])
			}
			if anchor != "" {
				require.Contains(t, anchors(pages[target]), anchor, "%s links to %s", name, m[1])
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

// The SQL in docs/howto/deploy.md is what the library says is needed.
func TestSQLInTheDocumentsIsWhatTheLibrarySays(t *testing.T) {
	schema, err := postgres.Schema(postgres.DefaultTable)
	require.NoError(t, err)
	grants, err := postgres.Grants(postgres.DefaultTable, "app")
	require.NoError(t, err)
	sql := strings.Join(blocks(documents(t)["docs/howto/deploy.md"], "sql"), "")
	require.Contains(t, sql, schema+";\n")
	require.Contains(t, sql, grants)
}

// table returns the rows of the table whose first column is headed by title and that comes n-th on the page.
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
