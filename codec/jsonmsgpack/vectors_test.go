package jsonmsgpack_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

// vectors is the output of testdata/vectors.js, which calls the npm packages.
type vectors struct {
	Messages []struct {
		From, Name, Channel, Payload string
		Attachment                   []byte
	}
	Msgpack []struct {
		Value   json.RawMessage
		Msgpack string
	}
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	p, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(p, &v))
	return v
}

// expectation is the expected envelope. Its user data is given as JSON, with bytes as base64.
type expectation struct {
	env     codec.Envelope
	args    string
	value   string
	sockets [][2]string // handshake, data
}

const (
	handshake = `{"headers":{"user-agent":"node"},"time":"Tue Jan 02 2024 03:04:05 GMT+0000","address":"::1",` +
		`"xdomain":false,"secure":false,"issued":1704164645678,"url":"/socket.io/?EIO=4","query":{"EIO":"4"},` +
		`"auth":{"token":"<é>"}}`
	requester = "00000000000000bb"
	acker     = "00000000000000cc"
	fetcher   = "00000000000000aa"
	first     = "0000000000000011"
)

func long(n int) string { return strings.Repeat(`é\n`, n/2) }

// expected lists the meaning of each message of the adapter.
var expected = func() map[string]expectation {
	no := false
	room1 := codec.Opts{Rooms: []string{"room1"}}
	s1 := []codec.Socket{{ID: "s1", Rooms: []string{"s1", "room1"}}}
	return map[string]expectation{
		"initial heartbeat": {env: codec.Envelope{Type: codec.InitialHeartbeat}},
		"heartbeat":         {env: codec.Envelope{Type: codec.Heartbeat}},
		"close":             {env: codec.Envelope{Type: codec.AdapterClose}},
		"broadcast": {env: codec.Envelope{Type: codec.Broadcast, Opts: codec.Opts{
			Rooms: []string{"room1", "42", "1.5"}, Except: []string{"room2"},
			Flags: codec.Flags{Volatile: true, Compress: &no},
		}}, args: "[\"hello\",1,\"two é\u2028\\u0000\",null,{\"three\":[3.5,true],\"nested\":{}}]"},
		"broadcast to all":              {env: codec.Envelope{Type: codec.Broadcast}, args: `["hello"]`},
		"broadcast of a numbered event": {env: codec.Envelope{Type: codec.Broadcast}, args: `[7,8]`},
		"broadcast with ack": {env: codec.Envelope{Type: codec.Broadcast, RequestID: first, Opts: codec.Opts{
			Rooms: []string{"room1"}, Flags: codec.Flags{Timeout: 1500 * time.Millisecond, ExpectSingleResponse: true},
		}}, args: `["ask","x"]`},
		"broadcast binary": {env: codec.Envelope{Type: codec.Broadcast, Opts: room1},
			args: `["bytes","AAH/",{"deep":["Bw==","2024-01-02T03:04:05.678Z",null,0,null,9007199254740992,-3.25]}]`},
		"broadcast large": {env: codec.Envelope{Type: codec.Broadcast}, args: `["large","` + long(5000) + `"]`},
		"join":            {env: codec.Envelope{Type: codec.SocketsJoin, Opts: room1, Rooms: []string{"a", "b"}}},
		"leave": {env: codec.Envelope{Type: codec.SocketsLeave,
			Opts: codec.Opts{Except: []string{"room1"}}, Rooms: []string{"a", "5"}}},
		"disconnect":        {env: codec.Envelope{Type: codec.DisconnectSockets, Opts: room1, Close: true}},
		"disconnect softly": {env: codec.Envelope{Type: codec.DisconnectSockets, Opts: room1}},
		"fetch": {env: codec.Envelope{Type: codec.FetchSockets, RequestID: first, Opts: codec.Opts{
			Rooms: []string{"room1"}, Flags: codec.Flags{Timeout: time.Minute},
		}}},
		"fetched": {env: codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: fetcher, Sockets: s1},
			sockets: [][2]string{{handshake, `{"name":"é","n":1}`}}},
		"fetched none": {env: codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: fetcher}},
		"fetched binary": {env: codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: fetcher, Sockets: s1},
			// a Uint8Array is not a Buffer in JSON
			sockets: [][2]string{{handshake, `{"photo":"AQID","list":[{"0":4}]}`}}},
		"fetched large": {env: codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: fetcher, Sockets: s1},
			sockets: [][2]string{{handshake, `{"photo":"AQID","text":"` + long(8000) + `"}`}}},
		"server side emit": {env: codec.Envelope{Type: codec.ServerSideEmit}, args: `["ping",1,{"a":"b"}]`},
		"server side emit with ack": {env: codec.Envelope{Type: codec.ServerSideEmit, RequestID: first},
			args: `["ping"]`},
		"server side emit binary": {env: codec.Envelope{Type: codec.ServerSideEmit}, args: `["ping","CQ=="]`},
		"answer": {env: codec.Envelope{Type: codec.ServerSideEmitResponse, RequestID: requester},
			value: `{"pong":[1]}`},
		"answer undefined": {env: codec.Envelope{Type: codec.ServerSideEmitResponse, RequestID: requester},
			value: `null`},
		"answer null": {env: codec.Envelope{Type: codec.ServerSideEmitResponse, RequestID: requester},
			value: `null`},
		"answer binary": {env: codec.Envelope{Type: codec.ServerSideEmitResponse, RequestID: requester},
			value: `"AQI="`},
		"client count": {env: codec.Envelope{Type: codec.BroadcastClientCount, RequestID: acker,
			ClientCount: 1}},
		"client count of none": {env: codec.Envelope{Type: codec.BroadcastClientCount, RequestID: acker}},
		"client ack": {env: codec.Envelope{Type: codec.BroadcastAck, RequestID: acker},
			value: `["yes",1]`},
		"client ack undefined": {env: codec.Envelope{Type: codec.BroadcastAck, RequestID: acker}, value: `null`},
		"client ack binary": {env: codec.Envelope{Type: codec.BroadcastAck, RequestID: acker},
			value: `{"b":"BQ=="}`},
	}
}()

