// Package storage defines the interface of a store for payloads that are too large for a bus. A Store keeps a
// body for a short time and returns an id, which travels in place of the body.
//
// # Delivery
//
// A body can be read any number of times until it expires. After that, Get returns ErrNotFound: a node that is
// slower than the age passed to Expire loses the message and reports the loss. The age of a body counts from
// its Put, by the clock of the store. Reading a body does not extend its life. The clock may be coarse: an age
// may be wrong by up to 100 ms, in either direction.
//
// # Stores with a time to live
//
// Some stores remove bodies on their own, such as Redis with SET and PX. Such a store sets a time to live when
// a body is put. It is at least as long as the age that the cluster passes to Expire
// (core.Config.AttachmentAge), so that no body disappears early. A body is readable for its time to live,
// counted from its Put, and is gone after 1.5 times that time at the latest. Each body has its own time to
// live: neither reading the body nor putting others changes it. Expire may then do nothing, and must not remove
// bodies early. examples/storage/ttlstore is such a store.
//
// # Sizes and contexts
//
// A store keeps bodies of at least up to MinBody bytes. It refuses larger ones that it cannot keep with an
// error, and never truncates them. Every method returns soon after its context ends, with an error for which
// errors.Is(err, ctx.Err()) is true. If the context ended before the call, the method starts nothing. An
// interrupted Put may have kept the body, but not a part of it; the body expires like any other. The store
// works as before afterwards.
package storage

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is returned by Get for an id that was never issued, or whose body has expired.
var ErrNotFound = errors.New("storage: not found")

// MinBody is the size in bytes of the largest body that every store must be able to keep: 64 MiB.
const MinBody = 64 << 20

// Store keeps bodies for a short time. It is safe for concurrent use and retries nothing. The cluster treats a
// panic as an error of the call. Get must not end the calling goroutine with runtime.Goexit.
type Store interface {
	// Put keeps a copy of body and returns its id. Any node can read the body as soon as Put has returned. A
	// nil body is an empty body.
	//
	// An id is valid UTF-8 without NUL, not empty, and at most 255 bytes long. Each Put returns a new id, even
	// for an equal body. No store on the same medium issues it again, not even after its body has expired or
	// after a restart.
	Put(ctx context.Context, body []byte) (id string, err error)

	// Get returns the body of id. The body belongs to the caller, with its whole capacity. ErrNotFound
	// (possibly wrapped) means that there is no body. That includes a malformed id: ids come from other nodes
	// and are data. Ids are compared byte by byte: one that differs from an issued id by a space, a leading
	// zero or the case of a letter is another id.
	Get(ctx context.Context, id string) ([]byte, error)

	// Expire removes all bodies that were put longer than age ago, however many there are, and no others. A
	// store whose bodies have a time to live may do nothing. Many nodes call Expire at the same time, while
	// others put and get.
	Expire(ctx context.Context, age time.Duration) error
}

// Batch is implemented by a Store that can put or get many bodies in one round trip. A batch can have any
// length: a store whose server has a limit divides it.
type Batch interface {
	Store

	// PutAll does what Put does for each of bodies: ids[i] is the id of bodies[i]. It either keeps all of them,
	// or returns an error and no ids. If bodies were kept in spite of an error, such as a broken connection,
	// their ids are unknown and they expire.
	PutAll(ctx context.Context, bodies [][]byte) (ids []string, err error)

	// GetAll does what Get does for each of ids: bodies[i] is the body of ids[i], or nil where Get would return
	// ErrNotFound. An empty body is not nil.
	GetAll(ctx context.Context, ids []string) (bodies [][]byte, err error)
}

// Sizer is implemented by a Store that can determine the size of a body without reading it. A node then reads
// as many bodies ahead as its memory limit allows, and none that exceeds its limit for one body. From other
// stores it reads fewer bodies at a time, since each may be as large as the limit.
type Sizer interface {
	Store

	// GetUpTo does what Get does for each of ids, in one round trip if it can, but does not read bodies of more
	// than limit bytes: found[i] is the result for ids[i]. An error means that nothing is known about any of
	// them.
	GetUpTo(ctx context.Context, ids []string, limit int) (found []Found, err error)
}

// Found is the result of a Sizer for one id.
type Found struct {
	// Size is the size of the body in bytes, or NotFound if there is no body.
	Size int
	// Body is nil if there is no body, or if it has more bytes than the limit. It belongs to the caller and
	// shares no memory with other bodies. An empty body is not nil.
	Body []byte
}

// NotFound is the Size of a body that does not exist: Get would return ErrNotFound.
const NotFound = -1

// Preparer is implemented by a Store that needs something to exist before it can be used, such as a table. The
// cluster calls Prepare once, when it starts.
type Preparer interface {
	// Prepare creates what is missing, or returns an error that says what is missing and how to create it. Many
	// nodes may call it at the same time.
	Prepare(ctx context.Context) error
}
