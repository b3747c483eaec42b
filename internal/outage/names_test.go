package outage_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// TestNamesAtTheirMaximumLength: identifiers in PostgreSQL have at most 63 bytes. It silently truncates longer
// channel names.
func TestNamesAtTheirMaximumLength(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		open := func(prefix, table string) *node {
			withPrefix := func(c *backplane.Config) { c.ChannelPrefix = prefix }
			return startNode(t, k.open(t, database, database, postgres.Config{Table: table}), withPrefix)
		}
		// Names of 63 bytes, with one and with two bytes per character.
		long := map[string]string{"Letters": strings.Repeat("p", 61), "Runes": strings.Repeat("ü", 30) + "p"}
		for name, prefix := range long {
			t.Run(name, func(t *testing.T) {
				table := prefix + "tt"
				openBus := func() transport.Bus {
					return k.open(t, database, database, postgres.Config{Table: table}).bus
				}
				config := backplane.Config{Bus: openBus(), ChannelPrefix: prefix}
				var nodes [2]*backplane.Namespace
				var clients [2]*client
				for i := range nodes {
					cluster, err := backplane.Open(within(t), config)
					require.NoError(t, err)
					t.Cleanup(func() { _ = cluster.Close(within(t)) })
					clients[i] = &client{id: fmt.Sprint(i)}
					registry := backplane.NewRegistry(backplane.RegistryConfig{})
					registry.Add(clients[i])
					nodes[i], err = cluster.Namespace(within(t), "/", registry)
					require.NoError(t, err, "63 bytes must be allowed")
					_, err = cluster.Namespace(within(t), "/x", registry)
					requireNameError(t, err, "namespace", "shorten")
					config.Bus = openBus()
				}
				require.NoError(t, nodes[0].Emit(within(t), "e", "0", 1, large))
				clients[1].got.wait(t, "a large message", 0, 1, func(e event) bool { return e.number == 1 })
			})
		}
		t.Run("OneByteTooLong", func(t *testing.T) {
			h := k.openAt(t, database)
			_, err := backplane.Open(within(t), backplane.Config{Bus: h.bus, ChannelPrefix: strings.Repeat("p", 62)})
			requireNameError(t, err, "channel prefix", "at most 61")
			tooLong := k.open(t, database, database, postgres.Config{Table: strings.Repeat("t", 64)})
			_, err = backplane.Open(within(t), backplane.Config{Bus: tooLong.bus})
			var table *postgres.NameError
			require.ErrorAs(t, err, &table)
			require.Contains(t, err.Error(), "63 bytes")

			n := open("", "")
			registry := backplane.NewRegistry(backplane.RegistryConfig{})
			_, err = n.Namespace(within(t), "/"+strings.Repeat("n", 53), registry) // plus "socket.io#"
			requireNameError(t, err, "namespace", "shorten")
			for _, bad := range []string{"", "chat", "/\x00", "/\xff"} {
				_, err = n.Namespace(within(t), bad, registry)
				requireNameError(t, err, "namespace", "")
			}
			requireDelivery(t, n) // the node must still work
		})
	})
}

func requireNameError(t *testing.T, err error, kind, hint string) {
	t.Helper()
	var name *backplane.NameError
	require.ErrorAs(t, err, &name)
	require.Equal(t, kind, name.Kind)
	require.Contains(t, err.Error(), hint)
}

// hostileNames are names that a client may choose.
var hostileNames = []string{
	`"`, `""`, `'`, `\`, `\'; --`, `"; DROP TABLE socket_io_attachments; --`, `'); SELECT pg_sleep(60); --`,
	`$1`, `$$`, `%s`, "🚀🚀", "a\nb\tc\r", `E'\\x00'`, `/*`,
	`U&"\0041"`, "\u202e", "socket.io#/", "ünï\u0301", " ", "{}", `a,b`,
}

// TestHostileNames: the names of namespaces, rooms and events are data, whatever they contain.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		a := startNode(t, k.open(t, database, database, postgres.Config{Table: `at"tach'ments; --`}))
		b := startNode(t, k.open(t, database, database, postgres.Config{Table: `at"tach'ments; --`}))
		for _, name := range hostileNames {
			nsp := "/" + name
			a.join(t, nsp)
			registry := backplane.NewRegistry(backplane.RegistryConfig{})
			in, out := &client{id: "in"}, &client{id: "out"}
			registry.Add(in, append(hostileNames, "NUL \x00")...)
			registry.Add(out)
			_, err := b.Namespace(within(t), nsp, registry)
			require.NoError(t, err, "%q", nsp)
			for _, room := range []string{name, "NUL \x00"} {
				mark := in.got.mark()
				require.NoError(t, a.rooms[nsp].To(room).Emit(within(t), "e "+name, name, 1), "to room %q", room)
				require.NoError(t, a.rooms[nsp].To(room).Emit(within(t), "e "+name, name, 2, large), "to room %q", room)
				got, _ := in.got.wait(t, fmt.Sprintf("messages to room %q of %q", room, nsp), mark, 2, nil)
				require.Equal(t, []event{{"e " + name, name, 1}, {"e " + name, name, 2}}, got)
			}
			require.Zero(t, out.got.mark(), "a client outside of the room %q must receive nothing", name)
		}
		require.Zero(t, a.errors.mark()+b.errors.mark(), "no error may be reported")
	})
}
