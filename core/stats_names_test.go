package core_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport/memory"
)

// Stats names every reason and every operation, also those that have not occurred yet.
func TestStatsKnowAllReasonsAndOperations(t *testing.T) {
	cluster, err := core.New(core.Config{Bus: memory.NewHub()})
	require.NoError(t, err)
	s := cluster.Stats()
	found := 0
	for _, dir := range []string{".", "../internal/wire"} {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				text := ""
				switch n := n.(type) {
				case *ast.KeyValueExpr: // OpError{Op: "…"}
					if key, is := n.Key.(*ast.Ident); is && key.Name == "Op" {
						text = literal(n.Value)
					}
				case *ast.CallExpr: // Cluster.repeat("…", …)
					if f, is := n.Fun.(*ast.SelectorExpr); is && f.Sel.Name == "repeat" {
						text = literal(n.Args[0])
					}
				case *ast.ValueSpec:
					if typ, is := n.Type.(*ast.Ident); is && typ.Name == "DropReason" {
						found++
						assert.Contains(t, s.Dropped, core.DropReason(literal(n.Values[0])), "Stats.Dropped")
					}
				}
				if text != "" {
					found++
					assert.Contains(t, s.Errors, text, "Stats.Errors: add the operation of %s to reportedOps", name)
				}
				return true
			})
		}
	}
	require.Greater(t, found, 40, "names that were found")
}

func literal(e ast.Expr) string {
	if l, is := e.(*ast.BasicLit); is && l.Kind == token.STRING {
		text, _ := strconv.Unquote(l.Value)
		return text
	}
	return ""
}
