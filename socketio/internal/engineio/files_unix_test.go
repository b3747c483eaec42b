//go:build unix

package engineio_test

import (
	"math"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxFiles returns how many files this process may have open.
func maxFiles(t *testing.T) int {
	t.Helper()
	var files syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	return int(min(uint64(files.Cur), math.MaxInt32)) // Cur is signed on FreeBSD
}
