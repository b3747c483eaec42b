package codec

// Encoding reads the values of one data format.
type Encoding interface {
	// Name is the format's name, for error messages: "json", "msgpack", "cbor".
	Name() string
	// Tree decodes one value, and nothing after it, into nil, bool, int64, uint64, float64, string, []byte, time.Time,
	// []any or Object. Errors wrap ErrMalformed.
	Tree(p []byte) (any, error)
}
