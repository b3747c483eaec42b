package engineio

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// packets4 are the packets of version 4. In bodies they are separated by a character, and bytes are base64.
type packets4 struct{}

// separator separates the packets of a body.
const separator = 0x1e

func (packets4) parseText(message []byte) (packet, error) { return textPacket(message) }

func (packets4) parseBinary(message []byte) (packet, error) {
	return packet{kind: typeBinary, data: message}, nil
}

func (packets4) eachPacket(body []byte, _ bool, f func(packet) bool) error {
	if !utf8.Valid(body) {
		return wsframe.ErrNotUTF8
	}
	for {
		text, after, more := bytes.Cut(body, []byte{separator})
		one, err := payloadPacket(text)
		if err != nil {
			return err
		}
		if !f(one) || !more {
			return nil
		}
		body = after
	}
}

// payloadPacket is textPacket for the packets of a body, which may be base64. It decodes in place.
func payloadPacket(p []byte) (packet, error) {
	if len(p) == 0 || p[0] != typeBinary {
		return textPacket(p)
	}
	data, err := decodeBase64(p[1:])
	return packet{kind: typeBinary, data: data}, err
}

func (packets4) appendFrame(response []byte, f *wsframe.Frame, _ bool) []byte {
	p := f.Other(encodePayload)
	if len(p) > 0 && len(response) > 0 {
		response = append(response, separator)
	}
	return append(response, p...)
}

// encodePayload encodes messages as packets of a response.
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
