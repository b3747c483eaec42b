package clients_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/internal/testparallel"
)

// patience limits each scenario. It is long, because only a failure takes that long.
const patience = 2 * time.Minute

// The ping interval and timeout in scenarios about clients that do not answer: short enough for a test that waits for
// them, and long enough for clients that do answer on a busy machine.
const (
	pingSoon = 100 * time.Millisecond
	pongLate = 2 * time.Second
)

func TestMain(m *testing.M) {
	testparallel.Set("4")
	goleak.VerifyTestMain(m)
}

func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
