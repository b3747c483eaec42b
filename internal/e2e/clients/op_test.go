package clients_test

import (
	"time"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// op is a call of a server's API, encoded as JSON for node/app.js.
type op struct {
	NSP string `json:"nsp,omitempty"`
	// Socket is the id of a socket of this server on which the call is made. Remote is the id of any socket in the
	// cluster, found with FetchSockets. If both are empty, the call is made on the namespace.
	Socket string `json:"socket,omitempty"`
	Remote string `json:"remote,omitempty"`
	// Call is the name of the method in JavaScript: emit, send, emitWithAck, fetchSockets, socketsJoin, socketsLeave,
	// disconnectSockets, serverSideEmit, serverSideEmitWithAck; on a socket also join, leave, rooms, disconnect,
	// transport. serverCount waits until the namespace counts Count servers, clientsCount returns the number of open
	// connections, and proceed releases middlewares that hold a client.
	Call string `json:"call"`

	// To has the arguments of each call of to().
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

// emit returns the op that emits an event to the whole namespace.
func emit(event string, args ...any) op { return op{Call: "emit"}.with(event, args...) }

// ask returns the op that emits an event with acknowledgement.
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

// of returns the op as a call on a socket.
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

// result is the result of an op.
type result struct {
	answer
	Sockets []remoteSocket
}

// remoteSocket is a socket as returned by fetchSockets.
type remoteSocket struct {
	ID    string
	Rooms []string
	Data  nodejs.Value
	Auth  nodejs.Value
}
