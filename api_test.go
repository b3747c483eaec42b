package backplane_test

import (
	"context"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/storage"
	storagememory "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport/memory"
)

// parse returns the Go files of a folder: those of the package and those of its external tests.
func parse(t *testing.T, dir string) (fset *token.FileSet, sources, tests []*ast.File) {
	t.Helper()
	fset = token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, name := range names {
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		require.NoError(t, err)
		if strings.HasSuffix(name, "_test.go") {
			tests = append(tests, file)
		} else {
			sources = append(sources, file)
		}
	}
	return fset, sources, tests
}

// documentation is what go doc shows of the package in a folder.
func documentation(t *testing.T, dir string) *doc.Package {
	t.Helper()
	fset, sources, _ := parse(t, dir)
	p, err := doc.NewFromFiles(fset, sources, module)
	require.NoError(t, err)
	return p
}

func TestEverythingExportedHasAComment(t *testing.T) {
	p := documentation(t, ".")
	require.NotEmpty(t, p.Doc)
	values := slices.Concat(p.Consts, p.Vars)
	funcs := p.Funcs
	for _, typ := range p.Types {
		assert.True(t, strings.HasPrefix(typ.Doc, typ.Name+" "), "the comment of %s begins with its name", typ.Name)
		values = slices.Concat(values, typ.Consts, typ.Vars)
		funcs = slices.Concat(funcs, typ.Funcs)
		for _, m := range typ.Methods {
			if m.Level == 0 {
				begins := strings.HasPrefix(m.Doc, m.Name+" ")
				assert.True(t, begins, "the comment of %s.%s begins with its name", typ.Name, m.Name)
			}
		}
		for _, spec := range typ.Decl.Specs {
			commented(t, typ.Name, spec.(*ast.TypeSpec).Type)
		}
	}
	for _, f := range funcs {
		assert.True(t, strings.HasPrefix(f.Doc, f.Name+" "), "the comment of %s begins with its name", f.Name)
	}
	for _, v := range values {
		for _, s := range v.Decl.Specs {
			spec := s.(*ast.ValueSpec)
			own := spec.Doc.Text() + spec.Comment.Text()
			if len(v.Decl.Specs) == 1 {
				own += v.Doc
			}
			assert.NotEmpty(t, own, "%s has a comment", spec.Names[0].Name)
		}
	}
}

// commented checks the fields of a struct and the methods of an interface.
func commented(t *testing.T, of string, expr ast.Expr) {
	t.Helper()
	var list *ast.FieldList
	switch typ := expr.(type) {
	case *ast.StructType:
		list = typ.Fields
	case *ast.InterfaceType:
		list = typ.Methods
	default:
		return
	}
	for _, f := range list.List {
		for _, name := range f.Names {
			if name.IsExported() {
				assert.NotEmpty(t, f.Doc.Text()+f.Comment.Text(), "%s.%s has a comment", of, name.Name)
			}
		}
	}
}

// go doc shows no fields of an alias, so its comment lists them.
func TestCommentsOfAliasesListTheFields(t *testing.T) {
	aliases := map[string]reflect.Type{
		"Packet": reflect.TypeFor[backplane.Packet](), "Selector": reflect.TypeFor[backplane.Selector](),
		"SocketInfo": reflect.TypeFor[backplane.SocketInfo](), "Handshake": reflect.TypeFor[backplane.Handshake](),
		"Flags": reflect.TypeFor[backplane.Flags](), "Args": reflect.TypeFor[backplane.Args](),
		"Value": reflect.TypeFor[backplane.Value](), "DropReason": reflect.TypeFor[backplane.DropReason](),
		"PartialError": reflect.TypeFor[backplane.PartialError](), "CallError": reflect.TypeFor[backplane.CallError](),
		"PanicError": reflect.TypeFor[backplane.PanicError](), "GapError": reflect.TypeFor[backplane.GapError](),
		"DropError": reflect.TypeFor[backplane.DropError](), "OpError": reflect.TypeFor[backplane.OpError](),
		"ConfigError": reflect.TypeFor[backplane.ConfigError](), "NameError": reflect.TypeFor[backplane.NameError](),
		"UnsupportedError":   reflect.TypeFor[backplane.UnsupportedError](),
		"TooLargeError":      reflect.TypeFor[backplane.TooLargeError](),
		"ReservedEventError": reflect.TypeFor[backplane.ReservedEventError](),
		"LogConfig":          reflect.TypeFor[backplane.LogConfig](), "Order": reflect.TypeFor[backplane.Order](),
		"Position": reflect.TypeFor[backplane.Position](), "Event": reflect.TypeFor[backplane.Event](),
		"LogEntry": reflect.TypeFor[backplane.LogEntry](), "LogGap": reflect.TypeFor[backplane.LogGap](),
		"LogMismatchError": reflect.TypeFor[backplane.LogMismatchError](),
		"PositionError":    reflect.TypeFor[backplane.PositionError](),
		"ReplayInfo":       reflect.TypeFor[backplane.ReplayInfo](),
		"QueueStats":       reflect.TypeFor[backplane.QueueStats](),
		"RequestStats":     reflect.TypeFor[backplane.RequestStats](),
		"Histogram":        reflect.TypeFor[backplane.Histogram](),
	}
	for _, typ := range documentation(t, ".").Types {
		spec := typ.Decl.Specs[0].(*ast.TypeSpec)
		if _, literal := spec.Type.(*ast.InterfaceType); !spec.Assign.IsValid() || literal {
			continue
		}
		require.Contains(t, aliases, typ.Name, "this test has to know every alias")
		if aliases[typ.Name].Kind() != reflect.Struct {
			continue
		}
		for _, f := range reflect.VisibleFields(aliases[typ.Name]) {
			if f.IsExported() {
				listed := regexp.MustCompile(`(?m)^\t` + f.Name + ` +\S`)
				assert.Regexp(t, listed, typ.Doc, "the comment of %s lists its field %s", typ.Name, f.Name)
			}
		}
	}
}

