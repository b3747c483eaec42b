package backplane_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/backplane-go/backplane"

// layers says which packages of this module a package may import. docs/explanation/architecture.md draws the picture.
// Packages that are not listed, such as examples and helpers of tests, may import anything, but no listed package
// imports them.
var layers = map[string][]string{
	"internal/excerpt":      {},
	"fault":                 {"internal/excerpt"},
	"internal/guard":        {"fault"},
	"internal/journal":      {"internal/excerpt", "internal/guard"},
	"transport":             {},
	"storage":               {},
	"internal/jsontext":     {},
	"codec":                 {"fault", "internal/excerpt", "internal/guard", "internal/jsontext"},
	"internal/message":      {"codec"},
	"internal/msgpack":      {"codec", "internal/jsontext", "internal/message"},
	"codec/cbor":            {"codec", "internal/jsontext", "internal/message"},
	"codec/jsonmsgpack":     {"codec", "internal/jsontext", "internal/message", "internal/msgpack"},
	"internal/groupcommit":  {},
	"internal/histogram":    {},
	"transport/memory":      {"storage", "storage/memory", "transport"},
	"transport/broker":      {"transport"},
	"storage/memory":        {"storage"},
	"internal/resp":         {},
	"internal/streamentry":  {"internal/resp"},
	"redis/internal/server": {"internal/resp", "transport/broker"},
	"redis/redisdriver":     {"internal/resp", "redis/internal/server", "storage", "transport", "transport/broker"},
	"redis/streamsdriver": {
		"internal/resp", "internal/streamentry", "redis/internal/server", "redis/redisdriver", "storage", "transport",
		"transport/broker",
	},
	"nats/internal/server":     {"transport", "transport/broker"},
	"nats/natsdriver":          {"nats/internal/server", "storage", "transport", "transport/broker"},
	"nats/natsstore":           {"storage"},
	"postgres":                 {"storage", "transport"},
	"postgres/internal/engine": {"postgres", "storage", "transport"},
	"postgres/pgxdriver":       {"postgres", "postgres/internal/engine", "storage", "transport"},
	"postgres/pqdriver":        {"internal/guard", "postgres", "postgres/internal/engine", "storage", "transport"},
	"dialect":                  {"codec", "transport"},
	"dialect/standard":         {"codec", "codec/jsonmsgpack", "dialect", "fault", "transport"},
	"internal/classic": {
		"codec", "codec/jsonmsgpack", "dialect", "fault", "internal/jsontext", "internal/message", "internal/msgpack",
	},
	"dialect/legacy": {
		"codec", "dialect", "fault", "internal/classic", "internal/jsontext", "internal/message", "internal/msgpack",
		"transport",
	},
	"dialect/redisclassic": {
		"codec", "dialect", "fault", "internal/classic", "internal/jsontext", "internal/message", "internal/msgpack",
		"transport",
	},
	"dialect/redissharded": {"codec", "codec/jsonmsgpack", "dialect", "fault", "internal/classic"},
	"dialect/redisstreams": {
		"codec", "codec/jsonmsgpack", "dialect", "fault", "internal/classic", "internal/jsontext", "internal/message",
		"internal/msgpack", "internal/streamentry", "transport",
	},
	"internal/wire": {"codec", "dialect", "fault", "internal/guard", "storage", "transport"},
	"core": {
		"codec", "dialect", "dialect/standard", "fault", "internal/excerpt", "internal/groupcommit", "internal/guard",
		"internal/histogram", "internal/journal", "internal/wire", "storage", "transport",
	},
	"emitter": {
		"codec", "dialect", "dialect/standard", "fault", "internal/excerpt", "internal/groupcommit", "internal/guard",
		"internal/wire", "storage", "transport",
	},
	"bridge": {"", "internal/excerpt", "internal/guard", "transport"},
	"":       {"codec", "core", "dialect", "storage", "transport"},
	"conformance": { // the codec that core defaults to, and the bus of a dialect that needs none
		"codec", "codec/jsonmsgpack", "core", "dialect", "fault", "storage", "transport", "transport/memory",
	},
	"health":                    {},
	"conformance/proxy":         {},
	"socketio/internal/sched":   {},
	"socketio/internal/header":  {},
	"socketio/internal/timers":  {},
	"socketio/internal/wsframe": {"socketio/internal/quota"},
	"socketio/internal/netpoll": {"internal/histogram", "socketio/internal/sched"},
	"socketio/internal/accept": {
		"fault", "internal/guard", "internal/journal", "socketio/internal/header", "socketio/internal/netpoll",
		"socketio/internal/sched", "socketio/internal/timers",
	},
	"socketio/internal/engineio": {
		"internal/excerpt", "internal/histogram", "internal/journal", "socketio/internal/accept",
		"socketio/internal/header", "socketio/internal/netpoll", "socketio/internal/quota",
		"socketio/internal/sched", "socketio/internal/timers", "socketio/internal/wsframe",
	},
	"socketio/internal/acks": {"codec"},
	"socketio/internal/client": {
		"fault", "internal/excerpt", "internal/guard", "internal/histogram", "internal/journal", "codec",
		"socketio/internal/engineio",
		"socketio/internal/parser", "socketio/internal/quota", "socketio/internal/sched",
		"socketio/internal/wsframe",
	},
	"socketio/internal/retention": {"transport"},
	"socketio": { // what anybody's hub has, and no more
		"fault", "", "internal/excerpt", "internal/guard", "internal/journal", "codec", "dialect",
		"socketio/internal/...", "storage", "transport/memory",
	},
	"internal/metrics":   {"", "socketio"},
	"metrics/prometheus": {"", "internal/metrics", "socketio"},
	"metrics/otel":       {"", "internal/metrics", "socketio"},
	"socketio/internal/...": {
		"fault", "internal/excerpt", "internal/guard", "internal/histogram", "internal/journal", "codec",
		"socketio/internal/...",
	},
}

