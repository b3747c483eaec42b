package style_test

import (
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// maxColumns is the maximum length of a line. A tab counts as 4 columns.
const maxColumns = 120

// checked are the kinds of files whose lines are checked.
var checked = []string{".go", ".md", ".js", ".css", ".sql", ".sh", ".tmpl", ".yml", ".html", "Makefile", ".ci/run"}

// TestLinesAreShort finds lines that are longer than maxColumns. Tables, links and quoted output in Markdown, data in
// raw strings, and the expected output of examples may be longer.
func TestLinesAreShort(t *testing.T) {
	for _, file := range trackedFiles(t) {
		if !slices.ContainsFunc(checked, func(suffix string) bool { return strings.HasSuffix(file, suffix) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, file))
		if os.IsNotExist(err) {
			continue // deleted and not committed yet
		}
		require.NoError(t, err)
		exempt := func(_ int, line string) bool { return strings.Contains(line, `href="data:`) }
		switch filepath.Ext(file) {
		case ".go":
			exempt = inGoData(text)
		case ".md":
			exempt = inMarkdownData()
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			line = strings.TrimRight(line, "\n")
			columns := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
			if !exempt(n, line) && columns > maxColumns {
				t.Errorf("%s:%d has %d columns, the maximum is %d", file, n, columns, maxColumns)
			}
		}
	}
}

// longRawString is the length in bytes from which a raw string counts as data.
const longRawString = 60

// exampleOutput matches the expected output of an example.
var exampleOutput = regexp.MustCompile(`(?ms)^\t// (Unordered o|O)utput:$.*?^}$`)

// inGoData returns a func that reports whether a line has a part of a long raw string or of an example's output.
func inGoData(source []byte) func(line int, text string) bool {
	lines := make(map[int]bool)
	files := token.NewFileSet()
	file := files.AddFile("", -1, len(source))
	file.SetLinesForContent(source)
	var s scanner.Scanner
	s.Init(file, source, nil, 0)
	for _, at := range exampleOutput.FindAllIndex(source, -1) {
		for line := file.Line(file.Pos(at[0])); line <= file.Line(file.Pos(at[1]-1)); line++ {
			lines[line] = true
		}
	}
	for {
		pos, kind, literal := s.Scan()
		if kind == token.EOF {
			return func(line int, _ string) bool { return lines[line] }
		}
		if kind == token.STRING && literal[0] == '`' && len(literal) >= longRawString {
			for i := range strings.Count(literal, "\n") + 1 {
				lines[file.Line(pos)+i] = true
			}
		}
	}
}

// inMarkdownData returns a func that reports whether a line is in a fenced block, is a row of a table, or has a link.
// It must be called for each line, in order.
func inMarkdownData() func(line int, text string) bool {
	fenced := false
	return func(_ int, text string) bool {
		if strings.HasPrefix(strings.TrimSpace(text), "```") {
			fenced = !fenced
		}
		return fenced || strings.HasPrefix(text, "|") || strings.Contains(text, "](") ||
			strings.Contains(text, "https://")
	}
}

const root = "../../.."

// trackedFiles returns the paths of the files in git, relative to the root of the repository.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skip("needs a git checkout: ", err)
	}
	return strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
}
