package jsonmsgpack_test

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

// msgpackOfTree encodes any tree, including trees that the codec refuses.
func msgpackOfTree(t testing.TB, tree any) []byte {
	t.Helper()
	var b strings.Builder
	enc := msgpack.NewEncoder(&b)
	var write func(any)
	write = func(tree any) {
		switch v := tree.(type) {
		case []any:
			require.NoError(t, enc.EncodeArrayLen(len(v)))
			for _, e := range v {
				write(e)
			}
		case codec.Object:
			require.NoError(t, enc.EncodeMapLen(len(v)))
			for _, m := range v {
				require.NoError(t, enc.EncodeString(m.Key))
				write(m.Value)
			}
		default:
			require.NoError(t, enc.Encode(v))
		}
	}
	write(tree)
	return []byte(b.String())
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return p
}

func TestMsgpackDecodesToATree(t *testing.T) {
	for text, want := range map[string]any{
		"c0": nil, "c2": false, "c3": true, "05": int64(5), "ff": int64(-1), "cc05": int64(5), "cd0005": int64(5),
		"ce00000005":         int64(5),
		"cf0000000000000005": int64(5), "cfffffffffffffffff": uint64(math.MaxUint64), "d080": int64(-128),
		"d1ffff": int64(-1), "d2ffffffff": int64(-1),
		"d3ffffffffffffffff": int64(-1), "d3 8000000000000000": int64(math.MinInt64), "ca3fc00000": 1.5,
		"cb3ff8000000000000": 1.5,
		"a161":               "a", "d90161": "a", "da000161": "a", "db0000000161": "a", "a1ff": "\ufffd",
		"a3ff61fe": "\ufffda\ufffd",
		"c400":     []byte{}, "c40101": []byte{1}, "c5000101": []byte{1}, "c60000000101": []byte{1},
		"90": []any{}, "9101": []any{int64(1)}, "dc000101": []any{int64(1)}, "dd0000000101": []any{int64(1)},
		"80": codec.Object{}, "81a16101": codec.Object{{Key: "a", Value: int64(1)}},
		"de0001a16101":     codec.Object{{Key: "a", Value: int64(1)}},
		"df00000001a16101": codec.Object{{Key: "a", Value: int64(1)}},
		"82a16101a16102":   codec.Object{{Key: "a", Value: int64(1)}, {Key: "a", Value: int64(2)}},
		"830501d0ff02cb3ff80000 0000000003": codec.Object{{Key: "5", Value: int64(1)}, {Key: "-1", Value: int64(2)},
			{Key: "1.5", Value: int64(3)}},
		"d6ff00000001":                   time.Unix(1, 0).UTC(),
		"d7ff0000000400000001":           time.Unix(1, 1).UTC(),
		"c70cff00000001ffffffffffffffff": time.Unix(-1, 1).UTC(),
		"c704ff00000001":                 time.Unix(1, 0).UTC(),
	} {
		got, err := jsonmsgpack.Msgpack.Tree(unhex(t, text))
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	assert.Equal(t, "msgpack", jsonmsgpack.Msgpack.Name())
}

func TestMalformedMsgpackIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"Empty": "", "Trailing": "c0c0", "NeverUsed": "c1", "ShortUint": "cd00", "ShortInt": "d3ff",
		"ShortFloat": "cb00", "ShortStr": "a5616263", "ShortStr8": "d9", "ShortStr16": "da00", "ShortBin": "c402ff",
		"ShortArray": "9201", "ShortMap": "81a161", "MapWithoutValue": "81", "NilKey": "81c001", "BoolKey": "81c301",
		"BinKey": "81c4016101", "ArrayKey": "819001", "MapKey": "818001", "TimeKey": "81d6ff0000000101",
		"Proto": "81a95f5f70726f746f5f5f01", "Proto8": "81d9095f5f70726f746f5f5f01",
		"NestedProto": "9181a95f5f70726f746f5f5f01", "Ext0": "d40001", "ExtOther": "d60100000001",
		"ExtSize": "d5ff0001", "Ext8Size": "c705ff0000000100",
		"ShortExt": "d6ff0000", "NoExtType": "c704", "FixExt16": "d8ff00000000000000000000000000000000",
		"BombArray": "ddffffffff", "BombMap": "dfffffffff", "BombStr": "dbffffffff", "BombBin": "c6ffffffff",
		"BombExt": "c9ffffffffff", "BombNested": "91ddffffffff01", "BombMapHalf": "df00000002a16101a1",
	} {
		p := unhex(t, text)
		_, err := jsonmsgpack.Msgpack.Tree(p)
		require.ErrorIs(t, err, codec.ErrMalformed, name)
		// In place of user data, and in place of a field that is skipped.
		for _, head := range []string{"82a474797065 0c a464617461 81a67061636b6574", "82a474797065 02 a178"} {
			_, err = jsonmsgpack.Codec{}.Parse(append(unhex(t, head), p...), codec.Binary)
			require.ErrorIs(t, err, codec.ErrMalformed, name)
		}
		_, err = jsonmsgpack.Codec{}.Parse(p, codec.Binary)
		require.ErrorIs(t, err, codec.ErrMalformed, name)
	}
}

