package parser_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// node sends requests to Socket.IO's own parser, one per line, and returns its answers. It skips the test without
// Node.js.
func node(t *testing.T, requests [][]byte) [][]byte {
	t.Helper()
	modules := os.Getenv("BACKPLANE_TEST_NODE_MODULES")
	if modules == "" {
		t.Skip("BACKPLANE_TEST_NODE_MODULES, the path of a node_modules folder, is not set")
	}
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed: ", err)
	}
	cmd := exec.CommandContext(t.Context(), path, filepath.Join("testdata", "parser.js"))
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	cmd.Stdin = bytes.NewReader(bytes.Join(requests, []byte{'\n'}))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	answers := bytes.Split(bytes.TrimSuffix(out, []byte{'\n'}), []byte{'\n'})
	require.Len(t, answers, len(requests), stderr.String())
	return answers
}

// request asks testdata/parser.js to encode a packet.
func request(t *testing.T, p *parser.Packet) []byte {
	t.Helper()
	tree, err := p.Data.Tree()
	require.NoError(t, err)
	o := codec.Object{{Key: "type", Value: int64(p.Type - '0')}, {Key: "nsp", Value: p.Namespace},
		{Key: "data", Value: tree}}
	if p.ID != parser.NoID {
		o = append(o, codec.Member{Key: "id", Value: p.ID})
	}
	return marked(t, o)
}

// list returns messages as a tree of values.
func list(all []message) []any {
	out := make([]any, len(all))
	for i := range all {
		out[i] = all[i]
	}
	return out
}

// marked returns a tree as JSON, with bytes in the form of testdata/parser.js.
func marked(t *testing.T, tree any) []byte {
	t.Helper()
	p, err := codec.FromTree(mark(tree)).AppendJSON(nil)
	require.NoError(t, err)
	return p
}

func mark(t any) any {
	switch t := t.(type) {
	case []byte:
		p, _ := json.Marshal(t)
		return codec.Object{{Key: "$bytes", Value: string(p[1 : len(p)-1])}}
	case []any:
		marked := make([]any, len(t))
		for i := range t {
			marked[i] = mark(t[i])
		}
		return marked
	case codec.Object:
		o := make(codec.Object, len(t))
		for i, m := range t {
			o[i] = codec.Member{Key: m.Key, Value: mark(m.Value)}
		}
		return o
	}
	return t
}

// unmark parses the output of testdata/parser.js.
func unmark(t *testing.T, p []byte) any {
	t.Helper()
	tree, err := codec.JSON.Tree(p)
	require.NoError(t, err, "%.200s", p)
	return unmarked(t, tree)
}

func unmarked(t *testing.T, tree any) any {
	switch v := tree.(type) {
	case []any:
		for i := range v {
			v[i] = unmarked(t, v[i])
		}
	case codec.Object:
		if len(v) == 1 && v[0].Key == "$bytes" {
			var p []byte
			require.NoError(t, json.Unmarshal([]byte(`"`+v[0].Value.(string)+`"`), &p))
			return p
		}
		for i := range v {
			v[i].Value = unmarked(t, v[i].Value)
		}
	}
	return tree
}

// understood returns a packet in the form of testdata/parser.js. Values that JavaScript cannot tell apart become
// equal.
func understood(t *testing.T, p *parser.Packet) any {
	t.Helper()
	tree, err := p.Data.Tree()
	require.NoError(t, err)
	return plain(codec.Object{
		{Key: "type", Value: int64(p.Type - '0')}, {Key: "namespace", Value: p.Namespace}, {Key: "id", Value: p.ID},
		{Key: "data", Value: tree},
	})
}

// plain returns a tree as JavaScript sees it: numbers are float64, and the order of keys does not matter.
func plain(t any) any {
	switch t := t.(type) {
	case int64:
		return float64(t)
	case uint64:
		return float64(t)
	case float64:
		if math.IsInf(t, 0) {
			return nil // JSON.stringify writes null for numbers that are not finite
		}
	case []any:
		same := make([]any, len(t))
		for i := range t {
			same[i] = plain(t[i])
		}
		return same
	case codec.Object:
		m := make(map[string]any, len(t))
		for _, e := range t {
			m[e.Key] = plain(e.Value)
		}
		return m
	}
	return t
}
