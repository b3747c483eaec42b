package backplane_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/backplane-go/backplane"

// layers says which packages of this module a package may import. docs/explanation/architecture.md draws the picture.
// Packages that are not listed, such as commands, examples and helpers of tests, may import what they like, but no
// listed package imports them.
var layers = map[string][]string{
	"internal/excerpt":          {},
	"fault":                     {"internal/excerpt"},
	"internal/guard":            {"fault"},
	"transport":                 {},
	"storage":                   {},
	"codec":                     {"fault", "codec/internal/...", "internal/excerpt", "internal/guard"},
	"codec/internal/...":        {"codec", "codec/internal/..."},
	"codec/cbor":                {"codec", "codec/internal/..."},
	"codec/jsonmsgpack":         {"codec", "codec/internal/..."},
	"transport/memory":          {"transport"},
	"transport/broker":          {"transport"},
	"storage/memory":            {"storage"},
	"postgres":                  {},
	"postgres/internal/engine":  {"postgres", "storage", "transport"},
	"postgres/pgxdriver":        {"postgres", "postgres/internal/engine", "storage", "transport"},
	"postgres/pqdriver":         {"internal/guard", "postgres", "postgres/internal/engine", "storage", "transport"},
	"internal/wire":             {"fault", "internal/excerpt", "internal/guard", "codec", "storage", "transport"},
	"core":                      {"fault", "internal/excerpt", "internal/groupcommit", "internal/guard", "codec", "codec/jsonmsgpack", "internal/wire", "storage", "transport"},
	"emitter":                   {"fault", "internal/excerpt", "internal/groupcommit", "internal/guard", "codec", "codec/jsonmsgpack", "internal/wire", "storage", "transport"},
	"":                          {"codec", "core"},
	"conformance":               {"codec", "codec/jsonmsgpack", "core", "storage", "transport"}, // the codec that core defaults to
	"conformance/proxy":         {},
	"socketio/internal/sched":   {},
	"socketio/internal/header":  {},
	"socketio/internal/timers":  {},
	"socketio/internal/wsframe": {"socketio/internal/quota"},
	"socketio/internal/netpoll": {"socketio/internal/sched"},
	"socketio/internal/accept":  {"fault", "internal/guard", "socketio/internal/header", "socketio/internal/netpoll", "socketio/internal/sched", "socketio/internal/timers"},
	"socketio/internal/engineio": {
		"internal/excerpt", "socketio/internal/accept", "socketio/internal/header", "socketio/internal/netpoll", "socketio/internal/quota",
		"socketio/internal/sched", "socketio/internal/timers", "socketio/internal/wsframe",
	},
	"socketio/internal/acks":      {"codec"},
	"socketio/internal/client":    {"fault", "internal/excerpt", "internal/guard", "codec", "socketio/internal/engineio", "socketio/internal/parser", "socketio/internal/quota", "socketio/internal/sched", "socketio/internal/wsframe"},
	"socketio/internal/retention": {},
	"socketio":                    {"fault", "", "internal/excerpt", "internal/guard", "codec", "socketio/internal/...", "transport/memory"}, // what anybody's hub has, and no more
	"socketio/internal/...":       {"fault", "internal/excerpt", "internal/guard", "codec", "socketio/internal/..."},
}

// strangers says what must not be linked into a program by importing a package, not even through other packages.
var strangers = map[string][]string{
	"":                   {"github.com/jackc/...", "github.com/lib/...", "database/sql", "github.com/stretchr/...", "go.uber.org/goleak"},
	"emitter":            {"fault", "github.com/jackc/...", "github.com/lib/...", "database/sql", "github.com/stretchr/...", "go.uber.org/goleak"},
	"postgres/pgxdriver": {"github.com/lib/...", "github.com/stretchr/..."},
	"postgres/pqdriver":  {"fault", "github.com/jackc/...", "github.com/stretchr/..."},
	"conformance":        {"github.com/jackc/...", "github.com/lib/...", "github.com/stretchr/...", "go.uber.org/goleak"},
	"socketio":           {"fault", "github.com/jackc/...", "github.com/lib/...", "database/sql", "github.com/stretchr/...", "go.uber.org/goleak"},
}

// listed is a package as go list tells it.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestImportsPointDown(t *testing.T) {
	for path, p := range packages(t) {
		allowed, known := rule(path)
		if !known {
			continue
		}
		for _, imported := range p.Imports {
			ours, is := relative(imported)
			require.False(t, is && !matchesAny(ours, allowed), "%s imports %s, which is not in a layer below it", p.ImportPath, imported)
		}
	}
}

func TestNobodyLinksWhatTheyDoNotUse(t *testing.T) {
	all := packages(t)
	for path, unwanted := range strangers {
		p, exists := all[path]
		require.True(t, exists, "package %q", path)
		for _, dep := range p.Deps {
			require.False(t, matchesAny(dep, unwanted), "%s links %s", p.ImportPath, dep)
		}
	}
}

// packages lists the packages of all modules by their path in the repository.
func packages(t *testing.T) map[string]listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "work").Output()
	require.NoError(t, err, "go list")
	all := make(map[string]listed)
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		path, _ := relative(p.ImportPath)
		all[path] = p
	}
}

// relative is an import path without the module's, if it is of the module.
func relative(path string) (string, bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

// rule returns the layers that a package may import: those of its own entry, else those of a pattern.
func rule(path string) (allowed []string, known bool) {
	if allowed, known := layers[path]; known {
		return allowed, true
	}
	for pattern, allowed := range layers {
		if matchesAny(path, []string{pattern}) {
			return allowed, true
		}
	}
	return nil, false
}

// matchesAny reports whether path is one of patterns, or below one that ends in "/...".
func matchesAny(path string, patterns []string) bool {
	for _, pattern := range patterns {
		if parent, below := strings.CutSuffix(pattern, "..."); path == pattern || below && strings.HasPrefix(path, parent) {
			return true
		}
	}
	return false
}
