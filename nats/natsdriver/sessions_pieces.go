package natsdriver

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/nats/internal/server"
)

// A state that is too large for one message is on the subjects p.<scope>.<key>.<id>.<number>, which are written before
// the session, and removed when another message replaces it.
const (
	fieldPieces = "Backplane-Pieces" // the id and the number of pieces
	maxPiece    = 512 << 10          // bytes
)

func (d *Driver) piecesAt(scope, key string) string {
	return d.sessionsPrefix + "p." + token(scope) + "." + token(key) + "."
}

// maxPiece returns the size of the largest state that is in one piece.
func (d *Driver) maxPiece() int { return min(maxPiece, d.config.MaxPayload) }

// divide returns what stores a state in pieces, and the name of the pieces. That is empty for a state that is in one.
func (d *Driver) divide(s *savedState) (name string, questions []server.Question) {
	size := d.maxPiece()
	if len(s.state) <= size {
		return "", nil
	}
	id := rand.Text()
	n := 0
	for rest := s.state; len(rest) > 0; n++ {
		piece := rest[:min(size, len(rest))]
		rest = rest[len(piece):]
		questions = append(questions, server.Question{Subject: d.piecesAt(s.scope, s.key) + id + "." + strconv.Itoa(n),
			Header: server.AppendHeader(nil, fieldID, rand.Text()), Payload: piece})
	}
	return id + "." + strconv.Itoa(n), questions
}

// join reads the state of a session that is in pieces. It returns false if they are gone, because the session has
// changed.
func (d *Driver) join(ctx context.Context, s *savedState) (bool, error) {
	id, number, _ := strings.Cut(s.pieces, ".")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > maxSessions*maxSessions {
		return false, fmt.Errorf("%w: %s of a session", errMalformed, fieldPieces)
	}
	s.state = nil
	for i := range n {
		answers, err := d.query(ctx, lastOf(d.sessionsStream, d.piecesAt(s.scope, s.key)+id+"."+strconv.Itoa(i)))
		if err != nil {
			return false, err
		}
		m, there, err := decodeStored(answers[0])
		if err != nil || !there {
			return false, explainSessions(err)
		}
		s.state = append(s.state, m.Data...)
	}
	return true, nil
}

// unusedPieces are the pieces of the message that a session has replaced.
func (d *Driver) unusedPieces(s *savedState) purging {
	return purging{d.piecesAt(s.scope, s.key) + ">", s.sequence}
}
