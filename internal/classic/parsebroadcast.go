package classic

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/msgpack"
)

var (
	ErrTrailing = errors.New("unexpected data follows the message")
	errNotEvent = errors.New("not an event: its first element must be a string or a finite number")
)

// Broadcast reads [uid, packet, opts], in msgpack.
func (r *Reader) Broadcast(p []byte) (*codec.Envelope, error) {
	end, err := msgpack.Notepack.Skip(p, 0, codec.MaxDepth)
	if err == nil && end < len(p) {
		err = ErrTrailing
	}
	if err != nil {
		return nil, r.Malformed("broadcast", err)
	}
	head, _ := msgpack.ReadHead(p, 0)
	if head.Kind != msgpack.KindArray || head.N < 2 {
		return nil, r.Malformed("broadcast", ErrNotArray)
	}
	c := cursor{p: p, i: head.At}
	env := &codec.Envelope{Type: codec.Broadcast, NSP: "/"}
	uid := c.tree()
	var ok bool
	if env.UID, ok = Text(uid); !ok && uid != nil {
		return nil, r.Malformed("uid", ErrNotName)
	}
	if err := r.packet(env, &c); err != nil {
		return nil, err
	}
	if head.N > 2 {
		r.Opts(env, c.tree())
		r.Skipped += head.N - 3
	}
	return env, nil
}

// Packet reads the event of a codec.Broadcast and its namespace, which Skip has checked.
func (r *Reader) Packet(env *codec.Envelope, p []byte) error { return r.packet(env, &cursor{p: p}) }

func (r *Reader) packet(env *codec.Envelope, c *cursor) error {
	head, _ := msgpack.ReadHead(c.p, c.i)
	if head.Kind != msgpack.KindMap {
		return r.Malformed("packet", ErrNotMap)
	}
	c.i = head.At
	seen := false
	for range head.N {
		switch string(c.key()) {
		case "type":
			t := c.tree()
			if s, _ := Text(t); s != "2" && s != "5" && t != nil {
				return r.Malformed("packet.type", fmt.Errorf("%s is not an event", codec.FromTree(t)))
			}
		case "data":
			args, ok := ArgsOf(Raw{msgpack.Notepack, c.skip()})
			if !ok {
				return r.Malformed("packet.data", errNotEvent)
			}
			env.Args, seen = args, true
		case "nsp":
			env.NSP = "/"
			if t := c.tree(); t != nil {
				nsp, ok := t.(string)
				if !ok {
					return r.Malformed("packet.nsp", ErrNotName)
				}
				env.NSP = nsp
			}
		case "id", "options", "attachments": // matter only to the server that sends
			c.skip()
		default:
			c.skip()
			r.Skipped++
		}
	}
	if !seen {
		return r.Missing("packet.data")
	}
	return nil
}
