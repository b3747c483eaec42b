package redisdriver

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/redis/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// OpenLog implements transport.Log. The session also listens to the channel on which scripts tell the positions of the
// messages that they publish.
func (d *Driver) OpenLog(ctx context.Context) (transport.LogSession, error) {
	if err := d.checkLog(); err != nil {
		return nil, err
	}
	s, err := d.open(ctx, &places{channels: make(map[string]*place)})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// hearPositions subscribes to the channel of headers.
func (d *Driver) hearPositions(c *broker.Conn) error {
	if _, err := c.Write(resp.AppendCommand(nil, d.command("SUBSCRIBE"), d.headerChannel())); err != nil {
		return server.Disconnected(err)
	}
	v, err := resp.Read(c.In)
	if err == nil {
		err = server.Refused(v.Err())
	} else {
		err = server.Disconnected(err)
	}
	d.sessions.Lost(err)
	return err
}

// places are the positions of the messages that a session is about to receive. A script tells them in a header before
// it publishes: the epoch, and for each channel with messages to be kept the offset of the first one, the lengths of
// the runs of messages that are kept, not kept, kept and so on, the length of the channel's name and the name. What
// follows on other connections does not come between them, because nothing else happens while a script runs.
type places struct {
	epoch    string
	channels map[string]*place // of the last header
}

// place is what is known about the next messages of a channel.
type place struct {
	next  uint64 // offset
	keeps bool   // the messages of the current run are kept
	left  int    // messages of the current run
	runs  []byte // the lengths of the runs after it, separated by commas
}

// errHeader is the error of a header that no script of this package has written.
var errHeader = fmt.Errorf("%w: the positions of messages", errMalformed)

// header reads a header.
func (p *places) header(text []byte) error {
	clear(p.channels)
	if len(text) == 0 { // PrepareLog has tried whether it may publish
		return nil
	}
	epoch, rest, _ := bytes.Cut(text, []byte{' '})
	if string(epoch) != p.epoch {
		p.epoch = string(epoch)
	}
	for len(rest) > 0 {
		var offset, runs, length []byte
		offset, rest, _ = bytes.Cut(rest, []byte{' '})
		runs, rest, _ = bytes.Cut(rest, []byte{' '})
		length, rest, _ = bytes.Cut(rest, []byte{' '})
		first, err := strconv.ParseUint(string(offset), 10, 63)
		n, err2 := strconv.Atoi(string(length))
		if err != nil || err2 != nil || first == 0 || n < 0 || n > len(rest) {
			return errHeader
		}
		p.channels[string(rest[:n])] = &place{next: first, runs: runs}
		rest = bytes.TrimPrefix(rest[n:], []byte{' '})
	}
	return nil
}

// record returns a message with its position, if it is kept.
func (p *places) record(m transport.Message) (r transport.Record, err error) {
	r.Message = m
	at := p.channels[m.Channel]
	if at == nil {
		return r, nil
	}
	for at.left == 0 && len(at.runs) > 0 {
		var length []byte
		length, at.runs, _ = bytes.Cut(at.runs, []byte{','})
		if at.left, err = strconv.Atoi(string(length)); err != nil || at.left < 0 {
			return r, errHeader
		}
		at.keeps = !at.keeps
	}
	if at.left == 0 { // another command has published it
		return r, nil
	}
	at.left--
	if at.keeps {
		setPosition(&r, p.epoch, at.next)
		at.next++
	}
	return r, nil
}
