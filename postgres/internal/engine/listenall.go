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

// maxStatement limits the size in bytes of a statement that listens to many channels. The statement must fit
// into the buffers of the network: while the statement is written, no notifications are read, and the server
// may wait for them to be read before it reads the statement.
const maxStatement = 16 << 10

// ListenAll implements transport.MultiListener. The statements are wrapped in a DO block, because lib/pq
// accepts only one statement at a time on a connection that listens. If the server refuses the block, for
// example because the role may not use PL/pgSQL, the session sends one LISTEN after the other.
func (s *Session) ListenAll(ctx context.Context, channels ...string) error {
	return s.endOnError(ctx, func() error {
		names, err := quoteChannels(channels)
		if err != nil {
			return err
		}
		return s.listenAll(ctx, names)
	})
}

// quoteChannels quotes channels for LISTEN.
func quoteChannels(channels []string) (names []string, err error) {
	names = make([]string, len(channels))
	for i, channel := range channels {
		if names[i], err = postgres.QuoteChannel(channel); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// listenAll listens to quoted names. The caller holds callMu.
func (s *Session) listenAll(ctx context.Context, names []string) error {
	for len(names) > 0 {
		block, n := listenBlock(names)
		refused, err := false, error(nil)
		if n > 1 {
			refused, err = s.exec(ctx, block)
		}
		if n == 1 || refused {
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
	// The tag that ends the block is random, so that no channel name can contain it.
	var random [16]byte
	rand.Read(random[:]) // never fails, see its documentation
	tag := "$b" + hex.EncodeToString(random[:]) + "$"
	return "DO " + tag + "BEGIN " + b.String() + "END" + tag, n
}
