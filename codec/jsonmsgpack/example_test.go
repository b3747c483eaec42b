package jsonmsgpack_test

import (
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

// The data of a message, for a wire that has the type and the sender elsewhere.
func ExampleCodec_AppendData() {
	env := codec.Envelope{Type: codec.SocketsJoin, UID: "3f0c9a5be2d14787", Rooms: []string{"r1"}}
	p, err := jsonmsgpack.Codec{}.AppendData(nil, &env, codec.Text)
	fmt.Println(string(p), err)

	read := codec.Envelope{Type: codec.SocketsJoin}
	err = jsonmsgpack.Codec{}.ParseData(p, codec.Text, &read)
	fmt.Println(read.Rooms, err)
	// Output:
	// {"opts":{"rooms":[],"except":[],"flags":{}},"rooms":["r1"]} <nil>
	// [r1] <nil>
}
