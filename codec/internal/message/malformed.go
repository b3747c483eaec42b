package message

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
)

// Malformed makes err an error about bytes that cannot be parsed: it wraps codec.ErrMalformed. field names the part of the message that
// the error is about; it is empty for the message itself.
func Malformed(field string, err error) error {
	switch {
	case err == nil || errors.Is(err, codec.ErrMalformed):
		return err
	case field == "":
		return fmt.Errorf("%w: %w", codec.ErrMalformed, err)
	}
	return fmt.Errorf("%w: %s: %w", codec.ErrMalformed, field, err)
}
