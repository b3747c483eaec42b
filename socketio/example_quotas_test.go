package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/backplane-go/backplane/socketio"
)

// A server behind trusted proxies decides every five minutes whether its clients may stay, and logs who was
// refused and why.
func ExampleConfig_quotas() {
	expired := func(token string) bool { return token == "" }
	config := socketio.Config{
		TrustedProxies:           []string{"10.0.0.0/8"},
		MaxConnectionsPerAddress: 500,
		Reauthenticate:           5 * time.Minute,
		ReauthenticateSocket: func(ctx context.Context, s *socketio.Socket) error {
			var auth struct{ Token string }
			if err := s.Auth().Decode(&auth); err != nil || expired(auth.Token) {
				return errors.New("the token has expired")
			}
			return nil
		},
		Audit: func(e socketio.AuditEvent) {
			if e.Kind != socketio.AuditConnect && e.Kind != socketio.AuditDisconnect {
				log.Printf("%s %s %s %s", e.Kind, e.Address, e.Namespace, e.Reason)
			}
		},
	}
	io, err := socketio.NewServer(config)
	if err != nil {
		log.Fatal(err)
	}
	stats := io.Stats() // for metrics: a counter for each quota, and the memory in use
	fmt.Println(stats.Clients, stats.QueuedBytes, stats.Reached[socketio.QuotaEventRate])
	fmt.Println(io.Close(context.Background()))
	// Output:
	// 0 0 0
	// <nil>
}
