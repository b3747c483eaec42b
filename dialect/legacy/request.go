package legacy

import (
	"strconv"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/message"
)

// The types of requests.
const (
	typeClients          = 0
	typeClientRooms      = 1
	typeAllRooms         = 2
	typeRemoteJoin       = 3
	typeRemoteLeave      = 4
	typeCustomRequest    = 5
	typeRemoteDisconnect = 6
)

const (
	hintNoAnswer = "use RemoteJoin, RemoteLeave or RemoteDisconnect, which name one socket"
	hintExcept   = "it cannot exclude rooms"
)

// request writes a request or an answer. The sender comes first, so that SentBy finds it. Node.js does not read it, nor
// the name of the sender's node.
func (d *draft) request(n *names, env *codec.Envelope) error {
	k := classic.Request
	if env.Type.Response() {
		k = classic.Response
	}
	d.channel = jsontext.AppendString(d.channel, k.Channel(n.prefix, env.NSP))
	p := jsontext.AppendString(append(d.payload, `{"uid":`...), env.UID)
	p = jsontext.AppendString(append(p, `,"requestid":`...), env.RequestID)
	if d.node != "" {
		p = jsontext.AppendString(append(p, `,"node":`...), d.node)
	}
	p, err := appendFields(p, env)
	if err == nil && env.Nonce != 0 {
		p = strconv.AppendUint(append(p, `,"nonce":`...), env.Nonce&message.MaxSafe, 10)
	}
	d.payload = append(p, '}')
	return err
}

// appendFields appends what follows the id of the request.
func appendFields(p []byte, env *codec.Envelope) ([]byte, error) {
	switch env.Type {
	case codec.ListSockets:
		if len(env.Opts.Except) > 0 {
			return p, unsupported(env.Type, hintExcept)
		}
		return appendNames(appendType(p, typeClients), "rooms", env.Opts.Rooms), nil
	case codec.ListSocketsResponse:
		return appendNames(p, "clients", env.Rooms), nil
	case codec.ListRooms:
		return appendType(p, typeAllRooms), nil
	case codec.ListRoomsResponse, codec.SocketRoomsResponse:
		return appendNames(p, "rooms", env.Rooms), nil
	case codec.SocketRooms:
		return appendSocket(p, env, typeClientRooms)
	case codec.CustomRequest:
		return env.Value.AppendJSON(append(appendType(p, typeCustomRequest), `,"data":`...))
	case codec.CustomRequestResponse:
		return env.Value.AppendJSON(append(p, `,"data":`...))
	case codec.SocketChanged:
		return p, nil
	case codec.SocketsJoin, codec.SocketsLeave:
		t := typeRemoteJoin
		if env.Type == codec.SocketsLeave {
			t = typeRemoteLeave
		}
		if len(env.Rooms) != 1 {
			return p, unsupported(env.Type, "it has one room: send a message for each")
		}
		p, err := appendSocket(p, env, t)
		if err == nil && t == typeRemoteJoin {
			err = checkProperty("room", env.Rooms[0])
		}
		return jsontext.AppendString(append(p, `,"room":`...), env.Rooms[0]), err
	case codec.DisconnectSockets:
		p, err := appendSocket(p, env, typeRemoteDisconnect)
		return strconv.AppendBool(append(p, `,"close":`...), env.Close), err
	case codec.FetchSockets:
		return p, unsupported(env.Type, "use Clients, which returns the ids of the sockets")
	case codec.ServerSideEmit:
		return p, unsupported(env.Type, "use CustomRequest")
	}
	return p, unsupported(env.Type, "")
}

func appendType(p []byte, t int) []byte {
	return strconv.AppendInt(append(p, `,"type":`...), int64(t), 10)
}

func appendNames(p []byte, key string, list []string) []byte {
	p = append(jsontext.AppendString(append(p, ','), key), ":["...)
	for i, s := range list {
		if i > 0 {
			p = append(p, ',')
		}
		p = jsontext.AppendString(p, s)
	}
	return append(p, ']')
}

// appendSocket appends the type of a request and the id of the socket that it is about.
func appendSocket(p []byte, env *codec.Envelope, t int) ([]byte, error) {
	switch {
	case len(env.Opts.Rooms) != 1 || env.RequestID == "":
		return p, unsupported(env.Type, hintNoAnswer)
	case len(env.Opts.Except) > 0:
		return p, unsupported(env.Type, hintExcept)
	}
	sid := env.Opts.Rooms[0]
	return jsontext.AppendString(append(appendType(p, t), `,"sid":`...), sid), checkProperty("socket id", sid)
}

// checkProperty refuses the names of the properties that every object has in JavaScript. Servers in Node.js look up
// sockets and rooms in objects, and end when they take such a property for one.
func checkProperty(kind, s string) error {
	switch s {
	case "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString",
		"valueOf", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__":
		return &fault.NameError{Kind: kind, Name: s,
			Reason: "every object in JavaScript has a property of this name, and servers in Node.js would end"}
	}
	return nil
}
