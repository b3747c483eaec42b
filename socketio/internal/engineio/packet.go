package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The types of packets: the first character of a text message, or of a packet in a polling payload.
const (
	typeOpen    = '0'
	typeClose   = '1'
	typePing    = '2'
	typePong    = '3'
	typeMessage = '4'
	typeUpgrade = '5'
	typeNoop    = '6'
	typeBinary  = 'b' // base64, in polling payloads only
)

// separator stands between the packets of a polling payload.
const separator = 0x1e

// Frames that are the same for everybody.
var (
	pingFrame   = packetFrame(string(rune(typePing)))
	probeAnswer = packetFrame("3probe")
)

var (
	errNoPacket  = errors.New("engineio: an unknown type of packet")
	errNoUTF8    = errors.New("engineio: text that is not UTF-8")
	errDirection = errors.New("engineio: a ping from a client")
	errOrder     = errors.New("engineio: a packet that is not the client's to send now")
)

// packet is one packet that came: for a message, data is what follows the type.
type packet struct {
	kind byte
	data []byte
}

// textPacket takes a packet apart that came as text. Its data is part of p.
func textPacket(p []byte) (packet, error) {
	if len(p) == 0 || p[0] < typeOpen || p[0] > typeNoop {
		return packet{}, errNoPacket
	}
	return packet{kind: p[0], data: p[1:]}, nil
}

// eachPacket calls do for each packet of a polling payload, until do returns false. Packets before a malformed one are
// given to do, as Node.js gives them. What do gets is part of p.
func eachPacket(p []byte, do func(packet) bool) error {
	if !utf8.Valid(p) {
		return errNoUTF8
	}
	for {
		text, after, more := bytes.Cut(p, []byte{separator})
		one, err := polledPacket(text)
		if err != nil {
			return err
		}
		if !do(one) || !more {
			return nil
		}
		p = after
	}
}

// polledPacket is textPacket for a payload's packets, which may be base64. It decodes in place.
func polledPacket(p []byte) (packet, error) {
	if len(p) == 0 || p[0] != typeBinary {
		return textPacket(p)
	}
	data := p[1:]
	enc := base64.StdEncoding
	if len(data)%4 != 0 { // without padding: nothing says that there must be some
		enc = base64.RawStdEncoding
	}
	n, err := enc.Decode(data, data)
	if err != nil {
		return packet{}, fmt.Errorf("engineio: binary packet: %w", err)
	}
	return packet{kind: typeBinary, data: data[:n]}, nil
}
