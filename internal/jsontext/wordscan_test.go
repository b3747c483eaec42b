package jsontext_test

import (
	"bytes"
	"encoding/json"
	"math/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/jsontext"
)

// TestEveryByteAtEveryPositionInAWord compares the scanner, which handles eight bytes at a time, with encoding/json.
func TestEveryByteAtEveryPositionInAWord(t *testing.T) {
	for c := range 256 {
		for place := range 20 {
			text := []byte(`"` + strings.Repeat("x", place) + string([]byte{byte(c)}) + strings.Repeat("y",
				20-place) + `"`)
			end, err := jsontext.SkipString(text, 0)
			if c == '"' {
				require.NoError(t, err)
				assert.Equal(t, place+2, end, "the string ends at its first quote")
				continue
			}
			assert.Equal(t, json.Valid(text) || c >= 0x80, err == nil, "SkipString(%q): %v", text, err)
			if err == nil {
				assert.Equal(t, len(text), end, "SkipString(%q)", text)
			}
			value := string(text[1 : len(text)-1])
			var back string
			quoted := jsontext.AppendString(nil, value)
			require.NoError(t, json.Unmarshal(quoted, &back), "AppendString(%q) gave %s", value, quoted)
			assert.Equal(t, strings.ToValidUTF8(value, "\ufffd"), back, "AppendString(%q)", value)
		}
	}
}

// Neither the bytes before nor those after the first special byte of a word may affect the result.
func TestPlainIsExact(t *testing.T) {
	odd := []byte("\x00\x01\x1f !\"#[\\]\x7f\x80\x9f\xa0\xdc\xff")
	r := rand.New(rand.NewSource(1))
	for range 100_000 {
		p := make([]byte, r.Intn(20))
		want := len(p)
		for i := range p {
			p[i] = odd[r.Intn(len(odd))]
			if want == len(p) && (p[i] < ' ' || p[i] == '"' || p[i] == '\\') {
				want = i
			}
		}
		require.Equal(t, want, jsontext.Plain(p, 0), "%q", p)
	}
}

func BenchmarkStrings(b *testing.B) {
	text := bytes.Repeat([]byte("x"), 20<<10)
	quoted := jsontext.AppendString(nil, string(text))
	b.Run("Skip", func(b *testing.B) {
		b.SetBytes(int64(len(quoted)))
		for b.Loop() {
			if _, err := jsontext.SkipString(quoted, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Append", func(b *testing.B) {
		s := string(text)
		b.SetBytes(int64(len(quoted)))
		var dst []byte
		for b.Loop() {
			dst = jsontext.AppendString(dst[:0], s)
		}
	})
}
