package engineio

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// packet3 is a message as testdata/payload3.js reads it.
type packet3 struct {
	Type string  `json:"type"`
	Text *string `json:"text,omitempty"`
	Hex  *string `json:"hex,omitempty"`
}

var names3 = map[byte]string{typeOpen: "open", typeClose: "close", typePing: "ping", typePong: "pong",
	typeMessage: "message", typeBinary: "bytes", typeUpgrade: "upgrade", typeNoop: "noop"}

// decoded3 returns a packet as testdata/payload3.js writes it.
func decoded3(p packet) string { return names3[p.kind] + " " + hex.EncodeToString(p.data) }

// payload3 sends requests to testdata/payload3.js and decodes its answers. It skips the test without Node.js.
func payload3[Answer any](t *testing.T, requests []map[string]any) []Answer {
	t.Helper()
	if os.Getenv("BACKPLANE_TEST_NODE_MODULES") == "" {
		t.Skip("BACKPLANE_TEST_NODE_MODULES, the path of a node_modules folder, is not set")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed: ", err)
	}
	var in, out, stderr bytes.Buffer
	for _, r := range requests {
		require.NoError(t, json.NewEncoder(&in).Encode(r))
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join("testdata", "payload3.js"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &stderr
	require.NoError(t, cmd.Run(), "%s", &stderr)
	answers := make([]Answer, len(requests))
	decoder := json.NewDecoder(&out)
	for i := range answers {
		require.NoError(t, decoder.Decode(&answers[i]), "answer %d; %s", i, &stderr)
	}
	return answers
}

var texts3 = []string{"", "a", "hello", "ü", "€", "😀", "a😀ü€b", "b4", "1:6", "\x00\u00ff\x1e", "\u2028",
	strings.Repeat("x", 99), strings.Repeat("😀", 500), strings.Repeat("ü", 10_000)}

// randomParts returns messages in the order of a response.
func randomParts(r *rand.Rand) []wsframe.Part {
	parts := make([]wsframe.Part, 1+r.Intn(6))
	for i := range parts {
		if r.Intn(3) == 0 {
			data := make([]byte, r.Intn(300))
			r.Read(data)
			parts[i] = wsframe.Part{Binary: true, Data: data}
		} else {
			parts[i].Data = []byte(texts3[r.Intn(len(texts3))])
		}
	}
	return parts
}

// TestResponsesOfVersion3AreThoseOfNode compares responses with those of Node.js's server, byte for byte, and decodes
// them with the parser of the client.
func TestResponsesOfVersion3AreThoseOfNode(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	var encodes, decodes []map[string]any
	for i := range 400 {
		parts := randomParts(r)
		frame := wsframe.NewFrame(parts...)
		binary := i%2 == 0 && frame.HasBinary()
		var packets []packet3
		var want []string
		for _, p := range parts {
			one := packet3{Type: "message"}
			if text := string(p.Data); p.Binary {
				text = hex.EncodeToString(p.Data)
				one.Hex = &text
				want = append(want, decoded3(packet{kind: typeBinary, data: p.Data}))
			} else {
				one.Text = &text
				want = append(want, decoded3(packet{kind: typeMessage, data: p.Data}))
			}
			packets = append(packets, one)
		}
		body := hex.EncodeToString(packets3{}.appendFrame(nil, frame, binary))
		encodes = append(encodes, map[string]any{"packets": packets, "bytes": i%2 == 0, "want": body})
		decodes = append(decodes, map[string]any{"body": body, "binary": binary, "byClient": true, "want": want})
	}
	type encoded struct {
		Binary bool
		Body   string
	}
	for i, a := range payload3[encoded](t, encodes) {
		require.Equal(t, encodes[i]["want"], a.Body, "%v", encodes[i])
		require.Equal(t, decodes[i]["binary"], a.Binary, "%v", encodes[i])
	}
	for i, a := range payload3[struct{ Packets []string }](t, decodes) {
		require.Equal(t, decodes[i]["want"], a.Packets, "%v", decodes[i])
	}
}

// TestBodiesOfVersion3AreReadAsByNode damages bodies. What is accepted must mean the same to Node.js's server.
func TestBodiesOfVersion3AreReadAsByNode(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	var requests []map[string]any
	var wants [][]string
	for len(requests) < 2000 {
		binary := r.Intn(2) == 0
		body := packets3{}.appendFrame(nil, wsframe.NewFrame(randomParts(r)...), binary)
		for range r.Intn(3) {
			at := r.Intn(len(body))
			switch r.Intn(4) {
			case 0:
				body[at] = "0123456789:b\x00\x01\x02\xff"[r.Intn(16)]
			case 1:
				body = body[:at+1]
			case 2:
				body = append(body[:at], body[min(len(body), at+1):]...)
				body = append(body, ':')
			case 3:
				body = append(body, body[at:]...)
			}
		}
		if !binary && !utf8.Valid(body) {
			continue
		}
		var want []string
		request := map[string]any{"body": hex.EncodeToString(body), "binary": binary}
		err := packets3{}.eachPacket(body, binary, func(p packet) bool {
			want = append(want, decoded3(p))
			return true
		})
		if err == nil {
			requests, wants = append(requests, request), append(wants, want)
		}
	}
	for i, a := range payload3[struct{ Packets []string }](t, requests) {
		require.Equal(t, wants[i], a.Packets, "%v", requests[i])
	}
}
