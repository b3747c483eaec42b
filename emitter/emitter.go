package emitter

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/wire"
)

// Emitter sends to the clients of a cluster. It has all methods of Target, which then select every socket of
// its namespace. It is safe for concurrent use, unless it sends in a transaction: like the transaction, it may
// then be used by only one goroutine at a time.
type Emitter struct {
	Target

	config    Config
	publisher *publisher
	err       error // why the emitter cannot send
	route     atomic.Pointer[route]
	nonces    *nonces // shared with the emitters that With returns
}

// New returns an emitter. It does no I/O.
func New(config Config) (*Emitter, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	e := &Emitter{config: config, nonces: newNonces()}
	e.Target = Target{sink: e, nsp: namespace(config.Namespace)}
	var err error
	if e.publisher, err = newPublisher(config); err == nil {
		_, err = e.channel(e.nsp, &codec.Envelope{})
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// With returns an emitter that sends through bus and has the options of e. If bus is a Store, attachments go there
// too, unless e has a Store that is not its Bus. With does no I/O.
//
// In a transaction (pgxdriver.InTx, pqdriver.InTx) the events are sent, and their attachments kept, when it
// commits. If it is rolled back, to its beginning or to a savepoint before the events, nothing is sent. A
// message that the emitter itself refuses, such as one with a reserved event name, does not abort the
// transaction. Only one goroutine at a time may use the returned emitter.
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
	with := &Emitter{config: config, nonces: nonces}
	var err error
	if with.err = config.Log.validate(config); with.err != nil {
		config.Log = nil
	}
	with.publisher, err = newPublisher(config)
	with.err = errors.Join(with.err, err)
	with.Target = e.Target
	with.Target.sink = with
	return with
}

// same reports whether store and bus are the same value.
func same(store Store, bus Publisher) bool {
	t := reflect.TypeOf(store)
	return t != nil && t == reflect.TypeOf(bus) && t.Comparable() && any(store) == any(bus)
}

// namespace adds a slash in front if it is missing, as Socket.IO does.
func namespace(nsp string) string {
	if strings.HasPrefix(nsp, "/") {
		return nsp
	}
	return "/" + nsp
}

// sink accepts the messages of a Target. It is an Emitter or a Batch.
type sink interface {
	send(ctx context.Context, nsp string, env *codec.Envelope) error
}

// encode encodes env. send is false if there is an error, or if the message selects no sockets. Such a message
// is encoded too, to find errors in it.
func (e *Emitter) encode(nsp string, env *codec.Envelope) (o wire.Outgoing, send bool, err error) {
	switch {
	case e.config.Bus == nil:
		return o, false, &ConfigError{Field: "Bus", Reason: "is nil"}
	case e.err != nil:
		return o, false, e.err
	}
	nobody := env.Opts.Nobody
	env.Opts.Nobody = false
	env.UID, env.NSP = codec.EmitterUID, nsp
	channel, err := e.channel(nsp, env)
	if err != nil {
		return o, false, err
	}
	if e.publisher.sender.Serial {
		env.Nonce = e.nonces.next()
	}
	if o, err = e.publisher.sender.Wire.Outgoing(channel, env); err == nil && nobody {
		o.Release()
	}
	o.Keep = e.config.Log.keeps(nsp, env)
	return o, err == nil && !nobody, err
}

// route is the route of a namespace. The emitter keeps that of the namespace that it used last.
type route struct {
	nsp string
	dialect.Route
}

// channel returns the channel of a message to a namespace.
func (e *Emitter) channel(nsp string, env *codec.Envelope) (string, error) {
	r := e.route.Load()
	if r == nil || r.nsp != nsp {
		to, err := e.publisher.sender.Wire.Namespace(nsp, codec.EmitterUID)
		if err != nil {
			return "", err
		}
		r = &route{nsp, to}
		e.route.Store(r)
	}
	return r.Channel(env), nil
}

// send sends env.
func (e *Emitter) send(ctx context.Context, nsp string, env *codec.Envelope) error {
	o, send, err := e.encode(nsp, env)
	if !send {
		return err
	}
	return e.publisher.publishOne(ctx, o)
}

// nonces generates numbers that are all different and, most likely, different from those of another emitter in the
// same transaction. They have 16 digits, which a JavaScript number can hold.
type nonces struct{ last atomic.Uint64 }

func newNonces() *nonces {
	n := new(nonces)
	n.last.Store(1e15 + rand.Uint64N(8e15))
	return n
}

func (n *nonces) next() uint64 { return n.last.Add(1) }
