package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// clusterCodecMutants have a bug in the codec, so that nodes send or understand something else.
var clusterCodecMutants = []mutant[conformance.ClusterHarness]{
	changesAppended("RoomsAndExceptSelect", "omits the exceptions",
		func(env *codec.Envelope) { env.Opts.Except = nil }),
	changesAppended("RoomsAndExceptSelect", "sends to one room only",
		func(env *codec.Envelope) { env.Opts.Rooms = env.Opts.Rooms[:min(1, len(env.Opts.Rooms))] }),
	changesAppended("FlagsArrive", "omits volatile", func(env *codec.Envelope) { env.Opts.Flags.Volatile = false }),
	changesAppended("FlagsArrive", "compresses always",
		func(env *codec.Envelope) { yes := true; env.Opts.Flags.Compress = &yes }),
	changesAppended("FlagsArrive", "confuses milliseconds with seconds",
		func(env *codec.Envelope) { env.Opts.Flags.Timeout *= 1000 }),
	changesParsed("ValuesArriveUnchanged", "drops the last argument", func(env *codec.Envelope) {
		if values, err := env.Args.Values(); err == nil && len(values) > 1 && isEvent(env) {
			anys := make([]any, len(values)-1)
			for i := range anys {
				anys[i] = values[i]
			}
			env.Args, _ = codec.NewArgs(env.Args.Event(), anys...)
		}
	}),
	changesParsed("BinaryAtAnyDepth", "turns bytes into base64", func(env *codec.Envelope) {
		if text, err := env.Args.MarshalJSON(); err == nil && isEvent(env) && env.AttachmentID == "" {
			v, _ := codec.RawJSON(text)
			env.Args, _ = codec.ArgsOf(v)
		}
	}),
	changesAppended("NamesAreLiteral", "cuts names at NUL", func(env *codec.Envelope) {
		env.Opts.Rooms = slices.Clone(env.Opts.Rooms)
		for i, room := range env.Opts.Rooms {
			env.Opts.Rooms[i], _, _ = strings.Cut(room, "\x00")
		}
	}),
	changesAppended("JoinLeaveDisconnectReachAllNodes", "joins where it should leave", func(env *codec.Envelope) {
		if env.Type == codec.SocketsLeave {
			env.Type = codec.SocketsJoin
		}
	}),
	changesAppended("JoinLeaveDisconnectReachAllNodes", "leaves the connection open",
		func(env *codec.Envelope) { env.Close = false }),
	changesAppended("JoinLeaveDisconnectReachAllNodes", "disconnects everybody", func(env *codec.Envelope) {
		if env.Type == codec.DisconnectSockets {
			env.Opts.Rooms = nil
		}
	}),
	changesAppended("FetchSocketsFindsAll", "omits the data",
		changeSockets(func(s *codec.Socket) { s.Data = codec.Value{} })),
	changesAppended("FetchSocketsFindsAll", "omits the rooms", changeSockets(func(s *codec.Socket) { s.Rooms = nil })),
	changesAppended("FetchSocketsFindsAll", "omits the handshake",
		changeSockets(func(s *codec.Socket) { s.Handshake, _ = codec.NewValue(map[string]any{}) })),
	changesAppended("FetchSocketsFindsAll", "returns one socket only",
		func(env *codec.Envelope) { env.Sockets = env.Sockets[:min(1, len(env.Sockets))] }),
	changesAppended("RemoteSocketsCanBeUsed", "disconnects everybody", func(env *codec.Envelope) {
		if env.Type == codec.DisconnectSockets {
			env.Opts.Rooms = nil
		}
	}),
	changesAppended("EmitWithAckAsksEveryClient", "counts one client too few",
		func(env *codec.Envelope) { env.ClientCount = max(0, env.ClientCount-1) }),
	changesAppended("EmitWithAckAsksEveryClient", "counts one client too many",
		func(env *codec.Envelope) { env.ClientCount++ }),
	changesAppended("ServerSideEmitReachesOtherNodes", "does not recognize its own events", func(env *codec.Envelope) {
		if env.Type == codec.ServerSideEmit {
			env.UID = "x" + env.UID[1:]
		}
	}),
	changesAppended("ServerSideEmitReachesOtherNodes", "always requests an answer", func(env *codec.Envelope) {
		if env.RequestID == "" {
			env.RequestID = "1"
		}
	}),
	changesParsed("ServerSideEmitWithAckAsksOtherNodes", "drops the answers",
		func(env *codec.Envelope) { env.Value = codec.Value{} }),
	changesParsed("ManyRequestsAtOnce", "cuts the ids of requests", func(env *codec.Envelope) {
		if isType(codec.BroadcastAck, codec.BroadcastClientCount)(env) && env.RequestID != "" {
			env.RequestID = env.RequestID[:len(env.RequestID)-1]
		}
	}),
	changesParsed("AnswersOfAnySizeArrive", "omits the requester of a reference", func(env *codec.Envelope) {
		if env.AttachmentID != "" && env.Type.Response() {
			env.RequesterUID = "x"
		}
	}),
}

func changeSockets(change func(s *codec.Socket)) func(env *codec.Envelope) {
	return func(env *codec.Envelope) {
		env.Sockets = append([]codec.Socket{}, env.Sockets...)
		for i := range env.Sockets {
			change(&env.Sockets[i])
		}
	}
}

