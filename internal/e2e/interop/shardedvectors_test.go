package interop_test

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/redistest"
)

// TestInteropRedisShardedVectors records each message of sharded adapters and compares them with the vectors that
// package dialect/redissharded is tested with.
func TestInteropRedisShardedVectors(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	port, err := strconv.Atoi(server.Port())
	require.NoError(t, err)
	r := &redisRecorder{T: t, ctx: patient(t), port: port, heard: monitor(t, server), mode: "dynamic"}
	r.decoder = r.start(interop.RedisEmitter, "decoder")
	recordRedisAdapter(r, interop.Redis8)
	for _, mode := range []string{"dynamic", "dynamic-private"} {
		r.mode = mode
		ns := r.open(r.start(interop.Redis8, mode), "/chat")
		for _, room := range []string{"twenty-one characters", "twenty characters 20", "twenty characters 😀"} {
			r.record(fmt.Sprintf("%s: broadcast to the room %s", mode, room), "/chat", ns, func() error {
				return ns.Emit(r.ctx, interop.To(room), "event")
			})
		}
	}
	compareRedisVectors(r, "redissharded")
}

// monitor returns a function that waits for the next message that somebody publishes on a sharded channel of a server.
// No pattern matches such channels.
func monitor(t *testing.T, server *redistest.Server) func() (channel, payload string) {
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
			_, command, _ := strings.Cut(line(), "] ") // +time [database address] "SPUBLISH" "channel" "payload"
			command, ok := strings.CutPrefix(command, `"SPUBLISH" `)
			if !ok {
				continue
			}
			var args []string
			for range 2 {
				quoted, err := strconv.QuotedPrefix(command)
				require.NoError(t, err, command)
				arg, err := strconv.Unquote(quoted)
				require.NoError(t, err, quoted)
				args, command = append(args, arg), strings.TrimPrefix(command[len(quoted):], " ")
			}
			return args[0], args[1]
		}
	}
}
