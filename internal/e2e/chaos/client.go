package chaos

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
)

// eventName is the event of the messages that are followed.
const eventName = "message"

// client is the only client of a node in a namespace. It records the messages it receives and acknowledges with the
// node's uid.
type client struct {
	uid    string
	record *recorder
	slow   *atomic.Int64 // until when it delays messages, in microseconds since 1970
}

func (c *client) ID() string { return c.uid }

func (c *client) Disconnect(bool) {}

// Send records a message. Its arguments are the sender's number, the stream, the sequence number, its size and its
// body.
func (c *client) Send(p *backplane.Packet) {
	if p.Args.Event() != eventName {
		return
	}
	e := Event{Kind: Got}
	var size int
	var body codec.Value
	if err := p.Args.Decode(&e.From, &e.Stream, &e.Seq, &size, &body); err != nil {
		e.From, e.Text = -1, "cannot be decoded: "+err.Error()
	} else if size > 0 {
		e.Text = wrong(body, e, size)
	}
	c.record.note(e)
	if c.slow.Load() > e.At && now() < c.slow.Load() {
		time.Sleep(2 * time.Millisecond)
	}
}

func (c *client) SendAck(_ context.Context, _ *backplane.Packet, answer func(codec.Value)) {
	if v, err := codec.NewValue(c.uid); err == nil {
		answer(v)
	}
}

// text returns the body of a message, which repeats the message's name.
func text(from, stream, seq, size int) string {
	unit := fmt.Sprintf("%d.%d.%d ", from, stream, seq)
	return strings.Repeat(unit, size/len(unit)+1)[:size]
}

// wrong returns what is wrong with a body, or an empty string.
func wrong(body codec.Value, e Event, size int) string {
	tree, err := body.Tree()
	if err != nil {
		return "its body cannot be decoded: " + err.Error()
	}
	var got string
	switch v := tree.(type) {
	case string:
		got = v
	case []byte:
		got = string(v)
	default:
		return fmt.Sprintf("its body is a %T", tree)
	}
	if want := text(e.From, e.Stream, e.Seq, size); got != want {
		return fmt.Sprintf("its body has %d bytes, %.40q, instead of %d, %.40q", len(got), got, len(want), want)
	}
	return ""
}
