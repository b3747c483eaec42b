package freeport_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/freeport"
)

func TestPortsAreFreeAndDistinct(t *testing.T) {
	seen := make(map[int]bool)
	for range 500 {
		port, err := freeport.Get()
		require.NoError(t, err)
		require.False(t, seen[port])
		seen[port] = true
		require.Less(t, port, 32768, "a port that the system may give to somebody else")
	}
	for port := range seen {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		require.NoError(t, err)
		defer l.Close()
	}
}
