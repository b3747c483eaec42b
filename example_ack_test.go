package backplane_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport/memory"
)

// reader is a client that acknowledges events with its own id, unless it is asleep.
type reader struct {
	id     string
	asleep bool
}

func (r *reader) ID() string             { return r.id }
func (r *reader) Send(*backplane.Packet) {}
func (r *reader) Disconnect(bool)        {}

func (r *reader) SendAck(_ context.Context, _ *backplane.Packet, answer func(backplane.Value)) {
	if r.asleep {
		return
	}
	if v, err := codec.NewValue(r.id); err == nil {
		answer(v)
	}
}

// EmitWithAck asks every selected client, whichever node it is on. If some do not answer in time, the answers of the
// others are returned with the error.
func ExampleTarget_EmitWithAck() {
	ctx := context.Background()
	bus := memory.NewHub()
	var nodes [2]*backplane.Namespace
	for i := range nodes {
		cluster, err := backplane.Open(ctx, backplane.Config{Bus: bus})
		if err != nil {
			log.Fatal(err)
		}
		defer cluster.Close(ctx)
		registry := backplane.NewRegistry(backplane.RegistryConfig{})
		registry.Add(&reader{id: fmt.Sprintf("reader-%d", i+1)}, "awake")
		registry.Add(&reader{id: fmt.Sprintf("sleeper-%d", i+1), asleep: true})
		if nodes[i], err = cluster.Namespace(ctx, "/", registry); err != nil {
			log.Fatal(err)
		}
	}
	if err := nodes[0].WaitForPeers(ctx, 1); err != nil {
		log.Fatal(err)
	}

	answers, err := nodes[0].To("awake").EmitWithAck(ctx, "read?")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(texts(answers))

	answers, err = nodes[0].Timeout(time.Second).EmitWithAck(ctx, "read?")
	var partial *backplane.PartialError
	if errors.As(err, &partial) {
		fmt.Println(texts(answers), "and", len(partial.Missing), "nodes still waiting for clients:", partial.Err)
	}
	// Output:
	// [reader-1 reader-2]
	// [reader-1 reader-2] and 2 nodes still waiting for clients: operation has timed out
}

// texts decodes answers that are strings, in alphabetical order.
func texts(answers []backplane.Value) []string {
	var all []string
	for _, v := range answers {
		var text string
		if err := v.Decode(&text); err != nil {
			log.Fatal(err)
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}
