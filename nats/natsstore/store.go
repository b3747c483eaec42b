// Package natsstore keeps attachments in a stream of JetStream. A Store is the store of a cluster on natsdriver, for
// messages that are larger than the max_payload of the servers:
//
//	store := natsstore.New(nc)
//
// # Delivery
//
// A body of more than 16 KiB is divided into pieces, each a message in the stream. The message that makes the body
// readable is stored last. The server removes all of them when the time to live has passed, up to a quarter of it and a
// second later. A body is lost earlier if the stream is removed, or kept in memory and the server restarts, or if
// all of its replicas are lost.
//
// # Connections
//
// The store uses the application's connection, a *nats.Conn, which may reconnect by itself: a call that fails meanwhile
// returns an error, and loses nothing silently.
package natsstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/backplane-go/backplane/storage"
)

var (
	_ storage.Sizer    = (*Store)(nil)
	_ storage.Preparer = (*Store)(nil)
)

// Config holds the options of a Store. The zero value is ready to use.
type Config struct {
	// Stream is the name of the stream, and the first token of its subjects. All nodes of a cluster have the same. It
	// must have no dots, spaces and wildcards. Default: "backplane-attachments".
	Stream string
	// TimeToLive is how long a body is kept: at least backplane.Config.AttachmentAge, and at least a second. Prepare
	// fails if the stream exists and keeps messages for a shorter time. Default: 10 minutes.
	TimeToLive time.Duration
	// Replicas is the number of servers that keep the stream, when Prepare creates it. Default: 1.
	Replicas int
	// Memory keeps the stream in the memory of the servers instead of their disks, when Prepare creates it.
	Memory bool
	// MaxBytes is the size of the stream in bytes, when Prepare creates it. Put fails while it is full. Default: no
	// limit but that of the account.
	MaxBytes int64
}

// Store keeps bodies in a stream. It is safe for concurrent use. Create it with New or NewWithConfig.
type Store struct {
	config Config
	nc     *nats.Conn

	mu     sync.Mutex // guards stream
	stream jetstream.Stream
}

// New returns a store with the default options. It does not close nc, and does no I/O.
func New(nc *nats.Conn) *Store { return NewWithConfig(nc, Config{}) }

// NewWithConfig returns a store with options. It does no I/O.
func NewWithConfig(nc *nats.Conn, config Config) *Store {
	if config.Stream == "" {
		config.Stream = "backplane-attachments"
	}
	if config.TimeToLive <= 0 {
		config.TimeToLive = 10 * time.Minute
	}
	config.TimeToLive = max(config.TimeToLive, time.Second)
	config.Replicas = max(config.Replicas, 1)
	return &Store{config: config, nc: nc}
}

// ErrNotPrepared means that the stream does not exist. Prepare creates it.
var ErrNotPrepared = errors.New("natsstore: the stream does not exist")

// ErrStream means that there is a stream with the name of Config.Stream that is not suitable for this store.
var ErrStream = errors.New("natsstore: the stream exists, but cannot be used")

// ErrTooLarge means that a body is larger than 512 MiB. It was not kept.
var ErrTooLarge = errors.New("natsstore: the body is larger than 512 MiB")

// Prepare creates the stream, unless it is there. See storage.Preparer.
func (s *Store) Prepare(ctx context.Context) error {
	age := s.config.TimeToLive + s.config.TimeToLive/8 // a piece is stored a moment before its body is
	wanted := jetstream.StreamConfig{
		Name: s.config.Stream, Description: "attachments of backplane", Subjects: []string{s.config.Stream + ".*.*"},
		MaxAge: age, Duplicates: min(age, time.Second), Replicas: s.config.Replicas, Discard: jetstream.DiscardNew,
		MaxBytes:    s.config.MaxBytes,
		AllowDirect: s.config.Replicas == 1, // any replica would answer, also one that has not heard of a body yet
	}
	if s.config.Memory {
		wanted.Storage = jetstream.MemoryStorage
	}
	return s.run(ctx, func(js jetstream.JetStream) error {
		stream, err := js.CreateStream(ctx, wanted)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			stream, err = js.Stream(ctx, s.config.Stream)
		}
		if err != nil {
			return err
		}
		have := stream.CachedInfo().Config
		switch {
		case len(have.Subjects) != 1 || have.Subjects[0] != wanted.Subjects[0]:
			return fmt.Errorf("%w: its subjects are %q, not %q", ErrStream, have.Subjects, wanted.Subjects)
		case have.MaxAge != 0 && have.MaxAge < age:
			return fmt.Errorf("%w: it keeps messages for %v, not for %v", ErrStream, have.MaxAge, age)
		case have.AllowDirect && have.Replicas > 1:
			return fmt.Errorf("%w: it has replicas and allow_direct", ErrStream)
		case have.MaxAge == 0:
			return fmt.Errorf("%w: it keeps messages for ever", ErrStream)
		}
		return nil
	})
}

