package interop_test

import (
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// addressed emits to a target and requires that, on both sides, exactly the clients with true in want receive
// the event, once. The clients are in the rooms {}, {a}, {b}, {a, b}.
func addressed(name string, brief bool, target func(clients []client) interop.Target, want [4]bool) scenario {
	return scenario{types: codec.Broadcast, name: name, brief: brief, run: func(f *fixture) {
		var hit, all []client
		for _, s := range []side{f.from, f.to} {
			clients := []client{f.join(s), f.join(s, "a"), f.join(s, "b"), f.join(s, "a", "b")}
			all = append(all, clients...)
			for i, c := range clients {
				if want[i] {
					hit = append(hit, c)
				}
			}
		}
		f.emit(f.from, target(all), "addressed", 1)
		f.expect(hit, "addressed", 1)
		f.fence(f.from, all...)
	}}
}

func fixed(t interop.Target) func([]client) interop.Target {
	return func([]client) interop.Target { return t }
}

var roomScenarios = []scenario{
	addressed("toAll", false, fixed(interop.Target{}), [4]bool{true, true, true, true}),
	addressed("toRoom", true, fixed(interop.To("a")), [4]bool{false, true, false, true}),
	addressed("toTwoRoomsOnce", false, fixed(interop.To("a", "b")), [4]bool{false, true, true, true}),
	addressed("toRoomThatNobodyIsIn", false, fixed(interop.To("nobody")), [4]bool{}),
	addressed("exceptRoom", false, fixed(interop.Target{Except: []string{"b"}}), [4]bool{true, true, false, false}),
	addressed("exceptTwoRooms", false, fixed(interop.Target{Except: []string{"a", "b"}}),
		[4]bool{true, false, false, false}),
	addressed("toRoomExceptRoom", true, fixed(interop.Target{To: []string{"a"}, Except: []string{"b"}}),
		[4]bool{false, true, false, false}),
	addressed("toSocketExceptSocket", false, func(c []client) interop.Target {
		// the third client of each side, and the second of the other side
		return interop.Target{To: []string{c[2].ID(), c[6].ID(), c[1].ID()}, Except: []string{c[1].ID()}}
	}, [4]bool{false, false, true, false}),
	{types: codec.Broadcast, name: "roomNamesOfAllKinds", run: func(f *fixture) {
		for _, room := range []string{"", "a b", "😀", `"; --`, "\x00", "__proto__", "constructor", "\u2028"} {
			in, out := f.join(f.to, room), f.join(f.to)
			f.emit(f.from, interop.To(room), "named", room)
			f.expect([]client{in}, "named", room)
			f.fence(f.from, in, out)
		}
	}},
	{types: codec.Broadcast, name: "localIsNotPublished", run: func(f *fixture) {
		near, far := f.join(f.from), f.join(f.to)
		f.emit(f.from, interop.Target{Local: true}, "local")
		f.expect([]client{near}, "local")
		f.fence(f.from, near, far)
		m := f.sent(f.from, 3)
		require.Contains(f, m.Payload, "fence", "nothing may have been published before the fence")
	}},
}
