package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// The types of packets: the first character of a text message, or of a packet in a payload.
const (
	typeOpen    = '0'
	typeClose   = '1'
	typePing    = '2'
	typePong    = '3'
	typeMessage = '4'
	typeUpgrade = '5'
	typeNoop    = '6'
	typeBinary  = 'b' // base64, in payloads only
)

// separator separates the packets of a payload.
const separator = 0x1e

// The frames that are the same for all clients.
var (
	pingFrame   = wsframe.NewPacketFrame(string(rune(typePing)))
	probeAnswer = wsframe.NewPacketFrame("3probe")
)

var (
	errPacketType = errors.New("engineio: unknown packet type")
	errPing       = errors.New("engineio: only the server sends ping packets")
	errOrder      = errors.New("engineio: packet that the client must not send now")
)

// packet is a packet from a client. data is what follows the type.
type packet struct {
	kind byte
	data []byte
}

// textPacket parses a packet that is text. Its data is part of p.
func textPacket(p []byte) (packet, error) {
	if len(p) == 0 || p[0] < typeOpen || p[0] > typeNoop {
		return packet{}, errPacketType
	}
	return packet{kind: p[0], data: p[1:]}, nil
}

// eachPacket calls f for each packet of a payload, until f returns false. It calls f for the packets before a
// malformed one too, as Node.js does. The data of the packets is part of p.
func eachPacket(p []byte, f func(packet) bool) error {
	if !utf8.Valid(p) {
		return wsframe.ErrNotUTF8
	}
	for {
		text, after, more := bytes.Cut(p, []byte{separator})
		one, err := payloadPacket(text)
		if err != nil {
			return err
		}
		if !f(one) || !more {
			return nil
		}
		p = after
	}
}

// payloadPacket is textPacket for the packets of a payload, which may be base64. It decodes in place.
func payloadPacket(p []byte) (packet, error) {
	if len(p) == 0 || p[0] != typeBinary {
		return textPacket(p)
	}
	data := p[1:]
	encoding := base64.StdEncoding
	if len(data)%4 != 0 { // without padding, which the protocol does not require
		encoding = base64.RawStdEncoding
	}
	n, err := encoding.Decode(data, data)
	if err != nil {
		return packet{}, fmt.Errorf("engineio: binary packet: %w", err)
	}
	return packet{kind: typeBinary, data: data[:n]}, nil
}

// payloadOf returns a frame as packets of a payload. It may be empty.
func payloadOf(f *wsframe.Frame) []byte { return f.Other(encodePayload) }

func encodePayload(parts []wsframe.Part) (p []byte) {
	for i, part := range parts {
		if i > 0 {
			p = append(p, separator)
		}
		if part.Binary {
			p = base64.StdEncoding.AppendEncode(append(p, typeBinary), part.Data)
		} else {
			p = append(append(p, typeMessage), part.Data...)
		}
	}
	return p
}
