package natsdriver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-go/backplane/nats/internal/server"
)

// The stream of the sessions has the latest message of each subject:
//
//   - s.<scope>.<key> is a session. Whoever changes it says which sequence he has read, so that one of several
//     succeeds.
//   - c.<scope>.<owner>.<key> says that the session may be connected, and o.<scope>.<owner> that the owner may have
//     such a session.
//   - a.<scope>.<key> says that the session may be away, or not be saved by its new owner, since the time of the
//     message.
//
// The last three are written before the session is, and removed after it has changed, so that a node that ends in
// between leaves marks that mean nothing, but no session without its marks.

// The fields of the header of a session. Texts are those of token.
const (
	fieldScope    = "Backplane-Scope"
	fieldKey      = "Backplane-Key"
	fieldOwner    = "Backplane-Owner"
	fieldAway     = "Backplane-Away"  // since when, in ns since 1970, or awayNow: since the message was stored
	fieldTaken    = "Backplane-Taken" // its owner has taken it, and not saved it yet
	fieldExpected = "Nats-Expected-Last-Subject-Sequence"
	awayNow       = "now"
	takenNow      = "yes"
)

// savedState is a session in the stream.
type savedState struct {
	scope, key, owner string
	away              bool
	since             time.Time // zero: since it is stored
	taken             string
	state             []byte
	pieces            string // the name of the pieces that the state is in
	divided           bool   // the message that it replaces has pieces
	sequence          uint64 // of its message, or of the one that it replaces
	stored            time.Time
}

func (d *Driver) sessionAt(scope, key string) string {
	return d.sessionsPrefix + "s." + token(scope) + "." + token(key)
}

func (d *Driver) awayAt(scope, key string) string {
	return d.sessionsPrefix + "a." + token(scope) + "." + token(key)
}

func (d *Driver) ownerAt(scope, owner string) string {
	return d.sessionsPrefix + "o." + token(scope) + "." + token(owner)
}

func (d *Driver) connectedAt(scope, owner, key string) string {
	return d.sessionsPrefix + "c." + token(scope) + "." + token(owner) + "." + token(key)
}

