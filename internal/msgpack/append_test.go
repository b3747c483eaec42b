package msgpack_test

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	ours "github.com/backplane-go/backplane/internal/msgpack"
)

// TestMsgpackIsWrittenAsTheLibraryWritesIt compares each head and each number, at the limits of its length, with
// another implementation.
func TestMsgpackIsWrittenAsTheLibraryWritesIt(t *testing.T) {
	var want bytes.Buffer
	enc := msgpack.NewEncoder(&want)
	check := func(name string, value any, got []byte, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, want.Bytes(), got, "%s of %v", name, value)
		want.Reset()
	}
	var numbers []uint64
	for bits := range 64 {
		for _, d := range []uint64{math.MaxUint64, 0, 1} { // one less than the power of two, the power, and one more
			numbers = append(numbers, 1<<bits+d)
		}
	}
	for _, n := range append(numbers, math.MaxUint64) {
		for _, i := range []int64{int64(n), -int64(n)} {
			check("AppendInt", i, ours.AppendInt(nil, i), enc.EncodeInt(i))
			check("AppendFloat64", i, ours.AppendFloat64(nil, float64(i)), enc.EncodeFloat64(float64(i)))
		}
		check("AppendUint", n, ours.AppendUint(nil, n), enc.EncodeUint(n))
		if length := int(n); n <= math.MaxUint32 && n <= math.MaxInt { // an int has 32 bits on some systems
			check("AppendMapHead", n, ours.AppendMapHead(nil, length), enc.EncodeMapLen(length))
			check("AppendArrayHead", n, ours.AppendArrayHead(nil, length), enc.EncodeArrayLen(length))
			check("AppendBytesHead", n, ours.AppendBytesHead(nil, length), enc.EncodeBytesLen(length))
		}
		if n <= 1<<17 {
			text := string(make([]byte, n))
			check("AppendStringHead", n, append(ours.AppendStringHead(nil, len(text)), text...),
				enc.EncodeString(text))
		}
		for _, at := range []time.Time{time.Unix(int64(n>>1), 0), time.Unix(int64(n>>1), 123456789),
			time.Unix(-int64(n>>2), 1)} {
			check("AppendTime", at, ours.AppendTime(nil, at), enc.EncodeTime(at))
		}
	}
}
