package watch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/show"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Line is a message as tail prints it. What its type does not have is left out.
type Line struct {
	Time       string     `json:"time"`
	NSP        string     `json:"nsp"`
	UID        string     `json:"uid"`
	Type       codec.Type `json:"type"` // its number
	Name       string     `json:"name"`
	Bytes      int        `json:"bytes"` // of the message, or of its attachment
	Attachment string     `json:"attachment,omitempty"`
	RequestID  string     `json:"requestId,omitempty"`

	Event *string       `json:"event,omitempty"`
	Args  *[]show.Value `json:"args,omitempty"`
	Value *show.Value   `json:"value,omitempty"`
	Rest  *show.Value   `json:"rest,omitempty"`

	To     *[]string `json:"to,omitempty"`
	Nobody bool      `json:"nobody,omitempty"` // its rooms are none that can be read
	Except *[]string `json:"except,omitempty"`
	Flags  *Flags    `json:"flags,omitempty"`
	Rooms  *[]string `json:"rooms,omitempty"`
	Close  *bool     `json:"close,omitempty"`

	Clients *int      `json:"clients,omitempty"`
	Sockets *[]Socket `json:"sockets,omitempty"`

	Error   string `json:"error,omitempty"`   // what is wrong with the message
	Payload string `json:"payload,omitempty"` // as it came, where it cannot be decoded
}

// Flags are those of an event, as far as they are set.
type Flags struct {
	Volatile bool  `json:"volatile,omitempty"`
	Compress *bool `json:"compress,omitempty"`
	Timeout  int64 `json:"timeout,omitempty"` // milliseconds
}

// Socket is what a node tells of a client.
type Socket struct {
	ID        string     `json:"id"`
	Rooms     []string   `json:"rooms"`
	Handshake show.Value `json:"handshake"`
	Data      show.Value `json:"data"`
}

// Reader decodes messages.
type Reader struct {
	// Prefix starts the names of the channels.
	Prefix string
	Wire   *wire.Wire
	Store  storage.Sizer
	// Timeout bounds the round trip to Store.
	Timeout time.Duration
}

// Header is who sent a message, and what it is for.
type Header struct {
	Type codec.Type
	UID  string
	NSP  string
}

// decode reads a message, whose signature must be right if messages are signed.
func (r *Reader) decode(m transport.Message) (*codec.Envelope, error) {
	payload, err := r.Wire.Open(m.Channel, m.Payload)
	if err != nil {
		return nil, err
	}
	return r.Wire.Decode(payload)
}

// Header reads the header of a message, as far as it can be known without an attachment.
func (r *Reader) Header(m transport.Message) (Header, error) {
	env, err := r.decode(m)
	if err != nil {
		return Header{}, err
	}
	return Header{Type: env.Type, UID: env.UID, NSP: env.NSP}, nil
}

// Line decodes a message and fetches its attachment. What is wrong with it is in the line.
func (r *Reader) Line(ctx context.Context, m transport.Message, at time.Time) Line {
	nsp := strings.TrimPrefix(m.Channel, r.Prefix+"#")
	l := Line{Time: at.UTC().Format("2006-01-02T15:04:05.000000Z"), NSP: nsp, Bytes: len(m.Payload)}
	env, err := r.decode(m)
	if err != nil {
		l.Error, l.Payload = err.Error(), string(m.Payload)
		return l
	}
	l.about(env)
	if env.NSP != "" && env.NSP != nsp {
		l.Error = fmt.Sprintf("it is for %q, but came on the channel of %q: nodes drop it", env.NSP, nsp)
	}
	if env.AttachmentID != "" {
		l.Attachment = env.AttachmentID
		if env.NSP == "" {
			env.NSP = nsp
		}
		if env, l.Bytes, err = r.attachment(ctx, env); err != nil {
			l.Error = fmt.Sprintf("attachment %s: %v", l.Attachment, err)
			return l
		}
		l.about(env)
	}
	if err := l.fill(env); err != nil {
		l.Error = err.Error()
	}
	return l
}

func (r *Reader) attachment(ctx context.Context, ref *codec.Envelope) (*codec.Envelope, int, error) {
	if ctx.Err() != nil {
		return nil, 0, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	found, err := r.Store.GetUpTo(ctx, []string{ref.AttachmentID}, maxAttachment)
	if err != nil {
		return nil, 0, err
	}
	switch body := found[0].Body; {
	case found[0].Size == storage.NotFound:
		return nil, 0, errors.New("it has expired, or is in another table")
	case body == nil:
		return nil, found[0].Size, fmt.Errorf("it has %d bytes, and nothing over %d is read", found[0].Size, maxAttachment)
	default:
		env, err := r.Wire.DecodeBody(ref, body)
		return env, len(body), err
	}
}

// maxAttachment is the default of a cluster's MaxMessageBytes, in bytes.
const maxAttachment = 16 << 20

func (l *Line) about(env *codec.Envelope) {
	l.UID, l.Type, l.Name = env.UID, env.Type, env.Type.String()
}

// fill copies what the type of env has.
func (l *Line) fill(env *codec.Envelope) error {
	l.RequestID = env.RequestID
	switch env.Type {
	case codec.Broadcast, codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets, codec.FetchSockets:
		l.To, l.Nobody, l.Except = names(env.Opts.Rooms), env.Opts.Nobody, names(env.Opts.Except)
	}
	switch env.Type {
	case codec.Broadcast:
		f := env.Opts.Flags
		l.Flags = &Flags{f.Volatile, f.Compress, f.Timeout.Milliseconds()}
		return l.args(env.Args)
	case codec.ServerSideEmit:
		return l.args(env.Args)
	case codec.SocketsJoin, codec.SocketsLeave:
		l.Rooms = names(env.Rooms)
	case codec.DisconnectSockets:
		l.Close = &env.Close
	case codec.FetchSocketsResponse:
		l.sockets(env.Sockets)
	case codec.ServerSideEmitResponse, codec.BroadcastAck:
		l.Value = &show.Value{Value: env.Value}
		if rest := env.Value.Rest(); !rest.IsNull() {
			l.Rest = &show.Value{Value: rest}
		}
	case codec.BroadcastClientCount:
		l.Clients = &env.ClientCount
	}
	return nil
}

func (l *Line) args(args codec.Args) error {
	event := args.Event()
	values, err := show.Args(args)
	l.Event, l.Args = &event, &values
	return err
}

func (l *Line) sockets(sockets []codec.Socket) {
	all := make([]Socket, 0, len(sockets))
	for _, s := range sockets {
		all = append(all, Socket{ID: s.ID, Rooms: *names(s.Rooms), Handshake: show.Value{Value: s.Handshake}, Data: show.Value{Value: s.Data}})
	}
	l.Sockets = &all
}

// names is a list that is never nil.
func names(list []string) *[]string {
	list = append([]string{}, list...)
	return &list
}
