package wire_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
)

// channelLog is a log that records what it appends.
type channelLog struct {
	channelBus
	records []transport.Record
	refuse  func(i int, r transport.Record) error
}

func (l *channelLog) Append(_ context.Context, records []transport.Record) error {
	for i := range records {
		r := &records[i]
		if l.refuse != nil {
			if err := l.refuse(i, *r); err != nil {
				return err
			}
		}
		l.records = append(l.records, *r)
		if r.Keep {
			r.Epoch, r.Offset = "epoch", transport.Offset{Major: uint64(len(l.records))}
		}
	}
	return nil
}

// kept returns which of the appended records are kept, by their channels.
func (l *channelLog) kept() (all []string) {
	for _, r := range l.records {
		if r.Keep {
			all = append(all, r.Channel)
		}
	}
	return all
}

func position(n uint64) transport.Position {
	return transport.Position{Epoch: "epoch", Offset: transport.Offset{Major: n}}
}

func newLogSender(t testing.TB, log *channelLog, config wire.Config, store wire.Store) *wire.Sender {
	config.Limits = log.Limits()
	if config.Dialect == nil {
		config.Codec, config.Store = jsonmsgpack.Codec{}, store
	}
	return &wire.Sender{Bus: log, Log: log, Store: store, Timeout: time.Second, Wire: newWire(t, config)}
}

func TestLogGetsAllMessagesAndKeepsSome(t *testing.T) {
	for name, serial := range map[string]bool{"Concurrent": false, "Serial": true} {
		t.Run(name, func(t *testing.T) {
			log := &channelLog{}
			s := newLogSender(t, log, wire.Config{}, memory.NewStore())
			s.Serial = serial
			batch := outgoing(t, s.Wire, "a", "b", "c")
			batch[0].Keep, batch[2].Keep = true, true
			require.NoError(t, s.Send(t.Context(), batch))
			assert.Empty(t, log.sent, "messages go to the log instead of the bus")
			assert.Len(t, log.records, 3)
			assert.Equal(t, []string{"0", "2"}, log.kept())
			assert.Equal(t, position(1), batch[0].Position)
			assert.Zero(t, batch[1].Position, "it is not kept")
			assert.Equal(t, position(3), batch[2].Position)
		})
	}
}

func TestLogThatRefusesOneMessageKeepsTheOthers(t *testing.T) {
	log := &channelLog{}
	log.refuse = func(i int, r transport.Record) error {
		if r.Channel == "1" {
			return &transport.RejectedError{Accepted: i, Err: errBroken}
		}
		return nil
	}
	s := newLogSender(t, log, wire.Config{}, memory.NewStore())
	batch := outgoing(t, s.Wire, "a", "b", "c")
	for _, o := range batch {
		o.Keep = true
	}
	require.ErrorIs(t, s.Send(t.Context(), batch), errBroken)
	assert.Equal(t, []string{"0", "2"}, log.kept())
	assert.Equal(t, position(1), batch[0].Position)
	assert.ErrorIs(t, batch[1].Err, errBroken)
	assert.Zero(t, batch[1].Position)
	assert.NoError(t, batch[2].Err)
	assert.Equal(t, position(2), batch[2].Position)
}

func TestLogThatBreaksGivesNoPositions(t *testing.T) {
	log := &channelLog{refuse: func(i int, r transport.Record) error {
		if i == 1 {
			return errBroken
		}
		return nil
	}}
	s := newLogSender(t, log, wire.Config{}, memory.NewStore())
	batch := outgoing(t, s.Wire, "a", "b")
	batch[0].Keep = true
	require.Error(t, s.Send(t.Context(), batch))
	assert.ErrorIs(t, batch[0].Err, fault.ErrUnconfirmed)
	assert.Zero(t, batch[0].Position)
}

// TestPiecesAreKeptTogether: a dialect that cuts messages has a record for each piece.
func TestPiecesAreKeptTogether(t *testing.T) {
	log := &channelLog{}
	s := newLogSender(t, log, wire.Config{Dialect: legacy.Dialect{}}, nil)
	batch := outgoing(t, s.Wire, "a", strings.Repeat("x", 1000))
	batch[1].Keep = true
	require.NoError(t, s.Send(t.Context(), batch))
	assert.Greater(t, len(log.records), 2)
	assert.False(t, log.records[0].Keep)
	for _, r := range log.records[1:] {
		assert.True(t, r.Keep)
	}
	assert.Equal(t, position(uint64(len(log.records))), batch[1].Position, "the position of the last piece")
}

// retainingStore records how long it is asked to keep bodies.
type retainingStore struct {
	*memory.Store
	keep []time.Duration
}

func (r *retainingStore) Put(ctx context.Context, body []byte) (string, error) {
	r.keep = append(r.keep, 0)
	return r.Store.Put(ctx, body)
}

func (r *retainingStore) PutFor(ctx context.Context, bodies [][]byte, keep time.Duration) (ids []string, err error) {
	r.keep = append(r.keep, slices.Repeat([]time.Duration{keep}, len(bodies))...)
	for _, body := range bodies {
		id, err := r.Store.Put(ctx, body)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func TestBodiesOfKeptMessagesAreRetained(t *testing.T) {
	for name, serial := range map[string]bool{"Storer": false, "Serial": true} {
		for retention, want := range map[time.Duration]time.Duration{0: 0, time.Minute: time.Minute} {
			t.Run(name+" "+retention.String(), func(t *testing.T) {
				log, store := &channelLog{}, &retainingStore{Store: memory.NewStore()}
				s := newLogSender(t, log, wire.Config{Retention: retention}, store)
				s.Serial = serial
				for _, keep := range []bool{false, true} {
					o := outgoing(t, s.Wire, long)[0]
					o.Keep = keep
					if !serial {
						stored := make(chan struct{})
						storer := wire.NewStorer(s.Wire, store, time.Second, func(f func()) { go f() })
						m := &bodyToStore{message: o, done: func() { close(stored) }}
						require.NoError(t, storer.Add(t.Context(), m))
						<-stored
					}
					require.NoError(t, s.Send(t.Context(), []*wire.Outgoing{o}))
				}
				assert.Equal(t, []time.Duration{0, want}, store.keep)
			})
		}
	}
}
