package redisclassic

import (
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/message"
)

// parseAnswer reads an answer in a namespace. Some do not say what they answer: the request with its id does.
func parseAnswer(r *classic.Reader, nsp string, p []byte) (*codec.Envelope, error) {
	env := &codec.Envelope{NSP: nsp}
	o, err := readObject(r, env, "response", p)
	if err == nil {
		err = answer(r, env, o)
	}
	if err != nil {
		return nil, err
	}
	return env, nil
}

// answer reads the fields of an answer.
func answer(r *classic.Reader, env *codec.Envelope, o object) (err error) {
	if env.RequestID == "" {
		return r.Missing("response.requestId")
	}
	t, typed := o.tree("type").(int64)
	if !typed {
		t = -1
	}
	switch {
	case t == typeServerSideEmit:
		env.Type = codec.ServerSideEmitResponse
		env.Value = reply(r, o, "data")
	case t == typeBroadcastAck:
		env.Type = codec.BroadcastAck
		env.Value = reply(r, o, "packet")
	case t == typeBroadcastClientCount:
		env.Type = codec.BroadcastClientCount
		count, ok := o.tree("clientCount").(int64)
		if !ok || count < 0 || count > message.MaxCount {
			return r.Malformed("response.clientCount", errNotNumber)
		}
		env.ClientCount = int(count)
	case o["sockets"].Encoding != nil:
		return sockets(r, env, o["sockets"], t)
	case o["rooms"].Encoding != nil:
		env.Type = codec.ListRoomsResponse
		list, ok := o.tree("rooms").([]any)
		if !ok {
			return r.Malformed("response.rooms", classic.ErrNotArray)
		}
		env.Rooms, _ = r.Names(list)
	case typed:
		return r.Malformed("response.type", fmt.Errorf("%d is unknown", t))
	default:
		env.Type = codec.SocketChanged
	}
	return nil
}

// reply reads one answer with the rest of its arguments.
func reply(r *classic.Reader, o object, key string) codec.Value {
	v := o[key].Value()
	if rest := o["rest"]; rest.Encoding != nil {
		if _, list := rest.Tree().([]any); list {
			return v.WithRest(rest.Value())
		}
		r.Skipped++
	}
	return v
}

// sockets reads the ids of sockets, or their descriptions. Of an empty list, the type says what it has, if there is
// one.
func sockets(r *classic.Reader, env *codec.Envelope, list classic.Raw, t int64) error {
	env.Type = codec.FetchSocketsResponse
	if t == typeSockets {
		env.Type = codec.ListSocketsResponse
	}
	n := 0
	if !list.Elements(func(e classic.Raw) {
		if n++; n == 1 {
			if _, isID := classic.Text(e.Tree()); isID {
				env.Type = codec.ListSocketsResponse
			}
		}
		if env.Type == codec.FetchSocketsResponse {
			if s, ok := socket(r, e); ok {
				env.Sockets = append(env.Sockets, s)
			} else {
				r.Skipped++
			}
		} else if id, ok := classic.Text(e.Tree()); ok {
			env.Rooms = append(env.Rooms, id)
		} else {
			r.Skipped++
		}
	}) {
		return r.Malformed("response.sockets", classic.ErrNotArray)
	}
	return nil
}

// socket reads the description of a socket. Without an id it is none.
func socket(r *classic.Reader, e classic.Raw) (s codec.Socket, ok bool) {
	e.Members(func(key string, value classic.Raw) {
		switch key {
		case "id":
			s.ID, ok = classic.Text(value.Tree())
		case "handshake":
			s.Handshake = value.Value()
		case "rooms":
			s.Rooms, _ = r.Names(value.Tree())
		case "data":
			s.Data = value.Value()
		default:
			r.Skipped++
		}
	})
	return s, ok
}
