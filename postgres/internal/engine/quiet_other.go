//go:build !unix

package engine

import "net"

func peeker(net.Conn) func() (quiet, known bool) { return unknown }
