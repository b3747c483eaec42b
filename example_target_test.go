package backplane_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane"
)

// A room reaches its sockets on all nodes. Rooms add up, and a socket in several of them gets the event once.
func ExampleTarget_To() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	ann, bob := a.connect("ann", "red", "blue"), b.connect("bob", "blue")

	check(a.To("red", "blue").Emit(ctx, "hello"))
	check(a.To("ann").Emit(ctx, "only you")) // a socket is in the room of its id
	var none []string
	check(a.To(none...).Emit(ctx, "nobody gets this"))
	fmt.Println(<-ann.outbox, <-ann.outbox, len(ann.outbox))
	fmt.Println(<-bob.outbox, len(bob.outbox))
	// Output:
	// ["hello"] ["only you"] 0
	// ["hello"] 0
}

// In is To, for operations that read better with it.
func ExampleTarget_In() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	b.connect("bob", "red")

	sockets, err := a.In("red").FetchSockets(ctx)
	check(err)
	fmt.Println(sockets[0].ID())
	// Output: bob
}

func ExampleTarget_Except() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	ann, bob := a.connect("ann", "red"), b.connect("bob", "red")

	check(a.To("red").Except("bob").Emit(ctx, "not for bob"))
	check(a.To("red").Emit(ctx, "for both"))
	fmt.Println(<-ann.outbox, <-ann.outbox)
	fmt.Println(<-bob.outbox)
	// Output:
	// ["not for bob"] ["for both"]
	// ["for both"]
}

// Local reaches only the sockets of this node, and sends nothing to the others.
func ExampleTarget_Local() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	ann, bob := a.connect("ann"), b.connect("bob")

	check(a.Local().Emit(ctx, "this server will restart"))
	check(a.Emit(ctx, "hello"))
	fmt.Println(<-ann.outbox, <-ann.outbox)
	fmt.Println(<-bob.outbox)
	// Output:
	// ["this server will restart"] ["hello"]
	// ["hello"]
}

// A volatile event may be dropped for a client that is not ready. The Socket sees the flag.
func ExampleTarget_Volatile() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	flags := make(chan backplane.Flags, 1)
	b.Add(&flagged{flags})

	check(a.Volatile().Emit(ctx, "position", 1.5, 2.5))
	fmt.Println((<-flags).Volatile)
	// Output: true
}

// Compress overrides whether the server compresses an event, here for one whose size must not reveal its content.
func ExampleTarget_Compress() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	flags := make(chan backplane.Flags, 1)
	b.Add(&flagged{flags})

	check(a.Compress(false).Emit(ctx, "secret", "…"))
	fmt.Println(*(<-flags).Compress)
	// Output: false
}

// Relayed marks an event that comes from another cluster.
func ExampleTarget_Relayed() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	flags := make(chan backplane.Flags, 1)
	b.Add(&flagged{flags})

	check(a.Relayed().Emit(ctx, "news", "from elsewhere"))
	fmt.Println((<-flags).Relayed)
	// Output: true
}

// Forward passes on what another cluster has broadcast. Package bridge does that in both directions.
func ExampleTarget_Forward() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	bob := b.connect("bob")

	event, err := backplane.NewArgs("news", 42)
	check(err)
	packet := &backplane.Packet{Args: event} // as LocalSockets.Broadcast receives it
	check(a.To("bob").Forward(packet))
	fmt.Println(<-bob.outbox)
	// Output: ["news",42]
}

// flagged is a socket that records the flags of the packets that it is sent.
type flagged struct{ flags chan backplane.Flags }

func (f *flagged) ID() string               { return "flagged" }
func (f *flagged) Send(p *backplane.Packet) { f.flags <- p.Flags }
func (f *flagged) Disconnect(bool)          {}

// Timeout limits a request. The answers that came in time are returned with the error.
func ExampleTarget_Timeout() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	a.Add(&reader{id: "ann"})
	b.Add(&reader{id: "bob", asleep: true})

	answers, err := a.Timeout(time.Second).EmitWithAck(ctx, "ready?")
	fmt.Println(answers, errors.Is(err, backplane.ErrTimeout))
	// Output: ["ann"] true
}

func ExampleTarget_Emit() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	bob := b.connect("bob", "red")

	if err := a.To("red").Emit(ctx, "news", 1, "two", map[string]any{"three": 3}); err != nil {
		fmt.Println(err) // the clients of this node have received it anyway
	}
	fmt.Println(<-bob.outbox)
	// Output: ["news",1,"two",{"three":3}]
}

// EmitAsync does not wait for the bus, and returns an error only if the queue is full. Events keep their order.
func ExampleTarget_EmitAsync() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	bob := b.connect("bob")

	for i := range 3 {
		if err := a.EmitAsync("tick", i); errors.Is(err, backplane.ErrQueueFull) {
			break // slow down
		}
	}
	fmt.Println(<-bob.outbox, <-bob.outbox, <-bob.outbox)
	// Output: ["tick",0] ["tick",1] ["tick",2]
}

// Acks yields each acknowledgement when it arrives, so that one slow client delays nothing.
func ExampleTarget_Acks() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	a.Add(&reader{id: "ann"})
	b.Add(&reader{id: "bob"})

	answered := 0
	for answer, err := range a.Acks(ctx, "ready?") {
		check(err)
		if !answer.IsNull() {
			answered++
		}
	}
	fmt.Println(answered)
	// Output: 2
}

func ExampleTarget_SocketsJoin() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	bob := b.connect("bob", "red")

	check(a.In("red").SocketsJoin(ctx, "blue", "green"))
	check(a.To("green").Emit(ctx, "hello"))
	fmt.Println(<-bob.outbox)
	// Output: ["hello"]
}

func ExampleTarget_SocketsLeave() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	bob := b.connect("bob", "red")

	check(a.In("bob").SocketsLeave(ctx, "red"))
	check(a.To("red").Emit(ctx, "for the room"))
	check(a.To("bob").Emit(ctx, "for bob"))
	fmt.Println(<-bob.outbox)
	// Output: ["for bob"]
}

func ExampleTarget_DisconnectSockets() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	b.connect("bob", "red")
	b.connect("eve")

	check(a.In("red").DisconnectSockets(ctx, true)) // true: close the connections, too
	sockets, err := a.FetchSockets(ctx)
	check(err)
	fmt.Println(len(sockets), sockets[0].ID())
	// Output: 1 eve
}

// ServerSideEmit reaches the other servers, whose registry or Socket.IO server handles the event.
func ExampleTarget_ServerSideEmit() {
	ctx := context.Background()
	a, b, stop := startTwoNodes(ctx)
	defer stop()
	events := make(chan string, 1)
	b.Configure(func(c *backplane.RegistryConfig) {
		c.ServerSideEmit = func(args backplane.Args, _ func(backplane.Value)) { events <- args.String() }
	})

	check(a.ServerSideEmit(ctx, "reload", "config"))
	fmt.Println(<-events)
	// Output: ["reload","config"]
}
