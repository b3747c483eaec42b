package parser

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
)

// Encode returns the Engine.IO messages of a packet: its text, then its attachments, which share memory with its data.
// They are to be sent in this order, with nothing between them. An error is about a packet that clients would not
// understand.
func Encode(p *Packet) (text []byte, attachments [][]byte, err error) {
	data := p.Data
	switch p.Type {
	case Event, BinaryEvent:
		return encode(Event, p.Namespace, p.ID, data, nil)
	case Ack, BinaryAck:
		if p.ID == NoID {
			return nil, nil, errors.New("socketio: an acknowledgement needs an id")
		}
		return encode(Ack, p.Namespace, p.ID, data, nil)
	case Connect, ConnectError, Disconnect:
	default:
		return nil, nil, fmt.Errorf("socketio: there is no %v", p.Type)
	}

	if text, err = appendHeader(nil, p.Type, 0, p.Namespace, p.ID); err != nil {
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
func EncodeEvent(namespace string, id int64, args codec.Args, extra ...codec.Value) (text []byte, attachments [][]byte, err error) {
	return encode(Event, namespace, id, args.Value(), extra)
}

// encode encodes an Event or an Ack.
func encode(t Type, namespace string, id int64, array codec.Value, extra []codec.Value) ([]byte, [][]byte, error) {
	if !isJSON(array, extra) {
		return encodeTree(t, namespace, id, array, extra)
	}
	raw, _ := array.Bytes(codec.JSON)
	raw = trimJSON(raw)
	size := maxHeader + len(namespace) + len(raw)
	for _, e := range extra {
		raw, _ := e.Bytes(codec.JSON)
		size += len(",") + len(raw)
	}
	text, err := appendHeader(make([]byte, 0, size), t, 0, namespace, id)
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
		return nil, fmt.Errorf("socketio: no packet can name the namespace %q", namespace)
	default:
		dst = append(append(dst, namespace...), ',')
	}
	if id >= 0 {
		dst = strconv.AppendInt(dst, id, 10)
	}
	return dst, nil
}
