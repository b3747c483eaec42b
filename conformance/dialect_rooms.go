package conformance

import (
	"slices"
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/transport"
)

var roomChecks = []check[*dialectChecker]{
	{"RoomChannelsSuitTheBus", "dialect.RoomRoute.RoomChannel",
		"A channel of a room is a name that the bus can carry, whatever the name of the room: clients may choose it. " +
			"It is empty if there is none.", roomChannelsSuitTheBus},
	{"RoomsHaveTheirOwnChannels", "dialect.RoomRoute.RoomChannel",
		"Different rooms of a namespace have different channels, none of which is that of the process's own " +
			"namespace. A node would get what is for rooms in which it has no sockets.", roomsHaveTheirOwnChannels},
	{"RoomMessagesReachTheirNodes", "dialect.RoomRoute",
		"The channel of a message is one of Listen, or that of the only room of a broadcast that wants no " +
			"answer, and it is the same on all nodes. Nodes without a socket in the room do not hear it.",
		roomMessagesReachTheirNodes},
	{"RoomsAreNotCounted", "dialect.Counted.CountedChannel",
		"No room of another namespace has the channel whose listeners are counted. A client that joins the room " +
			"would make its node count twice.", roomsAreNotCounted},
}

// trickyRooms are names of rooms that differ in little.
var trickyRooms = []string{"", "a", "A", "a ", " a", "aa", "a#", "#a", "#", "##", "a#b", "a##b", "/", "/chat",
	"/chat#", "*", "a*", "?", "[a]", ".", "a.b", ">", `"`, `\`, "'", "%23", "a%23", "é", "e\u0301", "名前", "\U0001F389",
	"\n", "a\x00", "a\xff", sampleUID, otherUID, "abcdefghijklmnopqrst", "ABCDEFGHIJKLMNOPQRST", "process",
	"-process#"}

// rooms returns the route of a node that has channels for rooms. It skips the check if the dialect has none.
func (n *wireNode) rooms(nsp, uid string) dialect.RoomRoute {
	n.Helper()
	r, ok := n.route(nsp, uid).(dialect.RoomRoute)
	if !ok {
		n.Skip("the Route does not implement dialect.RoomRoute")
	}
	return r
}

func (n *wireNode) roomChannel(r dialect.RoomRoute, room string) (channel string) {
	n.Helper()
	n.data.guardPanic("RoomChannel of "+quote(room), func() { channel = r.RoomChannel(room) })
	return channel
}

func roomChannelsSuitTheBus(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		rooms := append([]string{asciiText(1000), unicodeText(1000), strings.Repeat("#", 200)}, trickyRooms...)
		for _, nsp := range n.namespaces() {
			r := n.rooms(nsp, sampleUID)
			for _, room := range append(rooms, invalidTexts...) {
				if channel := n.roomChannel(r, room); channel != "" {
					n.expectNamesFit("RoomChannel of "+quote(room)+" in "+quote(nsp), channel)
				}
			}
		}
	})
}

func roomsHaveTheirOwnChannels(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		process := n.listen(n.route("", sampleUID))
		for _, nsp := range n.namespaces() {
			r := n.rooms(nsp, sampleUID)
			of := make(map[string]string)
			for _, room := range append(channelParts(append(n.listen(r), process...)), trickyRooms...) {
				channel := n.roomChannel(r, room)
				if channel == "" {
					continue
				}
				called := "RoomChannel of " + quote(room) + " in " + quote(nsp)
				if other, twice := of[channel]; twice && other != room {
					c.fail(called, "another channel than that of the room "+quote(other), "%s", quote(channel))
				}
				of[channel] = room
				if slices.Contains(process, channel) {
					c.fail(called, "another channel than that of the process's own namespace", "%s", quote(channel))
				}
			}
		}
	})
}

// channelParts returns the texts with which channels end, with and without their last byte.
func channelParts(channels []string) (parts []string) {
	for _, channel := range channels {
		channel, _ = transport.CutPrefixName(channel)
		for i := range channel {
			parts = append(parts, channel[i:], channel[i:len(channel)-1])
		}
	}
	return parts
}

// heardBy returns the channels that a node listens to when a message comes: that of the room is among them if the
// message is for a single room.
func (n *wireNode) heardBy(r dialect.Route, env *codec.Envelope) []string {
	n.Helper()
	heard := n.listen(r)
	rooms, ok := r.(dialect.RoomRoute)
	if !ok || env.Type != codec.Broadcast || env.RequestID != "" || len(env.Opts.Rooms) != 1 {
		return heard
	}
	if channel := n.roomChannel(rooms, env.Opts.Rooms[0]); channel != "" {
		heard = append(heard, channel)
	}
	return heard
}

func roomMessagesReachTheirNodes(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, nsp := range n.namespaces() {
			own, other := n.rooms(nsp, sampleUID), n.rooms(nsp, otherUID)
			for _, room := range trickyRooms {
				if a, b := n.roomChannel(own, room), n.roomChannel(other, room); a != b {
					c.fail("RoomChannel of "+quote(room)+" on two nodes", quote(a), "%s", quote(b))
				}
				for _, rooms := range [][]string{{room}, {room, "b"}, nil} {
					for _, s := range with(c.samplesIn(nsp), func(env *codec.Envelope) {
						env.Opts.Rooms, env.RequesterUID = rooms, otherUID
					}) {
						if s.env.Opts.Nobody || !selectsSockets(s.env.Type) {
							continue
						}
						if _, ok := n.append(s); ok {
							n.expectHeard(s, n.channel(own, s), n.heardBy(other, s.env), "the node "+quote(otherUID))
						}
					}
				}
			}
		}
	})
}

func roomsAreNotCounted(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		names := n.namespaces()
		for _, nsp := range names {
			channel := n.countedChannel(nsp)
			rooms := append(slices.Clone(trickyRooms), channelParts([]string{channel})...)
			for _, other := range names {
				r := n.rooms(other, sampleUID)
				for _, room := range rooms {
					if n.roomChannel(r, room) == channel {
						c.fail("RoomChannel of "+quote(room)+" in "+quote(other),
							"another channel than that in which the nodes of "+quote(nsp)+" are counted", "%s",
							quote(channel))
					}
				}
			}
		}
	})
}
