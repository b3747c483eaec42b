package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
)

var storePrepareMutants = []mutant[conformance.StoreHarness]{
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
	breaksStore("PrepareIsIdempotent", "creates the table again", func(_ *testing.T, s *store) {
		s.prepare = func(ctx context.Context) error { return s.Store.Expire(ctx, -1) }
	}),
	{"ConcurrentPrepare", "checks for the table and creates it in two steps",
		func(*testing.T) conformance.StoreHarness {
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

var storeBodyMutants = []mutant[conformance.StoreHarness]{
	changesBody("treats bodies as text", func(b []byte) []byte { return bytes.ToValidUTF8(b, []byte("?")) }),
	changesBody("keeps bodies as JSON strings", func(b []byte) []byte {
		text, _ := json.Marshal(string(b))
		var back string
		_ = json.Unmarshal(text, &back)
		return []byte(back)
	}),
	changesBody("ends at NUL", func(b []byte) []byte { before, _, _ := bytes.Cut(b, []byte{0}); return before }),
	changesBody("trims NUL at the end", func(b []byte) []byte { return bytes.TrimRight(b, "\x00") }),
	changesBody("trims spaces", bytes.TrimSpace),
	changesBody("trims the end of the last line", func(b []byte) []byte { return bytes.TrimSuffix(b, []byte("\n")) }),
	changesBody("converts ends of lines",
		func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }),
	changesBody("drops a byte order mark", func(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\ufeff")) }),
	changesBody("decodes percent signs", func(b []byte) []byte {
		if text, err := url.PathUnescape(string(b)); err == nil {
			return []byte(text)
		}
		return b
	}),
	changesBody("decodes entities", func(b []byte) []byte { return []byte(html.UnescapeString(string(b))) }),
	changesBody("unescapes backslashes",
		func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`\\`), []byte(`\`)) }),
	changesBody("treats null as empty", func(b []byte) []byte {
		if string(b) == "null" {
			return []byte{}
		}
		return b
	}),
	changesBody("clears the eighth bit", func(b []byte) []byte {
		b = bytes.Clone(b)
		for i := range b {
			b[i] &= 0x7f
		}
		return b
	}),
	breaksStore("BodiesAreKeptUnchanged", "treats an empty body as missing in Get", func(_ *testing.T, s *store) {
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			body, err := s.Store.Get(ctx, id)
			if err == nil && len(body) == 0 {
				err = storage.ErrNotFound
			}
			return body, err
		}
	}),
	breaksStore("BodiesAreKeptUnchanged", "treats an empty body as missing in GetAll", func(_ *testing.T, s *store) {
		s.getAll = func(ctx context.Context, ids []string) ([][]byte, error) {
			bodies, err := s.plainGetAll(ctx, ids)
			for i := range bodies {
				bodies[i] = append([]byte(nil), bodies[i]...)
			}
			return bodies, err
		}
	}),
	changesFound("BodiesAreKeptUnchanged", "has no body for an empty one in GetUpTo",
		func(found *storage.Found, _ int) {
			if found.Size == 0 {
				found.Body = nil
			}
		}),
	breaksStore("BodiesAreKeptUnchanged", "refuses a nil body", func(_ *testing.T, s *store) {
		s.put = func(ctx context.Context, body []byte) (string, error) {
			if body == nil {
				return "", errors.New("null value in column payload")
			}
			return s.Store.Put(ctx, body)
		}
	}),
	breaksStore("BodiesAreKeptUnchanged", "treats a nil body as missing in PutAll", func(_ *testing.T, s *store) {
		s.putAll = func(ctx context.Context, bodies [][]byte) (ids []string, err error) {
			ids, err = s.plainPutAll(ctx, bodies)
			for i, body := range bodies {
				if body == nil {
					ids[i] = "none"
				}
			}
			return ids, err
		}
	}),
	breaksStore("OtherNodesRead", "keeps bodies for its own node only",
		func(_ *testing.T, s *store) { s.Store = memory.NewStore() }),
	shownLater("Put", time.Millisecond, 1),
	shownLater("Put", 50*time.Millisecond, 1),
	shownLater("Put", time.Millisecond, 7),
	shownLater("PutAll", time.Millisecond, 1),
	breaksStore("BodiesCanBeReadAgain", "removes a body with the first Get", func(_ *testing.T, s *store) {
		s.get = func(ctx context.Context, id string) ([]byte, error) {
			body, err := s.Store.Get(ctx, id)
			s.Store.Expire(ctx, -1)
			return body, err
		}
	}),
	breaksHookStore("BodiesCanBeReadAgain", "removes a body after 10 reads", removesAfterReads(10)),
	breaksHookStore("BodiesCanBeReadAgain", "removes a body after 100 reads", removesAfterReads(100)),
}

// changesBody returns a mutant that changes bodies before it keeps them.
func changesBody(bug string, change func([]byte) []byte) mutant[conformance.StoreHarness] {
	return breaksStore("BodiesAreKeptUnchanged", bug, func(_ *testing.T, s *store) {
		s.put = func(ctx context.Context, body []byte) (string, error) { return s.Store.Put(ctx, change(body)) }
	})
}

// shownLater returns a mutant in which other stores find every n-th body only after some time.
func shownLater(method string, lag time.Duration, each int) mutant[conformance.StoreHarness] {
	bug := fmt.Sprintf("shows bodies of %s to other stores after %v, one in %d", method, lag, each)
	return mutant[conformance.StoreHarness]{"OtherNodesRead", bug, func(*testing.T) conformance.StoreHarness {
		type news struct {
			by    *store
			until time.Time
		}
		var mu sync.Mutex
		n, hidden := 0, make(map[string]news)
		return storeHarness(func(s *store) {
			hide := func(id string) {
				mu.Lock()
				defer mu.Unlock()
				if n++; n%each == 0 {
					hidden[id] = news{s, time.Now().Add(lag)}
				}
			}
			if method == "Put" {
				s.put = func(ctx context.Context, body []byte) (string, error) {
					id, err := s.Store.Put(ctx, body)
					hide(id)
					return id, err
				}
			} else {
				s.putAll = func(ctx context.Context, bodies [][]byte) ([]string, error) {
					ids, err := s.plainPutAll(ctx, bodies)
					for _, id := range ids {
						hide(id)
					}
					return ids, err
				}
			}
			s.get = func(ctx context.Context, id string) ([]byte, error) {
				mu.Lock()
				h, ok := hidden[id]
				mu.Unlock()
				if ok && h.by != s && time.Now().Before(h.until) {
					return nil, storage.ErrNotFound
				}
				return s.Store.Get(ctx, id)
			}
		})
	}}
}

// removesAfterReads removes a body that was read the given number of times.
func removesAfterReads(most int) func(hs *hookStore) {
	return func(hs *hookStore) {
		reads := make(map[string]int)
		hs.onRead = func(hs *hookStore, k *storedBody, _ time.Time) {
			if reads[k.id]++; reads[k.id] == most {
				delete(hs.bodies, k.id)
			}
		}
	}
}
