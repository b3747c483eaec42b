package redisclassic

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/msgpack"
)

var (
	errNotNumber = errors.New("not a number")
	errNotEvent  = errors.New("not an event: its first element must be a string or a finite number")
	errNotPacked = errors.New("not in MessagePack")
)

// parseRequest reads a request in a namespace.
func parseRequest(r *classic.Reader, nsp string, p []byte) (*codec.Envelope, error) {
	env := &codec.Envelope{NSP: nsp}
	o, err := readObject(r, env, "request", p)
	if err != nil {
		return nil, err
	}
	if err := question(r, env, o); err != nil {
		return nil, err
	}
	if env.NSP != nsp { // the packet of a broadcast has one
		return env, dialect.ErrForeign
	}
	return env, nil
}

// question reads the fields of a request.
func question(r *classic.Reader, env *codec.Envelope, o object) error {
	t, ok := o.tree("type").(int64)
	if !ok {
		return r.Malformed("request.type", errNotNumber)
	}
	switch t {
	case typeSockets, typeAllRooms, typeRemoteFetch, typeBroadcast:
		if env.RequestID == "" { // nobody could use the answer
			return r.Missing("request.requestId")
		}
	}
	switch t {
	case typeSockets:
		env.Type = codec.ListSockets
		r.Rooms(&env.Opts, o.tree("rooms"))
	case typeAllRooms:
		env.Type = codec.ListRooms
	case typeRemoteJoin:
		env.Type = codec.SocketsJoin
		return change(r, env, o)
	case typeRemoteLeave:
		env.Type = codec.SocketsLeave
		return change(r, env, o)
	case typeRemoteDisconnect:
		env.Type = codec.DisconnectSockets
		env.Close = r.Flag(o.tree("close"))
		return change(r, env, o)
	case typeRemoteFetch:
		env.Type = codec.FetchSockets
		return selection(r, env, o)
	case typeServerSideEmit:
		env.Type = codec.ServerSideEmit
		if env.Args, ok = classic.ArgsOf(o["data"]); !ok {
			return r.Malformed("request.data", errNotEvent)
		}
	case typeBroadcast:
		env.Type = codec.Broadcast
		packet := o["packet"]
		if packet.Encoding != msgpack.Notepack {
			return r.Malformed("request.packet", errNotPacked)
		}
		if err := r.Packet(env, packet.Bytes); err != nil {
			return err
		}
		return selection(r, env, o)
	default:
		return r.Malformed("request.type", fmt.Errorf("%d is unknown", t))
	}
	return nil
}

// selection reads which sockets a request is about.
func selection(r *classic.Reader, env *codec.Envelope, o object) error {
	if !o.has("opts") {
		return r.Missing("request.opts")
	}
	r.Opts(env, o.tree("opts"))
	return nil
}

// change reads which sockets a request changes, and their rooms. Without opts it is of the older form.
func change(r *classic.Reader, env *codec.Envelope, o object) error {
	disconnects := env.Type == codec.DisconnectSockets
	if o.has("opts") {
		env.RequestID = "" // nobody answers
		if !disconnects {
			list, ok := o.tree("rooms").([]any)
			if !ok {
				return r.Malformed("request.rooms", classic.ErrNotArray)
			}
			env.Rooms, _ = r.Names(list)
		}
		return selection(r, env, o)
	}
	if env.RequestID == "" {
		return r.Missing("request.requestId")
	}
	sid, ok := classic.Text(o.tree("sid"))
	if !ok {
		return r.Malformed("request.sid", classic.ErrNotName)
	}
	env.Opts.Rooms = []string{sid}
	if disconnects {
		return nil
	}
	room, ok := classic.Text(o.tree("room"))
	if !ok {
		return r.Malformed("request.room", classic.ErrNotName)
	}
	env.Rooms = []string{room}
	return nil
}
