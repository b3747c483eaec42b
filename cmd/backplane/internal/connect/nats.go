package connect

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/transport"
)

// natsEngine is NATS: one server, or several that are a NATS cluster.
type natsEngine struct{}

func (natsEngine) facts() facts {
	return facts{
		name: "NATS", flag: "nats", dialects: []string{standardDialect},
		flags: []string{"nats-prefix", "nats-creds", "nats-ca", "nats-max-payload"}, log: true,
	}
}

// The defaults of natsdriver.Config.
const (
	defaultNATSPrefix  = "backplane"
	defaultNATSPayload = 1<<20 - 4<<10
)

// natsFlags are those of natsEngine.
type natsFlags struct {
	prefix  string
	creds   string // name of a file
	ca      string // name of a file
	payload int
}

func (e natsEngine) bind(f *Flags, _ bool) {
	form := "nats://user:password@localhost:4222, or tls://; several servers of a NATS cluster with commas between them"
	if f.alone {
		form += "; " + embedded + ": a server that the command runs itself"
	}
	f.bindURL(e, "NATS server", form)
	f.fs.StringVar(&f.nats.prefix, "nats-prefix", defaultNATSPrefix,
		"`PREFIX` of the cluster's subjects in a NATS account that it shares with others, before that of --prefix")
	f.fs.StringVar(&f.nats.creds, "nats-creds", "", "`FILE` with the credentials of a NATS user: a JWT and its key")
	f.fs.StringVar(&f.nats.ca, "nats-ca", "",
		"`FILE` with the certificates of the authorities that NATS servers are trusted by (default: the system's)")
	f.fs.IntVar(&f.nats.payload, "nats-max-payload", defaultNATSPayload,
		"largest message in `BYTES`: at most max_payload of the NATS servers, and 4096 less with a log")
	f.group(f.fs, "nats", "nats-prefix", "nats-creds", "nats-ca", "nats-max-payload")
}

func (e natsEngine) open(f *Flags, source, text string) (Server, error) {
	switch {
	case f.nats.prefix == "":
		return nil, &cli.UsageError{Reason: "--nats-prefix is empty: omit it for the default, " + defaultNATSPrefix}
	case f.nats.payload <= 0:
		return nil, &cli.UsageError{Reason: "--nats-max-payload must be more than 0"}
	}
	s := &NATS{
		Config: natsdriver.Config{Prefix: f.nats.prefix, MaxPayload: f.nats.payload}, url: text, timeout: f.Timeout,
	}
	name := e.facts().name
	var err error
	if text == embedded {
		err = s.embed(f)
		name += " inside this process"
	} else {
		s.options, err = f.nats.options()
	}
	if err != nil {
		return nil, err
	}
	hosts, err := natsHosts(source, s.url)
	if err != nil {
		return nil, err
	}
	where := strings.Join(hosts, ", ")
	s.place = place{engine: e.facts().name, name: name + ", " + where, where: where}
	return s, nil
}

// options returns what the flags tell the client besides the URL.
func (n *natsFlags) options() ([]nats.Option, error) {
	options := []nats.Option{nats.Name("backplane")}
	if n.creds != "" {
		option := nats.UserCredentials(n.creds)
		var set nats.Options
		err := option(&set)
		if err == nil {
			_, err = set.UserJWT() // reads the file
		}
		if err == nil {
			_, err = set.SignatureCB([]byte("nonce")) // it has a key
		}
		if err != nil {
			return nil, &cli.UsageError{Reason: "--nats-creds: " + strings.TrimPrefix(err.Error(), "nats: ")}
		}
		options = append(options, option)
	}
	if n.ca != "" {
		text, err := os.ReadFile(n.ca)
		if err == nil && !x509.NewCertPool().AppendCertsFromPEM(text) {
			err = errors.New(n.ca + " has no certificate in PEM format")
		}
		if err != nil {
			return nil, &cli.UsageError{Reason: "--nats-ca: " + err.Error()}
		}
		options = append(options, nats.RootCAs(n.ca))
	}
	return options, nil
}

// natsHosts returns the hosts and ports of a URL, or of several with commas between them.
func natsHosts(source, text string) (hosts []string, err error) {
	for one := range strings.SplitSeq(text, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		valid := err == nil && (u.Scheme == "nats" || u.Scheme == "tls") && u.Hostname() != "" &&
			strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == ""
		if !valid { // the text of the error may have a part of the password
			return nil, &cli.UsageError{Reason: source + " must be a URL like nats://user:password@localhost:4222, " +
				"or several with commas between them, with special characters of the password encoded, such as %40 " +
				"for @ and %2C for a comma"}
		}
		port := u.Port()
		if port == "" {
			port = "4222"
		}
		hosts = append(hosts, net.JoinHostPort(u.Hostname(), port))
	}
	return hosts, nil
}

// NATS is a NATS server, or several that are a NATS cluster.
type NATS struct {
	place
	// Config is that of the driver.
	Config natsdriver.Config

	url     string
	options []nats.Option
	stop    func()        // stops the server that this process runs; nil: none
	timeout time.Duration // 0: unknown
}

// Driver implements Server.
func (s *NATS) Driver() transport.Bus { return s.New(s.Config) }

// New returns a driver with another configuration.
func (s *NATS) New(config natsdriver.Config) *natsdriver.Driver {
	return natsdriver.NewWithConfig(config, s.url, s.options...)
}

// Connect returns a connection of the client library, which tells more about the server than a driver. It does not
// reconnect.
func (s *NATS) Connect(ctx context.Context) (*nats.Conn, error) {
	timeout := nats.DefaultTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, max(time.Until(deadline), time.Millisecond))
	}
	quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}) // the default one prints
	conn, err := nats.Connect(s.url, append(s.options, nats.NoReconnect(), nats.Timeout(timeout), quiet)...)
	if err != nil {
		return nil, fmt.Errorf("connecting as a client: %w", err)
	}
	return conn, nil
}

// Close implements Server.
func (s *NATS) Close() {
	if s.stop != nil {
		s.stop()
	}
}
