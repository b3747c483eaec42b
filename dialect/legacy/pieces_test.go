package legacy_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/fault"
)

// split returns the pieces of env.
func split(t testing.TB, w dialect.Wire, env *codec.Envelope, limit int) []string {
	t.Helper()
	p, ends, err := w.(dialect.Splitter).Split([]byte("before"), env, limit)
	require.NoError(t, err)
	require.Equal(t, "before", string(p[:6]))
	require.Equal(t, len(p), ends[len(ends)-1])
	var list []string
	start := 6
	for _, end := range ends {
		require.LessOrEqual(t, end-start, limit)
		list = append(list, string(p[start:end]))
		start = end
	}
	return list
}

// custom returns a request whose payload holds text.
func custom(t testing.TB, text string) *codec.Envelope {
	t.Helper()
	return &codec.Envelope{Type: codec.CustomRequest, NSP: "/", UID: uid, RequestID: "r", Value: value(t, text)}
}

// piece returns the text of a piece with the header, as it is in JSON.
func piece(channel, header, text string) []byte {
	return fmt.Appendf(nil, `["%s","%-50s%s"]`, channel, header, text)
}

const answers = "socket.io-response#/#"

func TestPiecesFitTheLimitWhateverTheirCharacters(t *testing.T) {
	w := open(t, "socket.io")
	for _, unit := range []string{"x", "\"", "\x01", "ü", "世", "🎉", "a\\🎉\n", "\u2028"} {
		for _, limit := range []int{1000, 7998, limit} {
			for _, size := range []int{limit - 200, limit - 60, limit, 3 * limit} {
				env := custom(t, strings.Repeat(unit, size/len(unit)))
				list := split(t, w, env, limit)
				same(t, env, parseAll(t, w, list))
				for _, p := range list {
					assert.NotContains(t, p, "\ufffd")
					assert.True(t, w.(dialect.Peeker).SentBy([]byte(p), uid))
					assert.False(t, w.(dialect.Peeker).SentBy([]byte(p), other))
				}
			}
		}
	}
}

func TestAMessageThatFitsIsNotSplit(t *testing.T) {
	w := open(t, "socket.io")
	whole, err := w.Append(nil, custom(t, "x"))
	require.NoError(t, err)
	text := strings.Repeat("x", limit-len(whole)+1)
	whole, err = w.Append(nil, custom(t, text))
	require.NoError(t, err)
	require.Len(t, whole, limit)
	require.Equal(t, []string{string(whole)}, split(t, w, custom(t, text), limit))
	require.Len(t, split(t, w, custom(t, text+"x"), limit), 2)
}

func TestALimitWithoutRoomForAPiece(t *testing.T) {
	_, _, err := open(t, "socket.io").(dialect.Splitter).Split(nil, custom(t, strings.Repeat("x", 100)), 80)
	var tooLarge *fault.TooLargeError
	require.ErrorAs(t, err, &tooLarge)
	assert.Equal(t, 80, tooLarge.Limit)
}

func TestPiecesInAnyOrderAndInterleaved(t *testing.T) {
	w := open(t, "socket.io")
	var all []string
	want := make(map[string]bool)
	for i := range 20 {
		env := custom(t, strings.Repeat(fmt.Sprint(i), 5000+i*1000))
		env.RequestID = fmt.Sprint(i)
		want[env.RequestID] = true
		list := split(t, w, env, 1000)
		all = append(all, list...)
		all = append(all, list[:len(list)/2]...) // some twice
	}
	r := rand.New(rand.NewSource(1))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, p := range all {
		env, err := w.Parse("socketio", []byte(p))
		require.NoError(t, err)
		if env != nil {
			delete(want, env.RequestID)
		}
	}
	assert.Empty(t, want)
}

// Node.js cuts between the two halves of a character.
func TestHalvesOfCharactersAreJoined(t *testing.T) {
	w := open(t, "socket.io")
	text := `{\"requestid\":\"r\",\"data\":\"\ud83c`
	env, err := w.Parse("socketio", piece(answers, "_chunk_abc123_0_2", text))
	require.NoError(t, err)
	require.Nil(t, env)
	env, err = w.Parse("socketio", piece(answers, "_chunk_abc123_1_2", `\udf89\"}`))
	require.NoError(t, err)
	require.Equal(t, "🎉", treeOf(t, env.Value))
}