// Every operation has an example: of its name, or one of its type that calls it. An example of a Target's method counts
// for the method of a Namespace.
func TestEveryOperationHasAnExample(t *testing.T) {
	called := make(map[string]map[string]bool) // by the type of the example, the names of what it calls
	_, _, tests := parse(t, ".")
	for _, file := range tests {
		for _, d := range file.Decls {
			f, is := d.(*ast.FuncDecl)
			if !is || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Example") {
				continue
			}
			of, _, _ := strings.Cut(strings.TrimPrefix(f.Name.Name, "Example"), "_")
			if called[of] == nil {
				called[of] = make(map[string]bool)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if s, is := n.(*ast.SelectorExpr); is {
					called[of][s.Sel.Name] = true
				}
				return true
			})
		}
	}
	implements := reflect.TypeFor[backplane.LocalSockets]() // the cluster calls its methods
	for name, typ := range map[string]reflect.Type{
		"Cluster": reflect.TypeFor[*backplane.Cluster](), "Namespace": reflect.TypeFor[*backplane.Namespace](),
		"Target": reflect.TypeFor[backplane.Target](), "RemoteSocket": reflect.TypeFor[*backplane.RemoteSocket](),
		"Registry": reflect.TypeFor[*backplane.Registry](),
	} {
		for i := range typ.NumMethod() {
			method := typ.Method(i).Name
			_, ofInterface := implements.MethodByName(method)
			_, ofTarget := reflect.TypeFor[backplane.Target]().MethodByName(method)
			has := called[name][method] || name == "Registry" && ofInterface ||
				name == "Namespace" && ofTarget && called["Target"][method]
			assert.True(t, has, "no example: write Example%s_%s", name, method)
		}
	}
}

// A Config reaches package core with all its fields.
func TestConfigReachesTheClusterWithAllItsFields(t *testing.T) {
	want := backplane.Config{
		Bus: memory.NewHub(), Store: storagememory.NewStore(), Codec: cbor.Codec{}, Secret: make([]byte, 32),
		PreviousSecret: make([]byte, 32), UID: "uid", ChannelPrefix: "prefix", ErrorHandler: func(error) {},
		Log:    &backplane.LogConfig{},
		Logger: slog.New(slog.DiscardHandler), Trace: backplane.Trace{SessionLost: func(error) {}},
	}
	fields := reflect.ValueOf(&want).Elem()
	for i := range fields.NumField() {
		if f := fields.Field(i); f.IsZero() && f.CanInt() {
			f.SetInt(int64(1000*time.Second) + int64(i)) // an int or a time.Duration, in the order of the fields
		}
	}
	var _ storage.Store = want.Store
	cluster, err := backplane.Open(context.Background(), want)
	require.NoError(t, err)
	defer func() { require.NoError(t, cluster.Close(context.Background())) }()
	got := reflect.ValueOf(cluster).Elem().FieldByName("core").Elem().FieldByName("config")
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Name
		f := got.FieldByName(name)
		require.True(t, f.IsValid(), "core.Config has no field %s", name)
		switch {
		case f.CanInt():
			assert.Equal(t, fields.Field(i).Int(), f.Int(), name)
		case f.Kind() == reflect.String:
			assert.Equal(t, fields.Field(i).String(), f.String(), name)
		default:
			assert.False(t, f.IsZero(), name)
		}
	}
	require.Equal(t, fields.NumField(), reflect.TypeFor[core.Config]().NumField(), "fields of both structs")
}

// docs/reference/errors.md has every error that a program can meet.
func TestErrorsAreDocumented(t *testing.T) {
	page := read(t, "docs/reference/errors.md")
	sections := map[string]string{
		".": "Cluster", "emitter": "Emitter", "bridge": "Bridge", "socketio": "Socket.IO server",
		"postgres": "PostgreSQL", "redis/redisdriver": "Redis",
		"nats/natsdriver": "NATS", "nats/natsstore": "NATS store",
	}
	for dir, heading := range sections {
		_, section, found := strings.Cut(page, "\n## "+heading+"\n")
		require.True(t, found, heading)
		section, _, _ = strings.Cut(section, "\n## ")
		p := documentation(t, dir)
		values, names := p.Vars, []string(nil)
		for _, typ := range p.Types {
			values = slices.Concat(values, typ.Vars)
			if strings.HasSuffix(typ.Name, "Error") {
				names = append(names, "*"+typ.Name)
			}
			for _, c := range typ.Consts {
				names = append(names, dropReasons(c.Names)...)
			}
		}
		for _, c := range p.Consts {
			names = append(names, dropReasons(c.Names)...)
		}
		for _, v := range values {
			for _, name := range v.Names {
				if strings.HasPrefix(name, "Err") {
					names = append(names, name)
				}
			}
		}
		require.NotEmpty(t, names)
		for _, name := range names {
			assert.Contains(t, section, "`"+name+"`", "docs/reference/errors.md, %s", heading)
		}
	}
}

func dropReasons(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, "Drop") })
}
