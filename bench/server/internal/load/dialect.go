package load

import (
	"bytes"
	"fmt"
)

// dialect is how a server is talked to over its WebSocket.
type dialect struct {
	path   string // of the request
	hello  string // what a client says first, if it speaks first
	packet func(l *loop, c *conn, p []byte) error

	// A client makes the server broadcast an argument by sending trigger and the argument between these.
	trigger [2]string
	// All clients get it between these.
	broadcast [2]string
}

// dialects by their names. "" is Socket.IO's.
var dialects = map[string]*dialect{
	"": {path: "/socket.io/?EIO=4&transport=websocket", packet: (*loop).packet,
		trigger: [2]string{`42["go",`, `]`}, broadcast: [2]string{`42["m",`, `]`}},
	// Centrifuge's JSON protocol; its server subscribes all clients to the channel "m", and publishes there what a client sends.
	"centrifuge": {path: "/connection/websocket", hello: `{"id":1,"connect":{}}`, packet: (*loop).reply,
		trigger: [2]string{`{"send":{"data":`, `}}`}, broadcast: [2]string{`{"push":{"channel":"m","pub":{"data":`, `}}}`}},
}

// reply handles a frame of centrifuge's: replies and pushes, one a line.
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
