package parser

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/excerpt"
)

// Encoder encodes packets. Its value is the number of bytes that it reserves before each text for a frame
// header.
type Encoder int

// Encode returns the Engine.IO messages of a packet: its text, then its attachments, which share memory with the
// packet's data. Send them in this order with nothing between them. Encode returns an error for a packet that
// clients would not understand.
func (e Encoder) Encode(p *Packet) (text []byte, attachments [][]byte, err error) {
	data := p.Data
	switch p.Type {
	case Event, BinaryEvent:
		return e.encode(Event, p.Namespace, p.ID, data, nil)
	case Ack, BinaryAck:
		if p.ID == NoID {
			return nil, nil, errors.New("socketio: an acknowledgement needs an id")
		}
		return e.encode(Ack, p.Namespace, p.ID, data, nil)
	case Connect, ConnectError, Disconnect:
	default:
		return nil, nil, fmt.Errorf("socketio: there is no %v", p.Type)
	}

	raw, _ := data.Bytes(codec.JSON)
	if text, err = appendHeader(make([]byte, e, int(e)+maxHeader+len(p.Namespace)+len(raw)), p.Type, 0, p.Namespace,
		p.ID); err != nil {
		return nil, nil, err
	}
	if p.Type != Disconnect && !data.IsNull() {
		// These packets have no attachments. Bytes in them, for example in the data of an error, are encoded as
		// Node.js encodes a Buffer in JSON.
		payload, err := data.AppendJSONBuffers(nil)
		if err != nil {
			return nil, nil, fmt.Errorf("socketio: %w", err)
		}
		text = append(text, trimJSON(payload)...)
	}
	return text, nil, nil
}

// EncodeEvent encodes an event. id is NoID if no acknowledgement is wanted. extra are additional arguments after
// those of args.
func (e Encoder) EncodeEvent(namespace string, id int64, args codec.Args, extra ...codec.Value) (text []byte,
	attachments [][]byte, err error) {
	return e.encode(Event, namespace, id, args.Value(), extra)
}

// EncodeAck encodes an acknowledgement with these values. A value may be anything that codec.NewValue takes.
func (e Encoder) EncodeAck(namespace string, id int64, values ...any) (text []byte, attachments [][]byte, err error) {
	const usual = 192 // typical size of the values, in bytes
	size := int(e) + maxHeader + len(namespace)
	if len(values) > 0 {
		size += usual
	}
	if text, err = appendHeader(make([]byte, e, size), Ack, 0, namespace, id); err != nil {
		return nil, nil, err
	}
	text = append(text, '[')
	for i, v := range values {
		if i > 0 {
			text = append(text, ',')
		}
		var binary bool
		if text, binary, err = codec.AppendJSON(text, v); err != nil {
			return nil, nil, err
		}
		if binary {
			array, err := codec.NewValue(values)
			if err != nil {
				return nil, nil, err
			}
			return e.encode(Ack, namespace, id, array, nil)
		}
	}
	return append(text, ']'), nil, nil
}

// encode encodes an Event or an Ack.
func (e Encoder) encode(t Type, namespace string, id int64, array codec.Value, extra []codec.Value) ([]byte, [][]byte,
	error) {
	if !isJSON(array, extra) {
		return e.encodeTree(t, namespace, id, array, extra)
	}
	raw, _ := array.Bytes(codec.JSON)
	raw = trimJSON(raw)
	size := int(e) + maxHeader + len(namespace) + len(raw)
	for _, v := range extra {
		raw, _ := v.Bytes(codec.JSON)
		size += len(",") + len(raw)
	}
	text, err := appendHeader(make([]byte, e, size), t, 0, namespace, id)
	if err != nil {
		return nil, nil, err
	}
	if len(raw) < len("[]") || raw[0] != '[' {
		return nil, nil, errNoArray(t)
	}
	if len(extra) == 0 {
		return append(text, raw...), nil, nil
	}
	text = append(text, raw[:len(raw)-1]...)
	for _, v := range extra {
		raw, _ := v.Bytes(codec.JSON)
		text = append(append(text, ','), raw...)
	}
	return append(text, ']'), nil, nil
}

func isJSON(array codec.Value, extra []codec.Value) bool {
	if array.Encoding() != codec.JSON {
		return false
	}
	for _, e := range extra {
		if e.Encoding() != codec.JSON {
			return false
		}
	}
	return true
}

// trimJSON removes white space from both ends. Node.js's decoder parses white space in front of a payload as an
// id.
func trimJSON(p []byte) []byte {
	if n := len(p); n > 0 && p[0] > ' ' && p[n-1] > ' ' {
		return p
	}
	return bytes.TrimSpace(p)
}

func errNoArray(t Type) error { return fmt.Errorf("socketio: the data of an %v must be an array", t) }

// maxHeader is the maximum size in bytes of a header without its namespace: the type, the number of attachments
// and its dash, a comma, an id.
const maxHeader = 1 + 20 + 1 + 20

func appendHeader(dst []byte, t Type, attachments int, namespace string, id int64) ([]byte, error) {
	dst = append(dst, byte(t))
	if attachments > 0 {
		dst = strconv.AppendInt(dst, int64(attachments), 10)
		dst = append(dst, '-')
	}
	switch {
	case namespace == "" || namespace == "/":
	case namespace[0] != '/' || strings.IndexByte(namespace, ',') >= 0 || !utf8.ValidString(namespace):
		return nil, fmt.Errorf("socketio: a packet cannot name the namespace %q", excerpt.Of(namespace))
	default:
		dst = append(append(dst, namespace...), ',')
	}
	if id >= 0 {
		dst = appendDigits(dst, uint64(id))
	}
	return dst, nil
}

// appendDigits does what strconv.AppendUint does, without an intermediate buffer. The copy from that buffer is
// slow because its bytes were only just written.
func appendDigits(dst []byte, n uint64) []byte {
	digits := 1
	for rest := n; rest >= 10; rest /= 10 {
		digits++
	}
	dst = slices.Grow(dst, digits)
	dst = dst[:len(dst)+digits]
	for i := len(dst) - 1; ; i-- {
		dst[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return dst
		}
	}
}
