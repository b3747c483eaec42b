package parser

import (
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
)

const (
	defaultMaxAttachments = 10 // as in Node.js's decoder
	defaultMaxBytes       = 16 << 20
)

// Decoder assembles packets from the messages of one connection. The zero Decoder is ready for use. After an
// error the connection must be closed. A Decoder is not safe for concurrent use.
type Decoder struct {
	// MaxAttachments is the maximum number of binary attachments of a packet, and of places in the packet that
	// refer to them. 0 means 10; a negative value allows none.
	MaxAttachments int
	// MaxBytes is the maximum size in bytes of a packet with attachments, including its text. An attachment
	// with several places counts once for each place. 0 means 16 MiB. MaxBytes limits the memory that is held
	// until the last attachment arrives. The size of a packet without attachments is limited by the size of its
	// message.
	MaxBytes int

	pending   *pending
	namespace string // of the last packet, so that all packets share one string
}

// pending is a packet whose attachments have not all arrived.
type pending struct {
	packet      *Packet
	payload     []byte
	attachments [][]byte // its capacity is the number of expected attachments
	bytes       int      // bytes that may still arrive
	places      int      // places that may refer to attachments
}

// Text decodes a text message and retains data. It returns nil, nil if attachments of the packet follow.
func (d *Decoder) Text(data []byte) (*Packet, error) {
	if d.pending != nil {
		d.pending = nil
		return nil, malformed("got plaintext data when reconstructing a packet")
	}
	if !utf8.Valid(data) {
		return nil, malformed("the text is not valid UTF-8")
	}
	h, err := d.header(data)
	if err != nil {
		return nil, err
	}
	p := packets.Get().(*Packet)
	p.Type, p.Namespace, p.ID = h.typ, h.namespace, h.id
	if err := p.setPayload(h.payload); err != nil {
		return nil, err
	}
	if h.attachments == 0 {
		return p, nil
	}
	room := orDefault(d.MaxBytes, defaultMaxBytes) - len(data)
	if room < 0 {
		return nil, &Error{Reason: "too many bytes", Err: ErrLimit}
	}
	p.Type -= BinaryEvent - Event // a BinaryAck becomes an Ack
	d.pending = &pending{packet: p, payload: h.payload, attachments: make([][]byte, 0, h.attachments), bytes: room,
		places: orDefault(d.MaxAttachments, defaultMaxAttachments)}
	return nil, nil
}

// Binary decodes a binary message and retains data. It returns nil, nil if more attachments follow.
func (d *Decoder) Binary(data []byte) (*Packet, error) {
	p := d.pending
	if p == nil {
		return nil, malformed("got binary data when not reconstructing a packet")
	}
	if p.bytes -= len(data); p.bytes < 0 {
		d.pending = nil
		return nil, &Error{Reason: "too many bytes", Err: ErrLimit}
	}
	if data == nil {
		data = []byte{} // an empty attachment is not a missing one
	}
	if p.attachments = append(p.attachments, data); len(p.attachments) < cap(p.attachments) {
		return nil, nil
	}
	d.pending = nil
	return p.complete()
}

// Pending reports whether the decoder waits for attachments.
func (d *Decoder) Pending() bool { return d.pending != nil }

// setPayload checks the packet's payload and keeps it. payload may be empty.
func (p *Packet) setPayload(payload []byte) error {
	if len(payload) == 0 {
		if p.Type == Connect || p.Type == Disconnect {
			return nil
		}
		return malformed("no payload")
	}
	// JSON may start with white space, but no encoder writes any here, and Node.js's decoder parses it as a
	// number.
	var err error
	switch c := payload[0]; {
	case (p.Type == Event || p.Type == BinaryEvent) && c == '[':
		p.Data = codec.Raw(codec.JSON, payload) // ArgsOf checks it
		if p.args, err = codec.ArgsOf(p.Data); err == nil && fault.Reserved(p.args.Event()) {
			return malformed("reserved event name")
		}
	case (p.Type == Ack || p.Type == BinaryAck) && c == '[',
		p.Type == Connect && c == '{',
		p.Type == ConnectError && (c == '{' || c == '"'):
		p.Data, err = codec.RawJSON(payload)
	default:
		return malformed("invalid payload")
	}
	if err != nil {
		return &Error{Reason: "invalid payload", Err: err}
	}
	return nil
}

func orDefault(limit, otherwise int) int {
	if limit == 0 {
		return otherwise
	}
	return limit
}
