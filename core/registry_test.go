package core_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
)

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

func TestRegistryTracksRooms(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	for _, id := range []string{"a", "b", "c"} {
		r.Add(&client{id: id}, "all")
	}
	assert.True(t, r.JoinID("a", "x", "y"))
	assert.True(t, r.JoinID("b", "y", "y"), "joining twice is the same as joining once")
	assert.False(t, r.JoinID("nobody", "x"))
	assert.Equal(t, 3, r.Len())
	assert.Equal(t, []string{"a", "all", "b", "c", "x", "y"}, r.Rooms())
	assert.Equal(t, []string{"a", "all", "x", "y"}, r.SocketRooms("a"), "in the order in which it joined")
	assert.Nil(t, r.SocketRooms("nobody"))
	assert.True(t, r.LeaveID("a", "x"))
	assert.False(t, r.LeaveID("a", "x"), "the socket has left already")
	assert.False(t, r.LeaveID("nobody", "x"))
	assert.Equal(t, []string{"a", "all", "b", "c", "y"}, r.Rooms(), "an empty room does not exist")
	assert.True(t, r.RemoveID("a"))
	assert.False(t, r.RemoveID("a"))
	assert.Equal(t, []string{"all", "b", "c", "y"}, r.Rooms())
	assert.Equal(t, []string{"b", "c"}, sorted(r.IDs(core.Selector{})))
}

func TestRoomsOfASocketHaveALimit(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	for _, id := range []string{"a", "b"} {
		r.Add(&client{id: id})
	}
	assert.True(t, r.JoinIDWithin("a", 2, -1, "x", "y"),
		"the limit is inclusive, and the room of the id does not count")
	assert.False(t, r.JoinIDWithin("a", 2, -1, "z"))
	assert.True(t, r.JoinIDWithin("a", 2, -1, "x", "y", "a"), "rooms that the socket is already in do not count again")
	assert.False(t, r.JoinIDWithin("b", 2, -1, "x", "y", "z"), "all or nothing")
	assert.Equal(t, []string{"b"}, r.SocketRooms("b"))
	assert.True(t, r.LeaveID("a", "x"))
	assert.True(t, r.JoinIDWithin("a", 2, -1, "z"))

	assert.True(t, r.JoinIDWithin("b", -1, 5, "four", "1"))
	assert.False(t, r.JoinIDWithin("b", -1, 5, "2"))
	assert.True(t, r.LeaveID("b", "four"))
	assert.True(t, r.LeaveID("b", "b"))
	assert.True(t, r.JoinIDWithin("b", -1, 5, "2345"))
	assert.True(t, r.JoinIDWithin("b", -1, -1, "any", "number"))
	assert.True(t, r.JoinIDWithin("nobody", 0, 0, "x"), "a socket that does not exist is not over the limit")
	assert.Equal(t, []string{"1", "2345", "any", "number"}, r.SocketRooms("b"))
}

func TestSelectorSelects(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	rooms := map[string][]string{"a": {"x"}, "b": {"x", "y"}, "c": {"y", "z"}, "d": nil}
	for id, list := range rooms {
		r.Add(&client{id: id}, list...)
	}
	for _, c := range []struct {
		rooms, except, want []string
	}{
		{nil, nil, []string{"a", "b", "c", "d"}},
		{[]string{"x"}, nil, []string{"a", "b"}},
		{[]string{"x", "y"}, nil, []string{"a", "b", "c"}},
		{[]string{"x", "x"}, nil, []string{"a", "b"}},
		{[]string{"x", "y", "z", "a"}, nil, []string{"a", "b", "c"}},
		{[]string{"none"}, nil, nil},
		{[]string{"none", "x"}, nil, []string{"a", "b"}},
		{nil, []string{"x"}, []string{"c", "d"}},
		{nil, []string{"x", "z"}, []string{"d"}},
		{nil, []string{"none"}, []string{"a", "b", "c", "d"}},
		{[]string{"x"}, []string{"y"}, []string{"a"}},
		{[]string{"y"}, []string{"b"}, []string{"c"}},
		{[]string{"x"}, []string{"x"}, nil},
		{[]string{"d"}, nil, []string{"d"}},
		{[]string{""}, nil, nil},
	} {
		to := core.Selector{Rooms: c.rooms, Except: c.except}
		assert.Equal(t, c.want, sorted(r.IDs(to)), "IDs(%+v): in one of Rooms, in none of Except, each once", to)
	}
}

