package socketio

import (
	"crypto/rand"
	"encoding/base64"
)

// newID returns 20 random characters of base64url.
func newID() string {
	var b [15]byte
	rand.Read(b[:]) // never fails, see its documentation
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// newEpoch returns the random name of a log that is kept in memory.
func newEpoch() string { return rand.Text()[:8] }
