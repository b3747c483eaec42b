package clients_test

import (
	"context"
	"flag"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience limits each scenario. It is long, because only a failure takes that long.
const patience = time.Minute

// The ping interval and timeout in scenarios about clients that do not answer: short enough for a test that waits for
// them, and long enough for clients that do answer on a busy machine.
const (
	pingSoon = 100 * time.Millisecond
	pongLate = 2 * time.Second
)

// TestMain runs more tests at a time than there are processors, because tests mostly wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