// The headers of the first message of a body.
const (
	headerSize  = "Backplane-Size"  // of the body in bytes
	headerPiece = "Backplane-Piece" // size of each piece but the last one
)

const (
	maxWhole = 16 << 10  // the first message has the whole body if that has at most so many bytes, else nothing of it
	maxPiece = 512 << 10 // bytes
	maxBody  = 512 << 20 // bytes
)

// sizes returns maxWhole and maxPiece, or what the server accepts. It returns messages in base64.
func (s *Store) sizes() (whole, piece int) {
	limit := max(int(s.nc.MaxPayload()/2), 1)
	return min(maxWhole, limit), min(maxPiece, limit)
}

// parallel is how many bodies, and pieces of each, are on their way at the same time.
const parallel = 16

// Put keeps a copy of body. See storage.Store.
func (s *Store) Put(ctx context.Context, body []byte) (string, error) {
	if len(body) > maxBody {
		return "", ErrTooLarge
	}
	id := rand.Text()
	err := s.run(ctx, func(js jetstream.JetStream) error {
		whole, size := s.sizes()
		put := func(n int, data []byte) error {
			m := nats.NewMsg(s.subject(id, n))
			m.Data = data
			if n == 0 {
				m.Header.Set(headerSize, strconv.Itoa(len(body)))
				m.Header.Set(headerPiece, strconv.Itoa(size))
			}
			_, err := js.PublishMsg(ctx, m, jetstream.WithExpectStream(s.config.Stream))
			if errors.Is(err, jetstream.ErrNoStreamResponse) {
				return fmt.Errorf("%w: %w", ErrNotPrepared, err)
			}
			return err
		}
		if len(body) <= whole {
			return put(0, body)
		}
		err := each(ctx, pieces(len(body), size), func(n int) error {
			return put(n+1, body[n*size:min((n+1)*size, len(body))])
		})
		if err != nil {
			return err
		}
		return put(0, nil)
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// Get returns the body of id. See storage.Store.
func (s *Store) Get(ctx context.Context, id string) ([]byte, error) {
	found, err := s.GetUpTo(ctx, []string{id}, int(^uint(0)>>1))
	if err != nil {
		return nil, err
	}
	if found[0].Body == nil {
		return nil, storage.ErrNotFound
	}
	return found[0].Body, nil
}

// GetUpTo returns the bodies of ids that have at most limit bytes. See storage.Sizer.
func (s *Store) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	found := make([]storage.Found, len(ids))
	err := s.run(ctx, func(js jetstream.JetStream) error {
		stream, err := s.open(ctx, js)
		if err != nil {
			return err
		}
		return each(ctx, len(ids), func(i int) (err error) {
			found[i], err = s.get(ctx, stream, ids[i], limit)
			return err
		})
	})
	if err != nil {
		return nil, err // what still runs may write to found
	}
	return found, nil
}

// open returns the stream.
func (s *Store) open(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, error) {
	s.mu.Lock()
	stream := s.stream
	s.mu.Unlock()
	if stream != nil {
		return stream, nil
	}
	stream, err := js.Stream(ctx, s.config.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("%w: %w", ErrNotPrepared, err)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream = stream
	return stream, nil
}

// get reads one body.
func (s *Store) get(ctx context.Context, stream jetstream.Stream, id string, limit int) (storage.Found, error) {
	none := storage.Found{Size: storage.NotFound}
	if !isID(id) {
		return none, nil
	}
	first, err := stream.GetLastMsgForSubject(ctx, s.subject(id, 0))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	size, err := strconv.Atoi(first.Header.Get(headerSize))
	piece, pieceErr := strconv.Atoi(first.Header.Get(headerPiece))
	inFirst := len(first.Data)
	if err != nil || pieceErr != nil || size < 0 || size > maxBody || piece <= 0 || inFirst != 0 && inFirst != size {
		return none, nil // somebody else has stored this
	}
	if size > limit {
		return storage.Found{Size: size}, nil
	}
	body := make([]byte, size)
	if copy(body, first.Data) == size {
		return storage.Found{Size: size, Body: body}, nil
	}
	err = each(ctx, pieces(size, piece), func(n int) error {
		m, err := stream.GetLastMsgForSubject(ctx, s.subject(id, n+1))
		if err == nil && copy(body[n*piece:], m.Data) != min(piece, size-n*piece) {
			err = jetstream.ErrMsgNotFound
		}
		return err
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return none, nil // it has expired in the meantime
	}
	if err != nil {
		return none, err
	}
	return storage.Found{Size: size, Body: body}, nil
}

// Expire does nothing: the server removes bodies by itself. See Config.TimeToLive.
func (s *Store) Expire(ctx context.Context, _ time.Duration) error { return ctx.Err() }
