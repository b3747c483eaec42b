package handler_test

import (
	"context"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

type flatStruct struct {
	Text   string `json:"text"`
	I      int    `json:"i"`
	Small  int8   `json:"small,omitempty"`
	U      uint16
	Number float64 `json:"n"`
	Yes    bool    `json:"yes"`
}

// What comes of an argument is what encoding/json makes of it, for values, and for errors that there is one.
func FuzzFlatStructsAreDecodedAsJSON(f *testing.F) {
	for _, seed := range []string{
		`{"text":"a","i":1,"small":-3,"U":7,"n":1.5,"yes":true}`, `{"i":-0,"yes":false}`, `{"n":-0.0}`, `{"n":1e3}`, `{"i":1e3}`, `{"i":1.0}`, `{"i":01}`,
		`{"small":128}`, `{"U":-1}`, `{"TEXT":"folded"}`, `{"text":"a\u00e9\n"}`, `{"text":"é"}`, `{"text":null,"i":2}`, `{"i":1,"i":2}`, `{"i":1,"i":null}`,
		`{"unknown":[1,{}]}`, `{}`, ` {"i" : 1 } `, `{"i":"1"}`, `{"text":1}`, `null`, `[]`, `{"type":"Buffer","data":[1]}`, `{"text":"Buffer"}`, `{"i":9223372036854775808}`,
		`{"n":123456789012345678901234567890.25}`, `{"i":1}{`, `{"i":1,}`,
	} {
		f.Add(seed)
	}
	var got flatStruct
	h, err := handler.New(func(v flatStruct) { got = v })
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := codec.RawJSON([]byte(text))
		if err != nil || !utf8.ValidString(text) {
			return // no such argument arrives
		}
		args, err := codec.NewArgs("x", v)
		require.NoError(t, err)
		var want flatStruct
		wanted := json.Unmarshal([]byte(text), &want)
		got = flatStruct{}
		err = h.Call(context.Background(), args, nil)
		require.Equal(t, wanted == nil, err == nil, "%s: %v, and encoding/json says %v", text, err, wanted)
		if err == nil {
			require.Equal(t, want, got, text)
		}
	})
}
