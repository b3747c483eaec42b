package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Failures cite the rule that a check enforces. Each rule must exist in the documentation.
func TestRulesAreDocumented(t *testing.T) {
	documented := make(map[string]bool)
	for name, folder := range map[string]string{
		"transport": "../transport", "storage": "../storage", "codec": "../codec", "core": "../core",
		"dialect":     "../dialect",
		"backplane":   "..",
		"conformance": ".",
	} {
		maps.Copy(documented, documentation(t, name, folder))
	}
	cited := func(check, rule string) {
		require.True(t, documented[rule], "%s cites %q, which is neither a symbol nor a section of a package's doc",
			check, rule)
	}
	for _, c := range busChecks() {
		cited(c.name, c.rule)
	}
	for _, c := range storeChecks() {
		cited(c.name, c.rule)
	}
	for _, c := range logChecks() {
		cited(c.name, c.rule)
	}
	for _, c := range sessionsChecks() {
		cited(c.name, c.rule)
	}
	for _, c := range codecChecks() {
		cited(c.name, c.rule)
	}
	for _, c := range dialectChecks() {
		cited(c.name, c.rule)
	}
	for _, c := range clusterChecks() {
		cited(c.name, c.rule)
	}
}

// documentation returns the symbols of the package in a folder, and the sections of its doc, as failures cite them.
func documentation(t *testing.T, name, folder string) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), folder+"/"+file.Name(), nil, parser.ParseComments)
		require.NoError(t, err)
		for line := range strings.Lines(f.Doc.Text()) {
			if title, ok := strings.CutPrefix(line, "# "); ok {
				found["package "+name+", "+strings.TrimSpace(title)] = true
			}
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				found[name+"."+receiver(d)+d.Name.Name] = true
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.ValueSpec:
						for _, id := range s.Names {
							found[name+"."+id.Name] = true
						}
					case *ast.TypeSpec:
						found[name+"."+s.Name.Name] = true
						for _, member := range members(s.Type) {
							found[name+"."+s.Name.Name+"."+member] = true
						}
					}
				}
			}
		}
	}
	return found
}

// receiver returns the name of a method's type and a dot, or nothing for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	t := d.Recv.List[0].Type
	if pointer, ok := t.(*ast.StarExpr); ok {
		t = pointer.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "."
	}
	return ""
}

// members returns the names of the fields of a struct, or of the methods of an interface.
func members(t ast.Expr) (names []string) {
	var list *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list = t.Methods
	default:
		return nil
	}
	for _, field := range list.List {
		for _, id := range field.Names {
			names = append(names, id.Name)
		}
	}
	return names
}
