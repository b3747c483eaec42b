// Package core is the cluster: it connects the realtime servers of several processes over a transport.Bus, so that a
// broadcast, a request or a change of rooms made on one of them happens on all of them.
//
// A Cluster is one process's membership. A Namespace is one audience in it, with a Local that delivers to this
// process's own clients; Registry is a Local that most servers can use as it is.
//
// # Delivery
//
// Messages of one node reach another in the order they were sent, small and large ones alike, at most once. They
// are lost to a node while its listening session is broken or its queue is full; the node then reports for how long
// it was deaf (GapError) or how much it dropped (DropError). A publish error is returned to the caller that waits
// (Emit), or reported (EmitAsync, and Emit of a node without peers), and never stops the delivery to this process's own
// clients. When a publish fails with an error that does not say what was sent, its messages may or may not have arrived,
// and may still: the error is ErrUnconfirmed too. They are not sent again, because nothing may arrive twice. Any other
// error means that the message was not sent.
//
// # Deadlines
//
// A call returns when its context ends, or when the timeout of its request passes, and at most 100 ms later, whatever the
// bus and the store do. Calls of Local are no part of that: they run on the caller's goroutine, and a Local that blocks
// holds up its own caller. Without a deadline of the caller's, Config.PublishTimeout bounds how long a message that has
// left the queue is waited for.
//
// # When your code panics
//
// Nothing that the cluster calls ends it: Local, the funcs of Trace and OnCustomRequest, ErrorHandler, the handler of Logger, methods
// of values such as MarshalJSON and of errors, a bus, a store and a codec. A panic becomes a *PanicError, with its stack. Whoever has
// made the call that led to it gets the error; if there is nobody, as for messages of peers, ErrorHandler gets it. In either case it
// is in a *CallError that names the call, but for values, a bus and a store, whose errors are what they always are. A node that has
// failed to answer a request tells so, and is Refused in the asker's PartialError. What panics in ErrorHandler or in Logger is
// written to the standard error.
//
// Code that ends its goroutine with runtime.Goexit, as testing.T.FailNow does, ends that goroutine alone: if it was the cluster's,
// another one goes on, and ErrorHandler is told (ErrExited). If it was the application's, what it had begun goes on without it. Only
// Publish and Receive of a bus, and Get of a store, must not do that.
package core