func TestBroadcastReachesEachSelectedSocketOnce(t *testing.T) {
	r, clients := crowd("a", "b", "c")
	r.JoinID("a", "x", "y")
	r.JoinID("b", "y")
	p := &core.Packet{Args: args("hi", 1), Flags: codec.Flags{Volatile: true}}
	r.Broadcast(p, core.Selector{Rooms: []string{"x", "y"}})
	for id, want := range map[string][]string{"a": {`["hi",1]`}, "b": {`["hi",1]`}, "c": nil} {
		assert.Equal(t, want, clients[id].got.all(), id)
	}
	assert.True(t, clients["a"].flags.all()[0].Volatile)
}

// plain is a Socket that cannot acknowledge or describe itself.
type plain struct {
	id  string
	got log[string]
}

func (p *plain) ID() string               { return p.id }
func (p *plain) Send(packet *core.Packet) { p.got.add(packet.Args.String()) }
func (p *plain) Disconnect(bool)          {}

func TestBroadcastAckAsksSocketsThatCanAcknowledge(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	mute := &plain{id: "mute"}
	twice := &client{id: "twice", answer: func(_ *core.Packet, answer func(codec.Value)) {
		answer(value(1))
		answer(value(2))
	}}
	r.Add(mute, "x")
	r.Add(twice, "x")
	r.Add(&client{id: "elsewhere"})
	var counts []int
	var answers []string
	r.BroadcastAck(t.Context(), &core.Packet{Args: args("q")}, core.Selector{Rooms: []string{"x"}},
		func(n int) { counts = append(counts, n) }, func(v codec.Value) { answers = append(answers, v.String()) })
	assert.Equal(t, []int{1}, counts, "asked once, for the one that can acknowledge, before the answers")
	assert.Equal(t, []string{"1"}, answers, "a client's second answer does not count")
	assert.Equal(t, []string{`["q"]`}, mute.got.all(), "the others get the event too")
	r.BroadcastAck(t.Context(), &core.Packet{Args: args("q")}, core.Selector{Rooms: []string{"none"}},
		func(n int) { counts = append(counts, n) }, nil)
	assert.Equal(t, []int{1, 0}, counts, "asked is called even if there are no sockets")
}

// described is a socket that describes itself.
type described struct{ plain }

func (d *described) Describe() (core.Handshake, codec.Value) {
	return core.Handshake{Address: "::1", Query: map[string]any{"a": "b"},
		Issued: 12}, value(map[string]any{"name": d.id})
}

func TestSocketsAreDescribed(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	r.Add(&described{plain{id: "a"}}, "x")
	r.Add(&plain{id: "b"})
	all := r.Sockets(core.Selector{})
	require.Len(t, all, 2)
	slices.SortFunc(all, func(a, b codec.Socket) int { return len(b.Rooms) - len(a.Rooms) })
	assert.Equal(t, "a", all[0].ID)
	assert.Equal(t, []string{"a", "x"}, all[0].Rooms)
	assert.Equal(t, `{"name":"a"}`, all[0].Data.String())
	for i, want := range []string{
		`{"headers":{},"time":"","address":"::1","xdomain":false,"secure":false,"issued":12,"url":"",` +
			`"query":{"a":"b"},"auth":{}}`,
		`{"headers":{},"time":"","address":"","xdomain":false,"secure":false,"issued":0,"url":"","query":{},"auth":{}}`,
	} {
		assert.JSONEq(t, want, all[i].Handshake.String(),
			"Node.js code looks into the maps of a handshake without a check")
	}
	assert.Empty(t, r.Sockets(core.Selector{Rooms: []string{"none"}}))
}

func TestHandshakePartsThatCannotBeEncodedAreLeftOut(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	r.Add(&strange{plain{id: "a"}})
	assert.Contains(t, r.Sockets(core.Selector{})[0].Handshake.String(), `"auth":{}`)
}

type strange struct{ plain }

func (s *strange) Describe() (core.Handshake, codec.Value) {
	return core.Handshake{Auth: make(chan int)}, codec.Value{}
}

func TestRegistryChangesSelectedSockets(t *testing.T) {
	r, clients := crowd("a", "b", "c")
	x := core.Selector{Rooms: []string{"x"}}
	r.Join(core.Selector{Rooms: []string{"a", "b"}}, []string{"x", "y"})
	assert.Equal(t, []string{"a", "b"}, sorted(r.IDs(x)))
	r.Leave(x, []string{"y", "none"})
	assert.Equal(t, []string{"a", "b", "c", "x"}, r.Rooms())
	r.Leave(x, []string{"x"})
	assert.Empty(t, r.IDs(x), "all leave the room that selects them")
	r.Disconnect(core.Selector{Rooms: []string{"b"}}, true)
	r.Disconnect(core.Selector{Except: []string{"b"}}, false)
	for id, want := range map[string][]bool{"a": {false}, "b": {true}, "c": {false}} {
		assert.Equal(t, want, clients[id].kicked.all(), id)
	}
	assert.Equal(t, 3, r.Len(), "the server calls Remove when the socket has disconnected")
}

