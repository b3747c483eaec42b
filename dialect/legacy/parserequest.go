package legacy

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/classic"
)

// known lists the keys of requests and answers.
var known = map[string]bool{
	"uid": true, "requestid": true, "type": true, "rooms": true, "sid": true, "room": true, "close": true,
	"data": true, "clients": true, "nonce": true, "node": true,
}

// object is a JSON object. Its members stay encoded, and the last one of a key counts.
type object map[string]classic.Raw

// tree returns the value of a member, nil if there is none.
func (o object) tree(key string) any { return o[key].Tree() }

// parseRequest reads a request or an answer.
func parseRequest(r *classic.Reader, k classic.Kind, rest, payload []byte) (*codec.Envelope, error) {
	nsp, ok := requested(rest)
	if !ok {
		return nil, nil // no namespace has this channel
	}
	whole, err := classic.Check(codec.JSON, payload)
	if err != nil {
		return nil, malformed(string(k[1:]), err)
	}
	o := make(object)
	if !whole.Members(func(key string, value classic.Raw) {
		if known[key] {
			o[key] = value
		} else {
			r.Skipped++
		}
	}) {
		return nil, malformed(string(k[1:]), classic.ErrNotMap)
	}
	env := &codec.Envelope{NSP: nsp}
	for key, to := range map[string]*string{"uid": &env.UID, "requestid": &env.RequestID} {
		if t := o.tree(key); t != nil {
			if *to, ok = classic.Text(t); !ok {
				r.Skipped++
			}
		}
	}
	if k == classic.Response {
		if t := o.tree("node"); t != nil {
			if env.Node, ok = classic.Text(t); !ok {
				r.Skipped++
			}
		}
		return finish(env, answer(r, env, o))
	}
	return finish(env, question(r, env, o))
}

// question reads the fields of a request.
func question(r *classic.Reader, env *codec.Envelope, o object) error {
	t, ok := o.tree("type").(int64)
	if !ok {
		return malformed("request.type", errors.New("not a number"))
	}
	switch t {
	case typeClients:
		env.Type = codec.ListSockets
		r.Rooms(&env.Opts, o.tree("rooms"))
	case typeClientRooms:
		env.Type = codec.SocketRooms
	case typeAllRooms:
		env.Type = codec.ListRooms
	case typeRemoteJoin:
		env.Type = codec.SocketsJoin
	case typeRemoteLeave:
		env.Type = codec.SocketsLeave
	case typeCustomRequest:
		env.Type = codec.CustomRequest
		env.Value = o["data"].Value()
	case typeRemoteDisconnect:
		env.Type = codec.DisconnectSockets
		env.Close = r.Flag(o.tree("close"))
	default:
		return malformed("request.type", fmt.Errorf("%d is unknown", t))
	}
	switch env.Type {
	case codec.ListSockets, codec.ListRooms, codec.SocketRooms:
		if env.RequestID == "" { // nobody could use the answer
			return r.Missing("request.requestid")
		}
	}
	switch env.Type {
	case codec.SocketRooms, codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets:
		sid, ok := classic.Text(o.tree("sid"))
		if !ok {
			return malformed("request.sid", classic.ErrNotName)
		}
		env.Opts.Rooms = []string{sid}
	}
	switch env.Type {
	case codec.SocketsJoin, codec.SocketsLeave:
		room, ok := classic.Text(o.tree("room"))
		if !ok {
			return malformed("request.room", classic.ErrNotName)
		}
		env.Rooms = []string{room}
	}
	return nil
}

// answer reads the fields of an answer. It does not say what it answers: the request with its id does.
func answer(r *classic.Reader, env *codec.Envelope, o object) error {
	if env.RequestID == "" {
		return r.Missing("response.requestid")
	}
	list := func(key string, to *[]string) error {
		elems, ok := o.tree(key).([]any)
		if !ok {
			return malformed("response."+key, classic.ErrNotArray)
		}
		*to, _ = r.Names(elems)
		return nil
	}
	switch {
	case o["clients"].Encoding != nil:
		env.Type = codec.ListSocketsResponse
		return list("clients", &env.Rooms)
	case o["data"].Encoding != nil:
		env.Type = codec.CustomRequestResponse
		env.Value = o["data"].Value()
	case o["rooms"].Encoding != nil:
		env.Type = codec.ListRoomsResponse
		return list("rooms", &env.Rooms)
	default:
		env.Type = codec.SocketChanged
	}
	return nil
}

// finish returns env unless there is an error.
func finish(env *codec.Envelope, err error) (*codec.Envelope, error) {
	if err != nil {
		return nil, err
	}
	return env, nil
}
