package natsdriver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// OpenLog implements transport.Log. The session also hears when another server leads the stream, and ends then
// (ErrLeader): what the leader before has stored last may not have been published.
func (d *Driver) OpenLog(ctx context.Context) (transport.LogSession, error) {
	if _, err := d.examine(ctx); err != nil { // it may have lost messages
		return nil, err
	}
	s, err := d.open(ctx, true)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// leaders is the id of the subscription to elections of a leader.
const leaders = 0

// hearElections subscribes to the elections of a leader.
func (s *session) hearElections(ctx context.Context) error {
	errs, err := s.link.Confirm(ctx, fmt.Appendf(nil, "SUB %s%s %d\r\n", elected, s.driver.config.Stream, leaders))
	return errors.Join(append(errs, err)...)
}

// deliverHeaded handles a message with a header: an entry that the leader of the stream has published, what announce
// has, or another program's message.
func (s *session) deliverHeaded(to *broker.Session, channel string, m *server.Message) {
	d := s.driver
	if head := m.Field(fieldHead); head != "" {
		epoch, sequence, _ := strings.Cut(head, " ")
		n, err := strconv.ParseUint(sequence, 10, 64)
		if s.logged && err == nil && !s.has(channel, epoch, n) {
			to.End(fmt.Errorf("%w: sequence %d of channel %.80q", ErrMissed, n, channel))
		}
		return
	}
	epoch, ok := d.epochOf(m.Field(fieldSubject), channel)
	if !ok || m.Field(fieldStream) != d.config.Stream {
		to.Deliver(transport.Message{Channel: channel, Payload: m.Payload})
		return
	}
	sequence, err := strconv.ParseUint(m.Field(fieldSequence), 10, 64)
	previous, err2 := strconv.ParseUint(m.Field(fieldLast), 10, 64)
	var records []transport.Record
	if err = errors.Join(err, err2); err == nil {
		records, err = decodeEntry(channel, epoch, sequence, previous, m)
	}
	if err != nil {
		to.End(err)
		return
	}
	s.saw(channel, epoch, sequence)
	d.head.saw(epoch, sequence)
	for i := range records {
		to.DeliverRecord(records[i])
	}
}

// epochOf returns the epoch in the subject of an entry of a channel.
func (d *Driver) epochOf(subject, channel string) (epoch string, ok bool) {
	rest, ok := strings.CutPrefix(subject, d.logPrefix)
	epoch, name, _ := strings.Cut(rest, ".")
	return epoch, ok && name == token(channel)
}

// sight is the latest entry that has come on a channel.
type sight struct {
	epoch    string
	sequence uint64
}

func (s *session) saw(channel, epoch string, sequence uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sights[channel] = sight{epoch, sequence}
}

// has reports whether an entry of a channel, or a later one, has come.
func (s *session) has(channel, epoch string, sequence uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.sights[channel]
	return at.epoch == epoch && at.sequence >= sequence
}
