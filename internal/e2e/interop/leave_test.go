package interop_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// TestInteropLeaveMessageIsTheLast: after an ADAPTER_CLOSE, Node.js takes any message as a heartbeat and would count,
// and wait for, a node that has left. So ADAPTER_CLOSE must be a node's last message, whatever it receives while it
// closes.
func TestInteropLeaveMessageIsTheLast(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newWorld(t)
	ours := w.startGo(t, pgxDriver)
	conn, err := pgx.Connect(ctx, w.url)
	require.NoError(t, err)
	defer conn.Close(ctx)

	for range 20 {
		f := &fixture{T: t, ctx: ctx, nsp: fmt.Sprintf("/n%d", lastNamespace.Add(1))}
		channel := w.prefix + "#" + f.nsp
		f.recording, err = w.recorder.Listen(ctx, channel)
		require.NoError(t, err)
		f.from, err = ours.open(ctx, f.nsp)
		require.NoError(t, err)
		closed := make(chan error, 1)
		for i := range 200 {
			if i == 100 {
				go func() { closed <- f.from.Close(ctx) }()
			}
			// new nodes announce themselves, and the closing node answers
			_, err := conn.Exec(ctx,
				`SELECT pg_notify($1, json_build_object('type', 1, 'uid', 'new', 'nsp', $2::text)::text)`,
				channel, f.nsp)
			require.NoError(t, err)
		}
		require.NoError(t, <-closed)
		f.sent(f.from, 13)
		_, err := conn.Exec(ctx, `SELECT pg_notify($1, '{"type":2,"uid":"the end"}')`, channel)
		require.NoError(t, err)
		_, err = f.recording.Await(ctx, "the end", 2)
		require.NoError(t, err)
		over := false
		for _, m := range f.recording.Seen.Take() {
			if m.UID == f.from.UID() {
				require.False(t, over, "the node must send nothing after its ADAPTER_CLOSE, but sent %s", m.Payload)
				over = m.Type == 13
			}
		}
	}
}
