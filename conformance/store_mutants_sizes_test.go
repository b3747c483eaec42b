package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

// largeSlots limits how many mutants with bodies of many megabytes run at the same time.
var largeSlots = make(chan struct{}, 2)

// damages are what happens to bodies from some size on.
var damages = []struct {
	name string
	do   func(body []byte, size int) []byte
}{
	{"cuts", func(body []byte, size int) []byte { return body[:min(len(body), max(0, size-1)):max(0, size-1)] }},
	{"loses the end of", func(body []byte, size int) []byte { return body[: len(body)-1 : len(body)-1] }},
	{"changes the last byte of", func(body []byte, _ int) []byte { body[len(body)-1] ^= 1; return body }},
	{"changes a byte in the middle of", func(body []byte, size int) []byte { body[size-1] ^= 1; return body }},
	{"doubles a piece of", func(body []byte, size int) []byte { return append(body, body[size-1:]...) }},
	{"clears", func(body []byte, _ int) []byte { clear(body); return body }},
	{"loses", func([]byte, int) []byte { return nil }},
}

// storeSizeMutants damage bodies from each size on, in each way to put and to get, each in another way: 5 times
// 7 mutants.
func storeSizeMutants() (all []mutant[conformance.StoreHarness]) {
	sizes := []int{1, 4096, 4097, 1 << 16, 1 << 20, 1 << 24, storage.MinBody}
	for i, size := range sizes {
		for j, method := range []string{"Put", "PutAll", "Get", "GetAll", "GetUpTo"} {
			d := damages[(i+2*j)%len(damages)]
			bug := fmt.Sprintf("%s: %s bodies of %d bytes or more", method, d.name, size)
			all = append(all, damaging("BodiesOfAnySize", bug, method, func(body []byte) []byte {
				if len(body) < size {
					return body
				}
				return d.do(body, size)
			}))
		}
	}
	for _, bytes := range []int{255, 8000, 1 << 20, 1<<24 - 1, storage.MinBody} {
		all = append(all, damaging("BodiesOfAnySize", fmt.Sprintf("cannot read bodies of exactly %d bytes", bytes),
			"Get", func(body []byte) []byte {
				if len(body) == bytes {
					return nil
				}
				return body
			}))
	}
	all = append(all,
		breaksStore("BodiesOfAnySize", "has a limit of 16 MiB", func(_ *testing.T, s *store) {
			s.put = func(ctx context.Context, body []byte) (string, error) {
				if len(body) > 1<<24 {
					return "", errors.New("too large")
				}
				return s.Store.Put(ctx, body)
			}
		}),
		damaging("OversizeIsKeptOrRefused", "cuts bodies at 64 MiB in Put", "Put",
			func(body []byte) []byte { return body[:min(len(body), storage.MinBody)] }),
		damaging("OversizeIsKeptOrRefused", "cuts bodies at 64 MiB in PutAll", "PutAll",
			func(body []byte) []byte { return body[:min(len(body), storage.MinBody)] }),
		breaksStore("OversizeIsKeptOrRefused", "leaves bodies that are too large out of a batch",
			func(_ *testing.T, s *store) {
				s.putAll = func(ctx context.Context, bodies [][]byte) (ids []string, err error) {
					for _, body := range bodies {
						if len(body) <= storage.MinBody {
							id, _ := s.Store.Put(ctx, body)
							ids = append(ids, id)
						}
					}
					return ids, nil
				}
			}),
		breaksStore("OversizeIsKeptOrRefused", "returns some ids and an error", func(_ *testing.T, s *store) {
			s.putAll = func(ctx context.Context, bodies [][]byte) (ids []string, err error) {
				for _, body := range bodies {
					if len(body) > storage.MinBody {
						return ids, errors.New("too large")
					}
					id, _ := s.Store.Put(ctx, body)
					ids = append(ids, id)
				}
				return ids, nil
			}
		}),
		breaksStore("OversizeIsKeptOrRefused", "is broken after a body that is too large",
			func(_ *testing.T, s *store) {
				broken := false
				s.put = func(ctx context.Context, body []byte) (string, error) {
					if broken = broken || len(body) > storage.MinBody; broken {
						return "", errors.New("broken pipe")
					}
					return s.Store.Put(ctx, body)
				}
			}))
	return limitConcurrency(all)
}

// limitConcurrency lets few mutants run at the same time.
func limitConcurrency(all []mutant[conformance.StoreHarness]) []mutant[conformance.StoreHarness] {
	for i := range all {
		harness := all[i].harness
		all[i].harness = func(t *testing.T) conformance.StoreHarness {
			largeSlots <- struct{}{}
			t.Cleanup(func() { <-largeSlots })
			return harness(t)
		}
	}
	return all
}

// damaging returns a mutant that damages bodies in one of the ways to put or get them. A nil body means no
// body.
func damaging(check, bug, method string, damage func(body []byte) []byte) mutant[conformance.StoreHarness] {
	return breaksStore(check, bug, func(_ *testing.T, s *store) {
		damageAll := func(bodies [][]byte) {
			for i, body := range bodies {
				if body != nil {
					bodies[i] = damage(body)
				}
			}
		}
		switch method {
		case "Put":
			s.put = func(ctx context.Context, body []byte) (string, error) {
				return s.Store.Put(ctx, damage(bytes.Clone(body)))
			}
		case "PutAll":
			s.putAll = func(ctx context.Context, bodies [][]byte) ([]string, error) {
				copies := make([][]byte, len(bodies))
				for i, body := range bodies {
					copies[i] = bytes.Clone(body)
				}
				damageAll(copies)
				return s.plainPutAll(ctx, copies)
			}
		case "Get":
			s.get = func(ctx context.Context, id string) ([]byte, error) {
				body, err := s.Store.Get(ctx, id)
				if err == nil {
					if body = damage(body); body == nil {
						err = storage.ErrNotFound
					}
				}
				return body, err
			}
		case "GetAll":
			s.getAll = func(ctx context.Context, ids []string) ([][]byte, error) {
				bodies, err := s.plainGetAll(ctx, ids)
				damageAll(bodies)
				return bodies, err
			}
		case "GetUpTo":
			s.getUpTo = func(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
				found, err := s.plainGetUpTo(ctx, ids, limit)
				for i, f := range found {
					if f.Body != nil {
						if found[i].Body = damage(f.Body); found[i].Body == nil {
							found[i].Size = storage.NotFound
						} else {
							found[i].Size = len(found[i].Body)
						}
					}
				}
				return found, err
			}
		}
	})
}
