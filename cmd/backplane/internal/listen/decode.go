package listen

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/userdata"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
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

// Decoder decodes messages.
type Decoder struct {
	// Prefix is the beginning of the names of the channels.
	Prefix string
	Wire   *wire.Wire
	Store  storage.Sizer
	// Timeout bounds a query to Store.
	Timeout time.Duration
}

// Header is the sender of a message, its type and its namespace.
type Header struct {
	Type codec.Type
	UID  string
	NSP  string
}

// decode decodes a message. If messages are signed, its signature must be valid.
func (d *Decoder) decode(m transport.Message) (*codec.Envelope, error) {
	payload, err := d.Wire.Open(m.Channel, m.Payload)
	if err != nil {
		return nil, err
	}
	return d.Wire.Decode(payload)
}

// Header decodes the header of a message. It does not fetch the attachment.
func (d *Decoder) Header(m transport.Message) (Header, error) {
	env, err := d.decode(m)
	if err != nil {
		return Header{}, err
	}
	return Header{Type: env.Type, UID: env.UID, NSP: env.NSP}, nil
}

// Line decodes a message and fetches its attachment. If that fails, the line has the error.
func (d *Decoder) Line(ctx context.Context, m transport.Message, at time.Time) Line {
	nsp := strings.TrimPrefix(m.Channel, d.Prefix+"#")
	l := Line{Time: at.UTC().Format("2006-01-02T15:04:05.000000Z"), NSP: nsp, Bytes: len(m.Payload)}
	env, err := d.decode(m)
	if err != nil {
		l.Error, l.Payload = err.Error(), string(m.Payload)
		return l
	}
	l.setHeader(env)
	if env.NSP != "" && env.NSP != nsp {
		l.Error = fmt.Sprintf("it is for %q and arrived on the channel of %q: nodes drop it", env.NSP, nsp)
	}
	if env.AttachmentID != "" {
		l.Attachment = env.AttachmentID
		if env.NSP == "" {
			env.NSP = nsp
		}
		if env, l.Bytes, err = d.attachment(ctx, env); err != nil {
			l.Error = fmt.Sprintf("attachment %s: %v", l.Attachment, err)
			return l
		}
		l.setHeader(env)
	}
	if err := l.setBody(env); err != nil {
		l.Error = err.Error()
	}
	return l
}

func (d *Decoder) attachment(ctx context.Context, ref *codec.Envelope) (*codec.Envelope, int, error) {
	if ctx.Err() != nil {
		return nil, 0, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	found, err := d.Store.GetUpTo(ctx, []string{ref.AttachmentID}, maxAttachment)
	if err != nil {
		return nil, 0, err
	}
	switch body := found[0].Body; {
	case found[0].Size == storage.NotFound:
		return nil, 0, errors.New("it has expired or is in another table")
	case body == nil:
		return nil, found[0].Size, fmt.Errorf("it has %d bytes and the limit is %d", found[0].Size, maxAttachment)
	default:
		env, err := d.Wire.DecodeBody(ref, body)
		return env, len(body), err
	}
}

// maxAttachment is the largest attachment that is fetched, in bytes. It is the default of a cluster's MaxMessageBytes.
const maxAttachment = 16 << 20

func (l *Line) setHeader(env *codec.Envelope) {
	l.UID, l.Type, l.Name = env.UID, env.Type, env.Type.String()
}

// setBody copies the fields that the type of env has.
func (l *Line) setBody(env *codec.Envelope) error {
	l.RequestID = env.RequestID
	switch env.Type {
	case codec.Broadcast, codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets, codec.FetchSockets:
		l.To, l.Nobody, l.Except = names(env.Opts.Rooms), env.Opts.Nobody, names(env.Opts.Except)
	}
	switch env.Type {
	case codec.Broadcast:
		f := env.Opts.Flags
		l.Flags = &Flags{f.Volatile, f.Compress, f.Timeout.Milliseconds()}
		return l.setArgs(env.Args)
	case codec.ServerSideEmit:
		return l.setArgs(env.Args)
	case codec.SocketsJoin, codec.SocketsLeave:
		l.Rooms = names(env.Rooms)
	case codec.DisconnectSockets:
		l.Close = &env.Close
	case codec.FetchSocketsResponse:
		l.setSockets(env.Sockets)
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
