package interop_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// createTable creates the table of the attachments. Our nodes create it themselves, an emitter does not.
func (w *world) createTable(t *testing.T) {
	pgtest.Exec(t, w.url, "CREATE TABLE IF NOT EXISTS socket_io_attachments (id bigserial UNIQUE, created_at "+
		"timestamptz DEFAULT now(), payload bytea)")
}

// line is a line of the cheat sheet. The clients are in the rooms {}, {room1}, {room2}, {room1, room2}, {room3}.
type line struct {
	name string
	do   func(f *fixture, c []client) error
	sent int   // the type of the message
	hits []int // the indexes of the clients that receive the event
}

func emitted(name string, to interop.Target, hits []int, args ...any) line {
	return line{name, func(f *fixture, c []client) error {
		return f.from.Emit(f.ctx, socketsOf(to, c), "hello",
			args...)
	}, 3, hits}
}

func joined(name string, to interop.Target, rooms ...string) line {
	return line{name, func(f *fixture, c []client) error { return f.from.Join(f.ctx, socketsOf(to, c), rooms...) }, 4,
		nil}
}

func left(name string, to interop.Target, rooms ...string) line {
	return line{name, func(f *fixture, c []client) error { return f.from.Leave(f.ctx, socketsOf(to, c), rooms...) }, 5,
		nil}
}

func disconnected(name string, to interop.Target, closing bool) line {
	return line{name, func(f *fixture, c []client) error { return f.from.Disconnect(f.ctx, socketsOf(to, c), closing) },
		6, nil}
}

// socketsOf replaces the room "#n" by the id of client n.
func socketsOf(t interop.Target, c []client) interop.Target {
	for _, rooms := range []*[]string{&t.To, &t.Except} {
		*rooms = slices.Clone(*rooms)
		for i, room := range *rooms {
			if n, ok := strings.CutPrefix(room, "#"); ok {
				(*rooms)[i] = c[n[0]-'0'].ID()
			}
		}
	}
	return t
}

func except(rooms ...string) interop.Target { return interop.Target{Except: rooms} }

var everybody = []int{0, 1, 2, 3, 4}

// sheet has the lines of Socket.IO's emitter cheat sheet and some variations of them.
var sheet = []line{
	emitted("emit", interop.Target{}, everybody, 1, "2", map[string]any{"3": []any{4, nil}}),
	emitted("emitBinary", interop.Target{}, everybody, []byte{4, 0, 255}),
	emitted("emitLarge", interop.To("room1"), []int{1, 3}, strings.Repeat("ü", 9000)),
	emitted("emitLargeBinary", interop.To("room3"), []int{4}, bytes.Repeat([]byte{0xfe}, 20000)),
	emitted("toRoom", interop.To("room1"), []int{1, 3}),
	emitted("toRooms", interop.To("room1", "room2"), []int{1, 2, 3}),
	emitted("toSocket", interop.To("#2"), []int{2}),
	emitted("except", except("room1"), []int{0, 2, 4}),
	emitted("exceptSockets", except("#0", "#3"), []int{1, 2, 4}),
	emitted("toExcept", interop.Target{To: []string{"room1", "room3"}, Except: []string{"room2"}}, []int{1, 4}),
	emitted("volatile", interop.Target{To: []string{"room2"}, Volatile: true}, []int{2, 3}),
	emitted("compress", interop.Target{Compress: ptr(false)}, everybody),
	joined("socketsJoin", interop.Target{}, "new"),
	joined("socketsJoinRooms", interop.Target{To: []string{"room1"}, Except: []string{"room2"}}, "new", "room3"),
	joined("socketsJoinOfOneSocket", interop.To("#4"), "new"),
	left("socketsLeave", interop.Target{}, "room1"),
	left("socketsLeaveRooms", interop.To("room1"), "room1", "room2"),
	left("socketsLeaveOfOneSocket", interop.To("#3"), "room2"),
	disconnected("disconnectSockets", interop.Target{}, false),
	disconnected("disconnectSocketsOfARoom", interop.To("room1"), false),
	disconnected("disconnectSocketsAndClose", interop.To("room2"), true),
	disconnected("disconnectOneSocket", interop.To("#0"), true),
	{"serverSideEmit", func(f *fixture, c []client) error { return f.from.ServerSideEmit(f.ctx, "hello", 1, "2") }, 9,
		nil},
}

// TestInteropEmittersAreEqual: for every line of the cheat sheet, the same clients receive the same events from
// Node.js's emitter and from ours. (Adapter 0.5 drops the messages of Node.js's emitter.)
func TestInteropEmittersAreEqual(t *testing.T) {
	for _, receiver := range []string{interop.Adapter03, adapterGo} {
		t.Run("To"+receiver, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			theirs := emitterOpener{w.start(t, interop.Emitter).(nodeOpener)}
			ours := w.ourEmitter(t, pgxDriver, oneByOne)
			var to opener
			if receiver == adapterGo {
				to = w.startGo(t, pgxDriver)
			} else {
				to = w.start(t, receiver)
			}
			w.createTable(t)
			for _, l := range sheet {
				t.Run(l.name, func(t *testing.T) {
					want := effect(newFixture(t, w, theirs, to, scenario{}), l)
					require.Equal(t, want, effect(newFixture(t, w, ours, to, scenario{}), l))
				})
			}
		})
	}
}

// effect runs a line. It returns what the clients and the server received, and the rooms of the clients afterwards.
func effect(f *fixture, l line) []string {
	f.Helper()
	for _, event := range []string{"hello", "fence"} {
		require.NoError(f, f.to.OnServerSide(f.ctx, event, nil))
	}
	c := []client{f.join(f.to), f.join(f.to, "room1"), f.join(f.to, "room2"), f.join(f.to, "room1", "room2"),
		f.join(f.to, "room3")}
	require.NoError(f, l.do(f, c))
	f.sent(f.from, l.sent) // Node.js's emitter does not wait until it is sent
	var seen []string
	saw := func(who string, e interop.Event) {
		seen = append(seen, fmt.Sprintf("%s: %s %s", who, e.Event, brief(values(e.Args))))
	}
	for _, i := range l.hits { // later messages overtake attachments
		saw(fmt.Sprint("client ", i), f.next(c[i]))
	}
	require.NoError(f, f.from.ServerSideEmit(f.ctx, "fence"))
	for e := (interop.Event{}); ; saw("server", e) {
		var err error
		e, err = f.to.NextServerSide(f.ctx)
		require.NoError(f, err)
		if e.Event == "fence" {
			break
		}
	}
	require.NoError(f, f.from.Emit(f.ctx, interop.Target{}, "end"))
	for i, client := range c {
		who := fmt.Sprint("client ", i)
		rooms, err := client.Rooms(f.ctx)
		if g, ok := client.(*goClient); err != nil || ok && len(g.side.registry.SocketRooms(g.id)) == 0 {
			reason, err := client.Disconnected(f.ctx)
			require.NoError(f, err)
			seen = append(seen, who+" disconnected: "+reason)
			continue
		}
		for e := f.next(client); e.Event != "end"; e = f.next(client) {
			saw(who, e)
		}
		rooms = slices.DeleteFunc(slices.Clone(rooms), func(room string) bool { return room == client.ID() })
		slices.Sort(rooms)
		seen = append(seen, fmt.Sprintf("%s is in %q", who, rooms))
	}
	return seen
}

// brief shortens large values so that they can still be told apart.
func brief(args []any) string {
	text := fmt.Sprintf("%v", args)
	return fmt.Sprintf("%.60s (%d, %08x)", text, len(text), crc32.ChecksumIEEE([]byte(text)))
}
