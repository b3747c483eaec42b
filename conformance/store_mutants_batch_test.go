package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
)

// answers is the result for many ids: bodies, or sizes and bodies, one for each id in order unless there is a
// bug.
type answers[T any] struct {
	ids []string
	all []T
	is  func(T) bool // tells whether there is a body
}

// answerFlaw returns the answers with a bug.
type answerFlaw[T any] func(a answers[T]) []T

// answerFlaws are the bugs that GetAll and GetUpTo share.
func answerFlaws[T any]() map[string]answerFlaw[T] {
	flaws := map[string]answerFlaw[T]{
		"returns only what it finds": func(a answers[T]) (found []T) {
			for _, one := range a.all {
				if a.is(one) {
					found = append(found, one)
				}
			}
			return found
		},
		"returns what it finds first, and the rest at the end": func(a answers[T]) []T {
			all := slices.Clone(a.all)
			slices.SortStableFunc(all, func(x, y T) int {
				if a.is(x) == a.is(y) {
					return 0
				} else if a.is(x) {
					return -1
				}
				return 1
			})
			return all
		},
		"drops unknown ids at the end": func(a answers[T]) []T {
			all := a.all
			for len(all) > 0 && !a.is(all[len(all)-1]) {
				all = all[:len(all)-1]
			}
			return all
		},
		"answers a repeated id once": func(a answers[T]) (found []T) {
			seen := make(map[string]bool)
			for i, id := range a.ids {
				if !seen[id] {
					found = append(found, a.all[i])
				}
				seen[id] = true
			}
			return found
		},
		"answers a repeated id with nothing": func(a answers[T]) []T {
			seen := make(map[string]bool)
			for i, id := range a.ids {
				if seen[id] {
					a.all[i] = a.none()
				}
				seen[id] = true
			}
			return a.all
		},
		"answers in the sort order of the ids": func(a answers[T]) []T {
			order := make([]int, len(a.ids))
			for i := range order {
				order[i] = i
			}
			slices.SortStableFunc(order, func(x, y int) int {
				if a.ids[x] < a.ids[y] {
					return -1
				} else if a.ids[x] > a.ids[y] {
					return 1
				}
				return 0
			})
			found := make([]T, len(a.all))
			for i, k := range order {
				found[i] = a.all[k]
			}
			return found
		},
	}
	for _, most := range []int{1, 100, 999, 1000, 5000, 32_767, 65_535} {
		flaws[fmt.Sprintf("answers at most %d ids",
			most)] = func(a answers[T]) []T { return a.all[:min(most, len(a.all))] }
	}
	for _, n := range []int{2, 100, 1000, 4999, 65_536} {
		flaws[fmt.Sprintf("swaps two answers every %d", n)] = func(a answers[T]) []T {
			for i := n; i < len(a.all); i += n {
				a.all[i-1], a.all[i] = a.all[i], a.all[i-1]
			}
			return a.all
		}
	}
	for _, page := range []int{100, 1000, 10_000} {
		flaws[fmt.Sprintf("repeats the answers of the first page in each page of %d", page)] = func(a answers[T]) []T {
			for i := page; i < len(a.all); i++ {
				a.all[i] = a.all[i%page]
			}
			return a.all
		}
		flaws[fmt.Sprintf("loses the answers of an incomplete last page of %d", page)] = func(a answers[T]) []T {
			for i := len(a.all) / page * page; i < len(a.all) && len(a.all) > page; i++ {
				a.all[i] = a.none()
			}
			return a.all
		}
	}
	return flaws
}

// none returns an answer for an unknown id.
func (a answers[T]) none() (none T) {
	for _, one := range a.all {
		if !a.is(one) {
			return one
		}
	}
	if f, ok := any(&none).(*storage.Found); ok {
		f.Size = storage.NotFound
	}
	return none
}

