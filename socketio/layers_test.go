package socketio_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// layers are the files of the package, from the ground up. A server has namespaces, a namespace has sockets, and a
// socket has a client, which is a package of its own. A file uses only its own layer and the layers below it.
var layers = []struct {
	name  string
	files []string
}{
	{"shared by all layers", []string{"audit.go", "config.go", "config_parts.go", "counts.go", "environment.go",
		"errors.go", "hooks.go", "id.go", "journal.go", "listener_list.go", "quotas.go", "recovery.go",
		"session_state.go"}},
	{"sockets", []string{"acks.go", "any.go", "disconnect.go", "emit.go", "endpoint.go", "events.go", "frames.go",
		"handshake.go", "join.go", "listeners.go", "member.go", "pending.go", "recovery_check.go",
		"recovery_cluster.go", "recovery_log.go", "recovery_emit.go", "recovery_memory.go", "recovery_older.go",
		"recovery_restore.go", "recovery_setup.go", "recovery_shared.go", "recovery_socket.go",
		"recovery_upkeep.go", "replay.go",
		"roster.go", "session_store.go", "session_writes.go", "socket.go"}},
	{"namespaces", []string{"local_sockets.go", "namespace.go", "parent.go", "parent_target.go", "room_events.go",
		"server_side.go"}},
	{"the server", []string{"connect.go", "connection.go", "drain.go", "namespaces.go", "namespaces_close.go",
		"reauthenticate.go", "serve.go",
		"server.go", "shutdown.go",
		"stats.go", "unjoined.go"}},
}

// upward lists the names of higher layers that lower layers may use, because the API requires it.
var upward = map[string]string{
	"config.go: Socket":           "a parameter of Config.ReauthenticateSocket",
	"roster.go: Namespace":        "for Socket.Namespace",
	"socket.go: Namespace":        "Socket.Namespace",
	"socket.go: Namespace.server": "for Socket.Server",
	"socket.go: Server":           "Socket.Server",
	"namespace.go: Server":        "Namespace.Server",
}

func TestFilesKnowOnlyLowerLayers(t *testing.T) {
	layerOf := make(map[string]int)
	for i, l := range layers {
		for _, f := range l.files {
			layerOf[f] = i
		}
	}
	fset := token.NewFileSet()
	paths, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var files []*ast.File
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") || p == "doc.go" {
			continue
		}
		assert.Contains(t, layerOf, p, "every file must be in a layer")
		f, err := parser.ParseFile(fset, p, nil, 0)
		require.NoError(t, err)
		files = append(files, f)
	}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object),
		Selections: make(map[*ast.SelectorExpr]*types.Selection)}
	config := types.Config{Importer: emptyPackages{}, Error: func(error) {}} // what other packages declare is unknown
	pkg, _ := config.Check("socketio", fset, files, info)
	used := make(map[string]bool)
	found := 0
	for id, object := range info.Uses {
		if object.Pkg() != pkg || !object.Pos().IsValid() {
			continue
		}
		from, to := filepath.Base(fset.Position(id.Pos()).Filename), filepath.Base(fset.Position(object.Pos()).Filename)
		found++
		if layerOf[to] <= layerOf[from] {
			continue
		}
		name := from + ": " + qualified(pkg, object)
		used[name] = true
		assert.Contains(t, upward, name, "%s uses %s of %s, a layer above: %q", fset.Position(id.Pos()), object.Name(),
			to, layers[layerOf[to]].name)
	}
	assert.Greater(t, found, 3000, "number of names that were checked")
	for name := range maps.Keys(upward) {
		assert.True(t, used[name], "the exception %s must be used, or be removed", name)
	}
}

// qualified returns the name of an object, with its type if it is a field or a method.
func qualified(pkg *types.Package, object types.Object) string {
	for _, name := range slices.Sorted(slices.Values(pkg.Scope().Names())) {
		named, is := pkg.Scope().Lookup(name).(*types.TypeName)
		if !is {
			continue
		}
		if s, is := named.Type().Underlying().(*types.Struct); is {
			for i := range s.NumFields() {
				if s.Field(i) == object {
					return name + "." + object.Name()
				}
			}
		}
	}
	if f, is := object.(*types.Func); is {
		if r := f.Signature().Recv(); r != nil {
			return strings.TrimPrefix(types.TypeString(r.Type(), func(*types.Package) string { return "" }),
				"*") + "." + object.Name()
		}
	}
	return object.Name()
}

// emptyPackages imports packages without names.
type emptyPackages struct{}

func (emptyPackages) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, path[strings.LastIndexByte(path, '/')+1:])
	p.MarkComplete()
	return p, nil
}
