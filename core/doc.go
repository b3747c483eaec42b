// Package core is the cluster: it connects the realtime servers of several processes over a transport.Bus, so that a
// broadcast, a request or a change of rooms made on one of them happens on all of them.
//
// A Cluster is one process's membership. A Namespace is one audience in it, with a Local that delivers to this
// process's own clients; Registry is a Local that most servers can use as it is.
//
// # Delivery
//
// Messages of one node reach another in the order they were sent, small and large ones alike, at most once. They are
// lost to a node while its listening session is broken or its queue is full; the node then reports for how long it
// was deaf (GapError) or how much it dropped (DropError). A publish error is returned to the caller that waits
// (Emit), or reported (EmitAsync, and Emit of a node without peers), and never stops the delivery to this process's
// own clients. When a publish fails with an error that does not say what was sent, its messages may or may not have
// arrived, and may still: the error is ErrUnconfirmed too. They are not sent again, because nothing may arrive twice.
// Any other error means that the message was not sent.
//
// # Deadlines
//
// A call returns when its context ends, or when the timeout of its request passes, and at most 100 ms later, whatever
// the bus and the store do. Calls of Local are no part of that: they run on the caller's goroutine, and a Local that
// blocks holds up its own caller. Without a deadline of the caller's, Config.PublishTimeout bounds how long a message
// that has left the queue is waited for.
//
// # When your code panics
//
// A panic of code that the cluster calls does not end the process. That holds for Local, the funcs of Trace and
// OnCustomRequest, ErrorHandler, the handler of Logger, methods of values and of errors, such as MarshalJSON and
// Error, a bus, a store and a codec.
//
// The panic becomes a *PanicError, which has the stack. It is returned by the call of the application that led to it.
// If there is none, as for messages of peers, it is given to ErrorHandler. A panic of Local, Trace or OnCustomRequest
// is wrapped in a *CallError, which names the func. A panic of a value, a bus or a store is wrapped as other errors
// of theirs are. If a node panics while it answers a request of a peer, it refuses it: the peer finds it in
// PartialError.Refused. A panic of ErrorHandler or Logger is written to the standard error.
//
// Code may also end its goroutine with runtime.Goexit, as testing.T.FailNow does. If the goroutine is the cluster's,
// another one takes over, and ErrorHandler gets an ErrExited. If it is the application's, the operation that it has
// begun goes on without it. Only Publish and Receive of a bus, and Get of a store, must not call Goexit.
package core
