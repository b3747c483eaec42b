package socketio

import (
	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// encoder leaves room for the header of a WebSocket's frame.
const encoder parser.Encoder = engineio.Headroom

// eventFrame encodes an event. offset, if there is one, is one more argument.
func eventFrame(namespace string, id int64, args backplane.Args, offset string) (*engineio.Frame, error) {
	return newFrame(encodeWith(offset, namespace, id, args))
}

func encodeWith(offset, namespace string, id int64, args backplane.Args) ([]byte, [][]byte, error) {
	if offset == "" {
		return encoder.EncodeEvent(namespace, id, args)
	}
	extra, err := backplane.NewValue(offset)
	if err != nil {
		return nil, nil, err
	}
	return encoder.EncodeEvent(namespace, id, args, extra)
}

// eventParts is eventFrame for an event that is a part of a larger frame.
func eventParts(namespace string, args backplane.Args, offset string) ([]engineio.Part, error) {
	text, attachments, err := encodeWith(offset, namespace, parser.NoID, args)
	if err != nil {
		return nil, err
	}
	return frameParts(text, attachments), nil
}

func newFrame(text []byte, attachments [][]byte, err error) (*engineio.Frame, error) {
	if err != nil {
		return nil, err
	}
	if len(attachments) == 0 {
		return engineio.NewTextFrame(text), nil
	}
	return engineio.NewFrame(frameParts(text, attachments)...), nil
}

func frameParts(text []byte, attachments [][]byte) []engineio.Part {
	parts := make([]engineio.Part, 1, 1+len(attachments))
	parts[0].Data = text[encoder:]
	for _, a := range attachments {
		parts = append(parts, engineio.Part{Binary: true, Data: a})
	}
	return parts
}

func sendOptions(flags backplane.Flags) engineio.SendOptions {
	return engineio.SendOptions{Volatile: flags.Volatile, NoCompress: flags.Compress != nil && !*flags.Compress}
}
