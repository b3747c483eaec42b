package serve

import (
	"net"
	"strconv"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// CheckAddr validates the value of --addr.
func CheckAddr(addr string) error {
	_, err := Addrs(addr, 1)
	return err
}

// Addrs returns n addresses: addr, and addresses with the next ports. If the port is 0, all have port 0, which stands
// for any free port.
func Addrs(addr string, n int) ([]string, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &cli.UsageError{
			Reason: "--addr must be HOST:PORT, such as " + DefaultAddr + ", not " + strconv.Quote(addr),
		}
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return nil, &cli.UsageError{
			Reason: "the port of --addr must be a number up to 65535, not " + strconv.Quote(text),
		}
	}
	if port+n-1 > 65535 {
		return nil, &cli.UsageError{
			Reason: "--addr leaves no room for " + strconv.Itoa(n) + " ports: the highest is 65535",
		}
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
