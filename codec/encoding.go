package codec

// Encoding reads the values of one data format. Its dynamic type must be comparable.
type Encoding interface {
	// Name is the format's name, for error messages: "json", "msgpack", "cbor".
	Name() string
	// Tree decodes one value, and nothing after it, into nil, bool, int64, uint64 (only above math.MaxInt64), float64,
	// string, []byte, time.Time, []any or Object. The tree may share memory with p. It nests no deeper than MaxDepth.
	// Errors wrap ErrMalformed.
	Tree(p []byte) (any, error)
}

// Object is a map in a tree, in the order of its bytes. Where a key comes twice, the last one counts.
type Object []Member

// Member is one entry of an Object.
type Member struct {
	Key   string
	Value any
}

// Lookup returns the value under key.
func (o Object) Lookup(key string) (any, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Key == key {
			return o[i].Value, true
		}
	}
	return nil, false
}

// maxUserDepth is how deep a value may nest that a user hands in: it leaves room for the levels of the message around
// it (the message, its data, the packet or list of sockets, the argument list or socket).
const maxUserDepth = MaxDepth - 4
