package message

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
)

// Malformed wraps err with codec.ErrMalformed. field names the part of the message that err is about, or is empty
// for the message itself. An error that wraps codec.ErrMalformed already is returned unchanged.
func Malformed(field string, err error) error {
	switch {
	case err == nil || errors.Is(err, codec.ErrMalformed):
		return err
	case field == "":
		return fmt.Errorf("%w: %w", codec.ErrMalformed, err)
	}
	return fmt.Errorf("%w: %s: %w", codec.ErrMalformed, field, err)
}
