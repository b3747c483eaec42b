package codec

// Encoding decodes the values of one data format. Its dynamic type must be comparable.
type Encoding interface {
	// Name returns the name of the format for error messages: "json", "msgpack", "cbor".
	Name() string
	// Tree decodes p, which must hold exactly one value. The result consists of nil, bool, int64, uint64 (only above
	// math.MaxInt64), float64, string, []byte, time.Time, []any and Object. It may share memory with p. It nests up
	// to MaxDepth levels. Errors wrap ErrMalformed.
	Tree(p []byte) (any, error)
}

// Object is a map in a tree. Its members keep the order of the encoding. If a key occurs twice, the last member
// counts.
type Object []Member

// Member is one entry of an Object.
type Member struct {
	Key   string
	Value any
}

// Lookup returns the value of key.
func (o Object) Lookup(key string) (any, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Key == key {
			return o[i].Value, true
		}
	}
	return nil, false
}

// maxUserDepth is how deeply a value of the user may nest. It reserves levels for the message around it: the
// message, its data, the packet or list of sockets, and the argument list or socket.
const maxUserDepth = MaxDepth - 4
