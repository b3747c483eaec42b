package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/nats/natsdriver"
)

// natsLog checks that a node can use the log. Without --log, a server without one is all right.
func natsLog(ctx context.Context, s *subject) finding {
	stream, has, err := s.nats.HasLog(ctx)
	switch {
	case s.log: // it is begun below
	case errors.Is(err, natsdriver.ErrNoJetStream):
		s.noLog = true
		return pass("there is no JetStream; only nodes with a log need it")
	case errors.Is(err, natsdriver.ErrDenied):
		s.noLog = true
		return pass("not known, because the user's permissions do not allow it; only nodes with a log need it")
	case err != nil:
		return s.notChecked(err)
	case !has:
		s.noLog = true
		return pass("there is no stream %s; only nodes with a log need it", stream)
	}
	return s.withNATS(ctx, func(driver *natsdriver.Driver) finding {
		if err := driver.PrepareLog(ctx); err != nil {
			return s.natsLogFinding(err)
		}
		return pass("stream %s, with all rights that a node needs", stream)
	})
}

func (s *subject) withNATS(ctx context.Context, f func(*natsdriver.Driver) finding) finding {
	driver := s.nats.New(s.nats.Config)
	defer connect.CloseDriver(ctx, driver)
	return f(driver)
}

// natsLogFinding returns the finding for an error of PrepareLog or PrepareSessions.
func (s *subject) natsLogFinding(err error) finding {
	var denied *natsdriver.PermissionError
	switch {
	case errors.As(err, &denied):
		return finding{Status: fail, Detail: fmt.Sprintf("the user may not %s %s", denied.Permission, denied.Subject),
			Advice: "add to the user's permissions what docs/howto/use-nats.md#permissions lists for a log"}
	case errors.Is(err, natsdriver.ErrNoJetStream):
		return finding{Status: fail, Detail: s.nats.Explain(err).Error(),
			Advice: "enable JetStream on the servers (jetstream { store_dir: … }), and for the account"}
	case errors.Is(err, natsdriver.ErrStream):
		return finding{Status: fail, Detail: s.nats.Explain(err).Error(),
			Advice: "remove the stream, so that a node creates it again, or give the nodes another Config.Stream"}
	}
	return s.notChecked(err)
}

// natsSessions checks that the sessions of clients can be stored.
func natsSessions(ctx context.Context, s *subject) finding {
	if s.noLog {
		return pass("not needed without a log")
	}
	return s.withNATS(ctx, func(driver *natsdriver.Driver) finding {
		if err := driver.PrepareSessions(ctx); err != nil {
			return s.natsLogFinding(err)
		}
		return pass("with all rights that a node needs")
	})
}

// natsLogContents describes what the log has.
func natsLogContents(ctx context.Context, s *subject) finding {
	if s.noLog {
		return pass("not needed without a log")
	}
	return s.withNATS(ctx, func(driver *natsdriver.Driver) finding {
		info, err := driver.InspectLog(ctx, s.flags.Prefix+"#")
		if err != nil {
			return s.notChecked(err)
		}
		return ageOf(info)
	})
}

// natsLogNodes asks the nodes of the namespace whether they have a log.
func natsLogNodes(ctx context.Context, s *subject) finding {
	if s.noLog {
		return pass("not needed without a log")
	}
	return logNodes(ctx, s)
}
