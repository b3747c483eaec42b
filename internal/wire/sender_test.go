package wire_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
)

var errBroken = errors.New("broken on purpose")

// channelBus is a bus that records the channels of the messages that it accepts.
type channelBus struct {
	sent   []string // the channel of each message
	refuse func(i int, m transport.Message) error
}

func (p *channelBus) Limits() transport.Limits { return transport.Limits{Payload: 500, Text: true} }

func (p *channelBus) Publish(_ context.Context, msgs ...transport.Message) error {
	for i, m := range msgs {
		if p.refuse != nil {
			if err := p.refuse(i, m); err != nil {
				return err
			}
		}
		p.sent = append(p.sent, m.Channel)
	}
	return nil
}

// batchStore is a store that accepts many bodies at once.
type batchStore struct {
	*memory.Store
	putAll func(bodies [][]byte) ([]string, error)
	mu     sync.Mutex // guards singles
	single int
}

func (b *batchStore) Put(ctx context.Context, body []byte) (string, error) {
	b.mu.Lock()
	b.single++
	b.mu.Unlock()
	if strings.Contains(string(body), "wrong") {
		return "", errBroken
	}
	return b.Store.Put(ctx, body)
}

func (b *batchStore) PutAll(ctx context.Context, bodies [][]byte) (ids []string, err error) {
	if b.putAll != nil {
		return b.putAll(bodies)
	}
	for _, body := range bodies {
		if strings.Contains(string(body), "wrong") {
			return nil, errBroken
		}
		id, err := b.Store.Put(ctx, body)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (b *batchStore) GetAll(context.Context, []string) ([][]byte, error) { return nil, errBroken }

// bodyToStore is a message whose body has to be stored.
type bodyToStore struct {
	message *wire.Outgoing
	done    func()
	left    bool // its caller has left
}

func (s *bodyToStore) Message() *wire.Outgoing { return s.message }
func (s *bodyToStore) Wanted() bool            { return !s.left }
func (s *bodyToStore) Stored(context.Context)  { s.done() }

// outgoing returns one message for each text. Their channels are numbers.
func outgoing(t *testing.T, w *wire.Wire, texts ...string) (batch []*wire.Outgoing) {
	t.Helper()
	for i, text := range texts {
		o, err := w.Outgoing(fmt.Sprint(i), broadcast(t, text))
		require.NoError(t, err)
		batch = append(batch, &o)
	}
	return batch
}

// send stores and sends one message for each text, and returns the errors.
func send(t *testing.T, s *wire.Sender, texts ...string) (errs []error, err error) {
	t.Helper()
	batch := outgoing(t, s.Wire, texts...)
	var group, messages sync.WaitGroup
	storer := wire.NewStorer(s.Wire, s.Store, s.Timeout, group.Go)
	for _, o := range batch {
		if o.NeedsStore() {
			messages.Add(1)
			require.NoError(t, storer.Add(t.Context(), &bodyToStore{message: o, done: messages.Done}))
		}
	}
	messages.Wait()
	group.Wait()
	err = s.Send(t.Context(), batch)
	for _, o := range batch {
		errs = append(errs, o.Err)
		o.Release()
	}
	return errs, err
}

func newSender(t testing.TB, bus *channelBus, store *batchStore) *wire.Sender {
	return &wire.Sender{Bus: bus, Store: store, Timeout: time.Second,
		Wire: newWire(t, wire.Config{Codec: jsonmsgpack.Codec{}, Store: store.Store, Limits: bus.Limits()})}
}

var long = strings.Repeat("x", 1000)

func TestOnlyTheMessageWithARefusedBodyFails(t *testing.T) {
	bus, store := &channelBus{}, &batchStore{Store: memory.NewStore()}
	errs, err := send(t, newSender(t, bus, store), "small", "good"+long, "wrong"+long, "good"+long, "small")
	require.NoError(t, err, "the bus accepted all messages that it received")
	for i, err := range errs {
		if i == 2 {
			var op *fault.OpError
			require.ErrorAs(t, err, &op)
			assert.ErrorIs(t, err, errBroken)
			assert.Equal(t, "2", op.Channel)
			continue
		}
		assert.NoError(t, err, "message %d", i)
	}
	assert.Equal(t, []string{"0", "1", "3", "4"}, bus.sent)
	assert.Equal(t, 3, store.single,
		"each body was tried by itself once: those that were stored alone, and those that were refused together")
}

func TestBodiesShareOneRoundTrip(t *testing.T) {
	bus, store := &channelBus{}, &batchStore{Store: memory.NewStore()}
	errs, err := send(t, newSender(t, bus, store), long, long, long, long)
	require.NoError(t, err)
	assert.Equal(t, make([]error, 4), errs)
	assert.LessOrEqual(t, store.single, 2, "except for the first ones, when the store was idle")
	assert.Equal(t, 4, store.Len())
}

func TestStoreThatReturnsTooFewIDsIsAnError(t *testing.T) {
	bus, store := &channelBus{}, &batchStore{Store: memory.NewStore()}
	store.putAll = func([][]byte) ([]string, error) { return []string{"1"}, nil }
	errs, _ := send(t, newSender(t, bus, store), long, long, long)
	assert.Len(t, errs, 3)
}

func TestOnlyRejectedMessagesFail(t *testing.T) {
	bus, store := &channelBus{}, &batchStore{Store: memory.NewStore()}
	bus.refuse = func(i int, m transport.Message) error {
		if m.Channel == "1" || m.Channel == "3" {
			return &transport.RejectedError{Accepted: i, Err: errBroken}
		}
		return nil
	}
	errs, err := send(t, newSender(t, bus, store), "a", "b", "c", "d", "e")
	assert.ErrorIs(t, err, errBroken)
	assert.Equal(t, []string{"0", "2", "4"}, bus.sent, "each valid message arrives once, in order")
	for i, err := range errs {
		assert.Equal(t, i == 1 || i == 3, err != nil, "message %d: %v", i, err)
	}
}

func TestAmbiguousErrorEndsTheBatch(t *testing.T) {
	bus, store := &channelBus{}, &batchStore{Store: memory.NewStore()}
	bus.refuse = func(i int, m transport.Message) error {
		switch {
		case m.Channel == "1" && i > 0:
			return &transport.RejectedError{Accepted: i, Err: errBroken}
		case m.Channel == "2":
			return errBroken // it may have been sent
		}
		return nil
	}
	errs, err := send(t, newSender(t, bus, store), "a", "b", "c", "d")
	assert.ErrorIs(t, err, errBroken)
	assert.Equal(t, []string{"0", "1"}, bus.sent)
	assert.NoError(t, errors.Join(errs[:2]...))
	assert.ErrorIs(t, errs[2], fault.ErrUnconfirmed)
	assert.Error(t, errs[3], "later messages would overtake it")
	assert.NotErrorIs(t, errs[3], fault.ErrUnconfirmed, "the bus did not get it")
}

func TestReservedEvents(t *testing.T) {
	for name, reserved := range map[string]bool{
		"connect": true, "connect_error": true, "disconnect": true, "disconnecting": true, "newListener": true,
		"removeListener": true,
		"":               false, "Connect": false, "message": false, "error": false,
	} {
		_, err := wire.Event(name, nil)
		assert.Equal(t, reserved, err != nil, "Event(%q): %v", name, err)
	}
	_, err := wire.Event("a", []any{1, make(chan int)})
	var encode *codec.EncodeError
	require.ErrorAs(t, err, &encode)
	assert.Equal(t, 1, encode.Arg, "the error says which argument")
}

func TestUnionKeepsBoth(t *testing.T) {
	a := append(make([]string, 0, 10), "x", "y")
	b, c := wire.Union(a, []string{"y", "z"}), wire.Union(a, []string{"w", "w"})
	assert.Equal(t, []string{"x", "y", "z"}, b)
	assert.Equal(t, []string{"x", "y", "w"}, c, "two unions with one list do not share memory")
	assert.Equal(t, []string{"x", "y"}, a)
}
