package wire

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/guard"
)

var (
	errNested   = fmt.Errorf("%w: an attachment that refers to another attachment", codec.ErrMalformed)
	errMismatch = fmt.Errorf("%w: the attachment is not the message that its reference describes", codec.ErrMalformed)
)

// newKey returns a key that a reference and its body share: 63 random bits as 16 hexadecimal digits.
func newKey() string { return strconv.FormatUint(rand.Uint64()|1<<63, 16) }

// DecodeBody decodes the body that the store has under the id of ref, a reference that names its namespace. The
// envelope may share memory with p. DecodeBody returns fault.ErrAttachmentReplaced for the body of another
// message. Node.js writes no key, so only the sender, type and namespace of its bodies are compared with the
// reference.
func (w *Wire) DecodeBody(ref *codec.Envelope, p []byte) (*codec.Envelope, error) {
	p, err := w.Open(inStore, p)
	if err != nil {
		return nil, err
	}
	env, err := w.parseBody(p)
	if err != nil {
		return nil, err
	}
	if env.NSP == "" {
		env.NSP = ref.NSP
	}
	if env.UID == "" {
		env.UID = ref.UID
	}
	switch {
	case env.AttachmentID != "":
		return nil, errNested
	case env.AttachmentKey != ref.AttachmentKey:
		return nil, fault.ErrAttachmentReplaced
	case env.Type != ref.Type || env.UID != ref.UID || env.NSP != ref.NSP:
		return nil, errMismatch
	}
	return env, nil
}

func (w *Wire) parseBody(p []byte) (env *codec.Envelope, err error) {
	defer guard.Catch(&err) // a panic of the codec
	env, err = w.attacher.ParseBody(p)
	return env, guard.Error(err)
}
