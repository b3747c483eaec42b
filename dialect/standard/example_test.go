package standard_test

import (
	"fmt"

	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/standard"
)

func ExampleDialect() {
	wire, _ := standard.Dialect{}.Open(dialect.Options{Prefix: "socket.io", Limits: postgres})
	route, _ := wire.Namespace("/chat", "0123456789abcdef")
	_, err := wire.Namespace("chat", "0123456789abcdef")
	fmt.Println(route.Listen())
	fmt.Println(err)
	// Output:
	// [socket.io#/chat]
	// backplane: invalid namespace "chat": it must start with "/"
}
