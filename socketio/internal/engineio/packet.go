package engineio

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// The types of packets: the first character of a text message, or of a packet in a body.
const (
	typeOpen    = '0'
	typeClose   = '1'
	typePing    = '2'
	typePong    = '3'
	typeMessage = '4'
	typeUpgrade = '5'
	typeNoop    = '6'
	typeBinary  = 'b' // a binary message; in a body that is text, base64 follows
)

// The frames that are the same for all clients.
var (
	pingFrame   = wsframe.NewPacketFrame(string(rune(typePing)))
	pongFrame   = wsframe.NewPacketFrame(string(rune(typePong)))
	noopFrame   = wsframe.NewPacketFrame(string(rune(typeNoop)))
	probeAnswer = wsframe.NewPacketFrame("3probe")
)

var (
	errPacketType = errors.New("engineio: unknown packet type")
	errPing       = errors.New("engineio: only the server sends ping packets")
	errPong       = errors.New("engineio: only the server sends pong packets")
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

// decodeBase64 decodes in place.
func decodeBase64(p []byte) ([]byte, error) {
	encoding := base64.StdEncoding
	if len(p)%4 != 0 { // without padding, which the protocol does not require
		encoding = base64.RawStdEncoding
	}
	n, err := encoding.Decode(p, p)
	if err != nil {
		return nil, fmt.Errorf("engineio: binary packet: %w", err)
	}
	return p[:n], nil
}
