package engineio

import (
	"encoding/base64"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// packets3 are the packets of version 3. Bytes have a packet type, and there are two forms of bodies: text, in
// which the length of a packet is the number of its UTF-16 code units, and binary, in which it is the number of
// bytes. The binary form is used when a packet is binary, unless the client cannot receive bytes.
type packets3 struct{}

// The bytes of a binary body: what each packet begins with, and what ends its length.
const (
	textPart   = 0
	binaryPart = 1
	lengthEnd  = 255
)

var (
	errLength = errors.New("engineio: the body does not have the length of its packets")
	errNone   = errors.New("engineio: body without packets")
)

// parseText parses a packet that is text, or base64 of a binary one, which it decodes in place.
func (packets3) parseText(message []byte) (packet, error) {
	if len(message) == 0 || message[0] != typeBinary {
		return textPacket(message)
	}
	one, err := textPacket(message[1:])
	if err != nil {
		return packet{}, err
	}
	one.data, err = decodeBase64(one.data)
	return one.asBinary(), err
}

// parseBinary parses a binary packet.
func (packets3) parseBinary(message []byte) (packet, error) {
	if len(message) == 0 || message[0] > typeNoop-'0' {
		return packet{}, errPacketType
	}
	return packet{kind: '0' + message[0], data: message[1:]}.asBinary(), nil
}

func (p packet) asBinary() packet {
	if p.kind == typeMessage {
		p.kind = typeBinary
	}
	return p
}

func (e packets3) eachPacket(body []byte, binary bool, f func(packet) bool) error {
	switch {
	case len(body) == 0:
		return errNone
	case binary:
		return e.eachOfBinary(body, f)
	case !utf8.Valid(body):
		return wsframe.ErrNotUTF8
	}
	return e.eachOfText(body, f)
}

// eachOfText is eachPacket for a body that is text: "<length>:<packet>" for each packet. An empty packet is
// ignored, as in Node.js.
func (e packets3) eachOfText(body []byte, f func(packet) bool) error {
	for len(body) > 0 {
		n, rest, ok := cutLength(body, '0', ':')
		if !ok {
			return errLength
		}
		text, rest, ok := cutUnits(rest, n)
		if !ok {
			return errLength
		}
		if body = rest; len(text) == 0 {
			continue
		}
		one, err := e.parseText(text)
		if err != nil {
			return err
		}
		if !f(one) {
			return nil
		}
	}
	return nil
}

// eachOfBinary is eachPacket for a binary body. Each packet has a byte that says whether it is text, the digits
// of its length as bytes from 0 to 9, and a byte 255 before it.
func (e packets3) eachOfBinary(body []byte, f func(packet) bool) error {
	for len(body) > 0 {
		form := body[0]
		n, rest, ok := cutLength(body[1:], 0, lengthEnd)
		if !ok || form > binaryPart || n > len(rest) {
			return errLength
		}
		data := rest[:n:n]
		body = rest[n:]
		var one packet
		var err error
		switch {
		case form == binaryPart:
			one, err = e.parseBinary(data)
		case !utf8.Valid(data):
			err = wsframe.ErrNotUTF8
		default:
			one, err = e.parseText(data)
		}
		if err != nil {
			return err
		}
		if !f(one) {
			return nil
		}
	}
	return nil
}

// cutLength parses a decimal number at the start of p. zero is its digit 0, and end is the byte after it. ok is
// false if there is no such number, or if it is larger than the number of bytes in p.
func cutLength(p []byte, zero, end byte) (n int, rest []byte, ok bool) {
	for i, b := range p {
		switch digit := b - zero; {
		case b == end:
			return n, p[i+1:], i > 0
		case digit > 9:
			return 0, nil, false
		default:
			if n > (len(p)-int(digit))/10 { // the product could overflow
				return 0, nil, false
			}
			n = 10*n + int(digit)
		}
	}
	return 0, nil, false
}

// cutUnits cuts the first n UTF-16 code units off p, which is valid UTF-8. ok is false if p has fewer, or if they
// end within a character.
func cutUnits(p []byte, n int) (units, rest []byte, ok bool) {
	i := 0
	for ; n > 0 && i < len(p); n-- {
		switch b := p[i]; {
		case b < 0x80:
			i++
		case b < 0xe0:
			i += 2
		case b < 0xf0:
			i += 3
		default: // a surrogate pair
			i += 4
			n--
		}
	}
	return p[:i:i], p[i:], n == 0
}

// unitsOf returns the number of UTF-16 code units of valid UTF-8.
func unitsOf(p []byte) (n int) {
	for _, b := range p {
		if b < 0x80 || b >= 0xc0 { // the first byte of a character
			n++
		}
		if b >= 0xf0 {
			n++
		}
	}
	return n
}

func (packets3) appendFrame(response []byte, f *wsframe.Frame, binary bool) []byte {
	parts := f.Messages()
	if parts == nil {
		if p := f.Packet(); len(p) > 0 {
			return appendText(response, "", p, binary)
		}
	}
	for _, p := range parts {
		switch {
		case !p.Binary:
			response = appendText(response, string(rune(typeMessage)), p.Data, binary)
		case binary:
			response = appendLength(append(response, binaryPart), 1+len(p.Data))
			response = append(append(response, typeMessage-'0'), p.Data...)
		default:
			n := len("b4") + base64.StdEncoding.EncodedLen(len(p.Data))
			response = append(strconv.AppendInt(response, int64(n), 10), ':', typeBinary, typeMessage)
			response = base64.StdEncoding.AppendEncode(response, p.Data)
		}
	}
	return response
}

// appendText appends a packet that is text. head is the beginning of the packet; it is ASCII.
func appendText(response []byte, head string, text []byte, binary bool) []byte {
	if binary {
		response = appendLength(append(response, textPart), len(head)+len(text))
	} else {
		response = append(strconv.AppendInt(response, int64(len(head)+unitsOf(text)), 10), ':')
	}
	return append(append(response, head...), text...)
}

// appendLength appends the length of a packet in a binary body.
func appendLength(response []byte, n int) []byte {
	start := len(response)
	response = strconv.AppendInt(response, int64(n), 10)
	for i := start; i < len(response); i++ {
		response[i] -= '0'
	}
	return append(response, lengthEnd)
}
