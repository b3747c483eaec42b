// Package storage defines where the payloads go that are too large for a bus: a Store keeps a body for a
// short time and hands out an id that travels in its place.
//
// # Delivery
//
// A body can be read any number of times until it expires. After that its readers get ErrNotFound: a node
// that is slower than the age given to Expire loses the message, and says so. The age of a body counts from its Put, by the
// store's clock; reading it does not make it younger. The clock may be coarse: an age may be wrong by up to 100 ms, in either direction.
//
// # Stores with a time to live
//
// A store that removes bodies on its own, such as Redis with SET and PX, sets a time to live when a body is put: at least as long as the age that
// the cluster passes to Expire (core.Config.AttachmentAge), so that no body goes early. A body can be read until its time to live has passed since
// its Put, and is gone when half as much again has passed. Each body has a time of its own: neither reading it nor putting others changes
// that. Expire may then do nothing, and must not remove bodies early. examples/storage/ttlstore is such a store.
//
// # Sizes and contexts
//
// A store keeps bodies of up to MinBody bytes at least, and refuses larger ones that it cannot keep with an error: it never cuts them. Every method
// returns soon after its context has ended, with an error for which errors.Is(err, ctx.Err()) is true, and begins nothing if it had
// ended before. A Put that was interrupted may have kept the body, but not a part of it: it expires like any other. Afterwards the store works as
// before.
package storage

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is returned by Get for an id that was never given, or whose body has expired.
var ErrNotFound = errors.New("storage: not found")

// MinBody is the size in bytes of the largest body that every store has to keep: 64 MiB.
const MinBody = 64 << 20

// Store keeps bodies for a short time. It is safe for concurrent use and retries nothing. A panic is treated as an error of the call. Get must
// not end the goroutine that calls it (runtime.Goexit).
type Store interface {
	// Put keeps a copy of body and returns its id, which any node can read as soon as Put has returned. A nil body is an empty one.
	// An id is valid UTF-8 without NUL, not empty, and at most 255 bytes. Each Put has an id of its own, also for an equal body, and no
	// store on the same medium gives it again, not even after its body has expired or after a restart.
	Put(ctx context.Context, body []byte) (id string, err error)

	// Get returns the body of id. It belongs to the caller, with its whole capacity. ErrNotFound (possibly wrapped) means that there is
	// none, also when id is malformed: ids come from other nodes and are data. An id is compared byte by byte: what differs from a
	// given one in a space, a leading zero or the case of a letter is another id.
	Get(ctx context.Context, id string) ([]byte, error)

	// Expire removes the bodies that were put longer than age ago, all of them, however many there are, and no other one. A store whose
	// bodies have a time to live may do nothing. Many nodes call it at the same time, while others put and get.
	Expire(ctx context.Context, age time.Duration) error
}

// Batch is implemented by a Store that can put or get many bodies in one round trip. Batches have any length; a store whose server has a
// limit divides them.
type Batch interface {
	Store

	// PutAll is Put for each of bodies: ids[i] is the id of bodies[i]. It keeps all of them or returns an error and no ids. Bodies that were kept
	// in spite of an error, such as one of the connection, have ids that nobody knows, and expire.
	PutAll(ctx context.Context, bodies [][]byte) (ids []string, err error)

	// GetAll is Get for each of ids: bodies[i] is the body of ids[i], and nil where Get would return ErrNotFound. An
	// empty body is not nil.
	GetAll(ctx context.Context, ids []string) (bodies [][]byte, err error)
}

// Sizer is implemented by a Store that can tell how large a body is without reading it. A node then reads as many bodies
// ahead as its memory is meant for, and none that is over its limit. From other stores it reads fewer at a time, since each
// may be as large as the limit.
type Sizer interface {
	Store

	// GetUpTo is Get for each of ids, in one round trip if it can, but does not read bodies of more than limit bytes:
	// found[i] is about ids[i]. An error means that nothing is known of any.
	GetUpTo(ctx context.Context, ids []string, limit int) (found []Found, err error)
}

// Found is what a Sizer found under an id.
type Found struct {
	// Size is how many bytes the body has, NotFound if there is none.
	Size int
	// Body is nil if there is none, or if it has more bytes than the limit. It belongs to the caller, by itself. An empty body
	// is not nil.
	Body []byte
}

// NotFound is the Size of what is not there: Get would return ErrNotFound.
const NotFound = -1

// Preparer is implemented by a Store that needs something to exist before it can be used, such as a table.
// The cluster calls it once, when it starts.
type Preparer interface {
	// Prepare creates what is missing, or returns an error that says what is missing and how to create it.
	// Many nodes may call it at the same time.
	Prepare(ctx context.Context) error
}
