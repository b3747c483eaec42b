package accept

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// The build tag that leaves this package out must not rot: the packages of the server build with it.
func TestServerBuildsWithTheTagThatLeavesThePackageOut(t *testing.T) {
	out, err := exec.Command("go", "vet", "-tags", "backplane_nethttp", "../...").CombinedOutput()
	require.NoError(t, err, "go vet -tags backplane_nethttp: %s", out)
}
