package codec_test

import (
	"fmt"

	"github.com/backplane-go/backplane/codec"
)

// The arguments of an event are encoded once. They pass through the cluster unchanged, and the receiver decodes
// them.
func ExampleArgs() {
	type upload struct {
		Name string `json:"name"`
		Data []byte `json:"data"`
	}
	args, err := codec.NewArgs("upload", upload{"a.txt", []byte("hello")}, 42)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(args.Event(), args.Len())

	var u upload
	var n int
	if err := args.Decode(&u, &n); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %s %d\n", u.Name, u.Data, n)
	_, err = args.AppendJSON(nil)
	fmt.Println(err == codec.ErrBinary)
	// Output:
	// upload 2
	// a.txt hello 42
	// true
}

// Data that arrived as JSON is forwarded byte for byte.
func ExampleRawJSON() {
	v, err := codec.RawJSON([]byte(`{"b":1.50,"a":"\u00e4"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	args, err := codec.NewArgs("event", v)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(args)
	// Output:
	// ["event",{"b":1.50,"a":"\u00e4"}]
}
