package socketio

import (
	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// encoder leaves room for the header of a WebSocket's frame.
const encoder parser.Room = engineio.Headroom

// eventFrame encodes an event. offset, if there is one, is one more argument.
func eventFrame(namespace string, id int64, args backplane.Args, offset string) (*engineio.Frame, error) {
	if offset == "" {
		return newFrame(encoder.EncodeEvent(namespace, id, args))
	}
	extra, err := backplane.NewValue(offset)
	if err != nil {
		return nil, err
	}
	return newFrame(encoder.EncodeEvent(namespace, id, args, extra))
}

// packetFrame encodes a packet.
func packetFrame(p *parser.Packet) (*engineio.Frame, error) { return newFrame(encoder.Encode(p)) }

func newFrame(text []byte, attachments [][]byte, err error) (*engineio.Frame, error) {
	if err != nil {
		return nil, err
	}
	if len(attachments) == 0 {
		return engineio.NewTextFrame(text), nil
	}
	parts := make([]engineio.Part, 1, 1+len(attachments))
	parts[0].Data = text[encoder:]
	for _, a := range attachments {
		parts = append(parts, engineio.Part{Binary: true, Data: a})
	}
	return engineio.NewFrame(parts...), nil
}

func sendOptions(flags backplane.Flags) engineio.SendOptions {
	return engineio.SendOptions{Volatile: flags.Volatile, NoCompress: flags.Compress != nil && !*flags.Compress}
}
