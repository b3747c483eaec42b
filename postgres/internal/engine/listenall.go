package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

var _ transport.MultiListener = (*Session)(nil)

// maxStatement is how many bytes one statement that listens to many channels has at most. It must fit into what the network
// holds: a server whose notifications are not read, while the statement is written, does not read either.
const maxStatement = 16 << 10

// ListenAll implements transport.MultiListener. The statements are wrapped in a DO block, since lib/pq takes only one
// statement at a time on a connection that listens. A server that refuses the block, for example because the role may not
// use PL/pgSQL, gets one LISTEN after the other.
func (s *Session) ListenAll(ctx context.Context, channels ...string) error {
	return s.final(ctx, func() error {
		names := make([]string, len(channels))
		for i, channel := range channels {
			name, err := postgres.QuoteChannel(channel)
			if err != nil {
				return err
			}
			names[i] = name
		}
		return s.listenAll(ctx, names)
	})
}

// listenAll listens to quoted names. The caller holds turn.
func (s *Session) listenAll(ctx context.Context, names []string) error {
	for len(names) > 0 {
		block, n := listenBlock(names)
		intact, err := false, error(nil)
		if n > 1 {
			intact, err = s.exec(ctx, block)
		}
		if n == 1 || intact {
			for _, name := range names[:n] {
				if _, err = s.exec(ctx, "LISTEN "+name); err != nil {
					break
				}
			}
		}
		if err != nil {
			return err
		}
		names = names[n:]
	}
	return nil
}

// listenBlock returns a DO block that listens to the first n of names, as many as fit.
func listenBlock(names []string) (block string, n int) {
	var b strings.Builder
	for ; n < len(names) && (n == 0 || b.Len()+len(names[n]) < maxStatement); n++ {
		b.WriteString("LISTEN ")
		b.WriteString(names[n])
		b.WriteString("; ")
	}
	// Nobody who chooses a name can guess the tag that ends the block.
	var random [16]byte
	rand.Read(random[:]) // never fails, see its documentation
	tag := "$b" + hex.EncodeToString(random[:]) + "$"
	return "DO " + tag + "BEGIN " + b.String() + "END" + tag, n
}