// expectedOfEmitter lists the messages that the emitter writes differently.
var expectedOfEmitter = map[string]expectation{
	"broadcast": {env: expected["broadcast"].env, args: `["hello",1,"two",null]`},
	"broadcast binary": {env: codec.Envelope{Type: codec.Broadcast},
		args: `["bytes","AAH/","2024-01-02T03:04:05.678Z"]`},
	"leave": {env: codec.Envelope{Type: codec.SocketsLeave, Opts: codec.Opts{Except: []string{"room1"}},
		Rooms: []string{"a"}}},
}

func TestMessagesOfNodeAreParsed(t *testing.T) {
	count := map[string]int{}
	for _, m := range readVectors(t).Messages {
		t.Run(m.From+"/"+m.Name, func(t *testing.T) {
			count[m.From]++
			want := expected[m.Name]
			uid, nsp := "0000000000000001", "/chat"
			if m.From == "emitter" {
				uid = codec.EmitterUID
				if e, ok := expectedOfEmitter[m.Name]; ok {
					want = e
				}
			}
			if m.From == "emitter" || m.From == "adapter 0.3" {
				nsp = ""
			}
			require.NotZero(t, want.env.Type, "the test has no expectation for this message")
			want.env.UID, want.env.NSP = uid, nsp
			assert.Equal(t, "socket.io#/chat", m.Channel)

			env, err := jsonmsgpack.Codec{}.Parse([]byte(m.Payload), codec.Text)
			require.NoError(t, err, "%s", m.Payload)
			if m.Attachment != nil {
				assert.NotEmpty(t, env.AttachmentID)
				assert.Equal(t, &codec.Envelope{Type: want.env.Type, UID: uid, AttachmentID: env.AttachmentID}, env)
				env, err = jsonmsgpack.Codec{}.Parse(m.Attachment, codec.Binary)
				require.NoError(t, err)
			}
			checkEnvelope(t, want, env)
			checkAgain(t, want, env)
		})
	}
	assert.Equal(t, map[string]int{"adapter 0.3": 29, "adapter 0.4": 30, "adapter 0.5": 30, "emitter": 8}, count)
}

func checkEnvelope(t *testing.T, want expectation, env *codec.Envelope) {
	t.Helper()
	if want.args != "" {
		assert.Equal(t, want.args, env.Args.String())
		again, err := codec.ArgsOf(env.Args.Value())
		require.NoError(t, err)
		assert.Equal(t, again, env.Args, "the event and the length must match the data")
	}
	if want.value != "" {
		assert.Equal(t, want.value, env.Value.String())
	}
	got := *env
	got.Args, got.Value = codec.Args{}, codec.Value{}
	got.Sockets = nil
	for i, s := range env.Sockets {
		require.Less(t, i, len(want.sockets))
		assert.Equal(t, want.sockets[i][0], s.Handshake.String())
		assert.Equal(t, want.sockets[i][1], s.Data.String())
		s.Handshake, s.Data = codec.Value{}, codec.Value{}
		got.Sockets = append(got.Sockets, s)
	}
	assert.Equal(t, want.env, got)
}

// checkAgain encodes env in both forms and parses the results.
func checkAgain(t *testing.T, want expectation, env *codec.Envelope) {
	t.Helper()
	for _, f := range []codec.Format{codec.Text, codec.Binary} {
		p, err := jsonmsgpack.Codec{}.Append(nil, env, f)
		if f == codec.Text && err != nil {
			require.ErrorIs(t, err, codec.ErrBinary)
			continue
		}
		require.NoError(t, err)
		again, err := jsonmsgpack.Codec{}.Parse(p, f)
		require.NoError(t, err)
		checkEnvelope(t, want, again)
	}
}

// TestVectorsMatchThePackages runs the script again.
func TestVectorsMatchThePackages(t *testing.T) {
	modules := os.Getenv("BACKPLANE_TEST_NODE_MODULES")
	if modules == "" {
		t.Skip("BACKPLANE_TEST_NODE_MODULES is not set: the vectors are not compared with the npm packages")
	}
	script, err := filepath.Abs("testdata/vectors.js")
	require.NoError(t, err)
	cmd := exec.Command("node", script)
	cmd.Dir = filepath.Dir(modules)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	cmd.Stderr = os.Stderr
	got, err := cmd.Output()
	require.NoError(t, err)
	want, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	require.Equal(t, strings.Split(string(want), "\n"), strings.Split(string(got), "\n"))
}