// createSessions creates the stream unless it is there.
func (d *Driver) createSessions(ctx context.Context) error {
	replicas, err := d.replicas(ctx)
	if err != nil {
		return err
	}
	subjects := []string{d.sessionsPrefix + ">"}
	var found info
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		if found, err = d.streamInfo(ctx, d.sessionsStream, ""); code(err) == codeNoStream {
			err = d.call(ctx, streamAPI+"CREATE."+d.sessionsStream, map[string]any{
				"name": d.sessionsStream, "description": "the sessions of backplane's clients", "subjects": subjects,
				"retention": "limits", "storage": "file", "discard": "old", "num_replicas": replicas,
				"max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_msg_size": -1,
				"max_msgs_per_subject": 1, "duplicate_window": duplicateWindow.Nanoseconds(), "allow_direct": true,
			}, nil)
			if code(err) != codeNameInUse && err != nil && code(err) != codeNotReady {
				return fmt.Errorf("natsdriver: stream %q with %d replicas cannot be created: %w", d.sessionsStream,
					replicas, err)
			}
		} else if code(err) != codeNotReady {
			break
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
	if err != nil {
		return explainSessions(err)
	}
	var have foundConfig
	if err := json.Unmarshal(found.Config, &have); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	if !slices.Equal(have.Subjects, subjects) || have.PerSubject != 1 || !have.Direct || have.MaxAge > 0 {
		return fmt.Errorf("%w: stream %q: its subjects are not %q, or it lacks max_msgs_per_subject 1 or "+
			"allow_direct, or has max_age", ErrStream, d.sessionsStream, subjects)
	}
	return nil
}

// explainSessions says what it means that nobody answers.
func explainSessions(err error) error {
	switch {
	case noJetStream(err):
		return fmt.Errorf("%w: %w", ErrNoJetStream, err)
	case code(err) == codeNoStream:
		return fmt.Errorf("%w: that of sessions is missing: %w", ErrStream, err)
	}
	return err
}

// parseSession reads a session.
func parseSession(m server.Message, sequence uint64, stored time.Time) (*savedState, error) {
	s := &savedState{state: m.Payload, sequence: sequence, stored: stored, taken: m.Field(fieldTaken),
		pieces: m.Field(fieldPieces)}
	for field, text := range map[string]*string{fieldScope: &s.scope, fieldKey: &s.key, fieldOwner: &s.owner} {
		var known bool
		if *text, known = untoken(m.Field(field)); !known {
			return nil, fmt.Errorf("%w: %s of a session", errMalformed, field)
		}
	}
	switch away := m.Field(fieldAway); away {
	case "":
	case awayNow:
		s.away, s.since = true, stored
	default:
		n, err := strconv.ParseInt(away, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: %s of a session", errMalformed, fieldAway)
		}
		s.away, s.since = true, time.Unix(0, n)
	}
	return s, nil
}

// leaderSessions returns the sessions on subjects as the leader of the stream has them, or nil for each that is not
// there.
func (d *Driver) leaderSessions(ctx context.Context, subjects []string) ([]*savedState, error) {
	questions := make([]server.Question, len(subjects))
	for i, subject := range subjects {
		questions[i] = lastOf(d.sessionsStream, subject)
	}
	answers, err := d.query(ctx, questions...)
	if err != nil {
		return nil, err
	}
	all := make([]*savedState, len(subjects))
	for i, a := range answers {
		m, ok, err := decodeStored(a)
		if err == nil && ok {
			all[i], err = parseSession(server.Message{Header: m.Header, Payload: m.Data}, m.Sequence, m.Time)
		}
		whole := true
		if err == nil && ok && all[i].pieces != "" {
			whole, err = d.join(ctx, all[i])
		}
		if err != nil {
			return nil, explainSessions(err)
		}
		if !whole { // it has changed meanwhile
			again, err := d.leaderSessions(ctx, subjects[i:i+1])
			if err != nil {
				return nil, err
			}
			all[i] = again[0]
		}
	}
	return all, nil
}

// readSession returns a session, or nil, and the time of the server.
func (d *Driver) readSession(ctx context.Context, scope, key string) (*savedState, time.Time, error) {
	found, err := d.leaderSessions(ctx, []string{d.sessionAt(scope, key)})
	if err != nil {
		return nil, time.Time{}, err
	}
	now, err := d.serverTime(ctx)
	return found[0], now, err
}

// connectedTo returns some sessions of an owner whose clients are not away. It removes marks that mean nothing any
// more, and reports whether there are further ones.
func (d *Driver) connectedTo(ctx context.Context, scope, owner string) (some []*savedState, rest bool, err error) {
	begin := strings.TrimSuffix(d.connectedAt(scope, owner, ""), token(""))
	marks, err := d.directIn(ctx, d.sessionsStream, directRequest{Sequence: 1, Next: begin + "*", Batch: maxSessions})
	if err != nil {
		return nil, false, explainSessions(err)
	}
	if len(marks) == 0 { // the replica may lag behind
		mark, ok, err := d.nextFromLeader(ctx, d.sessionsStream, begin+"*", 1)
		if err != nil || !ok {
			return nil, false, err
		}
		marks = append(marks, mark)
	}
	subjects := make([]string, len(marks))
	for i := range marks {
		subjects[i] = d.sessionsPrefix + "s." + token(scope) + "." + marks[i].subject[len(begin):]
	}
	found, err := d.leaderSessions(ctx, subjects)
	if err != nil {
		return nil, false, err
	}
	var unused []purging
	for i, s := range found {
		if s != nil && s.owner == owner && !s.away {
			some = append(some, s)
		} else {
			unused = append(unused, purging{marks[i].subject, marks[i].sequence})
		}
	}
	return some, len(marks) > 0, d.purgeSessions(ctx, unused...)
}
