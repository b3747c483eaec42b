package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bridge"
	"github.com/backplane-go/backplane/transport/memory"
)

// A bridge between two clusters. In a program the buses are pgxdriver.New(pool), for example, and the clusters differ
// in Config.Dialect or Config.ChannelPrefix.
func ExampleOpen() {
	ctx := context.Background()
	first, second := memory.NewHub(), memory.NewHub()
	a, err := backplane.Open(ctx, backplane.Config{Bus: first})
	check(err)
	b, err := backplane.Open(ctx, backplane.Config{Bus: second})
	check(err)
	joined, err := bridge.Open(ctx, bridge.Config{
		A: a, B: b, Namespaces: []string{"/", "/chat"},
		Roster:       first, // several bridges may run
		ErrorHandler: func(err error) { log.Print(err) },
	})
	check(err)
	fmt.Println("active:", joined.Stats().Active)
	check(errors.Join(joined.Close(ctx), a.Close(ctx), b.Close(ctx)))
	// Output: active: true
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
