package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
)

var prepareMutants = []mutant[conformance.StoreHarness]{
	breaksStore("PrepareIsIdempotent", "fails if the table exists", func(_ *testing.T, s *store) {
		prepared := false
		s.prepare = func(context.Context) error {
			if prepared {
				return errors.New("relation already exists")
			}
			prepared = true
			return nil
		}
	}),
	breaksStore("PrepareIsIdempotent", "creates the table anew", func(_ *testing.T, s *store) {
		s.prepare = func(ctx context.Context) error { return s.Store.Expire(ctx, -1) }
	}),
	{"ConcurrentPrepare", "looks for the table and creates it in two steps", func(*testing.T) conformance.StoreHarness {
		var preparing atomic.Int32
		return storeHarness(func(s *store) {
			s.prepare = func(context.Context) error {
				defer preparing.Add(-1)
				if preparing.Add(1) > 1 {
					return errors.New("tuple concurrently updated")
				}
				time.Sleep(time.Millisecond)
				return nil
			}
		})
	}},
}

var bodyMutants = []mutant[conformance.StoreHarness]{
	putting("BodiesAreData", "takes bodies for text", func(body []byte) []byte { return bytes.ToValidUTF8(body, []byte("?")) }),
	putting("BodiesAreData", "keeps 64 KiB", func(body []byte) []byte { return body[:min(len(body), 1<<16)] }),
	breaksStore("BodiesAreData", "takes an empty body for none", func(_ *testing.T, s *store) {
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			body, err := s.Store.Get(ctx, id)
			if err == nil && len(body) == 0 {
				err = storage.ErrNotFound
			}
			return body, err
		}
	}),
	breaksStore("OtherNodesRead", "keeps bodies for its own node", func(_ *testing.T, s *store) { s.Store = memory.NewStore() }),
	breaksStore("OtherNodesRead", "writes behind the caller's back", func(_ *testing.T, s *store) {
		var waiting [][]byte
		s.put = func(ctx context.Context, body []byte) (string, error) {
			waiting = append(waiting, bytes.Clone(body))
			return "next", nil
		}
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			if id == "next" && len(waiting) > 0 {
				return waiting[0], nil
			}
			return s.Store.Get(ctx, id)
		}
	}),
	breaksStore("BodiesAreReadAgain", "removes a body with the first Get", func(_ *testing.T, s *store) {
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			body, err := s.Store.Get(ctx, id)
			s.Store.Expire(ctx, -1)
			return body, err
		}
	}),
	aliasing("PutKeepsACopy", "keeps the caller's body", func(b []byte) []byte { return b }, bytes.Clone),
	aliasing("GotBodyBelongsToCaller", "gives its own body away", bytes.Clone, func(b []byte) []byte { return b }),
	breaksStore("GotBodyBelongsToCaller", "reads into one buffer", func(_ *testing.T, s *store) {
		buffer := make([]byte, 4096)
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			body, err := s.Store.Get(ctx, id)
			return buffer[:copy(buffer, body)], err
		}
	}),
}

var idMutants = []mutant[conformance.StoreHarness]{
	naming("IDsAreShortText", "gives ids of 300 bytes", func(int, []byte) string { return strings.Repeat("x", 300) }),
	naming("IDsAreShortText", "gives ids that are no text", func(int, []byte) string { return "\xff" }),
	naming("IDsAreShortText", "gives empty ids", func(int, []byte) string { return "" }),
	naming("EqualBodiesAreDistinct", "names bodies by their content", func(_ int, body []byte) string { return fmt.Sprintf("%x", body) }),
	naming("IDsAreNotReused", "gives three ids in turn", func(n int, _ []byte) string { return strconv.Itoa(n % 3) }),
	breaksStore("UnknownIDIsNotFound", "has its own error", func(_ *testing.T, s *store) {
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			body, err := s.Store.Get(ctx, id)
			if err != nil && ctx.Err() == nil {
				err = errors.New("no rows in result set")
			}
			return body, err
		}
	}),
	breaksStore("UnknownIDIsNotFound", "returns an empty body", func(_ *testing.T, s *store) {
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			body, err := s.Store.Get(ctx, id)
			if errors.Is(err, storage.ErrNotFound) {
				err = nil
			}
			return body, err
		}
	}),
	breaksStore("MalformedIDIsNotFound", "calls it a syntax error", func(_ *testing.T, s *store) {
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			if _, err := strconv.ParseInt(id, 10, 64); err != nil {
				return nil, err
			}
			return s.Store.Get(ctx, id)
		}
	}),
	breaksStore("MalformedIDIsNotFound", "reads as much of an id as is a number", func(_ *testing.T, s *store) {
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			return s.Store.Get(ctx, strings.TrimRightFunc(id, func(r rune) bool { return r < '0' || r > '9' }))
		}
	}),
}

// putting returns a mutant that changes bodies before it keeps them.
func putting(check, bug string, change func([]byte) []byte) mutant[conformance.StoreHarness] {
	return breaksStore(check, bug, func(_ *testing.T, s *store) {
		s.put = func(ctx context.Context, body []byte) (string, error) { return s.Store.Put(ctx, change(body)) }
	})
}

// aliasing returns a mutant that keeps in(body) and returns out of that.
func aliasing(check, bug string, in, out func([]byte) []byte) mutant[conformance.StoreHarness] {
	return breaksStore(check, bug, func(_ *testing.T, s *store) {
		var bodies [][]byte
		s.put = func(_ context.Context, body []byte) (string, error) {
			bodies = append(bodies, in(body))
			return strconv.Itoa(len(bodies) - 1), nil
		}
		s.get = func(_ context.Context, id string) ([]byte, error) {
			i, _ := strconv.Atoi(id)
			return out(bodies[i]), nil
		}
	})
}

// naming returns a mutant that gives ids of its own, n being how many bodies it has been given before.
func naming(check, bug string, id func(n int, body []byte) string) mutant[conformance.StoreHarness] {
	return mutant[conformance.StoreHarness]{check, bug, func(*testing.T) conformance.StoreHarness {
		n, real := 0, make(map[string]string)
		return storeHarness(func(s *store) {
			s.put = func(ctx context.Context, body []byte) (string, error) {
				name := id(n, body)
				n++
				inner, err := s.Store.Put(ctx, body)
				real[name] = inner
				return name, err
			}
			s.get = func(ctx context.Context, id string) ([]byte, error) { return s.Store.Get(ctx, real[id]) }
		})
	}}
}
