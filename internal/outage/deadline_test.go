package outage_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// TestCallsReturnWhenTheirContextEnds makes many concurrent calls with 300 ms each, while the network drops all
// packets, or while the table is locked and an attachment is being stored. The calls have to wait for each
// other as well as for the server.
func TestCallsReturnWhenTheirContextEnds(t *testing.T) {
	const limit, busyMachine = 300 * time.Millisecond, 4 * time.Second // less than all other time limits
	calls := map[string]func(ctx context.Context, ns *backplane.Namespace) error{
		"Emit": func(ctx context.Context, ns *backplane.Namespace) error { return ns.Emit(ctx, "a") },
		"Emit/Large": func(ctx context.Context, ns *backplane.Namespace) error {
			return ns.Emit(ctx, "a", make([]byte, 100))
		},
		"Join": func(ctx context.Context, ns *backplane.Namespace) error { return ns.SocketsJoin(ctx, "a") },
		"FetchSockets": func(_ context.Context, ns *backplane.Namespace) error {
			_, err := ns.Timeout(limit).FetchSockets(context.Background())
			return err
		},
		"EmitWithAck": func(_ context.Context, ns *backplane.Namespace) error {
			_, err := ns.Timeout(limit).EmitWithAck(context.Background(), "a")
			return err
		},
		"ServerSideEmitWithAck": func(_ context.Context, ns *backplane.Namespace) error {
			_, err := ns.Timeout(limit).ServerSideEmitWithAck(context.Background(), "a")
			return err
		},
		"Namespace": func(ctx context.Context, ns *backplane.Namespace) error { return ns.Close(ctx) },
	}
	for name, hold := range map[string]func(t *testing.T, database string, proxy *pgtest.Proxy){
		"PacketsDropped": func(_ *testing.T, _ string, proxy *pgtest.Proxy) { proxy.Stall(pgtest.Both) },
		"TableLocked": func(t *testing.T, database string, _ *pgtest.Proxy) {
			conn, err := pgx.Connect(within(t), database)
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close(context.Background()) })
			_, err = conn.Exec(within(t), "BEGIN; LOCK TABLE "+postgres.DefaultTable+" IN ACCESS EXCLUSIVE MODE")
			require.NoError(t, err)
		},
	} {
		for _, k := range kinds {
			t.Run(name+"/"+k.name, func(t *testing.T) {
				t.Parallel()
				database := pgtest.Database(t)
				proxy := pgtest.NewProxy(t, database)
				a, b := startNode(t, k.openAt(t, proxy.URL())), startNode(t, k.openAt(t, database))
				waitForPeers(t, a, b)
				hold(t, database, proxy)
				require.NoError(t, a.rooms["/chat"].EmitAsync("ahead", make([]byte, 100)))
				var group sync.WaitGroup
				for name, call := range calls {
					ns := a.rooms["/"].Namespace
					if name == "Namespace" {
						ns = a.rooms["/chat"].Namespace
					}
					for range 3 {
						group.Go(func() {
							ctx, cancel := context.WithTimeout(context.Background(), limit)
							defer cancel()
							start := time.Now()
							err := call(ctx, ns)
							assert.Less(t, time.Since(start), limit+busyMachine, "%s returned %v", name, err)
						})
					}
				}
				group.Wait()
				ctx, cancel := context.WithTimeout(context.Background(), limit)
				defer cancel()
				start := time.Now()
				err := a.Close(ctx)
				assert.Less(t, time.Since(start), limit+busyMachine, "Close returned %v", err)
				proxy.Cut()
				proxy.Resume()
				require.NoError(t, a.Close(within(t)), "abandoned calls must end")
			})
		}
	}
}
