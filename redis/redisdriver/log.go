package redisdriver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/redis/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

var (
	_ transport.Log          = (*Driver)(nil)
	_ transport.LogPreparer  = (*Driver)(nil)
	_ transport.LogTrimmer   = (*Driver)(nil)
	_ transport.LogInspector = (*Driver)(nil)
)

// A script has at most so many messages and bytes, so that other clients of the server do not wait for long.
const (
	maxScriptRecords = 1000
	maxScriptBytes   = 1 << 20
)

// What a message, and the messages of a channel in one script, take in the memory of the server besides the payloads.
const (
	recordOverhead = 16
	entryOverhead  = 96
)

// Append implements transport.Appender. A script keeps up to 1000 messages and 1 MiB, and publishes them in the same
// step. Messages without Keep among them are published by it too.
//
// Errors before anything was kept, such as that of a server without memory (ErrUnwritable), wrap transport.ErrNotSent.
func (d *Driver) Append(ctx context.Context, records []transport.Record) error {
	if err := d.checkLog(); err != nil {
		return fmt.Errorf("%w: %w", transport.ErrNotSent, err)
	}
	records, tooLarge := d.fitting(records)
	for accepted := 0; accepted < len(records); {
		n, err := d.appendSome(ctx, records[accepted:])
		switch rejected := new(transport.RejectedError); {
		case err == nil:
			accepted += n
			continue
		case errors.As(err, &rejected):
			return &transport.RejectedError{Accepted: accepted + rejected.Accepted, Err: rejected.Err}
		case accepted > 0 && errors.Is(err, transport.ErrNotSent) && ctx.Err() == nil:
			return &transport.RejectedError{Accepted: accepted, Err: err}
		case accepted > 0 && errors.Is(err, transport.ErrNotSent):
			return ctx.Err() // not even ErrNotSent: some were sent
		}
		return err
	}
	return tooLarge
}

// fitting returns the records before the first one that is too large, and the error for that.
func (d *Driver) fitting(records []transport.Record) ([]transport.Record, error) {
	for i := range records {
		if n := len(records[i].Payload); n > d.config.MaxPayload {
			return records[:i], &transport.RejectedError{Accepted: i, Err: d.tooLarge(n)}
		}
	}
	return records, nil
}

// appendSome appends some of the records, at least one, and returns how many.
func (d *Driver) appendSome(ctx context.Context, records []transport.Record) (n int, err error) {
	kept, size := false, 0
	for ; n < len(records) && n < maxScriptRecords; n++ {
		size += len(records[n].Payload) + len(records[n].Channel)
		if n > 0 && size > maxScriptBytes {
			break
		}
		kept = kept || records[n].Keep
	}
	records = records[:n]
	if !kept {
		msgs := make([]transport.Message, n)
		for i := range records {
			msgs[i] = records[i].Message
		}
		return n, d.Publish(ctx, msgs...)
	}
	call := d.appendCall(records)
	reply, err := d.run(ctx, d.publisher, call)
	if err == nil {
		call.setPositions(records, reply)
	}
	return n, err
}

// appendCall is a call of the script that appends.
func (d *Driver) appendCall(records []transport.Record) *call {
	c := &call{script: appendScript, keys: []string{d.metaKey(), d.liveKey()}}
	parts := make(map[string]*part, 1)
	for i := range records {
		r := &records[i]
		p := parts[r.Channel]
		if p == nil {
			p = &part{channel: r.Channel, number: len(c.parts) + 1}
			parts[r.Channel] = p
			c.parts = append(c.parts, p)
		}
		p.add(r)
	}
	c.args = append(make([]string, 0, 4+5*len(c.parts)), rand.Text(), d.command("PUBLISH"), d.headerChannel(),
		strconv.Itoa(len(c.parts)))
	for _, p := range c.parts {
		c.keys = append(c.keys, d.streamKey(p.channel))
		c.args = append(c.args, p.channel, d.names.channel(p.channel), strconv.Itoa(p.kept),
			strconv.Itoa(p.bytes+entryOverhead), p.runs())
	}
	c.more = 2 * len(records)
	c.appendMore = func(b []byte) []byte {
		for i := range records {
			number := parts[records[i].Channel].number
			if !records[i].Keep {
				number = -number
			}
			b = resp.AppendArg(resp.AppendArg(b, strconv.Itoa(number)), records[i].Payload)
		}
		return b
	}
	return c
}

// part is what a script appends on one channel.
type part struct {
	channel     string
	number      int
	kept, bytes int
	lengths     []int // of the runs of messages that are kept, not kept, kept and so on
}

func (p *part) add(r *transport.Record) {
	if keeps := len(p.lengths)%2 == 1; keeps != r.Keep || len(p.lengths) == 0 {
		if !r.Keep && len(p.lengths) == 0 {
			p.lengths = append(p.lengths, 0)
		}
		p.lengths = append(p.lengths, 0)
	}
	p.lengths[len(p.lengths)-1]++
	if r.Keep {
		p.kept++
		p.bytes += len(r.Payload)*9/8 + recordOverhead // an eighth, because memory is allocated in steps
	}
}

