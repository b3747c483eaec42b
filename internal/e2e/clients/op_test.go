package clients_test

import (
	"time"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// op is something that a server is asked to do: a call of its API, as JSON for node/app.js.
type op struct {
	NSP string `json:"nsp,omitempty"`
	// Socket is the id of a socket of this server, whose call it is. Remote is that of a socket anywhere, which
	// FetchSockets finds. Neither: it is the namespace's.
	Socket string `json:"socket,omitempty"`
	Remote string `json:"remote,omitempty"`
	// Call is the name of the method in JavaScript: emit, send, emitWithAck, fetchSockets, socketsJoin, socketsLeave,
	// disconnectSockets, serverSideEmit, serverSideEmitWithAck; of a socket also join, leave, rooms, disconnect, transport.
	// serverCount waits until the namespace counts Count servers, clientsCount tells the open connections, and
	// proceed lets the middlewares go on that hold a client up.
	Call string `json:"call"`

	// To holds the arguments of each call of to().
	To        [][]string `json:"to,omitempty"`
	Except    []string   `json:"except,omitempty"`
	Broadcast bool       `json:"broadcast,omitempty"`
	Local     bool       `json:"local,omitempty"`
	Volatile  bool       `json:"volatile,omitempty"`
	Compress  *bool      `json:"compress,omitempty"`
	TimeoutMS int64      `json:"timeout,omitempty"`

	Event string        `json:"event"`
	Args  *nodejs.Value `json:"args,omitempty"`
	Rooms []string      `json:"rooms,omitempty"`
	Close bool          `json:"close,omitempty"`
	Count int           `json:"count,omitempty"`
}

// emit is the op that emits an event to the whole namespace.
func emit(event string, args ...any) op { return op{Call: "emit"}.with(event, args...) }

// ask is the op that emits an event with acknowledgement.
func ask(event string, args ...any) op { return op{Call: "emitWithAck"}.with(event, args...) }

func (o op) with(event string, args ...any) op {
	o.Event, o.Args = event, &nodejs.Value{V: append([]any{}, args...)}
	return o
}

func (o op) args() []any {
	if o.Args == nil {
		return nil
	}
	return o.Args.V.([]any)
}

func (o op) in(nsp string) op {
	o.NSP = nsp
	return o
}

// of makes the op that of a socket.
func (o op) of(socket string) op {
	o.Socket = socket
	return o
}

func (o op) to(rooms ...string) op {
	o.To = append(o.To[:len(o.To):len(o.To)], rooms)
	return o
}

func (o op) except(rooms ...string) op {
	o.Except = rooms
	return o
}

func (o op) broadcast() op {
	o.Broadcast = true
	return o
}

func (o op) local() op {
	o.Local = true
	return o
}

func (o op) volatile() op {
	o.Volatile = true
	return o
}

func (o op) compress(on bool) op {
	o.Compress = &on
	return o
}

func (o op) timeout(d time.Duration) op {
	o.TimeoutMS = d.Milliseconds()
	return o
}

// result is what an op returned.
type result struct {
	answer
	Sockets []remoteSocket
}

// remoteSocket is what fetchSockets tells of a socket.
type remoteSocket struct {
	ID    string
	Rooms []string
	Data  nodejs.Value
	Auth  nodejs.Value
}
