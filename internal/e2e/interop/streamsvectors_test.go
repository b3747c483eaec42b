package interop_test

import (
	"bufio"
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/internal/streamentry"
)

// TestInteropRedisStreamsVectors records each message of @socket.io/redis-streams-adapter and compares them with the
// vectors that package dialect/redisstreams is tested with.
func TestInteropRedisStreamsVectors(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	port, err := strconv.Atoi(server.Port())
	require.NoError(t, err)
	r := &redisRecorder{T: t, ctx: patient(t), port: port, streams: true}
	r.decoder = r.start(interop.RedisStreams, "decoder")
	require.NoError(t, r.decoder.Exit(r.ctx)) // it would be counted
	asker, answerer := r.start(interop.RedisStreams, "asker"), r.start(interop.RedisStreams, "answerer")
	r.decoder, r.heard = answerer, commands(t, server)
	for _, nsp := range []string{"/", "/chat"} {
		asks, answers := r.open(asker, nsp), r.open(answerer, nsp)
		require.NoError(r, asks.AwaitServerCount(r.ctx, 2))
		name := func(what string) string { return what + " in " + nsp }
		recordTargets(r, nsp, asks, asks, name)
		recordRedisRequests(r, nsp, asks, answers, name)
	}
	recordRedisValues(r, r.open(asker, "/"), interop.RedisStreams)
	compareRedisVectors(r, "redisstreams")
}

// commands returns a function that waits for the next message that somebody publishes or adds to a stream. MONITOR
// shows both in the order in which the server gets them.
func commands(t *testing.T, server *redistest.Server) func() (channel, payload string) {
	conn, err := net.Dial("tcp", server.Address())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	in := bufio.NewReader(conn)
	line := func() string {
		text, err := in.ReadString('\n')
		require.NoError(t, err)
		return strings.TrimRight(text, "\r\n")
	}
	_, err = conn.Write([]byte("MONITOR\r\n"))
	require.NoError(t, err)
	require.Equal(t, "+OK", line())
	return func() (channel, payload string) {
		for {
			_, command, _ := strings.Cut(line(), "] ") // +time [database address] "XADD" "stream" "MAXLEN" …
			var args []string
			for command != "" {
				quoted, err := strconv.QuotedPrefix(command)
				require.NoError(t, err, command)
				arg, err := strconv.Unquote(quoted)
				require.NoError(t, err, quoted)
				args, command = append(args, arg), strings.TrimPrefix(command[len(quoted):], " ")
			}
			switch args[0] {
			case "PUBLISH":
				return args[1], args[2]
			case "XADD":
				require.Equal(t, []string{"MAXLEN", "~", "10000", "*"}, args[2:6])
				p := streamentry.Append(nil, args[6:]...)
				if nsp := fieldsOf(p)["nsp"]; nsp != "" {
					return streamentry.Channel(args[1], nsp), string(p)
				}
			}
		}
	}
}

func fieldsOf(p []byte) map[string]string {
	fields := make(map[string]string)
	_ = streamentry.Each(p, func(name, value []byte) { fields[string(name)] = string(value) })
	return fields
}

// decodable returns a message as DecodeRedis takes it: an entry of a stream as JSON of its fields.
func decodable(r *redisRecorder, payload string) []byte {
	if !r.streams || !strings.HasPrefix(payload, "*") {
		return []byte(payload)
	}
	p, err := json.Marshal(fieldsOf([]byte(payload)))
	require.NoError(r, err)
	return p
}
