package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/lag"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// logTables checks that the log is installed, has the version of this program, and that a node can use it. Without
// --log, a database without a log is all right.
func logTables(ctx context.Context, s *subject) finding {
	version, err := s.sql.LogVersion(ctx)
	switch {
	case err != nil:
		return s.notChecked(err)
	case version == 0 && !s.log:
		s.noLog = true
		return pass("not installed; only nodes with a log need it")
	}
	return s.withDriver(ctx, func(driver connect.PostgresDriver) finding {
		err := driver.PrepareLog(ctx)
		if errors.Is(err, postgres.ErrNoTable) {
			return finding{Status: fail, Detail: "there is no log " + s.flags.LogTable(), Advice: s.createLog()}
		}
		if err != nil {
			return s.setupFinding(err)
		}
		return pass("%s, version %d, with all privileges that a node needs", s.flags.LogTable(), version)
	})
}

// createLog returns the advice for missing tables.
func (s *subject) createLog() string {
	return fmt.Sprintf("create it: backplane schema --log --table %s --log-table %s | psql -1 URL; or start a node "+
		"with a log whose role may create it", s.flags.Table(), s.flags.LogTable())
}

// setupFinding returns the finding for an error of PrepareLog or PrepareSessions.
func (s *subject) setupFinding(err error) finding {
	var setup *postgres.SetupError
	if errors.As(err, &setup) && setup.Hint != "" {
		return finding{Status: fail, Detail: fmt.Sprintf("%s: %v", setup.Table, setup.Err),
			Advice: s.sql.LogAdvice(setup)}
	}
	return finding{Status: fail, Detail: s.server.Explain(err).Error(), Advice: repeat}
}

// keptMessages keeps and reads a message as a node does, in a transaction that is rolled back.
func keptMessages(ctx context.Context, s *subject) finding {
	if s.noLog {
		return pass("not needed without a log")
	}
	names, err := postgres.LogNamesOf(s.flags.LogTable())
	if err != nil {
		return s.notChecked(err)
	}
	tx, err := s.sql.DB.BeginTx(ctx, nil)
	if err != nil {
		return s.notChecked(err)
	}
	defer func() { _ = tx.Rollback() }() // the test leaves no row and sends no notification
	failed := func(err error) finding {
		return finding{Status: fail, Detail: "no message can be kept: " + s.sql.ExplainSQL(err).Error(),
			Advice: "see also the check of the log"}
	}
	channel, size := "backplane-doctor#"+listen.RandomText(), 0
	var positions string
	// array_send writes what the log keeps: messages in the binary format of text[].
	keep := "SELECT " + names.Table("_append") + "(ARRAY[$1::text], ARRAY[1], ARRAY[NULL]::text[], " +
		"ARRAY[array_send(ARRAY['doctor'])], '{}'::text[], '{}'::text[])"
	if err := tx.QueryRowContext(ctx, keep, channel).Scan(&positions); err != nil {
		return failed(err)
	}
	var slots []string
	for i := range postgres.LogSlots {
		slots = append(slots, "SELECT length(payloads) FROM "+names.Slot(i)+" WHERE channel = $1")
	}
	if err := tx.QueryRowContext(ctx, strings.Join(slots, " UNION ALL "), channel).Scan(&size); err != nil {
		return failed(err)
	}
	return pass("a message was kept, read, and rolled back")
}

// logContents describes what the log has.
func logContents(ctx context.Context, s *subject) finding {
	if s.noLog {
		return pass("not needed without a log")
	}
	return s.withDriver(ctx, func(driver connect.PostgresDriver) finding {
		info, err := driver.InspectLog(ctx, s.flags.Prefix+"#")
		if err != nil {
			return s.notChecked(err)
		}
		return ageOf(info)
	})
}

// ageOf returns the finding about what a log has.
func ageOf(info transport.LogInfo) finding {
	messages := int64(0)
	for _, c := range info.Channels {
		messages += c.Records
	}
	span := "nothing is kept"
	if !info.Oldest.IsZero() {
		span = fmt.Sprintf("messages of the last %v are kept", time.Since(info.Oldest).Round(time.Second))
	}
	f := pass("epoch %s; %s: %d; namespaces: %d; space: %d KiB; waiting in the outbox: %d", info.Epoch, span, messages,
		len(info.Channels), info.Bytes>>10, info.Waiting)
	if info.Waiting > maxWaiting {
		f.Status = warn
		f.Advice = "start a node with a log that uses this database: it moves the outbox into the log"
	}
	return f
}

// maxWaiting is how many messages of transactions may wait. While a node runs, it moves them on many times a second.
const maxWaiting = 10_000

// sessions checks the table for the sessions of clients.
func sessions(ctx context.Context, s *subject) finding {
	if s.noLog {
		return pass("not needed without a log")
	}
	return s.withDriver(ctx, func(driver connect.PostgresDriver) finding {
		err := driver.PrepareSessions(ctx)
		if errors.Is(err, postgres.ErrNoTable) {
			return finding{Status: warn, Detail: "there is no table " + connect.QualifiedSessions(s.flags.Table()) +
				": clients cannot be recovered on another node", Advice: s.createLog()}
		}
		if err != nil {
			return s.setupFinding(err)
		}
		return pass("%s, with all privileges that a node needs", connect.QualifiedSessions(s.flags.Table()))
	})
}

// logNodes asks the nodes of the namespace whether they have a log. For that it joins them, so it is done only with
// --log.
func logNodes(ctx context.Context, s *subject) finding {
	if !s.log {
		return pass("whether they have a log is checked with --log")
	}
	nodes, err := lag.Ask(ctx, s.flags, settle, []string{s.nsp})
	if err != nil {
		return finding{Status: fail, Detail: "cannot be asked: " + err.Error(), Advice: repeat}
	}
	var without []string
	for _, n := range nodes {
		if n.At.IsZero() {
			without = append(without, n.UID)
		}
	}
	switch {
	case len(nodes) == 0:
		return pass("no node of %s is connected", s.nsp)
	case len(without) > 0:
		return finding{Status: warn,
			Detail: fmt.Sprintf("nodes of %s with a log: %d, without: %d (%s)", s.nsp, len(nodes)-len(without),
				len(without), strings.Join(without, ", ")),
			Advice: "what they send is not kept: give all nodes of this library a log (Config.Log, --log); " +
				"those of Node.js cannot have one"}
	}
	return pass("nodes of %s: %d, all with a log", s.nsp, len(nodes))
}

// settle is how long to wait for another node.
const settle = 500 * time.Millisecond
