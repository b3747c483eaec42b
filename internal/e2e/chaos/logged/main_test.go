package logged_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/internal/e2e/chaos/logged"
)

func TestMain(m *testing.M) {
	logged.MaybeNode() // the nodes are processes of this program
	goleak.VerifyTestMain(m)
}
