package serve

import (
	"net"
	"strconv"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// CheckAddr checks the value of --addr.
func CheckAddr(addr string) error {
	_, err := Addrs(addr, 1)
	return err
}

// Addrs returns n addresses: addr, and those with the ports after its own. Port 0 is any that is free, each time.
func Addrs(addr string, n int) ([]string, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &cli.UsageError{Reason: "--addr is HOST:PORT, such as " + DefaultAddr + ", not " + strconv.Quote(addr)}
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return nil, &cli.UsageError{Reason: "--addr ends with a port, a number up to 65535, not " + strconv.Quote(text)}
	}
	if port+n-1 > 65535 {
		return nil, &cli.UsageError{Reason: "--addr leaves no room for " + strconv.Itoa(n) + " ports: the last is 65535"}
	}
	all := make([]string, n)
	for i := range all {
		all[i] = net.JoinHostPort(host, strconv.Itoa(port))
		if port != 0 {
			port++
		}
	}
	return all, nil
}
