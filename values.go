package backplane

import "github.com/backplane-go/backplane/codec"

// Args is an event's name and its arguments. It stays encoded as it arrived until it is needed. Event returns the
// name, Len the number of arguments, Decode decodes the arguments into variables, Values returns them one by one, and
// AppendJSON returns all as a JSON array. NewArgs makes one. An Args never changes and is safe for concurrent use.
type Args = codec.Args

// Value is one value of an event or an answer. It stays encoded as it arrived until it is needed. Decode decodes it
// into a variable, AppendJSON returns it as JSON, IsNull reports whether it is null, and All returns all arguments of
// an acknowledgement. NewValue makes one. The zero Value is null. A Value never changes and is safe for concurrent
// use.
type Value = codec.Value

// Flags say how to send a packet to its sockets. Its fields:
//
//	Volatile             bool          // the packet may be dropped for a client that is not ready to receive
//	Compress             *bool         // if not nil, whether the packet is compressed
//	Timeout              time.Duration // how long to wait for acknowledgements; 0: the receiver's default
//	ExpectSingleResponse bool          // the requester wants the value of the only client, not a list
//	Relayed              bool          // a bridge has brought the packet from another cluster
type Flags = codec.Flags

// NewValue encodes one value, for example for DescribedSocket. It returns a *codec.EncodeError if JSON cannot express
// the value; []byte, at any depth, is binary data.
func NewValue(v any) (Value, error) { return codec.NewValue(v) }

// NewArgs encodes an event and its arguments, for a Packet. It returns a *codec.EncodeError if JSON cannot express an
// argument.
func NewArgs(event string, args ...any) (Args, error) { return codec.NewArgs(event, args...) }