func TestMsgpackDepthLimitIsInclusive(t *testing.T) {
	for _, open := range []string{"91", "81a161"} {
		ok := unhex(t, strings.Repeat(open, 99)+"90")
		_, err := jsonmsgpack.Msgpack.Tree(ok)
		require.NoError(t, err)
		_, err = jsonmsgpack.Msgpack.Tree(unhex(t, strings.Repeat(open, 100)+"90"))
		require.ErrorIs(t, err, codec.ErrDepth)
		require.ErrorIs(t, err, codec.ErrMalformed)
		_, err = jsonmsgpack.Msgpack.Tree(unhex(t, strings.Repeat(open, 100_000)))
		require.ErrorIs(t, err, codec.ErrDepth)

		head := "82a474797065 0c a464617461 81a67061636b6574"
		_, err = jsonmsgpack.Codec{}.Parse(unhex(t, head+strings.Repeat(open, 97)+"90"), codec.Binary)
		require.NoError(t, err)
		_, err = jsonmsgpack.Codec{}.Parse(unhex(t, head+strings.Repeat(open, 98)+"90"), codec.Binary)
		require.ErrorIs(t, err, codec.ErrDepth)
	}
}

func TestClaimedLengthsDoNotAllocate(t *testing.T) {
	// Nested arrays that each claim as many elements as there are bytes.
	p := make([]byte, 0, 1<<16)
	for range 99 {
		p = append(p, 0xdc, 0xff, 0x00)
	}
	p = append(p, make([]byte, 1<<16)...)
	allocated := testing.AllocsPerRun(10, func() { _, _ = jsonmsgpack.Msgpack.Tree(p) })
	assert.Less(t, allocated, 10.0)
}

func TestUnusualMsgpackMessagesAreParsed(t *testing.T) {
	// A message with a number as a key, the type as a float and a number as the attachment id.
	for text, want := range map[string]codec.Envelope{
		"82 05 01 a474797065 02":          {Type: codec.Heartbeat, Skipped: 1},
		"81a474797065 cb4000000000000000": {Type: codec.Heartbeat},
		"81a474797065 ca40000000":         {Type: codec.Heartbeat},
		"82a474797065 03 ac6174746163686d656e744964 cd0100": {Type: codec.Broadcast,
			AttachmentID: "256"},
		"82a474797065 0b a464617461 81ab636c69656e74436f756e74 cf0000000000000007": {
			Type: codec.BroadcastClientCount, ClientCount: 7,
		},
	} {
		got, err := jsonmsgpack.Codec{}.Parse(unhex(t, text), codec.Binary)
		require.NoError(t, err, text)
		assert.Equal(t, &want, got, text)
	}
	for _, text := range []string{
		"81a474797065 cb7ff8000000000000", "81a474797065 cb7ff0000000000000", "81a474797065 cfffffffffffffffff",
		"82a474797065 0b a464617461 81ab636c69656e74436f756e74 cfffffffffffffffff",
		"82a474797065 0b a464617461 81ab636c69656e74436f756e74 d0ff",
	} {
		_, err := jsonmsgpack.Codec{}.Parse(unhex(t, text), codec.Binary)
		require.ErrorIs(t, err, codec.ErrMalformed, text)
	}
	// Timeouts that are infinite and NaN.
	for text, want := range map[string]time.Duration{"cb7ff0000000000000": math.MaxInt32 * time.Millisecond,
		"cb7ff8000000000000": 0, "cbfff0000000000000": 0, "c0": 0, "01": time.Millisecond} {
		env, err := jsonmsgpack.Codec{}.Parse(unhex(t,
			"82a474797065 07 a464617461 81a46f707473 81a5666c616773 81a774696d656f7574"+text), codec.Binary)
		require.NoError(t, err, text)
		assert.Equal(t, want, env.Opts.Flags.Timeout, text)
	}
}

func TestTimesSurviveMsgpack(t *testing.T) {
	for _, when := range []time.Time{time.Unix(0, 0), time.Unix(1<<32, 5), time.Unix(1<<35, 999999999),
		time.Unix(-5, 7), {}} {
		v := codec.FromTree([]any{when})
		var back []time.Time
		require.NoError(t, codec.Raw(jsonmsgpack.Msgpack, msgpackOf(t, v)).Decode(&back))
		assert.True(t, when.Equal(back[0]), "%v", when)
	}
}
