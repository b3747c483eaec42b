package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
)

// natsChecks are those for NATS.
var natsChecks = []check{
	{"connection", natsConnection, ""},
	{"server", natsVersion, "connection"},
	{"cluster", natsCluster, "connection"},
	{"max_payload", natsMaxPayload, "connection"},
	{"permissions", natsPermissions, "max_payload"},
	{"messages", loopback, "permissions"},
	{"JetStream", natsJetStream, "connection"},
	{"log", natsLog, "permissions"},
	{"sessions", natsSessions, "log"},
	{"log contents", natsLogContents, "log"},
	{"log nodes", natsLogNodes, "log"},
	{"nodes", askedNodes, "messages"},
}

// natsInfo is what a server says of itself.
type natsInfo struct {
	version, name, cluster string
	others                 []string // addresses of the other servers of its NATS cluster
	maxPayload             int64
}

// natsConnection checks whether the server can be reached with the credentials.
func natsConnection(ctx context.Context, s *subject) finding {
	start := time.Now()
	config := s.nats.Config
	config.MaxPayload = 1 // whatever max_payload is
	driver := s.nats.New(config)
	defer connect.CloseDriver(ctx, driver)
	session, err := driver.Open(ctx)
	if err != nil {
		return finding{Status: fail, Detail: s.nats.Explain(err).Error(),
			Advice: "fix the connection; the other checks need it"}
	}
	took := time.Since(start)
	_ = session.Close(ctx) // it is not used again
	conn, err := s.nats.Connect(ctx)
	if err != nil {
		return s.notChecked(err)
	}
	defer conn.Close()
	s.about = &natsInfo{
		version: conn.ConnectedServerVersion(), name: conn.ConnectedServerName(), cluster: conn.ConnectedClusterName(),
		maxPayload: conn.MaxPayload(),
	}
	for _, server := range conn.Servers() {
		if _, host, _ := strings.Cut(server, "://"); host != conn.ConnectedAddr() {
			s.about.others = append(s.about.others, host)
		}
	}
	return pass("%s, after %s", s.nats.Where(), milliseconds(took))
}

func natsVersion(_ context.Context, s *subject) finding {
	return pass("NATS %s, server %s", s.about.version, s.about.name)
}

// natsCluster says what other servers there are. The check of messages fails if they cannot be reached.
func natsCluster(_ context.Context, s *subject) finding {
	switch {
	case s.about.cluster == "":
		return pass("one server")
	case len(s.about.others) == 0:
		return pass("%s, which has no other server at the moment, or none that it names", s.about.cluster)
	}
	return pass("%s; other servers: %s", s.about.cluster, strings.Join(s.about.others, ", "))
}

// natsMaxPayload checks that the server accepts the largest message of a node.
func natsMaxPayload(_ context.Context, s *subject) finding {
	most, ours := s.about.maxPayload, int64(s.nats.Config.MaxPayload)
	if most < ours {
		return finding{Status: fail,
			Detail: fmt.Sprintf("the server accepts %d bytes, and nodes send up to %d: they do not start", most, ours),
			Advice: fmt.Sprintf("raise max_payload on all servers, or set natsdriver.Config.MaxPayload of all nodes "+
				"and --nats-max-payload to %d", most)}
	}
	return pass("the server accepts %d bytes; nodes send up to %d", most, ours)
}

// natsJetStream finds out whether the account has JetStream, which a log and stores for large messages use.
func natsJetStream(ctx context.Context, s *subject) finding {
	conn, err := s.nats.Connect(ctx)
	if err != nil {
		return s.notChecked(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, jetStreamTimeout)
	defer cancel()
	js, err := jetstream.New(conn)
	if err != nil {
		return s.notChecked(err)
	}
	info, err := js.AccountInfo(ctx)
	switch {
	case err == nil:
		return pass("enabled for the account; streams: %d", info.Streams)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		errors.Is(err, nats.ErrNoResponders):
		return pass("not enabled; only a log and a store for large messages need it")
	case errors.Is(conn.LastError(), nats.ErrPermissionViolation):
		return pass("not known, because the user's permissions do not allow $JS.API.INFO or _INBOX.>; " +
			"only a log and a store for large messages need it")
	}
	return pass("it does not answer; only a log and a store for large messages need it")
}

// jetStreamTimeout is how long to wait for an answer, which does not come if the user may not ask.
const jetStreamTimeout = time.Second
