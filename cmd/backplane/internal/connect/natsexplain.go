package connect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/transport"
)

// Explain implements Server.
func (s *NATS) Explain(err error) error {
	var usage *cli.UsageError
	switch {
	case err == nil, errors.As(err, &usage):
		return err
	case errors.Is(err, backplane.ErrNoLoopback):
		return fmt.Errorf(`%s: a message that was sent did not come back; run "backplane doctor" to find out why`,
			s.where)
	}
	if reason := s.Reason(err); reason != "" {
		return fmt.Errorf("%s: %s", s.where, reason)
	}
	return errors.New(strings.TrimPrefix(inOneLine(err), "backplane: "))
}

// natsErrors are errors of the driver whose text says what to do.
var natsErrors = []error{
	natsdriver.ErrDisconnected, natsdriver.ErrLameDuck, natsdriver.ErrTooLarge, natsdriver.ErrOptions,
	natsdriver.ErrWitness, natsdriver.ErrApart, natsdriver.ErrNoJetStream, natsdriver.ErrVersion, natsdriver.ErrStream,
	natsdriver.ErrUnwritable, natsdriver.ErrLeader, natsdriver.ErrMissed,
}

// Reason returns what an error of the driver means and what to do, or an empty text for other errors.
func (s *NATS) Reason(err error) string {
	var (
		network     *net.OpError
		certificate *tls.CertificateVerificationError
		denied      *natsdriver.PermissionError
		reply       *natsdriver.ServerError
	)
	switch text := s.detail(err); {
	case errors.As(err, &denied):
		return fmt.Sprintf(`the user may not %s on %q; "backplane doctor" lists the permissions that are missing`,
			denied.Permission, denied.Subject)
	case errors.Is(err, natsdriver.ErrAuth):
		if errors.As(err, &reply) {
			text = reply.Text
		}
		return text + ": check the user and password in the URL, or the file of --nats-creds"
	case errors.Is(err, natsdriver.ErrMaxPayload):
		return text + ": give --nats-max-payload, as Config.MaxPayload of the nodes, or raise max_payload"
	case errors.Is(err, natsdriver.ErrTLS):
		return "the server does not offer TLS, which tls:// in the URL asks for"
	case errors.As(err, &certificate):
		return certificate.Error() + ": give the certificate of its authority with --nats-ca FILE"
	case errors.Is(err, natsdriver.ErrWitness), errors.Is(err, natsdriver.ErrApart):
		return text
	case errors.Is(err, context.DeadlineExceeded) && s.timeout > 0:
		return fmt.Sprintf("no answer within %v: check that a NATS server is at that address, or increase --timeout",
			s.timeout)
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer: check that a NATS server is at that address"
	case errors.As(err, &network) && strings.Contains(network.Op, "dial"):
		return text + ": check that the server runs and that the address in the URL is right"
	case strings.Contains(text, "this is not a NATS server"):
		return text
	}
	for _, known := range natsErrors {
		if errors.Is(err, known) {
			return s.detail(err)
		}
	}
	return ""
}

// detail returns the text of an error without what is said elsewhere: the operation, and the address of the only
// server.
func (s *NATS) detail(err error) string {
	var op *backplane.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	text := strings.TrimPrefix(inOneLine(err), transport.ErrNotSent.Error()+": ")
	return strings.TrimPrefix(strings.ReplaceAll(text, "natsdriver: ", ""), s.where+": ")
}

// inOneLine returns the text of an error, which may be several.
func inOneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
