package interop_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

var pieceID = regexp.MustCompile(`_chunk_([^_]*)_`)

// renamed returns the pieces of a message with another id of the same length.
func renamed(pieces []string, letter string) []string {
	out := make([]string, len(pieces))
	for i, p := range pieces {
		id := pieceID.FindStringSubmatch(p)[1]
		out[i] = strings.Replace(p, "_"+id+"_", "_"+strings.Repeat(letter, len(id))+"_", 1)
	}
	return out
}

// TestInteropLegacyPieces: a message whose pieces are not all there is not delivered and delays no others. It is when
// the last one comes, in whatever order.
func TestInteropLegacyPieces(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newLegacyWorld(t)
	sides := legacyNodes(t, ctx, "/", w.startLegacy(t), w.startGo(t, pgxDriver), w.startGo(t, pqDriver))
	f := &fixture{T: t, ctx: ctx}
	recording, err := w.recorder.Listen(ctx, w.channel("/"))
	require.NoError(t, err)
	all := []client{f.join(sides[0]), f.join(sides[1]), f.join(sides[2])}
	text := strings.Repeat("piece by piece ", 2000)
	for sender := range 2 { // Node.js and Go
		f.emit(sides[sender], interop.Target{}, "large", text)
		f.expect(all, "large", text)
		var pieces []string
		for _, m := range recording.Messages.Take() {
			if pieceID.MatchString(m.Payload) {
				pieces = append(pieces, m.Payload)
			}
		}
		require.GreaterOrEqual(t, len(pieces), 5)
		var others []client // a node ignores its own messages
		for i, c := range all {
			if i != sender {
				others = append(others, c)
			}
		}
		last := len(pieces) - 1
		lost, late := renamed(pieces, "a"), renamed(pieces, "b")
		first, second := renamed(pieces, "c"), renamed(pieces, "d")
		notifyLegacy(t, ctx, w.url, lost[:last]...)
		notifyLegacy(t, ctx, w.url, late[1:]...)
		f.emit(sides[2], interop.Target{}, "between", sender)
		f.expect(all, "between", sender)
		notifyLegacy(t, ctx, w.url, late[0])
		f.expect(others, "large", text)
		for i := range pieces { // two messages, one of them backwards, and pieces that come twice
			notifyLegacy(t, ctx, w.url, first[i], second[last-i], second[last-i])
		}
		f.expect(others, "large", text)
		f.expect(others, "large", text)
		notifyLegacy(t, ctx, w.url, lost[last])
		f.expect(others, "large", text)
		f.fence(sides[2], all...)
		recording.Messages.Take()
	}
}

// foreign are payloads that are not from the package. KEY stands for that of the cluster.
func foreign() []string {
	encode := func(b string) string { return base64.StdEncoding.EncodeToString([]byte(b)) }
	bad := []string{
		``, `no json`, `null`, `5`, `{}`, `[]`, `[null]`, `"text"`, `[1,2]`, `["other"]`, `["other",5]`,
		`["other#/#","!!!"]`,
		`["KEY#/#"]`, `["KEY#/#",5]`, `["KEY#/#",""]`, `["KEY#/#","!!!"]`,
		`["KEY#/#","x","more"]`, `["KEY#/#room#","!!!"]`,
		`["KEY#/#","wA=="]`, `["KEY#/#","kA=="]`, `["KEY"`, `["KEY#/#","` + "\xff" + `"]`,
		`["KEY-request#/#","no json"]`, `["KEY-request#/#","null"]`,
		`["KEY-request#/#","5"]`, `["KEY-request#/#","[]"]`,
		`["KEY-request#/#","{}"]`, `["KEY-request#/#","{\"type\":0}"]`, `["KEY-request#/#","{\"type\":7}"]`,
		`["KEY-request#/#","{\"type\":5,\"requestid\":{}}"]`,
		`["KEY-request#/#","{\"type\":3,\"sid\":\"constructor\"}"]`,
		`["KEY-request#/#","{\"type\":3,\"requestid\":\"x\",\"sid\":[]}"]`, `["KEY-response#/#","null"]`,
		`["KEY-response#/#","{}"]`, `["KEY-response#/#","{\"requestid\":\"unknown\",\"clients\":[\"x\"]}"]`,
		`["KEY-response#/#","{\"requestid\":\"unknown\",\"rooms\":5}"]`,
		`["KEY-request#/#","` + strings.Repeat("[", 7000) + `"]`,
		`["KEY#/#","` + encode("\x93\xa1a\x82\xa4type\x02\xa4data\xdd\xff\xff\xff\xff") + `"]`, // a list of 2^32 - 1
		`["KEY#/#","` + encode("\xdf\xff\xff\xff\xff\xa1a") + `"]`,
		`["KEY#/#","` + encode("\x93\xa1a\xc6\xff\xff\xff\xff") + `"]`,
		`["KEY#/#","` + encode("\x93\xa1a\x82\xa4type\x02\xa4data"+strings.Repeat("\x91", 5500)) + `"]`,
	}
	for _, header := range []string{"_chunk_", "_chunk_a_x_y", "_chunk_a_0_99999999", "_chunk_a_1_1", "_chunk_a_-1_2",
		"_chunk_a_5_2", "_chunk_a_0_0", "_chunk_constructor_0_1", "_chunk_b_0_2", "_chunk_b_1_3", "_chunk__0_1"} {
		bad = append(bad, `["KEY#/#","`+fmt.Sprintf("%-50s", header)+`x"]`)
	}
	return bad
}

