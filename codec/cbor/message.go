package cbor

import (
	"errors"
	"fmt"
	"slices"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
	shape "github.com/backplane-go/backplane/internal/message"
)

// message is the wire layout of an envelope.
type message struct {
	Type          *int64   `cbor:"1,keyasint"`
	UID           string   `cbor:"2,keyasint,omitempty"`
	NSP           string   `cbor:"3,keyasint,omitempty"`
	AttachmentID  string   `cbor:"4,keyasint,omitempty"`
	RequesterUID  string   `cbor:"5,keyasint,omitempty"`
	RequestID     string   `cbor:"6,keyasint,omitempty"`
	Opts          *opts    `cbor:"7,keyasint,omitempty"`
	Packet        data     `cbor:"8,keyasint,omitzero"`
	Rooms         []string `cbor:"9,keyasint,omitempty"`
	Close         bool     `cbor:"10,keyasint,omitempty"`
	Sockets       []socket `cbor:"11,keyasint,omitempty"`
	ClientCount   uint64   `cbor:"12,keyasint,omitempty"`
	Nonce         uint64   `cbor:"13,keyasint,omitempty"`
	Process       string   `cbor:"22,keyasint,omitempty"`
	Clock         uint64   `cbor:"23,keyasint,omitempty"`
	AttachmentKey string   `cbor:"14,keyasint,omitempty"`
	Rest          data     `cbor:"15,keyasint,omitzero"` // of an answer; Packet is its first argument
	CloseHash     string   `cbor:"20,keyasint,omitempty"`
	CloseKey      string   `cbor:"21,keyasint,omitempty"`
}

type opts struct {
	Rooms                []string `cbor:"1,keyasint,omitempty"`
	Except               []string `cbor:"2,keyasint,omitempty"`
	Volatile             bool     `cbor:"3,keyasint,omitempty"`
	Compress             *bool    `cbor:"4,keyasint,omitempty"`
	Timeout              int64    `cbor:"5,keyasint,omitempty"`
	ExpectSingleResponse bool     `cbor:"6,keyasint,omitempty"`
	Relayed              bool     `cbor:"7,keyasint,omitempty"`
}

type socket struct {
	ID        string   `cbor:"1,keyasint"`
	Handshake data     `cbor:"2,keyasint,omitzero"`
	Rooms     []string `cbor:"3,keyasint,omitempty"`
	Data      data     `cbor:"4,keyasint,omitzero"`
}

// data is user data: one CBOR value. Unlike the library's RawMessage it shares memory with the message that it is
// decoded from. The codec may keep that message.
type data []byte

func (d data) MarshalCBOR() ([]byte, error) { return d, nil }

func (d *data) UnmarshalCBOR(p []byte) error {
	*d = p[:len(p):len(p)]
	return nil
}

var errNegative = errors.New("codec/cbor: ClientCount is negative")

func newMessage(env *codec.Envelope) (*message, error) {
	typ := int64(env.Type)
	m := &message{
		Type:    &typ,
		UID:     jsontext.ValidUTF8(env.UID),
		NSP:     jsontext.ValidUTF8(env.NSP),
		Nonce:   env.Nonce,
		Process: jsontext.ValidUTF8(env.Process),
		Clock:   env.Clock & shape.MaxSafe,

		CloseHash:     jsontext.ValidUTF8(env.CloseHash),
		CloseKey:      jsontext.ValidUTF8(env.CloseKey),
		AttachmentKey: jsontext.ValidUTF8(env.AttachmentKey),
	}
	if env.AttachmentID != "" {
		m.AttachmentID = jsontext.ValidUTF8(env.AttachmentID)
		m.RequesterUID = jsontext.ValidUTF8(env.RequesterUID)
		return m, nil
	}
	if !env.Type.Known() {
		return nil, fmt.Errorf("codec/cbor: cannot encode a message of unknown %v", env.Type)
	}

	has := shape.FieldsOf(env.Type)
	var err error
	if has.Has(shape.RequestID) {
		m.RequestID = jsontext.ValidUTF8(env.RequestID)
	}
	if has.Has(shape.Opts) {
		if env.Opts.Nobody {
			return nil, codec.ErrNobody
		}
		m.Opts = newOpts(&env.Opts)
	}
	if has.Has(shape.Packet) {
		v := env.Value
		if !env.Type.Response() {
			if v = env.Args.Value(); v.IsNull() {
				return nil, shape.ErrNoEvent
			}
		}
		if m.Packet, err = newData(v, 1); err != nil {
			return nil, err
		}
	}
	if has.Has(shape.Rest) {
		if m.Rest, err = newData(env.Value.Rest(), 1); err != nil {
			return nil, err
		}
	}
	if has.Has(shape.Rooms) {
		m.Rooms = validNames(env.Rooms)
	}
	m.Close = env.Close && has.Has(shape.Close)
	if has.Has(shape.ClientCount) {
		if env.ClientCount < 0 {
			return nil, errNegative
		}
		m.ClientCount = uint64(env.ClientCount)
	}
	if has.Has(shape.Sockets) {
		m.Sockets, err = newSockets(env.Sockets)
	}
	return m, err
}

