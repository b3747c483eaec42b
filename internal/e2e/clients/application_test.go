package clients_test

import (
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"
)

// applicationScenarios check behavior that applications written for Socket.IO's server rely on.
var applicationScenarios = []scenario{
	{name: "MiddlewareEmitsArriveAfterConnect", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{Auth: map[string]any{"early": []any{"a", 2, map[string]any{"three": true}}}})
		c.expect("early", "a")
		c.expect("early", 2)
		c.expect("early", map[string]any{"three": true})
		require.Equal(f, []any{"fine"}, c.ask("echo", "fine"))
	}},
	{name: "MiddlewareEmitsAreDroppedOnRefusal", over: everyTransport, run: func(f *fixture) {
		c := f.open(clientSpec{Auth: map[string]any{"early": []any{"a"}, "refuse": "not you"}})
		require.Equal(f, "not you", c.refused().Message)
	}},
	{name: "MissingAuthIsAnEmptyObject", over: everyTransport, run: func(f *fixture) {
		c := f.open(clientSpec{})
		c.connected()
		same(f.T, map[string]any{}, f.accepted(c).Auth.V)
	}},
	{name: "AcknowledgementOfSeveralArguments", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		for _, args := range [][]any{{1, "b", nil}, {nil, map[string]any{"a": []any{1}}},
			{[]byte{1, 2}, "c", []byte{3}}, {"alone"}} {
			same(f.T, args, f.must(ask("mirror", args...).of(c.id)).values())
			c.expect("mirror", args...)
		}
	}},
	{name: "AcknowledgementOfABroadcastIsTheFirstArgument", run: func(f *fixture) {
		c := f.connect(clientSpec{})
		same(f.T, []any{"a"}, f.must(ask("mirror", "a", "b").to(c.id).timeout(patience)).values())
	}},
	{name: "HandlerTakesAllArgumentsAndAnswers", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		require.Equal(f, []any{"a", map[string]any{"b": 1.0}, 2.0}, c.ask("all", "a", map[string]any{"b": 1}))
		require.Equal(f, []any{0.0}, c.ask("all"))
	}},
	{name: "PollsAreCompressed", run: func(f *fixture) {
		large := strings.Repeat("large ", 500)
		for accept, want := range map[string]string{"gzip": "gzip", "deflate": "deflate",
			"gzip;q=0, deflate;q=0.5": "deflate", "gzip, deflate, br": "gzip", "br": "", "identity": ""} {
			p := f.polling()
			require.Equal(f, "ok", p.post(`420["echo","`+large+`"]`).Body)
			r := f.request("GET", p.url(), nil, http.Header{"Accept-Encoding": {accept}})
			require.Equal(f, 200, r.Status)
			require.Equal(f, want, r.Header.Get("Content-Encoding"), "Accept-Encoding: %s", accept)
			var body io.Reader = strings.NewReader(r.Body)
			var err error
			switch want {
			case "gzip":
				body, err = gzip.NewReader(body)
			case "deflate":
				body, err = zlib.NewReader(body)
			}
			require.NoError(f, err)
			text, err := io.ReadAll(body)
			require.NoError(f, err)
			require.Equal(f, `430["`+large+`"]`, string(text))
		}
	}},
	{name: "FetchTakesCompressedPolls", over: [][]string{fetchOnly}, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		large := strings.Repeat("large é ", 5000)
		require.Equal(f, []any{large}, c.ask("echo", large))
	}},
}
