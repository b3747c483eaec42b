package socketio

import (
	"errors"

	"github.com/backplane-go/backplane"
)

// sessionState is the state of a client that is restored when it reconnects.
type sessionState struct {
	id    string
	rooms []string // including the room named after id
	data  any      // of Socket.Data

	tenure string // names the socket that has the session, among those with its id

	// began is the position at which the session began or was restored. The client has missed no event up to it.
	began backplane.Position
	// replayed says whether events after began were sent before the packet that says that the client is connected.
	// If that packet has not arrived, it is unknown which of these events the client has received.
	replayed bool
	// sent is the position of the last event after began that was sent to the client, whether it has arrived or not.
	// It is zero if none was sent.
	sent backplane.Position
	// until is the position at which the state was saved. No event between sent and until was for the client.
	until backplane.Position
	// changed is the position up to which rooms has the changes that the log keeps.
	changed backplane.Position
}

// resumesAfter returns the position after which a client may have missed events. received is the position of the last
// event that it has received; zero: none. known is false if it is unknown which ones it has missed.
func (s *sessionState) resumesAfter(received backplane.Position) (from backplane.Position, known bool) {
	switch {
	case s.began.IsZero(), s.replayed && !s.began.Before(received):
		return backplane.Position{}, false
	case received.Before(s.sent) || received.IsZero() && !s.sent.IsZero():
		return later(s.began, received), true // a position before began is from an earlier session
	}
	return later(later(s.began, received), s.until), true
}

// includes reports whether everything up to a position includes what is at p. It does not if p is of another epoch.
func includes(upTo, p backplane.Position) bool { return p == upTo && !p.IsZero() || p.Before(upTo) }

// later returns the later one of two positions of the same log, either of which may be zero.
func later(a, b backplane.Position) backplane.Position {
	if a.IsZero() || a.Before(b) {
		return b
	}
	return a
}

// size estimates the memory of a session without its data.
func (s *sessionState) size() int {
	const overhead, room = 256, 16
	size := overhead
	for _, name := range s.rooms {
		size += room + len(name)
	}
	return size
}

// storedSession is a sessionState in storage.SavedSession.State, as JSON.
type storedSession struct {
	// Node is the node that has saved the session. If another one owns it, that one has taken it over and may have
	// sent the client something since then.
	Node     string
	ID       string
	Tenure   string
	Rooms    []string
	Data     backplane.Value
	Began    backplane.Position
	Replayed bool
	Sent     backplane.Position
	Until    backplane.Position
	Changed  backplane.Position
}

// encode returns the state as a node saves it. It calls methods of the application's data.
func (s *sessionState) encode(node string) ([]byte, error) {
	data, err := backplane.NewValue(s.data)
	if err != nil {
		return nil, err
	}
	v, err := backplane.NewValue(storedSession{node, s.id, s.tenure, s.rooms, data,
		s.began, s.replayed, s.sent, s.until, s.changed})
	if err != nil {
		return nil, err
	}
	return v.AppendJSONBuffers(nil)
}

// state returns the state without its data.
func (d *storedSession) state() sessionState {
	return sessionState{d.ID, d.Rooms, nil, d.Tenure, d.Began, d.Replayed, d.Sent, d.Until, d.Changed}
}

// decodeOwn returns a state that was encoded without rooms and data, and the node that has saved it.
func decodeOwn(p []byte) (s sessionState, node string, err error) {
	var v backplane.Value
	var d storedSession
	if err = v.UnmarshalJSON(p); err == nil {
		err = v.Decode(&d)
	}
	return d.state(), d.Node, err
}

var errTakenBefore = errors.New("another node has taken over the session and may have sent events")

// decodeSession returns a state that node has saved. decodeData is Recovery.DecodeData.
func decodeSession(p []byte, node string, decodeData func(backplane.Value) (any, error)) (s sessionState, err error) {
	var v backplane.Value
	var d storedSession
	if err = v.UnmarshalJSON(p); err == nil {
		err = v.Decode(&d)
	}
	switch {
	case err != nil:
		return sessionState{}, err
	case d.Node != node:
		return sessionState{}, errTakenBefore
	}
	s = d.state()
	switch {
	case d.Data.IsNull():
	case decodeData == nil:
		err = d.Data.Decode(&s.data)
	default:
		s.data, err = decodeData(d.Data)
	}
	return s, err
}
