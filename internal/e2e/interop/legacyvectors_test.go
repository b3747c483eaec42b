package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

var updateVectors = flag.Bool("update-vectors", false, "write dialect/legacy/testdata/vectors.json again")

// vector is a message that socket.io-adapter-postgres published. dialect/legacy/testdata/README.md documents the file.
type vector struct {
	Name      string          `json:"name"`
	NSP       string          `json:"nsp"`
	Channel   string          `json:"channel"`
	PayloadID string          `json:"payloadid,omitempty"`
	Raw       []string        `json:"raw"`
	Decoded   json.RawMessage `json:"decoded"`
}

// vectorRecorder records vectors. Its peers derive their ids from a text and send over one connection, so they send
// the same notifications in the same order every time.
type vectorRecorder struct {
	*testing.T
	ctx       context.Context
	url       string
	recording *interop.Recording
	asker     *interop.Peer
	vectors   []vector
}

const vectorKey = "vectors"

func (r *vectorRecorder) start(ids string) *interop.Peer {
	return interop.Start(r, interop.Config{Adapter: interop.Legacy, DatabaseURL: r.url, PoolSize: 1,
		Legacy: interop.LegacyOptions{Key: vectorKey, IDs: ids, CountAsNumber: true}})
}

func (r *vectorRecorder) open(p *interop.Peer, nsp string) *interop.Namespace {
	r.Helper()
	ns, err := p.Namespace(r.ctx, nsp)
	require.NoError(r, err)
	return ns
}

func (r *vectorRecorder) connect(ns *interop.Namespace, rooms ...string) *interop.Client {
	r.Helper()
	c, err := ns.Connect(r.ctx, interop.ClientSpec{Rooms: rooms})
	require.NoError(r, err)
	return c
}

// record runs do and returns the payloads that were published meanwhile, until a broadcast to the room "fence" that it
// sends at the end.
func (r *vectorRecorder) record(ns *interop.Namespace, nsp string, do func() error) []string {
	r.Helper()
	require.NoError(r, do())
	require.NoError(r, ns.Emit(r.ctx, interop.To("fence"), "fence"))
	fence := `["` + vectorKey + "#" + nsp + "#fence#"
	var raw []string
	for {
		m, err := r.recording.Messages.Next(r.ctx)
		require.NoError(r, err)
		if strings.HasPrefix(m.Payload, fence) {
			return raw
		}
		raw = append(raw, m.Payload)
	}
}

// add adds the message that these payloads are.
func (r *vectorRecorder) add(name, nsp string, raw []string) vector {
	r.Helper()
	require.NotEmpty(r, raw, name)
	m, err := r.asker.DecodeLegacy(r.ctx, raw...)
	require.NoError(r, err, name)
	v := vector{name, nsp, m.Channel, m.PayloadID, raw, m.Decoded}
	r.vectors = append(r.vectors, v)
	return v
}

// broadcast records a broadcast.
func (r *vectorRecorder) broadcast(name string, ns *interop.Namespace, nsp string, do func() error) vector {
	r.Helper()
	return r.add(name, nsp, r.record(ns, nsp, do))
}

// request records a request and the only answer to it.
func (r *vectorRecorder) request(name string, ns *interop.Namespace, nsp string,
	do func() (interop.Answer, error)) {
	r.Helper()
	raw := r.record(ns, nsp, func() error { _, err := do(); return err })
	request := `["` + vectorKey + "-request#" + nsp + "#"
	answer := `["` + vectorKey + "-response#" + nsp + "#"
	n := 0
	for n < len(raw) && strings.HasPrefix(raw[n], request) {
		n++
	}
	for _, payload := range raw[n:] {
		require.True(r, strings.HasPrefix(payload, answer), "%s: %.100s", name, payload)
	}
	r.add(name+": request", nsp, raw[:n])
	r.add(name+": answer", nsp, raw[n:])
}

// TestInteropLegacyVectors records each message of socket.io-adapter-postgres and compares them with the vectors that
// package dialect/legacy is tested with.
func TestInteropLegacyVectors(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	ctx := patient(t)
	recording, err := interop.Record(t, url, "").Listen(ctx, "socketio")
	require.NoError(t, err)
	r := &vectorRecorder{T: t, ctx: ctx, url: url, recording: recording}
	r.asker = r.start("asker")
	// The adapter counts the nodes of the namespace that was opened last. Requests in another one end by timeout.
	for _, nsp := range []string{"/", "/chat"} {
		recordBroadcasts(r, nsp)
		recordRequests(r, nsp)
	}
	recordSocketRequests(r)
	recordValues(r)
	recordSizes(r)

	path := filepath.Join("..", "..", "..", "dialect", "legacy", "testdata", "vectors.json")
	if *updateVectors {
		require.NoError(t, os.WriteFile(path, formatVectors(t, r.vectors), 0o644))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var want []vector
	require.NoError(t, json.Unmarshal(text, &want))
	for i := range max(len(want), len(r.vectors)) {
		require.Less(t, i, len(want), "the file has no vector %q", r.vectors[min(i, len(r.vectors)-1)].Name)
		require.Less(t, i, len(r.vectors), "nothing was recorded for the vector %q", want[i].Name)
		assert.Equal(t, shown(want[i]), shown(r.vectors[i]), "vector %q", want[i].Name)
		assert.True(t, want[i].equal(r.vectors[i]), "vector %q", want[i].Name)
	}
}

func (v vector) equal(other vector) bool {
	return v.Name == other.Name && v.NSP == other.NSP && v.Channel == other.Channel && v.PayloadID == other.PayloadID &&
		strings.Join(v.Raw, "\n") == strings.Join(other.Raw, "\n") && bytes.Equal(v.Decoded, other.Decoded)
}

// shown returns the beginnings of a vector's texts, for failures that people can read.
func shown(v vector) []string {
	texts := append([]string{v.Name, v.NSP, v.Channel, v.PayloadID, string(v.Decoded)}, v.Raw...)
	for i, text := range texts {
		texts[i] = text[:min(len(text), 300)]
	}
	return texts
}

// formatVectors returns the file: a list with one vector per line.
func formatVectors(t *testing.T, vectors []vector) []byte {
	var out bytes.Buffer
	for i, v := range vectors {
		out.WriteString([]string{"[\n", ",\n"}[min(i, 1)])
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		require.NoError(t, e.Encode(v))
		out.Truncate(out.Len() - 1) // the newline that Encode adds
	}
	out.WriteString("\n]\n")
	return out.Bytes()
}
