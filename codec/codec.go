// Package codec defines the messages between nodes, and how user data stays encoded while a node forwards it.
//
// An Envelope is one message. A Codec encodes and decodes envelopes. Package codec/jsonmsgpack is the default codec
// and speaks the wire format of Node.js's Postgres adapter; package codec/cbor is more compact and is meant for
// clusters without Node.js.
//
// A Value, and the Args of an event, keep the bytes that they arrived in until they are decoded.
//
// # Files
//
//   - codec.go: Codec, Format and the errors
//   - envelope.go: Envelope and the types of messages
//   - encoding.go: Encoding, the interface to a data format, and the types of a tree
//   - value.go: Value
//   - args.go: Args, an event with its arguments
//   - acked.go: the arguments of an acknowledgement
//   - encode.go: from Go values to Values and Args; EncodeError
//   - jsonwriter.go: writes Go values of the common types as JSON, and keeps bytes aside
//   - reflectwriter.go: writes all other Go values, by the rules of encoding/json
//   - shape.go: what the writer needs to know about a type, computed once per type
//   - structfields.go: the fields of a struct as encoding/json sees them
//   - flatstruct.go: fast decoding of structs of strings, numbers and booleans
//   - decode.go: from Values to Go values
//   - special.go: finds the parts of a tree that encoding/json cannot decode
//   - json.go: the Encoding of JSON: JSON to a tree
//   - treetojson.go: a tree to JSON
package codec

import (
	"errors"

	"github.com/backplane-go/backplane/internal/jsontext"
)

// Format is one of the two forms of a codec.
type Format int

const (
	// Text is valid UTF-8 without NUL. It suits buses that carry only text.
	Text Format = 1
	// Binary may hold any byte. It is used for attachments and on buses that carry bytes.
	Binary Format = 2
)

func (f Format) String() string {
	switch f {
	case Text:
		return "text"
	case Binary:
		return "binary"
	}
	return "unknown format"
}

var (
	// ErrBinary is returned when a value holds bytes and the requested form cannot carry bytes.
	ErrBinary = errors.New("codec: the value holds binary data, which the text form cannot carry")
	// ErrNobody is returned for a message that selects no sockets (Opts.Nobody). On the wire it would have no rooms,
	// and peers would deliver it to all sockets.
	ErrNobody = errors.New("codec: a message with Opts.Nobody cannot be encoded: peers would deliver it to all sockets")
	// ErrMalformed is wrapped by every error about bytes that cannot be parsed.
	ErrMalformed = errors.New("codec: malformed")
	// ErrDepth is wrapped, together with ErrMalformed, when a value nests deeper than MaxDepth.
	ErrDepth = jsontext.ErrDepth
)

// MaxDepth is the maximum nesting of arrays and maps, including the envelope. It is the limit of @msgpack/msgpack
// 2.8, which Node.js's adapters use. NewValue and NewArgs reserve a few levels for the message around the data.
const MaxDepth = 100

// Codec encodes and decodes envelopes. It is safe for concurrent use.
//
// A codec carries everything that an Envelope can hold: text in any language, uids and ids of any length, any number
// of rooms, Opts with Except and without Rooms, maps and lists of any length. User data may nest as deeply as
// NewValue and NewArgs allow. Beyond that, Append either returns an error or writes a message that Parse accepts;
// above MaxDepth it always returns an error.
//
// A number keeps its value: integers of up to 64 bits exactly, all others as the same float64, including the sign of
// -0. JSON keeps the digits of a number. A time keeps its instant to the millisecond, in the years 1 to 9999; in a
// form without times it becomes text (RFC 3339). The keys of a map keep their order, which JavaScript programs can
// see.
//
// User data that was parsed (Raw, RawArgs) is forwarded unchanged, including duplicate keys, from every Encoding.
// Value.Tree decodes encodings that the codec does not know. If a form cannot represent a value, Append returns an
// error and never alters the value. The key __proto__ may cause such an error, because Node.js's msgpack refuses to
// read it.
//
// A call does not affect the results of other calls: Append keeps neither dst nor env, and an envelope that was
// parsed does not change.
type Codec interface {
	// Append appends env in the given form to dst and returns the extended slice. It returns ErrBinary if f is Text
	// and env holds bytes that the text form cannot carry. It returns ErrNobody if Opts.Nobody is set. On any error
	// the content of dst up to its length is unchanged.
	Append(dst []byte, env *Envelope, f Format) ([]byte, error)

	// Parse decodes one envelope. The envelope may share memory with p, so the caller must not change p afterwards.
	//
	// Parse never changes p and never panics, whatever bytes it gets. Its errors wrap ErrMalformed. Bytes after the
	// message are an error too; white space after a text form may be ignored. The memory that Parse allocates is
	// proportional to the length of p, whatever lengths p announces. An unknown type is no error: the envelope then
	// has that Type and no data.
	//
	// Parse skips invalid parts that are not required and counts them in Envelope.Skipped: unknown fields, values of
	// a wrong type in optional fields, elements of a list of rooms that are not names, and sockets without an id.
	// Skipping never selects more sockets: Parse sets Opts.Nobody if rooms are given but none can be read, or if
	// Except is not a list.
	Parse(p []byte, f Format) (*Envelope, error)
}

// Peeker is implemented by a Codec that can identify the sender from the first bytes of a message. A node receives
// its own messages too; with a Peeker it drops them without a Parse.
type Peeker interface {
	// SentBy reports whether uid sent the message p, that is, whether Parse would return this UID. It must return
	// true for every message that Append wrote with this UID if the UID is EmitterUID or has 16 hexadecimal digits,
	// as those of nodes do. For other UIDs it should return true; if it returns false, only a Parse can tell. It
	// does not validate p and never panics. It allocates nothing and reads no further than the sender, which must be
	// within the first 4096 bytes.
	SentBy(p []byte, f Format, uid string) bool
}

// AnswerPeeker is implemented by a Codec that can identify an answer from the first bytes of a message. In most
// clusters every node receives the answers to the requests of all others; with an AnswerPeeker it does not Parse them.
type AnswerPeeker interface {
	// PeekAnswer returns an envelope with the Type, UID, NSP and RequestID of the message p, those that Parse would
	// return, if p is an answer (see Type.Response) that contains its data. It returns nil if only a Parse can tell.
	// It does not validate p and never panics. It reads no further than the request's id, which must be within the
	// first 4096 bytes.
	PeekAnswer(p []byte, f Format) *Envelope
}
