package redisclassic

import (
	"errors"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/message"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// The types of requests and answers.
const (
	typeSockets              = 0
	typeAllRooms             = 1
	typeRemoteJoin           = 2
	typeRemoteLeave          = 3
	typeRemoteDisconnect     = 4
	typeRemoteFetch          = 5
	typeServerSideEmit       = 6
	typeBroadcast            = 7
	typeBroadcastClientCount = 8
	typeBroadcastAck         = 9
)

// appendRequest appends a request or an answer.
func appendRequest(dst []byte, env *codec.Envelope) ([]byte, error) {
	if env.Type != codec.Broadcast && env.Type != codec.BroadcastAck { // Node.js writes these as MessagePack
		f := form{json: dst}
		err := f.request(env)
		if !errors.Is(err, codec.ErrBinary) {
			return f.json, err
		}
	}
	f := form{pack: msgpack.NewWriter(dst, msgpack.Notepack)}
	err := f.request(env)
	return f.pack.Release(), err
}

// request writes a request or an answer. The sender comes first, so that SentBy finds it: Node.js has it in requests,
// and does not read it in answers.
func (f *form) request(env *codec.Envelope) error {
	f.openObject()
	f.key("uid")
	f.text(env.UID)
	var err error
	if env.Type.Response() {
		err = f.answer(env)
	} else {
		err = f.question(env)
	}
	if env.Nonce != 0 {
		f.key("nonce")
		f.number(int64(env.Nonce & message.MaxSafe))
	}
	f.closeObject()
	return err
}

// kind writes the id of a request and its type. Without an id it is left out: Node.js takes even null for one.
func (f *form) kind(env *codec.Envelope, t int64) {
	if env.RequestID != "" {
		f.key("requestId")
		f.text(env.RequestID)
	}
	f.key("type")
	f.number(t)
}

func (f *form) question(env *codec.Envelope) error {
	switch env.Type {
	case codec.ListSockets:
		if len(env.Opts.Except) > 0 {
			return unsupported(env.Type, "it cannot exclude rooms")
		}
		f.kind(env, typeSockets)
		f.key("rooms")
		f.names(env.Opts.Rooms)
	case codec.ListRooms:
		f.kind(env, typeAllRooms)
	case codec.SocketsJoin:
		return f.change(env, typeRemoteJoin)
	case codec.SocketsLeave:
		return f.change(env, typeRemoteLeave)
	case codec.DisconnectSockets:
		return f.change(env, typeRemoteDisconnect)
	case codec.FetchSockets:
		f.kind(env, typeRemoteFetch)
		f.selection(env)
	case codec.ServerSideEmit:
		if env.Args.Value().IsNull() {
			return message.ErrNoEvent
		}
		f.kind(env, typeServerSideEmit)
		f.key("data")
		return f.value(env.Args.Value())
	case codec.Broadcast: // always in MessagePack
		f.kind(env, typeBroadcast)
		f.key("packet")
		if err := classic.WritePacket(f.pack, env, classic.PacketEvent); err != nil {
			return err
		}
		f.key("opts")
		opts := *env
		opts.Nonce = 0 // the request has it
		classic.WriteOpts(f.pack, &opts, true)
	case codec.SocketRooms:
		return unsupported(env.Type, "use FetchSockets")
	case codec.CustomRequest:
		return unsupported(env.Type, "use ServerSideEmit")
	default:
		return unsupported(env.Type, "")
	}
	return nil
}

// selection writes which sockets a request is about.
func (f *form) selection(env *codec.Envelope) {
	f.key("opts")
	f.openObject()
	f.key("rooms")
	f.names(env.Opts.Rooms)
	f.key("except")
	f.names(env.Opts.Except)
	f.closeObject()
}

// change writes a request that changes sockets. With an id it is of the older form, which is about one socket and has
// an answer.
func (f *form) change(env *codec.Envelope, t int64) error {
	f.kind(env, t)
	one := env.RequestID != ""
	switch {
	case !one:
		f.selection(env)
	case len(env.Opts.Rooms) != 1 || len(env.Opts.Except) > 0:
		return unsupported(env.Type, "requests with an answer are about one socket")
	default:
		f.key("sid")
		f.text(env.Opts.Rooms[0])
	}
	switch {
	case t == typeRemoteDisconnect:
		f.key("close")
		f.bool(env.Close)
	case !one:
		f.key("rooms")
		f.names(env.Rooms)
	case len(env.Rooms) != 1:
		return unsupported(env.Type, "requests with an answer have one room: send one for each")
	default:
		f.key("room")
		f.text(env.Rooms[0])
	}
	return nil
}

func (f *form) answer(env *codec.Envelope) error {
	id := func() {
		f.key("requestId")
		f.text(env.RequestID)
	}
	switch env.Type {
	case codec.ListSocketsResponse:
		id()
		if len(env.Rooms) == 0 { // otherwise the elements say what they are
			f.key("type")
			f.number(typeSockets)
		}
		f.key("sockets")
		f.names(env.Rooms)
	case codec.ListRoomsResponse:
		id()
		f.key("rooms")
		f.names(env.Rooms)
	case codec.SocketChanged:
		id()
	case codec.FetchSocketsResponse:
		id()
		f.key("sockets")
		return f.list(len(env.Sockets), func(i int) error { return f.socket(&env.Sockets[i]) })
	case codec.ServerSideEmitResponse:
		f.key("type")
		f.number(typeServerSideEmit)
		id()
		return f.reply("data", env.Value)
	case codec.BroadcastClientCount:
		f.key("type")
		f.number(typeBroadcastClientCount)
		id()
		f.key("clientCount")
		f.number(int64(env.ClientCount))
	case codec.BroadcastAck:
		f.key("type")
		f.number(typeBroadcastAck)
		id()
		return f.reply("packet", env.Value)
	default:
		return unsupported(env.Type, "")
	}
	return nil
}

// reply writes one answer. Node.js has only the first argument of it.
func (f *form) reply(key string, v codec.Value) error {
	f.key(key)
	if err := f.value(v); err != nil {
		return err
	}
	if rest := v.Rest(); !rest.IsNull() {
		f.key("rest")
		return f.value(rest)
	}
	return nil
}

func (f *form) socket(s *codec.Socket) error {
	f.openObject()
	defer f.closeObject()
	f.key("id")
	f.text(s.ID)
	f.key("handshake")
	if err := f.value(s.Handshake); err != nil {
		return err
	}
	f.key("rooms")
	f.names(s.Rooms)
	f.key("data")
	return f.value(s.Data)
}
