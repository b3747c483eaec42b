package logbus_test

import (
	"context"
	"fmt"
	"log"
	"testing"

	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/examples/transport/logbus"
	"github.com/backplane-go/backplane/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLog(t *testing.T) {
	bus := logbus.New(64 << 20)
	conformance.Log(t, conformance.LogHarness{
		NewLog: func(testing.TB) transport.Log { return bus },
	})
}

func TestBus(t *testing.T) {
	bus := logbus.New(64 << 20)
	conformance.Bus(t, conformance.Harness{
		NewBus: func(testing.TB) transport.Bus { return bus },
	})
}

func TestKeptMessages(t *testing.T) {
	bus := conformance.AppendingBus(logbus.New(64 << 20))
	conformance.Bus(t, conformance.Harness{
		NewBus: func(testing.TB) transport.Bus { return bus },
	})
}

func Example() {
	ctx := context.Background()
	bus := logbus.New(64 << 20)
	start, err := bus.Bounds(ctx, "news")
	if err != nil {
		log.Fatal(err)
	}
	records := []transport.Record{
		{Message: transport.Message{Channel: "news", Payload: []byte("first")}, Keep: true},
		{Message: transport.Message{Channel: "news", Payload: []byte("volatile")}},
		{Message: transport.Message{Channel: "news", Payload: []byte("second")}, Keep: true},
	}
	if err := bus.Append(ctx, records); err != nil {
		log.Fatal(err)
	}
	// A reader that was away.
	after := transport.Position{Epoch: start.Epoch, Offset: start.Newest}
	missed, err := bus.Replay(ctx, "news", after, transport.ReadLimit{})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range missed {
		fmt.Println(string(r.Payload), r.Previous == after.Offset)
		after = r.Position()
	}
	// Output:
	// first true
	// second true
}