// runs returns the lengths of the runs, separated by commas.
func (p *part) runs() string {
	var text strings.Builder
	for i, n := range p.lengths {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(strconv.Itoa(n))
	}
	return text.String()
}

// setPositions sets the positions of the kept records from the reply: the epoch, and the first offset of each channel.
func (c *call) setPositions(records []transport.Record, reply resp.Value) {
	next, i := make(map[string]uint64, 1), 0
	for _, p := range c.parts {
		if p.kept == 0 {
			continue
		}
		i++
		offset, err := strconv.ParseUint(reply.Item(i).Text(), 10, 63)
		if err != nil {
			return // the positions are unknown
		}
		next[p.channel] = offset
	}
	epoch := reply.Item(0).Text()
	for i := range records {
		if r := &records[i]; r.Keep {
			setPosition(r, epoch, next[r.Channel])
			next[r.Channel]++
		}
	}
}

func setPosition(r *transport.Record, epoch string, offset uint64) {
	r.Keep, r.Epoch = true, epoch
	r.Offset, r.Previous = transport.Offset{Major: offset}, transport.Offset{Major: offset - 1}
}

// checkLog returns the error of a driver that cannot have a log.
func (d *Driver) checkLog() error {
	if d.config.RawNames {
		return ErrRawNames
	}
	return nil
}

// The keys and the channel of the log. All have the hash tag of the channels, so that they are in the same slot.
func (d *Driver) metaKey() string                 { return d.key + "log" }
func (d *Driver) liveKey() string                 { return d.key + "log.live" }
func (d *Driver) streamKey(channel string) string { return d.metaKey() + ":" + channel }

// headers is the channel on which the positions of messages are told. No other channel has a NUL in its name.
const headers = "\x00log"

func (d *Driver) headerChannel() string { return d.names.channel(headers) }

// call is a call of a script.
type call struct {
	script     *script
	keys, args []string
	more       int // further arguments
	appendMore func(b []byte) []byte
	parts      []*part
}

func (c *call) appendTo(b []byte, command, script string) []byte {
	b = resp.AppendArg(resp.AppendHeader(b, 3+len(c.keys)+len(c.args)+c.more), command)
	b = resp.AppendArg(resp.AppendArg(b, script), strconv.Itoa(len(c.keys)))
	for _, key := range c.keys {
		b = resp.AppendArg(b, key)
	}
	for _, arg := range c.args {
		b = resp.AppendArg(b, arg)
	}
	if c.appendMore != nil {
		b = c.appendMore(b)
	}
	return b
}

// run calls a script over a publisher, and follows a Redis Cluster that redirects it. An error that wraps ErrNotSent
// means that the script has changed nothing.
func (d *Driver) run(ctx context.Context, over *broker.Publisher, c *call) (reply resp.Value, err error) {
	for redirects := 0; ; redirects++ {
		err = over.Do(ctx, func(conn *broker.Conn) (err error) {
			if d.primary.Stale(conn) {
				return fmt.Errorf("%w: %w", transport.ErrNotSent, ErrMoved)
			}
			reply, err = evaluate(conn, c)
			d.primary.Lost(err)
			return err
		})
		if err != nil && redirects < maxRedirects && errors.Is(err, ErrMoved) && errors.Is(err, transport.ErrNotSent) {
			continue
		}
		// A refusal leaves the connection in a known state, so the publisher keeps it.
		if rejected := new(transport.RejectedError); errors.As(err, &rejected) && rejected.Accepted == 0 {
			err = fmt.Errorf("%w: %w", transport.ErrNotSent, rejected.Err)
		}
		return reply, err
	}
}

// evaluate calls a script over a connection.
func evaluate(conn *broker.Conn, c *call) (resp.Value, error) {
	reply, err := ask(conn, c.appendTo(nil, "EVALSHA", c.script.hash))
	if reply := new(resp.Error); errors.As(err, &reply) && reply.Code() == "NOSCRIPT" {
		return ask(conn, c.appendTo(nil, "EVAL", c.script.text))
	}
	return reply, err
}

// ask sends a command and returns the reply. The error of a refused command wraps ErrNotSent or is a *RejectedError,
// unless a script has done a part of its work.
func ask(conn *broker.Conn, command []byte) (resp.Value, error) {
	if _, err := conn.Write(command); err != nil {
		return resp.Value{}, server.Disconnected(err)
	}
	reply, err := server.Reply(conn.In)
	if err != nil {
		return reply, err
	}
	err = server.Refused(reply.Err())
	var refusal *resp.Error
	switch {
	case err == nil:
		return reply, nil
	case errors.As(err, &refusal) && refusal.Code() == "PARTIAL":
		return reply, err
	case errors.Is(err, ErrMoved), errors.Is(err, ErrReplica), errors.Is(err, ErrDown):
		return reply, fmt.Errorf("%w: %w", transport.ErrNotSent, err) // the connection is of no use any more
	}
	return reply, &transport.RejectedError{Err: err}
}
