//go:build !linux

package engineio

import (
	"errors"
	"net"
)

// Elsewhere net/http gets all connections.
type arrival struct{}

func (*arrival) cut() {}

func arrived(net.Conn) *socket { return nil }

func (s *Server) polls() bool { return false }

func (s *Server) acceptTCP(*net.TCPListener) error { return errors.ErrUnsupported }
