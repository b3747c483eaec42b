package interop_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// TestInteropLegacyEmitter: our emitter reaches the clients of Node.js's nodes and of ours, in all its ways of sending.
func TestInteropLegacyEmitter(t *testing.T) {
	for _, c := range []struct{ receiver, driver, way string }{
		{interop.Legacy, pgxDriver, oneByOne},
		{interop.Legacy, pqDriver, oneByOne},
		{interop.Legacy, pgxDriver, inBatches},
		{interop.Legacy, pgxDriver, inTransaction},
		{interop.Legacy, pqDriver, inTransaction},
		{adapterGo, pgxDriver, inTransaction},
		{adapterGo, pqDriver, oneByOne},
	} {
		t.Run("To"+c.receiver+"/"+c.driver+"/"+c.way, func(t *testing.T) {
			t.Parallel()
			w := newLegacyWorld(t)
			var to opener
			if c.receiver == adapterGo {
				to = w.startGo(t, c.driver)
			} else {
				to = w.startLegacy(t)
			}
			from := w.ourEmitter(t, c.driver, c.way)
			for _, s := range legacyEmitterScenarios() {
				t.Run(fmt.Sprintf("type%03d_%s/%s", s.types, s.types, s.name), func(t *testing.T) {
					s.run(newFixture(t, w, from, to, s))
				})
			}
		})
	}
}

// legacyEmitterScenarios are the scenarios for a sender that has no clients.
func legacyEmitterScenarios() []scenario {
	all := []scenario{
		{types: codec.Broadcast, name: "toRooms", run: func(f *fixture) {
			a, b, none := f.join(f.to, "a"), f.join(f.to, "a", "b"), f.join(f.to)
			f.emit(f.from, interop.To("a"), "to a", 1)
			f.expect([]client{a, b}, "to a", 1)
			f.emit(f.from, interop.To("b", "nobody", none.ID()), "to b", 1)
			f.expect([]client{b, none}, "to b", 1)
			f.emit(f.from, interop.Target{To: []string{"a", "b"}, Except: []string{b.ID()}}, "but one")
			f.expect([]client{a}, "but one")
			f.emit(f.from, interop.Target{Except: []string{a.ID(), b.ID()}}, "but two")
			f.expect([]client{none}, "but two")
			f.fence(f.from, a, b, none)
		}},
		{types: codec.SocketsJoin, name: "isAnError", run: func(f *fixture) {
			c := f.join(f.to)
			var unsupported *backplane.UnsupportedError
			require.ErrorAs(f, f.from.Join(f.ctx, interop.Target{}, "room"), &unsupported)
			require.ErrorAs(f, f.from.Leave(f.ctx, interop.To(c.ID()), "room"), &unsupported)
			require.ErrorAs(f, f.from.Disconnect(f.ctx, interop.To(c.ID()), true), &unsupported)
			require.ErrorAs(f, f.from.ServerSideEmit(f.ctx, "event"), &unsupported)
			f.fence(f.from, c)
		}},
	}
	for _, s := range append(legacyBroadcastScenarios(), legacySizeScenarios...) {
		switch s.name {
		case "text", "nestedBinary", "emoji", "longStructure", "hugeNumbers", "valuesOfJavaScript", "allFlags",
			"7800To8100Bytes", "1MiB", "smallAndLargeKeepTheirOrder":
			all = append(all, s)
		}
	}
	return all
}

