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
// (Emit), or reported (EmitAsync), and never stops the delivery to this process's own clients. When a publish fails
// with an error that does not say what was sent, its messages may or may not have arrived; they are not sent again,
// because nothing may arrive twice.
package core
