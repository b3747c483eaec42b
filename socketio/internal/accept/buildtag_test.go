package accept

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// The packages of the server must build with the build tag that leaves out this package.
func TestServerBuildsWithTheTagThatLeavesThePackageOut(t *testing.T) {
	out, err := exec.Command("go", "vet", "-tags", "backplane_nethttp", "../...").CombinedOutput()
	require.NoError(t, err, "go vet -tags backplane_nethttp: %s", out)
}
