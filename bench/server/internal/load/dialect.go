package load

import (
	"bytes"
	"fmt"
)

// dialect is the protocol of a server over WebSocket.
type dialect struct {
	path   string // of the HTTP request
	hello  string // the client's first message; empty: the server sends first
	packet func(l *loop, c *conn, p []byte) error

	// A client sends trigger[0], an argument and trigger[1] to make the server broadcast the argument.
	trigger [2]string
	// All clients receive broadcast[0], the argument and broadcast[1].
	broadcast [2]string
}

// dialects are the protocols by name. Socket.IO has the empty name.
var dialects = map[string]*dialect{
	"": {path: "/socket.io/?EIO=4&transport=websocket", packet: (*loop).packet,
		trigger: [2]string{`42["go",`, `]`}, broadcast: [2]string{`42["m",`, `]`}},
	// The JSON protocol of centrifuge. Its server subscribes all clients to the channel "m" and publishes there what a
	// client sends.
	"centrifuge": {path: "/connection/websocket", hello: `{"id":1,"connect":{}}`, packet: (*loop).reply,
		trigger:   [2]string{`{"send":{"data":`, `}}`},
		broadcast: [2]string{`{"push":{"channel":"m","pub":{"data":`, `}}}`}},
}

// reply handles a frame of centrifuge, which has a reply or a push on each line.
func (l *loop) reply(c *conn, frame []byte) error {
	for len(frame) > 0 {
		var line []byte
		line, frame, _ = bytes.Cut(frame, []byte{'\n'})
		switch {
		case c.state == ready && bytes.HasPrefix(line, []byte(`{"push":`)):
			if err := l.message(c, line); err != nil {
				return err
			}
		case string(line) == "{}":
			if err := c.write(masked(nil, "{}")); err != nil {
				return err
			}
		case c.state == opening && bytes.HasPrefix(line, []byte(`{"id":1,"connect":{`)):
			l.joined(c)
		default:
			return fmt.Errorf("unexpected line %.200q", line)
		}
	}
	return nil
}