// TestInteropLegacyEmitterInOneTransaction: equal events of one transaction all arrive in order if it commits, although
// PostgreSQL merges equal notifications. Large ones are pieces of one transaction.
func TestInteropLegacyEmitterInOneTransaction(t *testing.T) {
	for _, driver := range []string{pgxDriver, pqDriver} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			ctx := patient(t)
			w := newLegacyWorld(t)
			sides := legacyNodes(t, ctx, "/", w.startLegacy(t), w.startGo(t, driver))
			f := &fixture{T: t, ctx: ctx}
			all := []client{f.join(sides[0]), f.join(sides[1])}
			large := strings.Repeat("€", 5000)
			events := func(e emitter.Target) error {
				for range 3 {
					if err := e.Emit(ctx, "equal", 1); err != nil {
						return err
					}
				}
				return e.Emit(ctx, "large", large)
			}
			send := w.ourEmitter(t, driver, inTransaction).send
			require.ErrorContains(t, send(ctx, func(e emitter.Target) error {
				if err := events(e); err != nil {
					return err
				}
				return fmt.Errorf("rolled back")
			}), "rolled back")
			require.NoError(t, send(ctx, events))
			for range 3 {
				f.expect(all, "equal", 1)
			}
			f.expect(all, "large", large)
			batches := w.ourEmitter(t, driver, inBatches).send
			require.NoError(t, batches(ctx, events))
			for range 3 {
				f.expect(all, "equal", 1)
			}
			f.expect(all, "large", large)
			f.fence(sides[1], all...)
		})
	}
}

// TestInteropLegacyUnsupported: what the dialect has no message for is an error, and nothing has happened then.
func TestInteropLegacyUnsupported(t *testing.T) {
	for _, driver := range []string{pgxDriver, pqDriver} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			ctx := patient(t)
			w := newLegacyWorld(t)
			sides := legacyNodes(t, ctx, "/", w.startLegacy(t), w.startGo(t, driver))
			f := &fixture{T: t, ctx: ctx}
			near, far := f.join(sides[1], "room"), f.join(sides[0], "room")
			recording, err := w.recorder.Listen(ctx, w.channel("/"))
			require.NoError(t, err)
			ns := sides[1].(*goSide).ns
			emitWithAck := func(to backplane.Target) error {
				_, err := to.EmitWithAck(ctx, "event")
				return err
			}
			for name, err := range map[string]error{
				"FetchSockets":     func() error { _, err := ns.FetchSockets(ctx); return err }(),
				"FetchSocketsTo":   func() error { _, err := ns.To("room").FetchSockets(ctx); return err }(),
				"EmitWithAck":      emitWithAck(ns.Target),
				"EmitWithAckTo":    emitWithAck(ns.To("room")),
				"ServerSideEmit":   ns.ServerSideEmit(ctx, "event", 1),
				"ServerSideAck":    func() error { _, err := ns.ServerSideEmitWithAck(ctx, "event"); return err }(),
				"SocketsJoin":      ns.SocketsJoin(ctx, "other"),
				"SocketsJoinTo":    ns.To("room").SocketsJoin(ctx, "other"),
				"SocketsLeave":     ns.To("room").SocketsLeave(ctx, "room"),
				"DisconnectSocket": ns.To(near.ID()).DisconnectSockets(ctx, true),
			} {
				var unsupported *backplane.UnsupportedError
				require.ErrorAs(t, err, &unsupported, name)
				require.Equal(t, "legacy", unsupported.Dialect)
				require.NotEmpty(t, unsupported.Error())
			}
			f.emit(sides[1], interop.To("room"), "fence")
			f.expect([]client{near, far}, "fence")
			m, err := recording.Messages.Next(ctx)
			require.NoError(t, err)
			require.Contains(t, m.Payload, "#/#room#", "nothing may have been sent before")
			for _, c := range []client{near, far} {
				rooms, err := c.Rooms(ctx)
				require.NoError(t, err)
				require.ElementsMatch(t, []string{c.ID(), "room"}, rooms)
			}
			// The same for this node's own sockets works.
			local := ns.To("room").Local()
			require.NoError(t, local.SocketsJoin(ctx, "other"))
			sockets, err := ns.To("other").Local().FetchSockets(ctx)
			require.NoError(t, err)
			require.Len(t, sockets, 1)
			answers, err := local.EmitWithAck(ctx, "ask", 1)
			require.NoError(t, err)
			require.Len(t, answers, 1)
			f.expect([]client{near}, "ask", 1)
			require.NoError(t, local.SocketsLeave(ctx, "other"))
			require.NoError(t, local.DisconnectSockets(ctx, false))
			_, err = near.Disconnected(ctx)
			require.NoError(t, err)
			f.fence(sides[0], far)
		})
	}
}
