package socketio

import (
	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// encoder leaves room for the header of a WebSocket frame.
const encoder parser.Encoder = wsframe.Headroom

// eventFrame encodes an event. If offset is not empty, it becomes the last argument.
func eventFrame(namespace string, id int64, args backplane.Args, offset string) (*wsframe.Frame, error) {
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

// eventParts encodes an event as parts of a larger frame.
func eventParts(namespace string, args backplane.Args, offset string) ([]wsframe.Part, error) {
	text, attachments, err := encodeWith(offset, namespace, parser.NoID, args)
	if err != nil {
		return nil, err
	}
	return frameParts(text, attachments), nil
}

func newFrame(text []byte, attachments [][]byte, err error) (*wsframe.Frame, error) {
	if err != nil {
		return nil, err
	}
	if len(attachments) == 0 {
		return wsframe.NewTextFrame(text), nil
	}
	return wsframe.NewFrame(frameParts(text, attachments)...), nil
}

func frameParts(text []byte, attachments [][]byte) []wsframe.Part {
	parts := make([]wsframe.Part, 1, 1+len(attachments))
	parts[0].Data = text[encoder:]
	for _, a := range attachments {
		parts = append(parts, wsframe.Part{Binary: true, Data: a})
	}
	return parts
}

func sendOptions(flags backplane.Flags) engineio.SendOptions {
	return engineio.SendOptions{Volatile: flags.Volatile, NoCompress: flags.Compress != nil && !*flags.Compress}
}
