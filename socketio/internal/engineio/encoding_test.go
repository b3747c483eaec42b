package engineio_test

import (
	"compress/gzip"
	"compress/zlib"
	"io"
	"math/rand"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// decodeBody returns the body of a response without its content coding, and the coding.
func decodeBody(t testing.TB, a answer) (body, coding string) {
	t.Helper()
	var r io.Reader = strings.NewReader(a.body)
	var err error
	switch coding = a.header.Get("Content-Encoding"); coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "deflate":
		r, err = zlib.NewReader(r)
	}
	require.NoError(t, err)
	p, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(p), coding
}

func TestPollsAreCompressed(t *testing.T) {
	for name, start := range map[string]func(*testing.T, engineio.Config) *testServer{
		"Handler": func(t *testing.T, c engineio.Config) *testServer { return serve(t, c) },
		"Serve":   serveByServe,
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, engineio.Config{})
			p, c := h.poll(t)
			ask := func(accept string, o engineio.SendOptions, what string) (body, coding string, a answer) {
				t.Helper()
				require.True(t, c.Send(text(what), o))
				a = p.request(t, "GET", p.query(), "", "Accept-Encoding", accept)
				require.Equal(t, 200, a.status)
				assert.Equal(t, "no-store", a.header.Get("Cache-Control"))
				body, coding = decodeBody(t, a)
				return body, coding, a
			}
			large := strings.Repeat("large ", 200)
			for accept, want := range map[string]string{
				"gzip": "gzip", "deflate": "deflate", "gzip, deflate, br": "gzip", "deflate, gzip": "gzip",
				"br, DEFLATE": "deflate", "x-gzip": "gzip",
				"deflate;q=1, gzip;q=0.5": "deflate", "gzip;q=0, deflate": "deflate", "*": "gzip",
				"gzip;q=0, *;q=0.3": "deflate", "gzip ; q=0.8 , identity ; q=0.5": "gzip",
				"": "", "identity": "", "br": "", "gzip;q=0": "", "*;q=0": "", "gzip;q=0.5, identity": "",
				"gzip;q=2": "", "gzip;q=x": "", "gzipped": "", ";q=1": "", "gzip;q=NaN": "",
			} {
				body, coding, a := ask(accept, engineio.SendOptions{}, large)
				assert.Equal(t, want, coding, "Accept-Encoding: %s", accept)
				require.Equal(t, "4"+large, body)
				assert.Contains(t, a.header.Values("Vary"), "Accept-Encoding",
					"Vary must name the header that the response depends on")
				if coding != "" {
					assert.Less(t, len(a.body), len(large)/2)
				}
			}
			exact := strings.Repeat("x", 1023) // 1024 with the packet type
			_, coding, _ := ask("gzip", engineio.SendOptions{}, exact)
			assert.Equal(t, "gzip", coding)
			_, coding, a := ask("gzip", engineio.SendOptions{}, exact[1:])
			assert.Empty(t, coding, "a response of less than 1024 bytes must not be compressed")
			assert.Empty(t, a.header.Values("Vary"))
			_, coding, _ = ask("gzip", engineio.SendOptions{NoCompress: true}, large)
			assert.Empty(t, coding, "NoCompress")
			require.True(t, c.Send(text("small"), engineio.SendOptions{}))
			body, coding, _ := ask("gzip", engineio.SendOptions{NoCompress: true}, large)
			assert.Equal(t, "gzip", coding, "one event without NoCompress must be enough to compress the response, "+
				"as in Node.js")
			assert.Equal(t, "4small\x1e4"+large, body)

			noise := make([]byte, 3000)
			for i := range noise {
				noise[i] = byte(rand.Intn(94)) + 33
			}
			body, _, a = ask("gzip", engineio.SendOptions{}, string(noise))
			assert.Equal(t, "4"+string(noise), body)
			assert.LessOrEqual(t, len(a.body), len(noise)+1,
				"a response that compression would not make smaller must be sent uncompressed")
		})
	}
}

func TestHTTPCompressionCanBeSwitchedOff(t *testing.T) {
	large := strings.Repeat("large ", 200)
	for least, want := range map[int]string{-1: "", 5000: "", 100: "gzip"} {
		h := serve(t, engineio.Config{HTTPCompression: least})
		p, c := h.poll(t)
		require.True(t, c.Send(text(large), engineio.SendOptions{}))
		body, coding := decodeBody(t, p.request(t, "GET", p.query(), "", "Accept-Encoding", "gzip"))
		assert.Equal(t, "4"+large, body)
		assert.Equal(t, want, coding, "HTTPCompression: %d", least)
	}
}

func TestManyPollsAreAnsweredWhileOthersAreCompressed(t *testing.T) {
	h := serve(t, engineio.Config{})
	large := strings.Repeat("large ", 20_000)
	var group sync.WaitGroup
	for range 50 {
		p, c := h.poll(t)
		require.True(t, c.Send(text(large), engineio.SendOptions{}))
		group.Go(func() {
			body, _ := decodeBody(t, p.request(t, "GET", p.query(), "", "Accept-Encoding", "gzip, deflate"))
			assert.True(t, body == "4"+large)
		})
	}
	group.Wait()
}

func BenchmarkPollEncoding(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 256 << 10} {
		body := []byte(strings.Repeat(`{"id":12345,"text":"some text of a message","at":"2026-01-01"},`,
			size/63+1))[:size]
		b.Run(sizeName(size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				engineio.Encode("gzip", body)
			}
		})
	}
}

func sizeName(n int) string {
	return map[int]string{1 << 10: "1KiB", 16 << 10: "16KiB", 256 << 10: "256KiB"}[n]
}
