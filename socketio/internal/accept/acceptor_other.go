//go:build !linux || backplane_nethttp

package accept

import (
	"errors"
	"net"
)

// Available says whether the package can be used.
const Available = false

// Acceptor is not available.
type Acceptor struct{}

// New returns an Acceptor that does nothing.
func New(Config) *Acceptor { return &Acceptor{} }

// Serve returns an error.
func (*Acceptor) Serve(*net.TCPListener) error { return errors.ErrUnsupported }

// Close does nothing.
func (*Acceptor) Close() {}

// Wait does nothing.
func (*Acceptor) Wait() {}
