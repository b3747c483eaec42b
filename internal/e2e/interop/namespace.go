package interop

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// Node is a node of the cluster in a Peer: the process itself or a worker.
type Node struct {
	peer   *Peer
	worker int // 0: the process or the first worker
}

// Namespace opens a namespace and waits until the node listens to it. Opening it again returns the same namespace.
func (n *Node) Namespace(ctx context.Context, nsp string) (*Namespace, error) {
	ns := &Namespace{node: n, nsp: nsp}
	var out struct{ UID string }
	err := ns.call(ctx, "namespace", spec{}, &out)
	ns.uid = out.UID
	return ns, err
}

// Namespace is a namespace in a Node.
type Namespace struct {
	node *Node
	nsp  string
	uid  string
}

// spec holds the parameters of all commands.
type spec struct {
	NSP string `json:"nsp"`
	Target
	Event   string            `json:"event"`
	Args    *Value            `json:"args,omitempty"`
	Rooms   []string          `json:"rooms,omitempty"`
	Close   bool              `json:"close,omitempty"`
	Count   int               `json:"count,omitempty"`
	Client  string            `json:"client,omitempty"`
	Socket  string            `json:"socket,omitempty"`
	Op      string            `json:"op,omitempty"`
	Value   string            `json:"value,omitempty"`
	Ack     *Ack              `json:"ack,omitempty"`
	Data    *Value            `json:"data,omitempty"`
	Auth    *Value            `json:"auth,omitempty"`
	Query   map[string]string `json:"query,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

// Target selects sockets and the options of sending.
type Target struct {
	To       []string `json:"to,omitempty"`
	Except   []string `json:"except,omitempty"`
	Volatile bool     `json:"volatile,omitempty"`
	Local    bool     `json:"local,omitempty"`
	Compress *bool    `json:"compress,omitempty"`
	// TimeoutMS is how long to wait for acknowledgements. Node.js has no default; without a timeout it waits for 1 ms.
	TimeoutMS int64 `json:"timeout,omitempty"`
	// JSON and Binary are flags of Socket.IO 2, which only Legacy peers have.
	JSON   bool  `json:"json,omitempty"`
	Binary *bool `json:"binary,omitempty"`
}

// To selects the sockets in rooms.
func To(rooms ...string) Target { return Target{To: rooms} }

// Timeout returns the target with a timeout for acknowledgements.
func (t Target) Timeout(d time.Duration) Target {
	t.TimeoutMS = d.Milliseconds()
	return t
}

// Ack describes how a client or a server acknowledges.
type Ack struct {
	Mode  string `json:"mode"`
	Value *Value `json:"value,omitempty"`
	Delay int64  `json:"delay,omitempty"` // in milliseconds
}

// Echo acknowledges with the list of arguments.
func Echo() *Ack { return &Ack{Mode: "echo"} }

// Reply acknowledges with v.
func Reply(v any) *Ack { return &Ack{Mode: "value", Value: &Value{V: v}} }

// ReplyAll acknowledges with several arguments.
func ReplyAll(args ...any) *Ack { return &Ack{Mode: "values", Value: &Value{V: args}} }

// Empty acknowledges without a value.
func Empty() *Ack { return &Ack{Mode: "empty"} }

// Never does not acknowledge.
func Never() *Ack { return &Ack{Mode: "none"} }

// After returns the acknowledgement with a delay of d.
func (a *Ack) After(d time.Duration) *Ack {
	return &Ack{Mode: a.Mode, Value: a.Value, Delay: d.Milliseconds()}
}

// Answer is the result of a request for acknowledgements or answers.
type Answer struct {
	// Values has a value for each client or server that answered; a request to a single socket sets One instead.
	Values []any
	One    any
	// Error is the text of the error that Node.js passed to the callback.
	Error string
	// Took is how long a Legacy peer waited for the answers. Other peers do not measure it.
	Took time.Duration
}

func (ns *Namespace) call(ctx context.Context, cmd string, s spec, out any) error {
	s.NSP = ns.nsp
	return ns.node.peer.process.Call(ctx, nodejs.Command{Name: cmd, Worker: ns.node.worker, In: s}, out)
}

func (ns *Namespace) answer(ctx context.Context, cmd string, s spec) (Answer, error) {
	var out struct {
		Error  string
		Values Value
		Took   float64 // milliseconds
	}
	if err := ns.call(ctx, cmd, s, &out); err != nil {
		return Answer{}, err
	}
	values, _ := out.Values.V.([]any)
	took := time.Duration(out.Took * float64(time.Millisecond))
	return Answer{Values: values, One: out.Values.V, Error: out.Error, Took: took}, nil
}

func list(args []any) *Value {
	if args == nil {
		args = []any{}
	}
	return &Value{V: args}
}

// UID returns the uid of the node's adapter in the namespace.
func (ns *Namespace) UID() string { return ns.uid }

// Emit broadcasts an event. It returns when Node.js has called emit. Calls keep their order.
func (ns *Namespace) Emit(ctx context.Context, to Target, event string, args ...any) error {
	return ns.call(ctx, "emit", spec{Target: to, Event: event, Args: list(args)}, nil)
}

// EmitWithAck broadcasts an event and waits for the clients' acknowledgements.
func (ns *Namespace) EmitWithAck(ctx context.Context, to Target, event string, args ...any) (Answer, error) {
	return ns.answer(ctx, "emitWithAck", spec{Target: to, Event: event, Args: list(args)})
}

// Join makes the selected sockets join rooms.
func (ns *Namespace) Join(ctx context.Context, to Target, rooms ...string) error {
	return ns.call(ctx, "socketsJoin", spec{Target: to, Rooms: rooms}, nil)
}

// Leave makes the selected sockets leave rooms.
func (ns *Namespace) Leave(ctx context.Context, to Target, rooms ...string) error {
	return ns.call(ctx, "socketsLeave", spec{Target: to, Rooms: rooms}, nil)
}

// Disconnect disconnects the selected sockets; closing also closes their connections.
func (ns *Namespace) Disconnect(ctx context.Context, to Target, closing bool) error {
	return ns.call(ctx, "disconnectSockets", spec{Target: to, Close: closing}, nil)
}

// OddValues are values that JavaScript accepts as a room, by their name in Odd. The map's values are their texts in
// JavaScript.
var OddValues = map[string]string{"undefined": "undefined", "null": "null", "true": "true", "seven": "7", "NaN": "NaN",
	"object": "[object Object]", "list": "a"}

// Odd performs an operation with an odd value as a room, together with the rooms of to. See odd in
// node/server.js.
func (ns *Namespace) Odd(ctx context.Context, op, value string, to Target, event string, args ...any) error {
	return ns.call(ctx, "odd", spec{Op: op, Value: value, Target: to, Event: event, Args: list(args)}, nil)
}

// OddAck is Odd for operations with answers. The error has the text of Node.js's error.
func (ns *Namespace) OddAck(ctx context.Context, value string, to Target, event string) (Answer, error) {
	return ns.answer(ctx, "odd", spec{Op: "toWithAck", Value: value, Target: to, Event: event})
}

// OddFetch returns the ids of the sockets in the rooms of to and an odd one.
func (ns *Namespace) OddFetch(ctx context.Context, value string, to Target) ([]string, error) {
	var ids []string
	err := ns.call(ctx, "odd", spec{Op: "fetchSockets", Value: value, Target: to}, &ids)
	return ids, err
}

// ServerSideEmit sends an event to the other servers.
func (ns *Namespace) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	return ns.call(ctx, "serverSideEmit", spec{Event: event, Args: list(args)}, nil)
}

// ServerSideEmitWithAck sends an event to the other servers and waits for their answers.
func (ns *Namespace) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) (Answer, error) {
	return ns.answer(ctx, "serverSideEmitWithAck", spec{Event: event, Args: list(args)})
}

// OnServerSide makes the server handle a server-side event. ack says how it answers requests (nil: Echo).
func (ns *Namespace) OnServerSide(ctx context.Context, event string, ack *Ack) error {
	return ns.call(ctx, "onServerSide", spec{Event: event, Ack: ack}, nil)
}

// NextServerSide waits for the next server-side event that the server handled and returns it.
func (ns *Namespace) NextServerSide(ctx context.Context) (Event, error) {
	return ns.node.peer.serverSide(ns.node.worker, ns.nsp).Next(ctx)
}

// ServerCount returns the number of servers that the node counts, including itself.
func (ns *Namespace) ServerCount(ctx context.Context) (int, error) {
	var count int
	err := ns.call(ctx, "serverCount", spec{}, &count)
	return count, err
}

// AwaitServerCount waits until the node counts exactly this many servers.
func (ns *Namespace) AwaitServerCount(ctx context.Context, count int) error {
	if err := ns.call(ctx, "awaitServerCount", spec{Count: count}, nil); err != nil {
		return fmt.Errorf("waiting for %d servers: %w", count, err)
	}
	return nil
}

// Peers returns the uids of the other servers that the node knows.
func (ns *Namespace) Peers(ctx context.Context) ([]string, error) {
	var uids []string
	err := ns.call(ctx, "peers", spec{}, &uids)
	return uids, err
}

// Close closes the namespace's adapter, which sends ADAPTER_CLOSE.
func (ns *Namespace) Close(ctx context.Context) error {
	return ns.call(ctx, "closeNamespace", spec{}, nil)
}