func TestServerSideEmitWithoutHandlerIsIgnored(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	r.ServerSideEmit(args("a"), nil)
	r.ServerSideEmit(args("a"), func(codec.Value) { t.Error("nobody answers") })
}

func TestAddReplacesASocketWithTheSameID(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	first, second := &client{id: "a"}, &client{id: "a"}
	r.Add(first, "x")
	r.Add(second, "y")
	r.Broadcast(&core.Packet{Args: args("hi")}, core.Selector{})
	r.Broadcast(&core.Packet{Args: args("hi")}, core.Selector{Rooms: []string{"x"}})
	assert.Empty(t, first.got.all())
	assert.Len(t, second.got.all(), 1)
	assert.Equal(t, []string{"a", "y"}, r.Rooms())
}

func TestSendMayUseTheRegistry(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	for i := range 5 {
		r.Add(&reentrant{plain{id: fmt.Sprint(i)}, r}, "x")
	}
	r.Broadcast(&core.Packet{Args: args("hi")}, core.Selector{Rooms: []string{"x"}})
	r.Broadcast(&core.Packet{Args: args("hi")}, core.Selector{Rooms: []string{"x", "y"}})
	assert.Zero(t, r.Len(), "a Send that joins, leaves and removes does not deadlock")
}

type reentrant struct {
	plain
	r *core.Registry
}

func (s *reentrant) Send(*core.Packet) {
	s.r.JoinID(s.id, "y")
	s.r.LeaveID(s.id, "x")
	s.r.IDs(core.Selector{Rooms: []string{"x", "y"}})
	s.r.RemoveID(s.id)
}

func TestRegistryIsSafeForConcurrentUse(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(g)))
			for range 500 {
				id, room := fmt.Sprint(random.IntN(20)), fmt.Sprint("r", random.IntN(5))
				switch random.IntN(8) {
				case 0:
					r.Add(&plain{id: id}, room)
				case 1:
					r.RemoveID(id)
				case 2:
					r.LeaveID(id, room)
				case 3:
					r.Broadcast(&core.Packet{Args: args("a")},
						core.Selector{Rooms: []string{room, "r0"}, Except: []string{"r1"}})
				case 4:
					r.Broadcast(&core.Packet{Args: args("a")}, core.Selector{Rooms: []string{room}})
				case 5:
					r.Sockets(core.Selector{})
				case 6:
					r.Rooms()
					r.SocketRooms(id)
				default:
					r.Join(core.Selector{Rooms: []string{id}}, []string{room})
				}
			}
		})
	}
	group.Wait()
	for _, id := range r.IDs(core.Selector{}) {
		assert.True(t, slices.Contains(r.SocketRooms(id), id), "each socket is in its own room")
		r.RemoveID(id)
	}
	assert.Empty(t, r.Rooms(), "nothing is left when all sockets have left")
	assert.Zero(t, r.Len())
}

func TestBroadcastToARoomAllocatesNothingPerSocket(t *testing.T) {
	for name, to := range map[string]core.Selector{
		"Room":   {Rooms: []string{"x"}},
		"All":    {},
		"Rooms":  {Rooms: []string{"x", "y"}},
		"Except": {Rooms: []string{"x"}, Except: []string{"y"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := core.NewRegistry(core.RegistryConfig{})
			for i := range 1000 {
				r.Add(silent(fmt.Sprint(i)), "x")
			}
			p := &core.Packet{Args: args("a")}
			n := testing.AllocsPerRun(20, func() { r.Broadcast(p, to) })
			// The list of selected sockets may have to grow: the race detector empties its pool at random.
			assert.LessOrEqual(t, n, 20.0, "allocations of a broadcast to 1000 sockets")
		})
	}
}

// silent is a socket that does nothing.
type silent string

func (s silent) ID() string      { return string(s) }
func (silent) Send(*core.Packet) {}
func (silent) Disconnect(bool)   {}

var _ core.AckSocket = (*client)(nil)
var _ core.DescribedSocket = (*described)(nil)
