package cbor_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
)

// invalidParts lists messages with invalid or unknown parts, in hexadecimal, and the envelope that remains without
// them.
var invalidParts = []struct {
	with, without string
	skipped       int
}{
	// Rooms ["a", null], [7, "a", true], ["a", h'62'], [invalid UTF-8, "a"], ["a", {}], ["", null]. "" is a valid
	// room.
	{"a20104 07a1 01 826161f6", "a20104 07a1 01 816161", 1},
	{"a20104 07a1 01 8307 6161 f5", "a20104 07a1 01 816161", 2},
	{"a20104 07a1 01 826161 4162", "a20104 07a1 01 816161", 1},
	{"a20104 07a1 01 8261ff 6161", "a20104 07a1 01 816161", 1},
	{"a20104 07a1 01 826161 a0", "a20104 07a1 01 816161", 1},
	{"a20104 07a1 01 8260f6", "a20104 07a1 01 8160", 1},
	// Except ["a", null], [null]. Rooms to join ["x", 1], [null].
	{"a20104 07a2 01 816162 02 826161f6", "a20104 07a2 01 816162 02 816161", 1},
	{"a20104 07a1 02 81f6", "a20104 07a0", 1},
	{"a30104 07a0 09 82617801", "a30104 07a0 09 816178", 1},
	{"a30104 07a0 09 81f6", "a20104 07a0", 1},
	// Flags of a wrong type: volatile 1, compress "x", timeout "5", expectSingleResponse [].
	{"a20106 07a4 0301 046178 056135 0680", "a20106 07a0", 4},
	// Sockets: not a map, without id, id null, id 5; rooms that are not a list, or contain a value that is not text;
	// data that this package never writes.
	{"a20108 0b86 01 a0 a101f6 a10105 f6 a1016173", "a20108 0b81 a1016173", 7},
	{"a20108 0b81 a201617303f5", "a20108 0b81 a1016173", 1},
	{"a20108 0b81 a2016173 03 826172f6", "a20108 0b81 a2016173 03 816172", 1},
	{"a20108 0b81 a3016173 02 c501 04 a10101", "a20108 0b81 a1016173", 2},
	// Optional fields: request id 5, close 1, requesterUid true, process 1, clock 2^53, -1, closeHash [], closeKey
	// 0.
	{"a30107 0605 07a0", "a20107 07a0", 1},
	{"a30106 07a0 0a01", "a20106 07a0", 1},
	{"a2010205f5", "a10102", 1},
	{"a301021601171b0020000000000000", "a10102", 2},
	{"a201021720", "a10102", 1},
	{"a301021480 1500", "a10102", 2},
	{"a20102151864", "a10102", 1},
	// Unknown keys in the message, in its options and in a socket.
	{"a3010207a018646178", "a2010207a0", 1},
	{"a20106 07a20702 616101", "a20106 07a0", 2},
	{"a20108 0b81 a201617309f6", "a20108 0b81 a1016173", 1},
}

func TestInvalidPartsAreSkipped(t *testing.T) {
	for _, o := range invalidParts {
		want, err := cbor.Codec{}.Parse(unhex(t, o.without), codec.Binary)
		require.NoError(t, err, o.without)
		require.Zero(t, want.Skipped, o.without)
		got, err := cbor.Codec{}.Parse(unhex(t, o.with), codec.Binary)
		require.NoError(t, err, o.with)
		assert.Equal(t, o.skipped, got.Skipped, o.with)
		got.Skipped = 0
		assert.Equal(t, describe(want), describe(got), o.with)
	}
}

// Whatever a message has in place of rooms, it must not select all sockets.
func TestInvalidRoomsSelectNobody(t *testing.T) {
	for name, opts := range map[string]string{
		"[null]": "a10181f6", "[null, null]": "a10182f6f6", "[undefined]": "a10181f7", "[7]": "a1018107",
		"[true]": "a10181f5", "[[]]": "a1018180", "text": "a1016161", "true": "a101f5", "5": "a10105",
		"{}": "a101a0", "exceptions that are text": "a2018161610261 62", "exceptions that are true": "a102f5",
	} {
		env, err := cbor.Codec{}.Parse(unhex(t, "a20106 07"+opts), codec.Binary)
		require.NoError(t, err, name)
		assert.True(t, env.Opts.Nobody, name)
		assert.Empty(t, env.Opts.Rooms, name)
		assert.Positive(t, env.Skipped, name)
		for _, form := range both {
			_, err := cbor.Codec{}.Append(nil, env, form)
			assert.ErrorIs(t, err, codec.ErrNobody, name)
		}
	}
	for name, opts := range map[string]string{"none": "a0", "null": "a101f6", "[]": "a10180",
		"exceptions [null]": "a10281f6", "exceptions null": "a102f6"} {
		env, err := cbor.Codec{}.Parse(unhex(t, "a20106 07"+opts), codec.Binary)
		require.NoError(t, err, name)
		assert.Equal(t, codec.Opts{}, env.Opts, "selects all sockets: %s", name)
	}
}
