package interop_test

import (
	"math"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// legacyBroadcastScenarios are the broadcasts of legacy clusters: to whom, with which values and flags.
func legacyBroadcastScenarios() []scenario {
	var all []scenario
	for _, c := range contents {
		switch c.name {
		case "numbers", "date", "dateBesideBinary": // see below
		default:
			all = append(all, legacyContent(c.name, c.args...))
		}
	}
	all = append(all,
		legacyContent("numbers", 0, -1, 127, 128, 255, 256, 65536, int64(1<<31), int64(1<<53-1), int64(-(1<<53)+1)),
		legacyContent("floats", 0.1, -2.5e-9, math.SmallestNonzeroFloat64, 1e15, float64(1<<40)+0.5, 1e-7),
		scenario{name: "hugeNumbers", run: legacyHugeNumbers},
		legacyContent("largeNumbers", int64(math.MaxUint32), int64(math.MaxUint32)+1, math.MinInt32,
			int64(math.MinInt32)-1),
		legacyContent("binaryOf64KiB", []byte(strings.Repeat("\x00\xff\x7f\x80", 16<<10)), "behind"),
		scenario{name: "valuesOfJavaScript", run: legacyDatesAndUndefined},
	)
	for _, s := range roomScenarios {
		switch {
		case s.name == "roomNamesOfAllKinds", s.name == "localIsNotPublished": // see below
		case !strings.Contains(strings.ToLower(s.name), "except"):
			all = append(all, s)
		}
	}
	all = append(all,
		scenario{name: "fromAClientToAllOthers", run: legacyFromClient},
		scenario{name: "exceptSocket", run: legacyExceptSocket},
		scenario{name: "exceptRoom", run: legacyExceptRoom},
		scenario{name: "roomNamesOfAllKinds", run: legacyRoomNames},
		scenario{name: "localIsNotPublished", run: legacyLocal},
		legacyFlagged("volatile", interop.Target{Volatile: true}),
		legacyFlagged("compressed", interop.Target{Compress: ptr(true)}),
		legacyFlagged("notCompressed", interop.Target{Compress: ptr(false)}),
		legacyFlagged("allFlags", interop.Target{Volatile: true, Compress: ptr(false), To: []string{"a"}}),
	)
	for i := range all {
		all[i].types = codec.Broadcast
	}
	return all
}

// audience connects clients in the room "a": one of the sender, unless it is no node, and two of the receiver.
func (f *fixture) audience() []client {
	f.Helper()
	all := []client{f.join(f.to, "a"), f.join(f.to, "a")}
	if _, isOutside := f.from.(emitterOf); !isOutside {
		all = append(all, f.join(f.from, "a"))
	}
	return all
}

// legacyContent sends arguments that must arrive unchanged at the clients of both sides.
func legacyContent(name string, args ...any) scenario {
	return scenario{name: name, run: func(f *fixture) {
		all := f.audience()
		f.emit(f.from, interop.Target{}, "event", args...)
		f.expect(all, "event", args...)
		f.fence(f.from, all...)
	}}
}

// legacyHugeNumbers: the package's msgpack writes whole numbers as integers of 64 bits, which larger ones are not.
func legacyHugeNumbers(f *fixture) {
	if !f.from.kind().isGo() {
		f.Skip("the package cannot send them")
	}
	all := f.audience()
	numbers := []any{1e21, -1e300, math.MaxFloat64, float64(1 << 63), float64(1 << 62)}
	f.emit(f.from, interop.Target{}, "numbers", numbers...)
	f.expect(all, "numbers", numbers...)
}

// legacyDatesAndUndefined: the package's msgpack has forms for dates and for undefined. Clients get the text and null
// that JavaScript's JSON has for them.
func legacyDatesAndUndefined(f *fixture) {
	all := f.audience()
	for _, behind := range []any{1, []byte{1}} { // as JSON, and beside bytes
		f.emit(f.from, interop.Target{}, "dates", someTime, []any{beforeTime}, behind)
		f.expect(all, "dates", someTime, []any{beforeTime}, behind)
		if !f.from.kind().isGo() {
			undefined := interop.Undefined{}
			f.emit(f.from, interop.Target{}, "undefined", undefined, []any{undefined}, behind)
			f.expect(all, "undefined", nil, []any{nil}, behind)
		}
	}
}

// legacyFromClient: a client's broadcast excludes the client itself.
func legacyFromClient(f *fixture) {
	from, _ := f.askers()
	self, near, far, other := f.join(f.from, "a"), f.join(f.from, "a"), f.join(f.to, "a"), f.join(f.to, "b")
	require.NoError(f, from.EmitFrom(f.ctx, self, interop.Target{}, "others"))
	f.expect([]client{near, far, other}, "others")
	require.NoError(f, from.EmitFrom(f.ctx, self, interop.To("a"), "in a"))
	f.expect([]client{near, far}, "in a")
	require.NoError(f, from.EmitFrom(f.ctx, self, interop.To("a", "b"), "in a and b"))
	f.expect([]client{near, far, other}, "in a and b")
	f.fence(f.from, self, near, far, other)
}

// legacyExceptSocket: Socket.IO 2 has no method for it, but its nodes understand it.
func legacyExceptSocket(f *fixture) {
	if !f.from.kind().isGo() {
		f.Skip("Socket.IO 2 has no except()")
	}
	near, far, out, in := f.join(f.from, "a"), f.join(f.to, "a"), f.join(f.to, "a"), f.join(f.to, "a")
	f.emit(f.from, interop.Target{Except: []string{out.ID(), near.ID()}}, "but two")
	f.expect([]client{far, in}, "but two")
	f.emit(f.from, interop.Target{To: []string{"a"}, Except: []string{out.ID()}}, "but one")
	f.expect([]client{near, far, in}, "but one")
	f.fence(f.from, near, far, out, in)
}

// legacyExceptRoom: nodes of Socket.IO 2 exclude sockets, and not the sockets of rooms.
func legacyExceptRoom(f *fixture) {
	if !f.from.kind().isGo() {
		f.Skip("Socket.IO 2 has no except()")
	}
	near, far, in := f.join(f.from, "a"), f.join(f.to, "a"), f.join(f.to)
	f.emit(f.from, interop.Target{Except: []string{"a"}}, "but a")
	f.expect([]client{in}, "but a")
	if !f.to.kind().isGo() {
		f.expect([]client{far}, "but a")
	}
	f.fence(f.from, near, far, in)
}

// legacyRoomNames: names that are no property of JavaScript's objects, because the rooms of Socket.IO 2 are those of an
// object.
func legacyRoomNames(f *fixture) {
	names := []string{"", "a b", "😀", `"; --`, "\x00", "\u2028", "a#b", "#", "/", strings.Repeat("é", 190)}
	if f.from.kind().isGo() { // upstream: the name is in the channel, and the message too long for NOTIFY
		names = append(names, strings.Repeat("é", 5000))
	}
	for _, room := range names {
		in, out := f.join(f.to, room), f.join(f.to)
		f.emit(f.from, interop.To(room), "named", room)
		f.expect([]client{in}, "named", room)
		f.emit(f.from, interop.To(room, "nobody"), "one of two", room)
		f.expect([]client{in}, "one of two", room)
		f.fence(f.from, in, out)
	}
}

func legacyLocal(f *fixture) {
	near, far := f.join(f.from), f.join(f.to, "far")
	f.emit(f.from, interop.Target{Local: true}, "local")
	f.expect([]client{near}, "local")
	f.emit(f.from, interop.To("far"), "published")
	f.expect([]client{far}, "published")
	m, err := f.recording.Messages.Await(f.ctx, func(m interop.Message) bool {
		return strings.Contains(m.Payload, "#"+f.nsp+"#") // other scenarios use the same channel
	})
	require.NoError(f, err)
	require.Contains(f, m.Payload, "#far#", "nothing may have been published before")
	f.fence(f.from, near, far)
}

func legacyFlagged(name string, target interop.Target) scenario {
	return scenario{name: name, run: func(f *fixture) {
		all := f.audience()
		f.emit(f.from, target, "flagged", "text")
		f.expect(all, "flagged", "text")
		f.emit(f.from, target, "flagged", []byte("bytes"))
		f.expect(all, "flagged", []byte("bytes"))
		f.fence(f.from, all...)
	}}
}
