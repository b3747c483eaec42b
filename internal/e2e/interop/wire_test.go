package interop_test

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

var uidPattern = regexp.MustCompile("^[0-9a-f]{16}$")

// checkWire checks every message that a Go side sent in a scenario against the rules that Node.js relies on.
func checkWire(f *fixture) {
	ours := make(map[string]bool)
	for _, s := range []side{f.from, f.to} {
		if s != nil && s.kind().isGo() {
			ours[s.UID()] = true
		}
	}
	for _, m := range f.recording.Seen.Take() {
		if ours[m.UID] {
			checkMessage(f, m)
		}
	}
}

func checkMessage(f *fixture, m interop.Message) {
	f.Helper()
	failed := f.Failed()
	defer func() {
		if f.Failed() && !failed {
			f.Logf("the message was %.2000s", m.Payload)
		}
	}()
	require.Less(f, len(m.Payload), 8000, "a notification must have less than 8000 bytes")
	if m.UID != codec.EmitterUID {
		require.Regexp(f, uidPattern, m.UID)
	}
	require.Equal(f, f.nsp, m.NSP, "the notification must name the namespace, even if it refers to an attachment")
	if m.AttachmentID != "" {
		var header map[string]any
		require.NoError(f, json.Unmarshal([]byte(m.Payload), &header))
		require.IsType(f, "", header["attachmentId"], "attachmentId must be a string, as in Node.js")
		require.NotContains(f, header, "data")
	}
	require.Equal(f, float64(m.Type), m.Body["type"])
	require.Equal(f, m.UID, m.Body["uid"])
	require.Equal(f, f.nsp, m.Body["nsp"])
	require.Equal(f, "_sio_adapter", m.Body["source"], "source must be set, because workers ignore messages without it")
	data, has := m.Body["data"].(map[string]any)
	require.Equal(f, m.Type >= 3 && m.Type <= 12, has, "data")
	checkData(f, m.Type, data)
}

func checkData(f *fixture, messageType int, data map[string]any) {
	f.Helper()
	if id, has := data["requestId"]; has {
		require.IsType(f, "", id, "requestId must be a string: Node.js treats null as a request for an answer")
		require.NotEmpty(f, id)
	} else {
		require.NotContains(f, []int{7, 8, 10, 11, 12}, messageType, "requestId")
	}
	switch messageType {
	case 3:
		packet, _ := data["packet"].(map[string]any)
		require.Equal(f, 2.0, packet["type"])
		require.NotEmpty(f, packet["data"])
		require.NotContains(f, packet, "id")
		checkOpts(f, data["opts"])
	case 4, 5:
		require.IsType(f, []any{}, data["rooms"])
		checkOpts(f, data["opts"])
	case 6:
		require.IsType(f, true, data["close"])
		checkOpts(f, data["opts"])
	case 7:
		checkOpts(f, data["opts"])
	case 8:
		require.IsType(f, []any{}, data["sockets"])
		for _, s := range data["sockets"].([]any) {
			checkSocket(f, s)
		}
	case 9:
		require.NotEmpty(f, data["packet"])
	case 11:
		require.IsType(f, 0.0, data["clientCount"])
	}
}

func checkOpts(f *fixture, v any) {
	f.Helper()
	opts, _ := v.(map[string]any)
	require.IsType(f, []any{}, opts["rooms"])
	require.IsType(f, []any{}, opts["except"])
	flags, _ := opts["flags"].(map[string]any)
	require.NotNil(f, flags, "flags must be present, as in Node.js")
	require.NotContains(f, flags, "local")
	require.NotEqual(f, false, flags["volatile"], "volatile must be left out when it is false")
	if timeout, has := flags["timeout"]; has {
		require.Positive(f, timeout)
	}
}

func checkSocket(f *fixture, v any) {
	f.Helper()
	s, _ := v.(map[string]any)
	require.IsType(f, "", s["id"])
	require.IsType(f, []any{}, s["rooms"])
	require.Contains(f, s, "data")
	handshake, _ := s["handshake"].(map[string]any)
	for _, key := range strings.Fields("headers time address xdomain secure issued url query auth") {
		assert.Contains(f, handshake, key)
	}
}