// others are the modules and the package that a program without a driver must not link.
var others = []string{
	moduleMsgpack, modulePgx, modulePq, moduleRedis, moduleNATS, modulePrometheus, moduleOTel, databaseSQL,
	moduleTestify, moduleGoleak,
}

// unlinked says what a program must not link when it imports a package, not even through other packages.
var unlinked = map[string][]string{
	"":                   others,
	"bridge":             others,
	"emitter":            others,
	"postgres/pgxdriver": {modulePq, moduleRedis, moduleNATS, moduleTestify},
	"postgres/pqdriver":  {modulePgx, moduleRedis, moduleNATS, moduleTestify},
	"redis/redisdriver":  {moduleMsgpack, modulePgx, modulePq, moduleNATS, databaseSQL, moduleTestify, moduleGoleak},
	"redis/streamsdriver": {
		moduleMsgpack, modulePgx, modulePq, moduleNATS, databaseSQL, moduleTestify, moduleGoleak,
	},
	"nats/natsdriver": {moduleMsgpack, modulePgx, modulePq, moduleRedis, moduleTestify, moduleGoleak},
	"nats/natsstore":  {moduleMsgpack, modulePgx, modulePq, moduleRedis, moduleTestify, moduleGoleak},
	"conformance":     {moduleMsgpack, modulePgx, modulePq, moduleRedis, moduleNATS, moduleTestify, moduleGoleak},
	"socketio":        others,
	"metrics/otel": {
		moduleMsgpack, modulePgx, modulePq, moduleRedis, moduleNATS, modulePrometheus, databaseSQL, moduleTestify,
		moduleGoleak,
	},
	"metrics/prometheus": {
		moduleMsgpack, modulePgx, modulePq, moduleRedis, moduleNATS, moduleOTel, databaseSQL, moduleTestify,
		moduleGoleak,
	},
}

// Modules whose packages unlinked names, and a package.
const (
	modulePgx        = "github.com/jackc/..."
	modulePq         = "github.com/lib/..."
	moduleNATS       = "github.com/nats-io/..."
	moduleRedis      = "github.com/redis/..."
	modulePrometheus = "github.com/prometheus/..."
	moduleOTel       = "go.opentelemetry.io/..."
	moduleTestify    = "github.com/stretchr/..."
	moduleMsgpack    = "github.com/vmihailenco/..." // the judge in the tests of codec/jsonmsgpack
	moduleGoleak     = "go.uber.org/goleak"
	databaseSQL      = "database/sql"
)

// listed is a package as go list describes it.
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
			wrong := is && !matchesAny(ours, allowed)
			require.False(t, wrong, "%s imports %s, which is not in a layer below it", p.ImportPath, imported)
		}
	}
}

func TestNoPackageLinksWhatItDoesNotUse(t *testing.T) {
	all := packages(t)
	for path, unwanted := range unlinked {
		p, exists := all[path]
		require.True(t, exists, "package %q", path)
		for _, dep := range p.Deps {
			require.False(t, matchesAny(dep, unwanted), "%s links %s", p.ImportPath, dep)
		}
	}
}

// The picture in docs/explanation/architecture.md has every package of the library, each below those that import it.
func TestPictureOfThePackagesIsThatOfGoList(t *testing.T) {
	all := blocks(read(t, "docs/explanation/architecture.md"))
	i := slices.IndexFunc(all, func(b block) bool { return b.marker == "picture: packages" })
	require.GreaterOrEqual(t, i, 0, "the page has a picture of the packages")
	place := make(map[string]int) // the line of a package
	for n, line := range strings.Split(strings.TrimRight(all[i].text, "\n"), "\n") {
		columns := regexp.MustCompile(` {2,}`).Split(line, 3) // the layer, the package, what it does
		require.Len(t, columns, 3, line)
		require.NotContains(t, place, columns[1], "twice in the picture")
		place[columns[1]] = n
	}
	drawn := func(path string) string {
		if path == "" {
			return "backplane"
		}
		return regexp.MustCompile(`^(socketio/internal)/.*`).ReplaceAllString(path, "$1/...")
	}
	found := make(map[string]bool)
	for path, p := range packages(t) {
		if _, known := rule(path); !known {
			continue
		}
		name := drawn(path)
		found[name] = true
		require.Contains(t, place, name, "the picture lacks a package")
		for _, imported := range p.Imports {
			ours, is := relative(imported)
			if below := drawn(ours); is && below != name {
				require.Contains(t, place, below, "%s imports a package that the picture lacks", name)
				require.Less(t, place[name], place[below], "%s imports %s, which is drawn above it", name, below)
			}
		}
	}
	for name := range place {
		require.True(t, found[name], "the picture has %s, and go list does not", name)
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
// rule returns what a package may import. The most specific entry of layers counts.
func rule(path string) (allowed []string, known bool) {
	if allowed, known = layers[path]; known {
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
		parent, below := strings.CutSuffix(pattern, "...")
		if path == pattern || below && strings.HasPrefix(path, parent) {
			return true
		}
	}
	return false
}
