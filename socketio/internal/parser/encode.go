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

// Room encodes packets. It is how many bytes are left free before each text, for a header of who sends it.
type Room int

// Encode returns the Engine.IO messages of a packet: its text, then its attachments, which share memory with its data.
// They are to be sent in this order, with nothing between them. An error is about a packet that clients would not
// understand.
func (r Room) Encode(p *Packet) (text []byte, attachments [][]byte, err error) {
	data := p.Data
	switch p.Type {
	case Event, BinaryEvent:
		return r.encode(Event, p.Namespace, p.ID, data, nil)
	case Ack, BinaryAck:
		if p.ID == NoID {
			return nil, nil, errors.New("socketio: an acknowledgement needs an id")
		}
		return r.encode(Ack, p.Namespace, p.ID, data, nil)
	case Connect, ConnectError, Disconnect:
	default:
		return nil, nil, fmt.Errorf("socketio: there is no %v", p.Type)
	}

	raw, _ := data.Bytes(codec.JSON)
	if text, err = appendHeader(make([]byte, r, int(r)+maxHeader+len(p.Namespace)+len(raw)), p.Type, 0, p.Namespace, p.ID); err != nil {
		return nil, nil, err
	}
	if p.Type != Disconnect && !data.IsNull() {
		// These have no attachments. Bytes in them, in an error's data for instance, become what Node.js makes of them.
		payload, err := data.AppendJSONBuffers(nil)
		if err != nil {
			return nil, nil, fmt.Errorf("socketio: %w", err)
		}
		text = append(text, trimJSON(payload)...)
	}
	return text, nil, nil
}

// EncodeEvent is Encode for an event. id is NoID if no acknowledgement is wanted. extra are more arguments, behind those
// of args.
func (r Room) EncodeEvent(namespace string, id int64, args codec.Args, extra ...codec.Value) (text []byte, attachments [][]byte, err error) {
	return r.encode(Event, namespace, id, args.Value(), extra)
}

// EncodeAck is Encode for an acknowledgement with these values, which may be whatever codec.NewValue takes.
func (r Room) EncodeAck(namespace string, id int64, values ...any) (text []byte, attachments [][]byte, err error) {
	const usual = 192 // bytes of a value, or a few
	size := int(r) + maxHeader + len(namespace)
	if len(values) > 0 {
		size += usual
	}
	if text, err = appendHeader(make([]byte, r, size), Ack, 0, namespace, id); err != nil {
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
			return r.encode(Ack, namespace, id, array, nil)
		}
	}
	return append(text, ']'), nil, nil
}

// encode encodes an Event or an Ack.
func (r Room) encode(t Type, namespace string, id int64, array codec.Value, extra []codec.Value) ([]byte, [][]byte, error) {
	if !isJSON(array, extra) {
		return r.encodeTree(t, namespace, id, array, extra)
	}
	raw, _ := array.Bytes(codec.JSON)
	raw = trimJSON(raw)
	size := int(r) + maxHeader + len(namespace) + len(raw)
	for _, e := range extra {
		raw, _ := e.Bytes(codec.JSON)
		size += len(",") + len(raw)
	}
	text, err := appendHeader(make([]byte, r, size), t, 0, namespace, id)
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
	for _, e := range extra {
		raw, _ := e.Bytes(codec.JSON)
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

// trimJSON takes white space off both ends: Node.js's decoder takes white space in front of a payload for an id.
func trimJSON(p []byte) []byte {
	if n := len(p); n > 0 && p[0] > ' ' && p[n-1] > ' ' {
		return p
	}
	return bytes.TrimSpace(p)
}

func errNoArray(t Type) error { return fmt.Errorf("socketio: the data of an %v is an array", t) }

// maxHeader is how long a header gets without its namespace: the type, the number of attachments and its dash, a comma,
// an id.
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
		return nil, fmt.Errorf("socketio: no packet can name the namespace %q", excerpt.Of(namespace))
	default:
		dst = append(append(dst, namespace...), ',')
	}
	if id >= 0 {
		dst = appendDigits(dst, uint64(id))
	}
	return dst, nil
}

// appendDigits is strconv.AppendUint without its buffer: what was written there a moment ago is slow to read, byte by byte.
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
