package conformance_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"strconv"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

func storeIdMutants() []mutant[conformance.StoreHarness] {
	all := []mutant[conformance.StoreHarness]{
		namesBodies("IDsAreShortText", "uses ids of 256 bytes",
			func(_ *hookStore, n int, _ []byte) string { return fmt.Sprintf("%0256d", n) }),
		namesBodies("IDsAreShortText", "uses ids that are not text",
			func(_ *hookStore, n int, _ []byte) string { return "\xff" + strconv.Itoa(n) }),
		namesBodies("IDsAreShortText", "uses ids with NUL",
			func(_ *hookStore, n int, _ []byte) string { return strconv.Itoa(n) + "\x00" }),
		namesBodies("IDsAreShortText", "uses an empty id for empty bodies",
			func(_ *hookStore, n int, body []byte) string {
				if len(body) == 0 {
					return ""
				}
				return strconv.Itoa(n)
			}),
		namesBodies("IDsAreShortText", "uses an id of 256 bytes for every 100th body",
			func(_ *hookStore, n int, _ []byte) string {
				return fmt.Sprintf("%0*d", []int{256, 255}[min(n%100, 1)], n)
			}),
		namesBodies("IDsAreShortText", "uses an empty id for the 1,000th body",
			func(_ *hookStore, n int, _ []byte) string {
				if n == 1000 {
					return ""
				}
				return strconv.Itoa(n)
			}),
		namesBodies("IDsAreShortText", "uses the bodies as ids",
			func(_ *hookStore, n int, body []byte) string { return fmt.Sprintf("%x", body) }),
		namesBodies("IDsAreNotReused", "uses hashes of bodies as ids",
			func(_ *hookStore, _ int, body []byte) string { return fmt.Sprintf("%x", sha256.Sum256(body)) }),
		namesBodies("IDsAreNotReused", "uses hashes of large bodies as ids",
			func(_ *hookStore, n int, body []byte) string {
				if len(body) >= 1<<20 {
					return fmt.Sprintf("%x", sha256.Sum256(body))
				}
				return strconv.Itoa(n)
			}),
		namesBodies("IDsAreNotReused", "uses three ids in turn",
			func(_ *hookStore, n int, _ []byte) string { return strconv.Itoa(n % 3) }),
		namesBodies("IDsAreNotReused", "uses 100 ids in turn",
			func(_ *hookStore, n int, _ []byte) string { return strconv.Itoa(n % 100) }),
		namesBodies("IDsAreNotReused", "uses 5,000 ids in turn",
			func(_ *hookStore, n int, _ []byte) string { return strconv.Itoa(n % 5000) }),
		namesBodies("IDsAreNotReused", "has ids of 12 bits",
			func(_ *hookStore, n int, _ []byte) string { return idHash(n)[:3] }),
		namesBodies("IDsAreNotReused", "uses the time in milliseconds",
			func(*hookStore, int, []byte) string { return strconv.FormatInt(time.Now().UnixMilli(), 10) }),
		namesBodies("IDsAreNotReused", "repeats the id of the 5,000th body",
			func(_ *hookStore, n int, _ []byte) string {
				if n == 5000 {
					return "4999"
				}
				return strconv.Itoa(n)
			}),
		namesBodies("IDsAreNotReused", "counts from 1 when it is empty", func(hs *hookStore, _ int, _ []byte) string {
			if len(hs.bodies) == 0 {
				hs.puts = 1
			}
			return strconv.Itoa(hs.puts)
		}),
		namesBodies("IDsAreNotReused", "uses the smallest free number", func(hs *hookStore, _ int, _ []byte) string {
			n := 1
			for hs.bodies[strconv.Itoa(n)] != nil {
				n++
			}
			return strconv.Itoa(n)
		}),
		namesPerStore("IDsAreNotReused", "counts from 1 in each process",
			func(_, n int) string { return strconv.Itoa(n) }),
		namesPerStore("IDsAreNotReused", "uses the same ids in two processes",
			func(store, n int) string { return fmt.Sprintf("%d-%d", store%2, n) }),
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
		breaksStore("UnknownIDIsNotFound", "returns empty bodies from GetAll", func(_ *testing.T, s *store) {
			s.getAll = func(ctx context.Context, ids []string) ([][]byte, error) {
				bodies, err := s.plainGetAll(ctx, ids)
				for i := range bodies {
					bodies[i] = append([]byte{}, bodies[i]...)
				}
				return bodies, err
			}
		}),
		changesFound("UnknownIDIsNotFound", "treats a missing body as an empty one", func(found *storage.Found, _ int) {
			if found.Size == storage.NotFound {
				*found = storage.Found{Body: []byte{}}
			}
		}),
		breaksStore("UnknownIDIsNotFound", "returns a syntax error from Get", func(_ *testing.T, s *store) {
			s.get = func(ctx context.Context, id string) ([]byte, error) {
				if _, err := strconv.ParseInt(id, 10, 64); err != nil {
					return nil, err
				}
				return s.Store.Get(ctx, id)
			}
		}),
		breaksStore("UnknownIDIsNotFound", "returns a syntax error from GetAll", func(_ *testing.T, s *store) {
			s.getAll = func(ctx context.Context, ids []string) ([][]byte, error) {
				for _, id := range ids {
					if _, err := strconv.ParseInt(id, 10, 64); err != nil {
						return nil, err
					}
				}
				return s.plainGetAll(ctx, ids)
			}
		}),
		breaksStore("UnknownIDIsNotFound", "has its own error for long ids", func(_ *testing.T, s *store) {
			s.get = func(ctx context.Context, id string) ([]byte, error) {
				if len(id) > 255 {
					return nil, errors.New("file name too long")
				}
				return s.Store.Get(ctx, id)
			}
		}),
		breaksHookStore("UnknownIDIsNotFound", "treats an id as a pattern", func(hs *hookStore) {
			hs.resolveID = func(hs *hookStore, id string) string {
				for name := range hs.bodies {
					if ok, _ := path.Match(id, name); ok || id == "%" {
						return name
					}
				}
				return id
			}
		}),
	}
	return append(all, similarIDMutants()...)
}

func namesBodies(check, bug string, name func(hs *hookStore, n int,
	body []byte) string) mutant[conformance.StoreHarness] {
	return breaksHookStore(check, bug, func(hs *hookStore) { hs.nameBody = name })
}
