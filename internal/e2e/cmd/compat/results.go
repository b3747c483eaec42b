package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// event is a line that "go test -json" prints.
type event struct{ Action, Test, Output string }

// column is what a column of the table is about: a package that runs on Node.js, and how its tests are called.
type column struct {
	cluster  string   // the kind of cluster, a row of the summary
	npm      string   // the name in package.json
	name     string   // in the table
	prefixes []string // of the names of its tests, before the client or driver
}

// The kinds of clusters.
const (
	onPostgres = "PostgreSQL"
	ofVersion2 = "PostgreSQL, Socket.IO 2"
	onRedis    = "Redis"
	onShards   = "Redis, sharded channels"
	onStreams  = "Redis streams"
)

// columns are the packages in the order of the table. A name of a test belongs to the first column whose prefix it has.
var columns = []column{
	{onPostgres, "@socket.io/postgres-adapter", "postgres-adapter", []string{"TestInterop/Node-0.5/"}},
	{onPostgres, "postgres-adapter-0.4", "postgres-adapter", []string{"TestInterop/Node-0.4/"}},
	{onPostgres, "postgres-adapter-0.3", "postgres-adapter", []string{"TestInterop/Node-0.3/"}},
	{onPostgres, "@socket.io/postgres-emitter", "postgres-emitter", []string{"TestInteropEmitter/EmitterToGo/"}},
	{onPostgres, "@socket.io/cluster-adapter", "cluster-adapter", []string{"TestInterop/Node-cluster/"}},
	{ofVersion2, "socket.io-adapter-postgres", "socket.io-adapter-postgres",
		[]string{"TestInteropLegacy/Node-legacy/"}},
	{onRedis, "@socket.io/redis-adapter", "redis-adapter", []string{"TestInteropRedis/Node-redis-8/"}},
	{onRedis, "redis-adapter-7", "redis-adapter", []string{"TestInteropRedis/Node-redis-7/"}},
	{onRedis, "@socket.io/redis-emitter", "redis-emitter", []string{"TestInteropRedisEmitter/"}},
	{onShards, "@socket.io/redis-adapter", "redis-adapter, sharded",
		[]string{"TestInteropRedisSharded/", "TestInteropRedisShardedCluster/"}},
	{onStreams, "@socket.io/redis-streams-adapter", "redis-streams-adapter", []string{"TestInteropRedisStreams/"}},
}

// counts are the scenarios that passed, by direction.
type counts struct{ toGo, toNode int }

// results are the scenarios that passed, by column and message type.
type results struct {
	types  []string            // in the order of their numbers
	passed []map[string]counts // one map for each of columns
	failed []string
}

// typeOf finds the message type in the name of a test.
var typeOf = regexp.MustCompile(`/type(\d+_[A-Z_]+)/`)

func readResults(in io.Reader) (*results, error) {
	r := &results{passed: make([]map[string]counts, len(columns))}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "{") {
			continue // of the programs that start the servers
		}
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("%.200q: %w", lines.Text(), err)
		}
		switch {
		case e.Action == "fail":
			r.failed = append(r.failed, e.Test)
		case e.Action == "pass" && e.Test != "":
			r.add(e.Test)
		}
	}
	if len(r.failed) > 0 {
		return nil, fmt.Errorf("these tests failed: %s", strings.Join(r.failed, ", "))
	}
	return r, lines.Err()
}

// add counts a test that passed, if it is a scenario of a message type. Names like type03_BROADCAST/unicode are
// scenarios, type03_BROADCAST contains some.
func (r *results) add(test string) {
	kind := typeOf.FindStringSubmatch(test)
	of := slices.IndexFunc(columns, func(c column) bool {
		return slices.ContainsFunc(c.prefixes, func(prefix string) bool { return strings.HasPrefix(test, prefix) })
	})
	if kind == nil || of < 0 {
		return
	}
	name := strings.TrimLeft(kind[1], "0") // the numbers have different widths
	if !slices.Contains(r.types, name) {
		r.types = append(r.types, name)
	}
	if r.passed[of] == nil {
		r.passed[of] = make(map[string]counts)
	}
	n := r.passed[of][name]
	if strings.Contains(test, "/GoToNode/") {
		n.toNode++
	} else {
		n.toGo++
	}
	r.passed[of][name] = n
}

func readVersions(manifest string) (map[string]string, error) {
	text, err := readFile(manifest)
	if err != nil {
		return nil, err
	}
	var m struct{ Dependencies map[string]string }
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifest, err)
	}
	if len(m.Dependencies) == 0 {
		return nil, errors.New(manifest + " has no dependencies")
	}
	for name, version := range m.Dependencies {
		m.Dependencies[name] = version[strings.LastIndexByte(version, '@')+1:] // npm:@socket.io/x@1.2.3
	}
	return m.Dependencies, nil
}