func TestHeadersThatLie(t *testing.T) {
	for name, header := range map[string]string{
		"NoIndex":            "_chunk_a",
		"NoCount":            "_chunk_a_0",
		"Nothing":            "_chunk_",
		"EmptyID":            "_chunk__0_1",
		"TextForIndex":       "_chunk_a_x_1",
		"TextForCount":       "_chunk_a_0_x",
		"NegativeIndex":      "_chunk_a_-1_2",
		"NegativeCount":      "_chunk_a_0_-2",
		"CountOf0":           "_chunk_a_0_0",
		"IndexIsCount":       "_chunk_a_2_2",
		"HugeIndex":          "_chunk_a_99999999999999999999_2",
		"HugeCount":          "_chunk_a_0_99999999999999999999",
		"MoreParts":          "_chunk_a_0_2_3",
		"Escape":             `_chunk_\u0061_0_2`,
		"CharactersOfTwo":    "_chunk_ü_0_2",
		"FractionForIndex":   "_chunk_a_0.5_2",
		"ExponentForCount":   "_chunk_a_0_2e1",
		"SpacesWithinTheOne": "_chunk_a_0 _2",
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, "socket.io")
			env, err := w.Parse("socketio", piece(answers, header, "text"))
			require.ErrorIs(t, err, codec.ErrMalformed)
			require.Nil(t, env)
		})
	}
	t.Run("EmptyPiece", func(t *testing.T) {
		_, err := open(t, "socket.io").Parse("socketio", piece(answers, "_chunk_a_0_2", ""))
		require.ErrorIs(t, err, codec.ErrMalformed)
	})
	t.Run("ShortPiece", func(t *testing.T) {
		_, err := open(t, "socket.io").Parse("socketio", []byte(`["`+answers+`","_chunk_a_0_2"]`))
		require.ErrorIs(t, err, codec.ErrMalformed)
	})
	t.Run("TheCountChanges", func(t *testing.T) {
		w := open(t, "socket.io")
		_, err := w.Parse("socketio", piece(answers, "_chunk_a_0_2", `{\"requestid\":`))
		require.NoError(t, err)
		_, err = w.Parse("socketio", piece(answers, "_chunk_a_1_3", `\"r\"}`))
		require.ErrorIs(t, err, codec.ErrMalformed)
		env, err := w.Parse("socketio", piece(answers, "_chunk_a_1_2", `\"r\"}`))
		require.NoError(t, err, "the other pieces are still there")
		require.Equal(t, "r", env.RequestID)
	})
	t.Run("TheLastOfTwoCounts", func(t *testing.T) {
		w := open(t, "socket.io")
		for _, text := range []string{"junk", `{\"requestid\":`} {
			_, err := w.Parse("socketio", piece(answers, "_chunk_a_0_2", text))
			require.NoError(t, err)
		}
		env, err := w.Parse("socketio", piece(answers, "_chunk_a_1_2", `\"r\"}`))
		require.NoError(t, err)
		require.Equal(t, "r", env.RequestID)
	})
	t.Run("EqualIDsOnTwoChannels", func(t *testing.T) {
		w := open(t, "socket.io")
		_, err := w.Parse("socketio", piece(answers, "_chunk_a_0_2", `{\"requestid\":`))
		require.NoError(t, err)
		env, err := w.Parse("socketio", piece("socket.io-response#/b#", "_chunk_a_1_2", `\"r\"}`))
		require.NoError(t, err)
		require.Nil(t, env)
	})
}

// whole is an answer that is no piece.
var whole = []byte(`["` + answers + `","{\"requestid\":\"r\"}"]`)

func TestIncompleteMessagesAreGivenUpAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, "socket.io")
		_, err := w.Parse("socketio", piece(answers, "_chunk_a_0_2", `{\"requestid\":`))
		require.NoError(t, err)
		time.Sleep(time.Minute - time.Nanosecond)
		env, err := w.Parse("socketio", []byte(`["other#","x"]`))
		require.NoError(t, err)
		require.Nil(t, env)
		time.Sleep(time.Nanosecond)
		_, err = w.Parse("socketio", []byte(`["other#","x"]`))
		require.ErrorIs(t, err, codec.ErrMalformed, "the loss is reported with a message that has nothing to deliver")
		_, err = w.Parse("socketio", []byte(`["other#","x"]`))
		require.NoError(t, err, "and only once")

		for range 2 {
			_, err = w.Parse("socketio", piece(answers, "_chunk_a_1_2", `\"r\"}`))
			require.NoError(t, err, "the rest does not complete anything")
			time.Sleep(time.Minute)
			env, err = w.Parse("socketio", whole)
			require.NoError(t, err)
			assert.Equal(t, 1, env.Skipped, "the loss is reported with a message that is delivered")
			env, err = w.Parse("socketio", whole)
			require.NoError(t, err)
			assert.Zero(t, env.Skipped)
		}
	})
}

func TestTheOldestIncompleteMessageIsGivenUpFirst(t *testing.T) {
	w := openWith(t, legacy.Dialect{MaxPartial: 2}, "socket.io")
	begin := func(id string) error {
		_, err := w.Parse("socketio", piece(answers, "_chunk_"+id+"_0_2", `{\"requestid\":`))
		return err
	}
	end := func(id string) *codec.Envelope {
		env, err := w.Parse("socketio", piece(answers, "_chunk_"+id+"_1_2", `\"r\"}`))
		require.NoError(t, err)
		return env
	}
	require.NoError(t, begin("a"))
	require.NoError(t, begin("b"))
	require.ErrorIs(t, begin("c"), codec.ErrMalformed)
	require.NotNil(t, end("b"))
	require.NotNil(t, end("c"))
	require.Nil(t, end("a"))
}

func TestIncompleteMessagesTakeBoundedMemory(t *testing.T) {
	w := openWith(t, legacy.Dialect{MaxPartialBytes: 100_000}, "socket.io")
	lost := 0
	for i := range 200 {
		_, err := w.Parse("socketio", piece(answers, fmt.Sprintf("_chunk_big_%d_200", i), strings.Repeat("x", 5000)))
		if err != nil {
			require.ErrorIs(t, err, codec.ErrMalformed)
			lost++
		}
	}
	assert.Positive(t, lost, "a message of a megabyte is over the limit")
}

// A million messages that never end cost no more memory than a thousand.
func TestAMillionOpenMessages(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	w := open(t, "socket.io")
	p := piece(answers, "_chunk_0000000_0_2", strings.Repeat("x", 20))
	id := bytes.Index(p, []byte("0000000"))
	var before, after runtime.MemStats
	run := func(from, to int) {
		for i := from; i < to; i++ {
			copy(p[id:], fmt.Sprintf("%07d", i))
			if env, err := w.Parse("socketio", p); env != nil || err != nil && !errors.Is(err, codec.ErrMalformed) {
				t.Fatal(env, err)
			}
		}
		runtime.GC()
	}
	run(0, 10_000)
	runtime.ReadMemStats(&before)
	run(10_000, 1_000_000)
	runtime.ReadMemStats(&after)
	assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20))
	runtime.KeepAlive(w)
}

func TestMessageInPiecesIsAtMostMaxMessageBytes(t *testing.T) {
	text := strings.Repeat("x", 50_000)
	sender := open(t, "socket.io")
	list := split(t, sender, custom(t, text), limit)
	w, err := legacy.Dialect{}.Open(dialect.Options{Prefix: "socket.io",
		Limits: limits, MaxMessageBytes: 20_000})
	require.NoError(t, err)
	var refused int
	for _, p := range list {
		env, err := w.Parse("socketio", []byte(p))
		require.Nil(t, env)
		if err == nil {
			continue
		}
		refused++
		var large *fault.TooLargeError
		require.ErrorAs(t, err, &large)
		require.ErrorIs(t, err, codec.ErrMalformed)
		require.Equal(t, "MaxMessageBytes", large.Option)
	}
	require.Equal(t, 1, refused, "one report for a message, however many pieces follow")
	same(t, custom(t, "small"), parseAll(t, w, split(t, sender, custom(t, "small"), limit)))
}
