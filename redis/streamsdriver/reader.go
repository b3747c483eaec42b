package streamsdriver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/internal/streamentry"
	"github.com/backplane-go/backplane/redis/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

const (
	// readCount is how many entries are read at once.
	readCount = "100"
	// silence is how many CheckIntervals the server may need for an answer.
	silence = 10
)

// reader reads a stream over a connection of its own.
type reader struct {
	session *session
	stream  string
	conn    *broker.Conn
	last    string // the id after which it reads
	epoch   string // of the stream, if the session returns positions
	checks  int
}

// open connects, and notes where the stream ends.
func (s *session) open(ctx context.Context, stream string) (*reader, error) {
	conn, err := s.driver.primary.Dialer().Connect(ctx)
	if err != nil {
		return nil, err
	}
	r := &reader{session: s, stream: stream, conn: conn, last: "0-0"}
	err = conn.Do(ctx, func() error {
		reply, err := ask(conn, resp.AppendCommand(nil, "XREVRANGE", stream, "+", "-", "COUNT", "1"))
		if err == nil && len(reply.Items) > 0 {
			r.last = reply.Item(0).Item(0).Text()
		}
		return err
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return r, nil
}

// listen begins to receive the entries of a channel that are added from now on.
func (r *reader) listen(ctx context.Context, channel string) error {
	s, d := r.session, r.session.driver
	var last transport.Offset
	var err error
	if s.log {
		last, err = r.bounds(ctx, channel)
	} else {
		last, err = d.lastID(ctx, s.queries, r.stream)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listens[channel] = last
	return nil
}

// bounds returns the newest position of a channel, for a session that returns positions.
func (r *reader) bounds(ctx context.Context, channel string) (transport.Offset, error) {
	d := r.session.driver
	bounds, err := d.boundsOver(ctx, r.session.queries, channel)
	if err != nil {
		return bounds.Newest, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.epoch == "" {
		r.epoch = bounds.Epoch
	} else if r.epoch != bounds.Epoch {
		return bounds.Newest, errEpoch
	}
	d.marks[channel] = mark{bounds.Epoch, bounds.Newest}
	return bounds.Newest, nil
}

// errEpoch ends a session in the middle of which a new epoch has begun.
var errEpoch = errors.New("streamsdriver: the server may have lost entries of the stream: a new epoch begins")

// read passes on entries until the connection breaks.
func (r *reader) read(to *broker.Session) error {
	checked := time.Now()
	interval := r.session.driver.config.CheckInterval
	for {
		reply, err := r.ask(resp.AppendCommand(nil, "XREAD", "COUNT", readCount, "BLOCK",
			strconv.FormatInt(max(interval.Milliseconds(), 1), 10), "STREAMS", r.stream, r.last))
		if err != nil {
			return err
		}
		for _, entry := range reply.Item(1).Items { // the stream is the first item
			if err := r.deliver(to, entry); err != nil {
				return err
			}
		}
		if now := time.Now(); now.Sub(checked) >= interval {
			checked = now
			if err := r.check(); err != nil {
				return err
			}
		}
	}
}

// ask sends a command. The server has to answer in time.
func (r *reader) ask(command []byte) (resp.Value, error) {
	if err := r.conn.SetDeadline(time.Now().Add((silence + 1) * r.session.driver.config.CheckInterval)); err != nil {
		return resp.Value{}, server.Disconnected(err)
	}
	reply, err := ask(r.conn, command)
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return reply, broker.ErrSilent
	}
	return reply, err
}

// ask sends a command and returns the reply.
func ask(conn *broker.Conn, command []byte) (resp.Value, error) {
	if _, err := conn.Write(command); err != nil {
		return resp.Value{}, server.Disconnected(err)
	}
	reply, err := server.Reply(conn.In)
	if err == nil {
		err = server.Refused(reply.Err())
	}
	return reply, err
}

// sentinelInterval is how many questions to the server there are for one to Sentinel.
const sentinelInterval = 5

// check asks the server whether it is still the primary.
func (r *reader) check() error {
	if r.checks++; r.checks%sentinelInterval == 0 {
		if err := r.session.driver.primary.AskSentinel(r.session.ctx, r.conn); err != nil {
			return err
		}
	}
	info, err := r.ask(resp.AppendCommand(nil, "HELLO"))
	if err != nil {
		return err
	}
	if err := server.CheckRole(info); err != nil || !r.session.log {
		return err
	}
	about, err := r.ask(readCall(r.stream, "", "", "", transport.ReadLimit{}))
	if err == nil && about.Item(0).Text() != r.epoch {
		err = errEpoch
	}
	return err
}

// deliver passes on an entry, if the session listens to its namespace. Entries that name none are not for servers.
func (r *reader) deliver(to *broker.Session, entry resp.Value) error {
	id := entry.Item(0).Text()
	if id == "" {
		return fmt.Errorf("streamsdriver: an entry of the stream %q has no id", r.stream)
	}
	r.last = id
	at, err := parseID(id)
	if err != nil {
		return err
	}
	payload, nsp := entryOf(entry)
	m := transport.Message{Channel: streamentry.Channel(r.stream, nsp), Payload: payload}
	if nsp != "" {
		if record, isNew := r.session.received(m, r.epoch, at); isNew {
			to.DeliverRecord(record)
		}
	}
	if r.session.log {
		r.session.driver.sees(r.stream, m.Channel, mark{r.epoch, at})
	}
	return nil
}

// entryOf returns the payload of an entry as the server sends it, and its namespace. The last field of a name counts,
// as in Node.js.
func entryOf(entry resp.Value) (payload []byte, nsp string) {
	fields := make([][]byte, len(entry.Item(1).Items))
	for i, v := range entry.Item(1).Items {
		fields[i] = v.Bytes
		if i%2 == 1 && string(fields[i-1]) == "nsp" {
			nsp = string(v.Bytes)
		}
	}
	return streamentry.Append(nil, fields...), nsp
}
