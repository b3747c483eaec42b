package conformance_test

import (
	"strings"
	"testing"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/transport"
)

// roomsHarness is that of a dialect with channels of rooms, on a bus that carries bytes.
func roomsHarness(change func(r dialect.RoomRoute, nsp, uid string) dialect.Route) conformance.DialectHarness {
	h := dialectHarness(mutableDialect{open: func(o dialect.Options) (dialect.Wire, error) {
		w, err := redissharded.Dialect{}.Open(o)
		if err != nil {
			return nil, err
		}
		return roomsWire{w, w.(dialect.Counted), change}, nil
	}, name: func() string { return "redissharded" }})
	h.Limits = []transport.Limits{{}, {Payload: 8 << 20, Channel: 100}}
	return h
}

type roomsWire struct {
	dialect.Wire
	dialect.Counted
	change func(r dialect.RoomRoute, nsp, uid string) dialect.Route
}

func (w roomsWire) Namespace(nsp, uid string) (dialect.Route, error) {
	r, err := w.Wire.Namespace(nsp, uid)
	if err != nil || nsp == "" {
		return r, err
	}
	return w.change(r.(dialect.RoomRoute), nsp, uid), nil
}

// changedRooms is a route whose channels of rooms are others.
type changedRooms struct {
	dialect.RoomRoute
	channel func(room string) string
	all     bool // messages of all types to one room go to its channel
}

func (r changedRooms) RoomChannel(room string) string { return r.channel(room) }

func (r changedRooms) Channel(env *codec.Envelope) string {
	one := len(env.Opts.Rooms) == 1 && !env.Type.Response()
	if one && (r.all || env.Type == codec.Broadcast && env.RequestID == "") {
		if channel := r.channel(env.Opts.Rooms[0]); channel != "" {
			return channel
		}
	}
	return r.RoomRoute.Channel(env)
}

// breaksRooms returns a mutant whose channels of rooms are others.
func breaksRooms(
	check, bug string, channel func(room, correct, ofNamespace, nsp, uid string) string,
) mutant[conformance.DialectHarness] {
	return breaksRoute(check, bug, func(r dialect.RoomRoute, nsp, uid string) dialect.Route {
		of := r.Listen()[0]
		return changedRooms{RoomRoute: r, channel: func(room string) string {
			return channel(room, r.RoomChannel(room), of, nsp, uid)
		}}
	})
}

func breaksRoute(
	check, bug string, change func(r dialect.RoomRoute, nsp, uid string) dialect.Route,
) mutant[conformance.DialectHarness] {
	return mutant[conformance.DialectHarness]{check, bug, func(*testing.T) conformance.DialectHarness {
		return roomsHarness(change)
	}}
}

var roomMutants = []mutant[conformance.DialectHarness]{
	breaksRooms("RoomChannelsSuitTheBus", "ignores the limit of names",
		func(room, correct, of, _, _ string) string {
			if len(room) > 50 && dialect.InvalidText(room) == "" {
				return of + room + "#"
			}
			return correct
		}),
	breaksRooms("RoomChannelsSuitTheBus", "takes any name of a room as it is",
		func(room, correct, of, _, _ string) string {
			if strings.Contains(room, "\x00") {
				return of + room + "#"
			}
			return correct
		}),
	breaksRooms("RoomsHaveTheirOwnChannels", "ignores the case of names",
		func(_, correct, _, _, _ string) string { return strings.ToLower(correct) }),
	breaksRooms("RoomsHaveTheirOwnChannels", "trims names", func(room, correct, of, _, _ string) string {
		if trimmed := strings.Trim(room, "#"); correct != "" && trimmed != room {
			return of + trimmed + "#"
		}
		return correct
	}),
	breaksRooms("RoomsHaveTheirOwnChannels", "gives a room the channel of the process's own namespace",
		func(room, correct, of, nsp, _ string) string {
			if room == "process" {
				return strings.TrimSuffix(of, "#"+nsp+"#") + "-process#"
			}
			return correct
		}),
	breaksRooms("RoomMessagesReachTheirNodes", "has other channels on each node",
		func(_, correct, _, _, uid string) string {
			if correct == "" {
				return ""
			}
			return correct + uid
		}),
	breaksRoute("RoomMessagesReachTheirNodes", "sends requests to the channel of a room",
		func(r dialect.RoomRoute, _, _ string) dialect.Route {
			return changedRooms{RoomRoute: r, channel: r.RoomChannel, all: true}
		}),
	breaksRoute("RoomMessagesReachTheirNodes", "does not say that a room has a channel",
		func(r dialect.RoomRoute, _, _ string) dialect.Route { return silentRooms{r} }),
	breaksRooms("RoomsAreNotCounted", "joins the names of namespaces and rooms",
		func(room, correct, of, _, _ string) string {
			if rest, ok := strings.CutPrefix(room, "2#"); ok && rest == "" {
				return strings.TrimSuffix(of, "#") + room
			}
			return correct
		}),
}

// silentRooms has channels for rooms, and does not say that a node has to listen to them.
type silentRooms struct{ dialect.RoomRoute }

func (silentRooms) RoomChannel(string) string { return "" }