func storeBatchMutants() []mutant[conformance.StoreHarness] {
	all := []mutant[conformance.StoreHarness]{
		changesPutAllIDs("returns the ids in reverse order",
			func(ids []string) []string { slices.Reverse(ids); return ids }),
		changesPutAllIDs("returns the ids sorted as text",
			func(ids []string) []string { slices.Sort(ids); return ids }),
		breaksStore("PutAllMatchesPut", "fails without bodies", func(_ *testing.T, s *store) {
			s.putAll = func(ctx context.Context, bodies [][]byte) ([]string, error) {
				if len(bodies) == 0 {
					return nil, errors.New("syntax error at or near )")
				}
				return s.plainPutAll(ctx, bodies)
			}
		}),
		breaksStore("PutAllMatchesPut", "keeps equal bodies once", func(_ *testing.T, s *store) {
			s.putAll = func(ctx context.Context, bodies [][]byte) (ids []string, err error) {
				seen := make(map[string]string)
				for _, body := range bodies {
					if seen[string(body)] == "" {
						seen[string(body)], err = s.Store.Put(ctx, body)
					}
					ids = append(ids, seen[string(body)])
				}
				return ids, err
			}
		}),
		breaksStore("GetAllMatchesGet", "fails as a whole", func(_ *testing.T, s *store) {
			s.getAll = func(ctx context.Context, ids []string) (bodies [][]byte, err error) {
				for _, id := range ids {
					body, err := s.Store.Get(ctx, id)
					if err != nil {
						return nil, err
					}
					bodies = append(bodies, body)
				}
				return bodies, nil
			}
		}),
		breaksStore("GetAllMatchesGet", "fails if no id is known", func(_ *testing.T, s *store) {
			s.getAll = func(ctx context.Context, ids []string) ([][]byte, error) {
				bodies, err := s.plainGetAll(ctx, ids)
				if len(ids) > 0 && !slices.ContainsFunc(bodies, func(b []byte) bool { return b != nil }) {
					err = storage.ErrNotFound
				}
				return bodies, err
			}
		}),
	}
	for _, most := range []int{100, 999, 1000, 5000, 32_767, 65_535} {
		all = append(all,
			breaksStore("PutAllMatchesPut", fmt.Sprintf("fails with more than %d bodies", most),
				func(_ *testing.T, s *store) {
					s.putAll = func(ctx context.Context, bodies [][]byte) ([]string, error) {
						if len(bodies) > most {
							return nil, errors.New("too many parameters")
						}
						return s.plainPutAll(ctx, bodies)
					}
				}),
			breaksStore("GetAllMatchesGet", fmt.Sprintf("fails with more than %d ids", most),
				func(_ *testing.T, s *store) {
					s.getAll = func(ctx context.Context, ids []string) ([][]byte, error) {
						if len(ids) > most {
							return nil, errors.New("too many parameters")
						}
						return s.plainGetAll(ctx, ids)
					}
				}))
	}
	for _, n := range []int{1, 2, 100, 1000, 5000, 65_536} {
		all = append(all,
			changesPutAllIDs(fmt.Sprintf("returns the first id again for body %d", n), func(ids []string) []string {
				if n < len(ids) {
					ids[n] = ids[0]
				}
				return ids
			}),
			changesPutAllIDs(fmt.Sprintf("swaps the ids around body %d", n), func(ids []string) []string {
				if n < len(ids) {
					ids[n], ids[n-1] = ids[n-1], ids[n]
				}
				return ids
			}),
			changesPutAllIDs(fmt.Sprintf("loses body %d", n), func(ids []string) []string {
				if n < len(ids) {
					ids[n] = "lost"
				}
				return ids
			}))
	}
	for _, page := range []int{100, 1000} {
		all = append(all, changesPutAllIDs(fmt.Sprintf("returns the pages of %d in another order", page),
			func(ids []string) []string {
				if len(ids) > page {
					ids = append(slices.Clone(ids[page:]), ids[:page]...)
				}
				return ids
			}))
	}
	for bug, flaw := range answerFlaws[[]byte]() {
		all = append(all, breaksStore("GetAllMatchesGet", bug, func(_ *testing.T, s *store) {
			s.getAll = func(ctx context.Context, ids []string) ([][]byte, error) {
				bodies, err := s.plainGetAll(ctx, ids)
				return flaw(answers[[]byte]{ids, bodies, func(b []byte) bool { return b != nil }}), err
			}
		}))
	}
	return all
}

func changesPutAllIDs(bug string, change func(ids []string) []string) mutant[conformance.StoreHarness] {
	return breaksStore("PutAllMatchesPut", bug, func(_ *testing.T, s *store) {
		s.putAll = func(ctx context.Context, bodies [][]byte) ([]string, error) {
			ids, err := s.plainPutAll(ctx, bodies)
			return change(ids), err
		}
	})
}
