package postgres_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

// encodeWithCodec returns the MessagePack that the codec writes for a JSON text.
func encodeWithCodec(tb testing.TB, text string) ([]byte, error) {
	tb.Helper()
	message := func(v codec.Value) ([]byte, error) {
		e := &codec.Envelope{Type: codec.BroadcastAck, UID: "u", RequestID: "r", Value: v}
		return jsonmsgpack.Codec{}.Append(nil, e, codec.Binary)
	}
	null, err := message(codec.Value{})
	require.NoError(tb, err)
	start := bytes.Index(null, []byte("packet")) + len("packet")
	v, err := codec.RawJSON([]byte(text))
	require.NoError(tb, err)
	p, err := message(v)
	if err != nil {
		return nil, err
	}
	return p[start : len(p)-(len(null)-start-1)], nil
}

// compareEncodings compares the output of the SQL function for a document with that of the codec, byte for
// byte.
func compareEncodings(tb testing.TB, conn *pgx.Conn, document string) {
	tb.Helper()
	var text string
	err := conn.QueryRow(within(tb), "SELECT $1::text::jsonb::text", document).Scan(&text)
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return // not valid jsonb
	}
	require.NoError(tb, err)
	if depth(text) > 96 {
		return
	}
	want, wantErr := encodeWithCodec(tb, text)
	var got []byte
	err = conn.QueryRow(within(tb), "SELECT backplane_msgpack($1::text::jsonb)", document).Scan(&got)
	if wantErr != nil {
		require.Error(tb, err, "the codec fails with %v for %.200s", wantErr, document)
		return
	}
	require.NoError(tb, err, "%.200s", document)
	if !bytes.Equal(want, got) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		from := max(0, at-20)
		tb.Fatalf("backplane_msgpack(%.300s)\nfrom byte %d = %.60x\nwant %.60x", document, from, got[from:],
			want[from:])
	}
}

func depth(text string) (most int) {
	open, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '[' || c == '{'):
			open++
			most = max(most, open)
		case !quoted && (c == ']' || c == '}'):
			open--
		}
	}
	return most
}

// edges returns documents around every size at which MessagePack changes its format.
func edges() []string {
	all := []string{
		`null`, `true`, `false`, `""`, `[]`, `{}`,
		`[[],{},[{}]]`, `{"":""}`, `{"__proto__":1}`, `{"a":{"__proto__":[]}}`,
		`"\u2028 ü 😀 \" \\ \n \u001f"`, `{"ü😀":"ü😀"}`, `"\ud83d\ude00"`,
		`0`, `-0`, `-0.0`, `1.0`, `1e2`, `1.5`, `-1.5`, `0.1`, `1e21`, `1e-7`,
		`123456789.123456789`, `1.00000000000000000001`,
		`1e308`, `1.7976931348623157e308`, `1.7976931348623158e308`, `1.7976931348623159e308`,
		`-1e309`, `1e400`, `-1e5000`,
		`5e-324`, `2.5e-324`, `2e-324`, `1e-400`, `-1e-400`, `-5e-324`, `4.9406564584124654e-324`,
		`9007199254740993`, `-9007199254740993`, `18446744073709551615`, `18446744073709551616`,
		`9223372036854775808`, `-9223372036854775809`,
		strings.Repeat("[", 96) + strings.Repeat("]", 96),
	}
	for _, n := range []int64{1 << 5, 1 << 7, 1 << 8, 1 << 15, 1 << 16, 1 << 31, 1 << 32, 1 << 53, math.MaxInt64 - 1} {
		for d := int64(-1); d <= 1; d++ {
			for _, v := range []int64{n + d, -n - d} {
				p, _ := json.Marshal(v)
				all = append(all, string(p))
			}
		}
	}
	for _, n := range []int{15, 16, 31, 32, 255, 256, 65535, 65536} {
		s := strings.Repeat("x", n)
		all = append(all, `"`+s+`"`, `{"`+s+`":1}`, `[`+strings.TrimSuffix(strings.Repeat("0,", n), ",")+`]`)
		object := make(map[string]any, n)
		for i := range n {
			object[string(rune('a'+i%26))+strings.Repeat("k", i%5)+string(rune(0x4e00+i/26))] = i
		}
		p, _ := json.Marshal(object)
		all = append(all, string(p))
	}
	return all
}

func TestFunctionsEncodeMsgpackLikeTheCodec(t *testing.T) {
	conn := connect(t, functionsDatabase(t, "", ""), "")
	for _, document := range edges() {
		compareEncodings(t, conn, document)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 400 {
		p, err := json.Marshal(randomValue(r, 5))
		require.NoError(t, err)
		compareEncodings(t, conn, string(p))
	}
}

func randomValue(r *rand.Rand, depth int) any {
	n := r.IntN(10)
	if depth == 0 {
		n = r.IntN(7)
	}
	switch n {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return (r.Int64() >> r.IntN(64)) - int64(r.IntN(3))
	case 3:
		return r.NormFloat64() * math.Pow(10, float64(r.IntN(600)-300))
	case 4:
		return float64(r.IntN(1 << 20))
	case 5, 6:
		return randomString(r)
	case 7, 8:
		list := make([]any, r.IntN(20))
		for i := range list {
			list[i] = randomValue(r, depth-1)
		}
		return list
	}
	object := make(map[string]any)
	for range r.IntN(20) {
		object[randomString(r)] = randomValue(r, depth-1)
	}
	return object
}

func randomString(r *rand.Rand) string {
	alphabet := []rune("abc\"\\/\n\x01\x7fäß漢😀\u2028")
	s := make([]rune, r.IntN(40))
	for i := range s {
		s[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(s)
}

func FuzzFunctionsMsgpack(f *testing.F) {
	conn := connect(f, functionsDatabase(f, "", ""), "")
	for _, document := range edges() {
		if len(document) < 1000 {
			f.Add(document)
		}
	}
	f.Fuzz(func(t *testing.T, document string) {
		if len(document) < 100_000 {
			compareEncodings(t, conn, document)
		}
	})
}
