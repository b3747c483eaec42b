package listen

import (
	"github.com/backplane-go/backplane/cmd/backplane/internal/userdata"
	"github.com/backplane-go/backplane/codec"
)

// Line is a message as tail prints it. Keys that its type does not have are omitted.
type Line struct {
	Time       string     `json:"time"`
	NSP        string     `json:"nsp"`
	UID        string     `json:"uid"`
	Type       codec.Type `json:"type"` // its number
	Name       string     `json:"name"`
	Bytes      int        `json:"bytes"` // of the message, or of its attachment
	Attachment string     `json:"attachment,omitempty"`
	RequestID  string     `json:"requestId,omitempty"`

	Event *string           `json:"event,omitempty"`
	Args  *[]userdata.Value `json:"args,omitempty"`
	Value *userdata.Value   `json:"value,omitempty"`
	Rest  *userdata.Value   `json:"rest,omitempty"`

	To     *[]string `json:"to,omitempty"`
	Nobody bool      `json:"nobody,omitempty"` // none of its rooms can be decoded
	Except *[]string `json:"except,omitempty"`
	Flags  *Flags    `json:"flags,omitempty"`
	Rooms  *[]string `json:"rooms,omitempty"`
	Close  *bool     `json:"close,omitempty"`

	Clients *int      `json:"clients,omitempty"`
	IDs     *[]string `json:"ids,omitempty"` // of clients
	Sockets *[]Socket `json:"sockets,omitempty"`

	Error   string `json:"error,omitempty"`   // why it cannot be decoded or would be dropped
	Payload string `json:"payload,omitempty"` // as received, if it cannot be decoded
}

// Flags are the flags of an event that are set.
type Flags struct {
	Volatile bool  `json:"volatile,omitempty"`
	Compress *bool `json:"compress,omitempty"`
	Timeout  int64 `json:"timeout,omitempty"` // milliseconds
}

// Socket describes a client, as its node does.
type Socket struct {
	ID        string         `json:"id"`
	Rooms     []string       `json:"rooms"`
	Handshake userdata.Value `json:"handshake"`
	Data      userdata.Value `json:"data"`
}

func (l *Line) setHeader(env *codec.Envelope) {
	l.UID, l.Type, l.Name = env.UID, env.Type, env.Type.String()
}

// setBody copies the fields that the type of env has.
func (l *Line) setBody(env *codec.Envelope) error {
	l.RequestID = env.RequestID
	switch env.Type {
	case codec.Broadcast, codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets, codec.FetchSockets,
		codec.ListSockets, codec.SocketRooms:
		l.To, l.Nobody, l.Except = names(env.Opts.Rooms), env.Opts.Nobody, names(env.Opts.Except)
	}
	switch env.Type {
	case codec.Broadcast:
		f := env.Opts.Flags
		l.Flags = &Flags{f.Volatile, f.Compress, f.Timeout.Milliseconds()}
		return l.setArgs(env.Args)
	case codec.ServerSideEmit:
		return l.setArgs(env.Args)
	case codec.SocketsJoin, codec.SocketsLeave, codec.ListRoomsResponse, codec.SocketRoomsResponse:
		l.Rooms = names(env.Rooms)
	case codec.DisconnectSockets:
		l.Close = &env.Close
	case codec.FetchSocketsResponse:
		l.setSockets(env.Sockets)
	case codec.ListSocketsResponse:
		l.IDs = names(env.Rooms)
	case codec.CustomRequest, codec.CustomRequestResponse:
		l.Value = &userdata.Value{Value: env.Value}
	case codec.ServerSideEmitResponse, codec.BroadcastAck:
		l.Value = &userdata.Value{Value: env.Value}
		if rest := env.Value.Rest(); !rest.IsNull() {
			l.Rest = &userdata.Value{Value: rest}
		}
	case codec.BroadcastClientCount:
		l.Clients = &env.ClientCount
	}
	return nil
}

func (l *Line) setArgs(args codec.Args) error {
	event := args.Event()
	values, err := userdata.Args(args)
	l.Event, l.Args = &event, &values
	return err
}

func (l *Line) setSockets(sockets []codec.Socket) {
	all := make([]Socket, 0, len(sockets))
	for _, s := range sockets {
		all = append(all, Socket{
			ID: s.ID, Rooms: *names(s.Rooms),
			Handshake: userdata.Value{Value: s.Handshake}, Data: userdata.Value{Value: s.Data},
		})
	}
	l.Sockets = &all
}

// names returns a copy of a list that is never nil.
func names(list []string) *[]string {
	list = append([]string{}, list...)
	return &list
}
