package fault

import (
	"fmt"
	"reflect"

	"github.com/backplane-go/backplane/internal/excerpt"
)

// Quota names a limit of a Socket.IO server. Its text is the reason that appears at clients, in logs and in
// metrics. Package socketio defines the values.
type Quota string

// QuotaError says which limit of a Socket.IO server was reached.
type QuotaError struct {
	// Quota is the name of the limit.
	Quota Quota
	// Limit is its value.
	Limit int
}

func (e *QuotaError) Error() string { return fmt.Sprintf("socketio: %s (limit %d)", e.Quota, e.Limit) }

// ArgumentError says which argument of an event does not fit the handler of a Socket.IO server.
type ArgumentError struct {
	Event    string
	Position int          // of the argument, from 1 on
	Want     reflect.Type // type of the handler's parameter
	Got      string       // what was received, such as "a number"; "nothing" if the argument is missing
	Err      error        // of the decoder; nil if the argument is missing
}

func (e *ArgumentError) Error() string {
	text := fmt.Sprintf("argument %d of %q: want %v, got %s", e.Position, excerpt.Of(e.Event), e.Want, e.Got)
	if e.Err != nil {
		text += ": " + excerpt.Of(e.Err.Error())
	}
	return text
}

// Unwrap returns Err.
func (e *ArgumentError) Unwrap() error { return e.Err }