// TestInteropLegacyBadInput: a node survives whatever comes on the channel, loses nothing else, and stays small.
func TestInteropLegacyBadInput(t *testing.T) {
	for _, driver := range []string{pgxDriver, pqDriver} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			ctx := patient(t)
			w := newLegacyWorld(t)
			ours, theirs := w.startGo(t, driver, longRequests), w.startGo(t, pgxDriver, longRequests)
			sides := legacyNodes(t, ctx, "/", ours, theirs)
			f := &fixture{T: t, ctx: ctx}
			c := f.join(sides[0], "room")
			const n = 500
			large := strings.Repeat("large ", 3000)
			sent := make(chan error, 1)
			go func() {
				for i := range n {
					arg := any(i)
					if i%25 == 0 {
						arg = large
					}
					if err := sides[1].Emit(ctx, interop.Target{}, "real", i, arg); err != nil {
						sent <- err
						return
					}
				}
				sent <- nil
			}()
			var payloads []string
			for _, p := range foreign() {
				payloads = append(payloads, strings.ReplaceAll(strings.ToValidUTF8(p, "\ufffd"), "KEY", w.prefix))
			}
			for range 3 {
				notifyLegacy(t, ctx, w.url, payloads...)
				f.sameSet([]any{c.ID(), "room"}, f.answered(sides[1].AllRooms(ctx)))
				f.answered(sides[0].Clients(ctx))
			}
			endlessPieces(t, ctx, w)
			for i := range n {
				e := f.next(c)
				require.Equal(t, "real", e.Event)
				require.Equal(t, float64(i), e.Args[0].V)
			}
			require.NoError(t, <-sent)
			f.fence(sides[1], c)
			f.sameSet(ids(c), f.answered(sides[1].Clients(ctx)))
			assert.Less(t, heap(), uint64(400<<20))
			for _, o := range []*goOpener{ours, theirs} {
				stats := o.cluster.Stats()
				assert.Greater(t, stats.ReceiveDropped, uint64(3*20), "bad messages are counted")
				reported := o.errors.Take()
				assert.NotEmpty(t, reported, "and reported")
				assert.Less(t, len(reported), int(stats.ReceiveDropped)/10, "though not each of them")
				for _, err := range reported {
					var drop *backplane.DropError
					require.ErrorAs(t, err, &drop)
				}
			}
		})
	}
}

// endlessPieces sends the first pieces of many messages, of 7 KB each, whose other pieces never come.
func endlessPieces(t *testing.T, ctx context.Context, w *world) {
	conn, err := pgx.Connect(ctx, w.url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, `SELECT pg_notify('socketio', '["' || $1 || '#/#","' || rpad('_chunk_e' || i || '_0_1000', 50) ||
		repeat('x', 7000) || '"]') FROM generate_series(1, 10000) i`, w.prefix)
	require.NoError(t, err)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestInteropLegacyGap: a Go node whose session was lost reports for how long, listens again, and is counted as before.
func TestInteropLegacyGap(t *testing.T) {
	for _, driver := range []string{pgxDriver, pqDriver} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			ctx := patient(t)
			w := newLegacyWorld(t)
			ours := w.startGo(t, driver)
			sides := legacyNodes(t, ctx, "/", w.startLegacy(t), ours)
			f := &fixture{T: t, ctx: ctx}
			near, far := f.join(sides[1]), f.join(sides[0])
			require.Equal(t, 1, pgtest.Kill(t, w.url, "application_name = 'backplane listen'"))
			awaitGap(t, ctx, ours)
			f.emit(sides[0], interop.Target{}, "again", 1)
			f.expect([]client{near, far}, "again", 1)
			f.sameSet(ids(near, far), f.answered(sides[0].Clients(ctx)))
			f.sameSet(ids(near, far), f.answered(sides[1].Clients(ctx)))
		})
	}
}

// awaitGap waits until a node has reported a gap, and takes the errors before it.
func awaitGap(t *testing.T, ctx context.Context, o *goOpener) {
	t.Helper()
	_, err := o.errors.Await(ctx, func(err error) bool {
		var gap *backplane.GapError
		return errors.As(err, &gap)
	})
	require.NoError(t, err)
	o.errors.Take()
}

// TestInteropLegacyRestart: Go nodes survive a restart of the server. (The package's nodes do not listen again.)
func TestInteropLegacyRestart(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	server := pgtest.OwnServer(t)
	w := &world{url: server.URL(), prefix: "restart", legacy: true}
	openers := []*goOpener{w.startGo(t, pgxDriver), w.startGo(t, pqDriver)}
	sides := legacyNodes(t, ctx, "/", openers[0], openers[1])
	f := &fixture{T: t, ctx: ctx}
	all := []client{f.join(sides[0]), f.join(sides[1])}
	server.Restart(t, pgtest.Fast)
	for i, o := range openers {
		awaitGap(t, ctx, o)
		require.NoError(t, sides[i].(*goSide).ns.WaitForPeers(ctx, 1))
	}
	f.emit(sides[0], interop.Target{}, "again", bytes.Repeat([]byte("x"), 20000))
	f.expect(all, "again", bytes.Repeat([]byte("x"), 20000))
	for _, s := range sides {
		require.NoError(t, s.AwaitServerCount(ctx, 2))
		// A node is asked again once the server shows its connection again, which may be after it listens.
		found := f.answered(s.Clients(ctx))
		for len(found) < len(all) && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
			found = f.answered(s.Clients(ctx))
		}
		f.sameSet(ids(all...), found)
	}
	for _, o := range openers {
		o.errors.Take() // counts that failed during the restart
	}
}
