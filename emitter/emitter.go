package emitter

import (
	"context"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
)

// Emitter sends to the clients of a cluster. All methods of a Target are its own too and mean every socket of its
// namespace. It is safe for concurrent use, unless it sends in a transaction, which is not.
type Emitter struct {
	Target

	config    Config
	publisher *publisher
	nonces    *nonces // shared with those that With returns
}

// New returns an emitter. It does no I/O.
func New(config Config) (*Emitter, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	e := &Emitter{config: config, publisher: newPublisher(config), nonces: newNonces()}
	e.Target = Target{sink: e, nsp: namespace(config.Namespace)}
	return e, nil
}

// With returns an emitter that sends through bus and has e's options otherwise. Attachments go to bus too if it is a
// Store, unless e was given a Store that is not its Bus. It does no I/O.
//
// In a transaction (pgxdriver.InTx, pqdriver.InTx) the events are sent, and their attachments kept, when it commits,
// and not at all when it is rolled back, also to a savepoint before them. What the emitter refuses by itself, such as
// a reserved event name, does not harm the transaction. One goroutine at a time may use it.
func (e *Emitter) With(bus Publisher) *Emitter {
	config := e.config
	if same(config.Store, config.Bus) {
		config.Store = nil
	}
	config.Bus = bus
	config = config.withDefaults()
	nonces := e.nonces
	if nonces == nil { // of the zero Emitter
		nonces = newNonces()
	}
	with := &Emitter{config: config, publisher: newPublisher(config), nonces: nonces}
	with.Target = e.Target
	with.Target.sink = with
	return with
}

// same tells whether two interfaces hold the same bus.
func same(store Store, bus Publisher) bool {
	t := reflect.TypeOf(store)
	return t != nil && t == reflect.TypeOf(bus) && t.Comparable() && any(store) == any(bus)
}

// namespace puts a slash in front where it is missing, as Socket.IO does.
func namespace(nsp string) string {
	if strings.HasPrefix(nsp, "/") {
		return nsp
	}
	return "/" + nsp
}

// sink is where the messages of a Target go: to the bus or into a Batch.
type sink interface {
	take(ctx context.Context, nsp string, env *codec.Envelope) error
}

// encode makes a message of env, and reports whether there is anything to send. A message to nobody is made too, so
// that what is wrong with it is found.
func (e *Emitter) encode(nsp string, env *codec.Envelope) (o wire.Outgoing, send bool, err error) {
	if e.config.Bus == nil {
		return o, false, &ConfigError{Field: "Bus", Reason: "is nil"}
	}
	channel, err := wire.Channel(e.config.ChannelPrefix, nsp, e.config.Bus.Limits())
	if err != nil {
		return o, false, err
	}
	nobody := env.Opts.Nobody
	env.Opts.Nobody = false
	env.UID, env.NSP = codec.EmitterUID, nsp
	if e.publisher.sender.Serial {
		env.Nonce = e.nonces.next()
	}
	if o, err = e.publisher.sender.Wire.Outgoing(channel, env); err == nil && nobody {
		o.Release()
	}
	return o, err == nil && !nobody, err
}

// take sends env.
func (e *Emitter) take(ctx context.Context, nsp string, env *codec.Envelope) error {
	o, send, err := e.encode(nsp, env)
	if !send {
		return err
	}
	return e.publisher.publishOne(ctx, o)
}

// nonces are numbers of which no two are equal, nor, most likely, equal to those of another emitter in the same
// transaction. They have 16 digits, and JavaScript's numbers can hold them.
type nonces struct{ last atomic.Uint64 }

func newNonces() *nonces {
	n := new(nonces)
	n.last.Store(1e15 + rand.Uint64N(8e15))
	return n
}

func (n *nonces) next() uint64 { return n.last.Add(1) }
