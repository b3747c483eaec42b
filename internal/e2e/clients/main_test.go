package clients_test

import (
	"context"
	"flag"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds each scenario. It is generous: only a failure takes that long.
const patience = time.Minute

// Clients are pinged after pingSoon, in the scenarios that are about clients that do not answer, and given up after
// pongLate: soon for a test that waits for it, and late enough for those that do answer, on whatever busy machine.
const (
	pingSoon = 100 * time.Millisecond
	pongLate = 2 * time.Second
)

// TestMain lets more tests run at a time than there are processors, because they mostly wait.
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
