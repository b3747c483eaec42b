package chaos_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
)

func TestMain(m *testing.M) {
	chaos.MaybeNode() // the nodes are processes of this program
	goleak.VerifyTestMain(m)
}