func newOpts(o *codec.Opts) *opts {
	return &opts{
		Rooms:                validNames(o.Rooms),
		Except:               validNames(o.Except),
		Volatile:             o.Flags.Volatile,
		Compress:             o.Flags.Compress,
		Timeout:              shape.Milliseconds(o.Flags.Timeout),
		ExpectSingleResponse: o.Flags.ExpectSingleResponse,
		Relayed:              o.Flags.Relayed,
	}
}

func newSockets(in []codec.Socket) ([]socket, error) {
	out := make([]socket, len(in))
	for i, s := range in {
		handshake, err := newData(s.Handshake, 3)
		if err != nil {
			return nil, fmt.Errorf("handshake of socket %q: %w", s.ID, err)
		}
		own, err := newData(s.Data, 3)
		if err != nil {
			return nil, fmt.Errorf("data of socket %q: %w", s.ID, err)
		}
		out[i] = socket{ID: jsontext.ValidUTF8(s.ID), Handshake: handshake, Rooms: validNames(s.Rooms), Data: own}
	}
	return out, nil
}

// envelope converts m to an Envelope. Fields that do not belong to the type of the message are ignored.
func (m *message) envelope() (*codec.Envelope, error) {
	if m.Type == nil {
		return nil, malformed("type", shape.ErrMissing)
	}
	if m.Clock > shape.MaxSafe {
		return nil, malformed("clock", errRange)
	}
	if *m.Type < shape.MinType || *m.Type > shape.MaxType {
		return nil, malformed("type", errRange)
	}
	env := &codec.Envelope{
		Type:          codec.Type(*m.Type),
		UID:           m.UID,
		NSP:           m.NSP,
		AttachmentID:  m.AttachmentID,
		AttachmentKey: m.AttachmentKey,
		RequesterUID:  m.RequesterUID,
		Process:       m.Process,
		Clock:         m.Clock,
		CloseHash:     m.CloseHash,
		CloseKey:      m.CloseKey,
	}
	if env.AttachmentID != "" {
		return env, nil
	}

	has := shape.FieldsOf(env.Type)
	var err error
	if has.Has(shape.RequestID) {
		env.RequestID = m.RequestID
	}
	if has.Has(shape.Opts) {
		if m.Opts == nil {
			return nil, malformed("opts", shape.ErrMissing)
		}
		env.Opts = m.Opts.opts()
	}
	if has.Has(shape.Packet) {
		if env.Type.Response() {
			env.Value, err = m.Packet.value(1)
		} else {
			env.Args, err = m.Packet.args()
		}
		if err != nil {
			return nil, malformed("packet", err)
		}
	}
	if has.Has(shape.Rest) {
		rest, err := m.Rest.value(1)
		if err != nil {
			return nil, malformed("rest", err)
		}
		env.Value = env.Value.WithRest(rest)
	}
	if has.Has(shape.Rooms) {
		env.Rooms = nilIfEmpty(m.Rooms)
	}
	env.Close = m.Close && has.Has(shape.Close)
	if has.Has(shape.ClientCount) {
		if m.ClientCount > shape.MaxCount {
			return nil, malformed("clientCount", errRange)
		}
		env.ClientCount = int(m.ClientCount)
	}
	if has.Has(shape.Sockets) {
		env.Sockets, env.Skipped = sockets(m.Sockets)
	}
	return env, nil
}

var errRange = errors.New("out of range")

func (o *opts) opts() codec.Opts {
	return codec.Opts{
		Rooms:  nilIfEmpty(o.Rooms),
		Except: nilIfEmpty(o.Except),
		Flags: codec.Flags{
			Volatile:             o.Volatile,
			Compress:             o.Compress,
			Timeout:              shape.Timeout(float64(o.Timeout)),
			ExpectSingleResponse: o.ExpectSingleResponse,
			Relayed:              o.Relayed,
		},
	}
}

// sockets converts the sockets. It skips and counts a handshake or data that cannot be decoded, since the rest of
// the socket is still useful.
func sockets(in []socket) (out []codec.Socket, skipped int) {
	value := func(d data) codec.Value {
		v, err := d.value(3)
		if err != nil {
			skipped++
			return codec.Value{}
		}
		return v
	}
	for _, s := range in {
		out = append(out, codec.Socket{ID: s.ID, Handshake: value(s.Handshake), Rooms: nilIfEmpty(s.Rooms),
			Data: value(s.Data)})
	}
	return out, skipped
}

// nilIfEmpty returns nil for an empty list, which is left out on the wire.
func nilIfEmpty(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	return names
}

// validNames returns names with valid UTF-8. It copies the list if a name must be changed.
func validNames(names []string) []string {
	for i, s := range names {
		if jsontext.ValidUTF8(s) == s {
			continue
		}
		names = slices.Clone(names)
		for ; i < len(names); i++ {
			names[i] = jsontext.ValidUTF8(names[i])
		}
		break
	}
	return names
}
