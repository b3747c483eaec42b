package parser

import (
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
)

const (
	defaultMaxAttachments = 10 // as in Node.js's decoder
	defaultMaxBytes       = 16 << 20
)

// Decoder puts packets together from the messages of one connection. After an error the connection is to be closed. A
// Decoder is not safe for concurrent use; its zero value is ready.
type Decoder struct {
	// MaxAttachments is how many binary attachments a packet may have, and places for them. 0: 10; negative: none.
	MaxAttachments int
	// MaxBytes is how many bytes a packet with attachments may have, its text included. What has several places counts for each of
	// them. 0: 16 MiB. It bounds what is held
	// while attachments are awaited; a packet without any is as large as the message that it came in.
	MaxBytes int

	pending   *pending
	namespace string // the last one, so that its name is kept once for all packets
}

// pending is a packet whose attachments are still to come.
type pending struct {
	packet      *Packet
	payload     []byte
	attachments [][]byte // as many as its capacity are awaited
	bytes       int      // what it may still take
	places      int      // as many may be named
}

// Text takes a text message, which it keeps. It returns nil, nil if the packet's attachments are still to come.
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
	if err := p.take(h.payload); err != nil {
		return nil, err
	}
	if h.attachments == 0 {
		return p, nil
	}
	room := orDefault(d.MaxBytes, defaultMaxBytes) - len(data)
	if room < 0 {
		return nil, &Error{Reason: "too many bytes", Err: ErrLimit}
	}
	p.Type -= BinaryEvent - Event // and a BinaryAck becomes an Ack
	d.pending = &pending{packet: p, payload: h.payload, attachments: make([][]byte, 0, h.attachments), bytes: room,
		places: orDefault(d.MaxAttachments, defaultMaxAttachments)}
	return nil, nil
}

// Binary takes a binary message, which it keeps. It returns nil, nil if more attachments are to come.
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
		data = []byte{} // an empty attachment is one too
	}
	if p.attachments = append(p.attachments, data); len(p.attachments) < cap(p.attachments) {
		return nil, nil
	}
	d.pending = nil
	return p.complete()
}

// Pending reports whether attachments of a packet are still to come.
func (d *Decoder) Pending() bool { return d.pending != nil }

// take checks the packet's payload and keeps it. It is empty where there is none.
func (p *Packet) take(payload []byte) error {
	if len(payload) == 0 {
		if p.Type == Connect || p.Type == Disconnect {
			return nil
		}
		return malformed("no payload")
	}
	// JSON may begin with white space, but no encoder writes any here, and Node.js's decoder takes it for a number.
	var err error
	switch c := payload[0]; {
	case (p.Type == Event || p.Type == BinaryEvent) && c == '[':
		p.Data = codec.Raw(codec.JSON, payload) // which ArgsOf checks
		if p.args, err = codec.ArgsOf(p.Data); err == nil && Reserved(p.args.Event()) {
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
