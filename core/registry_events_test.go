package core_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/backplane-go/backplane/core"
)

// recordingRegistry returns a registry and its events.
func recordingRegistry() (*core.Registry, *log[string]) {
	events := new(log[string])
	return core.NewRegistry(core.RegistryConfig{
		CreateRoom: func(room string) { events.add("create " + room) },
		JoinRoom:   func(room, id string) { events.add("join " + room + " " + id) },
		LeaveRoom:  func(room, id string) { events.add("leave " + room + " " + id) },
		DeleteRoom: func(room string) { events.add("delete " + room) },
	}), events
}

// The order is that of Socket.IO's in-memory adapter: create-room before the first join-room, delete-room after the
// last leave-room, rooms of a leaving socket in the order in which it joined.
func TestRoomEventsFollowSocketIOsOrder(t *testing.T) {
	r, events := recordingRegistry()
	r.Add(&plain{id: "a"}, "x")
	r.Add(&plain{id: "b"})
	r.JoinID("b", "x", "x")
	r.LeaveID("a", "x")
	r.LeaveID("a", "x")
	r.RemoveID("b")
	r.RemoveID("b")
	assert.Equal(t, []string{
		"create a", "join a a", "create x", "join x a",
		"create b", "join b b",
		"join x b",
		"leave x a",
		"leave b b", "delete b", "leave x b", "delete x",
	}, events.all())
}

func TestRoomEventsMayUseTheRegistry(t *testing.T) {
	var r *core.Registry
	var events log[string]
	r = core.NewRegistry(core.RegistryConfig{
		JoinRoom: func(room, id string) {
			events.add("join " + room)
			if room == "x" {
				r.JoinID(id, "y") // a socket that joins x is in y too
				events.add(fmt.Sprint("is in ", r.SocketRooms(id)))
			}
		},
		LeaveRoom: func(room, id string) {
			events.add("leave " + room)
			r.Rooms()
		},
	})
	r.Add(&plain{id: "a"}, "x")
	r.RemoveID("a")
	assert.Equal(t, []string{"join a", "join x", "is in [a x y]", "join y", "leave a", "leave x", "leave y"},
		events.all(),
		"an event that causes events is finished before they come")
}

func TestRoomEventsAreConsistentUnderConcurrency(t *testing.T) {
	r, events := recordingRegistry()
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(g)))
			for range 300 {
				id, room := fmt.Sprint(g), fmt.Sprint("r", random.IntN(3))
				switch random.IntN(4) {
				case 0:
					r.Add(&plain{id: id}, room)
				case 1:
					r.JoinID(id, room)
				case 2:
					r.LeaveID(id, room)
				default:
					r.RemoveID(id)
				}
			}
			r.RemoveID(fmt.Sprint(g))
		})
	}
	group.Wait()
	rooms := map[string]map[string]bool{}
	for i, event := range events.all() {
		var verb, room, id string
		_, _ = fmt.Sscan(event, &verb, &room, &id)
		members, exists := rooms[room]
		ok := exists
		switch verb {
		case "create":
			ok, rooms[room] = !exists, map[string]bool{}
		case "join":
			if ok = ok && !members[id]; ok {
				members[id] = true
			}
		case "leave":
			ok = ok && members[id]
			delete(members, id)
		case "delete":
			ok = ok && len(members) == 0
			delete(rooms, room)
		}
		if !ok {
			t.Fatalf("event %d, %q, cannot come now: the events of concurrent changes must tell one consistent story",
				i, event)
		}
	}
	assert.Empty(t, rooms, "every room that was created was deleted")
}

func TestPanickingEventDoesNotSilenceTheOthers(t *testing.T) {
	var events log[string]
	r := core.NewRegistry(core.RegistryConfig{JoinRoom: func(room, id string) {
		events.add(room)
		if room == "bad" {
			panic("on purpose")
		}
	}})
	assert.Panics(t, func() { r.Add(&plain{id: "a"}, "bad", "good") })
	r.JoinID("a", "next")
	assert.Equal(t, []string{"a", "bad", "good", "next"}, events.all())
}
