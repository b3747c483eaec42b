package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/transport"
)

// natsPermissions checks that the user may do what a node does: listen to the channels of the namespace, and publish
// there. For the latter it sends the question of the check of the nodes.
func natsPermissions(ctx context.Context, s *subject) finding {
	channels, err := s.flags.Channels(s.nsp)
	if err != nil {
		return s.notChecked(err)
	}
	driver := s.nats.New(s.nats.Config)
	defer connect.CloseDriver(ctx, driver)
	own := s.flags.OwnChannel()
	errs := []error{
		driver.Publish(ctx, transport.Message{Channel: own}), listen.AskNodes(ctx, s.flags, driver, s.nsp),
	}
	for _, channel := range append([]string{own}, channels...) {
		errs = append(errs, natsListens(ctx, driver, channel))
	}
	var missing []string
	grants := make(map[string]string)
	for _, err := range errs {
		var denied *natsdriver.PermissionError
		switch {
		case err == nil:
		case !errors.As(err, &denied):
			return s.notChecked(err)
		default:
			missing = append(missing, denied.Permission+" "+denied.Subject)
			last := strings.LastIndexByte(denied.Subject, '.') // a channel has one token more than the prefix
			grants[denied.Permission] = denied.Subject[:last+1] + "*"
		}
	}
	if len(missing) == 0 {
		return pass("the user may publish and subscribe as a node does")
	}
	var add []string
	for _, permission := range []string{"publish", "subscribe"} {
		if subject := grants[permission]; subject != "" {
			add = append(add, fmt.Sprintf("%s: [%q]", permission, subject))
		}
	}
	return finding{Status: fail, Detail: "the user may not " + strings.Join(missing, ", "),
		Advice: "add to the user's permissions: " + strings.Join(add, ", ")}
}

// natsListens tries to listen to a channel. The session ends if the user may not.
func natsListens(ctx context.Context, driver *natsdriver.Driver, channel string) error {
	session, err := driver.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close(ctx) }() // it is not used again
	return session.Listen(ctx, channel)
}
