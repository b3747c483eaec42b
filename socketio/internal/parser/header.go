package parser

import "bytes"

// header is what precedes a packet's payload: the type, "<attachments>-" in a binary packet, "/<namespace>,"
// unless the namespace is "/", and the number of an acknowledgement.
type header struct {
	typ         Type
	attachments int
	namespace   string
	id          int64
	payload     []byte
}

// maxID is the largest integer that a JavaScript number represents exactly.
const maxID = 1<<53 - 1

func (d *Decoder) header(data []byte) (header, error) {
	h := header{namespace: "/", id: NoID}
	if len(data) == 0 || data[0] < byte(Connect) || data[0] > byte(BinaryAck) {
		return h, malformed("unknown packet type")
	}
	h.typ = Type(data[0])
	data = data[1:]
	if h.typ == BinaryEvent || h.typ == BinaryAck {
		n, rest, ok := number(data)
		if !ok || n < 1 || len(rest) == 0 || rest[0] != '-' {
			return h, malformed("illegal number of attachments")
		}
		if n > int64(orDefault(d.MaxAttachments, defaultMaxAttachments)) {
			return h, &Error{Reason: "too many attachments", Err: ErrLimit}
		}
		h.attachments = int(n)
		data = rest[1:]
	}
	if len(data) > 0 && data[0] == '/' {
		name, rest, _ := bytes.Cut(data, []byte{','})
		h.namespace = d.name(name)
		data = rest
	}
	if len(data) > 0 && isDigit(data[0]) {
		id, rest, ok := number(data)
		if !ok {
			if h.typ != Ack && h.typ != BinaryAck {
				return h, malformed("illegal acknowledgement id") // no JavaScript number represents this id exactly
			}
			id, rest = UnknownID, bytes.TrimLeft(data, "0123456789")
		}
		h.id = id
		data = rest
	}
	if h.id == NoID && (h.typ == Ack || h.typ == BinaryAck) {
		return h, malformed("no acknowledgement id")
	}
	h.payload = data
	return h, nil
}

// longName is the length in bytes above which a namespace's name is not kept for the next packet.
const longName = 1024

// name returns the name of a namespace. It keeps the last name, because most packets of a connection name the
// same namespace.
func (d *Decoder) name(p []byte) string {
	if len(p) > longName {
		return string(p) // not kept, so that an idle client does not hold the memory
	}
	if d.namespace != string(p) {
		d.namespace = string(p)
	}
	return d.namespace
}

// number parses the decimal digits at the start of p.
func number(p []byte) (n int64, rest []byte, ok bool) {
	i := 0
	for ; i < len(p) && isDigit(p[i]); i++ {
		if n = 10*n + int64(p[i]-'0'); n > maxID {
			return 0, nil, false
		}
	}
	return n, p[i:], i > 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
