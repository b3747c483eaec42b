package conformance_test

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

type hearing = func(transport.Message, *codec.Envelope) []transport.Message

var clusterRoomMutants = []mutant[conformance.ClusterHarness]{
	says("JoinLeaveDisconnect", "joins where it should leave", func(env *codec.Envelope) {
		if env.Type == codec.SocketsLeave {
			env.Type = codec.SocketsJoin
		}
	}),
	says("JoinLeaveDisconnect", "leaves the connection open", func(env *codec.Envelope) { env.Close = false }),
	says("JoinLeaveDisconnect", "disconnects everybody", func(env *codec.Envelope) {
		if env.Type == codec.DisconnectSockets {
			env.Opts.Rooms = nil
		}
	}),
	says("FetchSocketsFindsAll", "forgets the data", changeSockets(func(s *codec.Socket) { s.Data = codec.Value{} })),
	says("FetchSocketsFindsAll", "forgets the rooms", changeSockets(func(s *codec.Socket) { s.Rooms = nil })),
	says("FetchSocketsFindsAll", "forgets the handshake", changeSockets(func(s *codec.Socket) { s.Handshake, _ = codec.NewValue(map[string]any{}) })),
	says("FetchSocketsFindsAll", "tells of one socket only", func(env *codec.Envelope) { env.Sockets = env.Sockets[:min(1, len(env.Sockets))] }),
	says("RemoteSocketsCanBeUsed", "disconnects everybody", func(env *codec.Envelope) {
		if env.Type == codec.DisconnectSockets {
			env.Opts.Rooms = nil
		}
	}),
	loses("RemoteSocketsCanBeUsed", "does not move sockets", func(env *codec.Envelope) bool { return env.Type == codec.SocketsJoin }),
}

func changeSockets(change func(s *codec.Socket)) func(env *codec.Envelope) {
	return func(env *codec.Envelope) {
		env.Sockets = append([]codec.Socket{}, env.Sockets...)
		for i := range env.Sockets {
			change(&env.Sockets[i])
		}
	}
}

func isType(types ...codec.Type) func(env *codec.Envelope) bool {
	return func(env *codec.Envelope) bool {
		for _, t := range types {
			if env.Type == t {
				return true
			}
		}
		return false
	}
}

// rewrites returns what a session hears that changes messages.
func rewrites(change func(env *codec.Envelope) (changed bool)) func() hearing {
	return func() hearing {
		return func(m transport.Message, env *codec.Envelope) []transport.Message {
			copied := *env
			if change(&copied) {
				m = encoded(m, copied)
			}
			return []transport.Message{m}
		}
	}
}

var clusterPeerMutants = []mutant[conformance.ClusterHarness]{
	loses("PeersAreKnown", "loses the answers to announcements", isType(codec.Heartbeat)),
	loses("WaitForPeers", "loses announcements", isType(codec.InitialHeartbeat)),
	loses("AnnouncementsAreAnswered", "loses the answers to announcements", isType(codec.Heartbeat)),
	loses("AnnouncementsAreAnswered", "loses announcements", isType(codec.InitialHeartbeat)),
	hears("EmitterIsNoPeer", "takes an emitter for a peer", rewrites(func(env *codec.Envelope) bool {
		if env.UID != codec.EmitterUID {
			return false
		}
		env.UID = "eeeeeeeeeeeeeeee"
		return true
	})),
	hears("LateMessageDoesNotRevive", "takes every heartbeat for an announcement", rewrites(func(env *codec.Envelope) bool {
		if env.Type != codec.Heartbeat {
			return false
		}
		env.Type = codec.InitialHeartbeat
		return true
	})),
	loses("LateMessageDoesNotRevive", "loses goodbyes", isType(codec.AdapterClose)),
	hears("ForgedGoodbyeIsNotBelieved", "forgets what a goodbye has to fit", rewrites(func(env *codec.Envelope) bool {
		env.CloseHash = ""
		return true
	})),
}