// clusterStoreMutants have a bug in the store.
var clusterStoreMutants = []mutant[conformance.ClusterHarness]{
	changesBodies("MessagesOfAnySizeArrive", "refuses large bodies", func(body []byte) ([]byte, error) {
		if len(body) > 100<<10 {
			return nil, errors.New("too large")
		}
		return body, nil
	}),
	changesBodies("MessagesOfAnySizeArrive", "cuts bodies at 64 KiB", cutting(64<<10)),
	changesBodies("MessagesOfAnySizeArrive", "cuts bodies at 1 MiB", cutting(1<<20)),
	changesBodies("AnswersOfAnySizeArrive", "cuts bodies at 64 KiB", cutting(64<<10)),
	changesBodies("AnswersOfAnySizeArrive", "cuts bodies at 9,000 bytes", cutting(9000)),
	changesBodies("BinaryAtAnyDepth", "treats bodies as text",
		func(body []byte) ([]byte, error) { return []byte(strings.ToValidUTF8(string(body), "?")), nil }),
	breaksCluster("OrderIsKept", "fails to keep one body in 20", func(_ *testing.T, m *clusterMedium) {
		var n atomic.Int32
		m.store = func(s storage.Store) storage.Store {
			return changedStore{s, func(body []byte) ([]byte, error) {
				if n.Add(1)%20 == 0 {
					return nil, errors.New("occasional failure")
				}
				return body, nil
			}}
		}
	}),
	breaksCluster("LargeMessagesOfAllNodesArrive", "uses ids that other nodes use too",
		func(_ *testing.T, m *clusterMedium) {
			bodies := new(sync.Map)
			m.store = func(storage.Store) storage.Store {
				return countingStore{bodies: bodies, last: new(atomic.Int64), get: bodies.Load}
			}
		}),
	breaksCluster("LargeMessagesOfAllNodesArrive", "keeps a body for one reader only",
		func(_ *testing.T, m *clusterMedium) {
			bodies, last := new(sync.Map), new(atomic.Int64)
			m.store = func(storage.Store) storage.Store {
				return countingStore{bodies: bodies, last: last, get: bodies.LoadAndDelete}
			}
		}),
}

// countingStore uses consecutive numbers as ids.
type countingStore struct {
	bodies *sync.Map
	last   *atomic.Int64
	get    func(id any) (body any, found bool)
}

func (s countingStore) Put(_ context.Context, body []byte) (string, error) {
	id := strconv.FormatInt(s.last.Add(1), 10)
	s.bodies.Store(id, bytes.Clone(body))
	return id, nil
}

func (s countingStore) Get(_ context.Context, id string) ([]byte, error) {
	body, found := s.get(id)
	if !found {
		return nil, storage.ErrNotFound
	}
	return bytes.Clone(body.([]byte)), nil
}

func (countingStore) Expire(context.Context, time.Duration) error { return nil }

func cutting(size int) func(body []byte) ([]byte, error) {
	return func(body []byte) ([]byte, error) { return body[:min(size, len(body))], nil }
}

func changesBodies(check, bug string, change func(body []byte) ([]byte, error)) mutant[conformance.ClusterHarness] {
	return breaksCluster(check, bug, func(_ *testing.T, m *clusterMedium) {
		m.store = func(s storage.Store) storage.Store { return changedStore{s, change} }
	})
}

// changedStore changes a body before it puts it.
type changedStore struct {
	storage.Store
	change func(body []byte) ([]byte, error)
}

func (s changedStore) Put(ctx context.Context, body []byte) (string, error) {
	body, err := s.change(body)
	if err != nil {
		return "", err
	}
	return s.Store.Put(ctx, body)
}

// clusterHearingMutants lose, duplicate or invent messages of a kind.
var clusterHearingMutants = []mutant[conformance.ClusterHarness]{
	changesReceived("BroadcastReachesEveryNodeOnce", "delivers broadcasts twice", func() receiveChange {
		return func(m transport.Message, env *codec.Envelope) []transport.Message {
			if isEvent(env) {
				return []transport.Message{m, m}
			}
			return []transport.Message{m}
		}
	}),
	dropsMessages("BroadcastReachesEveryNodeOnce", "loses broadcasts", isEvent),
	changesReceived("OrderIsKept", "lets the next message overtake a reference", holdsReferences),
	dropsMessages("RemoteSocketsCanBeUsed", "does not move sockets", isType(codec.SocketsJoin)),
	dropsMessages("PeersAreKnown", "loses the answers to announcements", isType(codec.Heartbeat)),
	dropsMessages("PeersAreKnown", "loses announcements", isType(codec.InitialHeartbeat)),
	dropsMessages("EmitWithAckAsksEveryClient", "loses the report of zero clients", func(env *codec.Envelope) bool {
		return env.Type == codec.BroadcastClientCount && env.ClientCount == 0
	}),
	dropsMessages("CloseAnnouncesLeaving", "loses leave messages", isType(codec.AdapterClose)),
	dropsMessages("ClosedNamespaceAnnouncesLeaving", "loses leave messages", isType(codec.AdapterClose)),
	dropsMessages("HeartbeatsArrive", "loses heartbeats", isType(codec.Heartbeat)),
}

// holdsReferences holds each reference back until the next message has arrived.
func holdsReferences() receiveChange {
	var held []transport.Message
	return func(m transport.Message, env *codec.Envelope) []transport.Message {
		if env.AttachmentID != "" && len(held) == 0 {
			held = append(held, m)
			return nil
		}
		out := append([]transport.Message{m}, held...)
		held = nil
		return out
	}
}
