package browser_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/browser"
	"github.com/backplane-go/backplane/internal/e2e/nodejs"
	"github.com/backplane-go/backplane/socketio"
)

// kinds are the content types of requests and responses.
type kinds struct {
	mu   sync.Mutex // guards seen
	seen map[string]bool
}

func (k *kinds) see(what string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen[what] = true
}

func (k *kinds) has(what string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen[what]
}

// kindOfResponse notes the content type of a response.
type kindOfResponse struct {
	http.ResponseWriter
	kinds *kinds
}

func (w kindOfResponse) WriteHeader(status int) {
	w.kinds.see("response " + w.Header().Get("Content-Type"))
	w.ResponseWriter.WriteHeader(status)
}

func (w kindOfResponse) Write(p []byte) (int, error) {
	w.kinds.see("response " + w.Header().Get("Content-Type"))
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w kindOfResponse) Unwrap() http.ResponseWriter { return w.ResponseWriter }

const version2Page = `<!doctype html><title>version 2</title><link rel="icon" href="data:,"><script src="/client.js"></script>
<script>
function run(options) {
	return new Promise((resolve, reject) => {
		const socket = io(Object.assign({ forceNew: true, reconnection: false }, options));
		const fail = (err) => (socket.close(), reject(new Error(String((err && err.message) || err))));
		setTimeout(fail, 60000, "timeout");
		socket.on("connect_error", fail);
		socket.on("error", fail);
		const bytes = new Uint8Array(5000).map((_, i) => i);
		socket.on("down", (value, ack) => ack(value));
		socket.on("connect", () => socket.emit("up", { bytes: bytes.buffer, text: "ü😀" }, (answer) => {
			const got = new Uint8Array(answer.bytes);
			const same = got.length === bytes.length && got.every((b, i) => b === bytes[i]);
			const transport = socket.io.engine.transport.name;
			socket.close();
			resolve([same, answer.text, transport].join(" "));
		}));
	});
}
</script>`

// TestVersion2 runs the client's version 2 in a browser, where polls carry bytes.
func TestVersion2(t *testing.T) {
	b := browser.Start(t)
	io, err := socketio.NewServer(socketio.Config{AllowEIO3: true})
	require.NoError(t, err)
	type value struct {
		Bytes []byte `json:"bytes"`
		Text  string `json:"text"`
	}
	io.OnConnection(func(s *socketio.Socket) {
		s.On("up", func(v value, ack func(backplane.Value)) {
			go func() { // the answer arrives in another event
				answer, err := s.Timeout(time.Minute).EmitWithAck(s.Context(), "down", v)
				if err == nil {
					ack(answer)
				}
			}()
		})
	})
	all := &kinds{seen: make(map[string]bool)}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(version2Page))
	})
	mux.HandleFunc("/client.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(os.Getenv(nodejs.EnvModules), "socket.io-client-2", "dist", "socket.io.js"))
	})
	mux.HandleFunc("/socket.io/", func(w http.ResponseWriter, r *http.Request) {
		all.see(r.Method + " " + r.Header.Get("Content-Type"))
		io.ServeHTTP(kindOfResponse{w, all}, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { require.NoError(t, io.Close(context.Background())) })
	p := b.Open("version 2", server.URL, browser.Device{})
	run := func(options string) (result string) {
		p.Evaluate(fmt.Sprintf("run(%s).catch(String)", options), &result)
		return result
	}
	require.Equal(t, "true ü😀 polling", run(`{transports: ["polling"]}`))
	require.True(t, all.has("POST application/octet-stream"), "bytes must be sent as bytes")
	require.True(t, all.has("response application/octet-stream"), "bytes must be received as bytes")
	require.Equal(t, "true ü😀 websocket", run(`{transports: ["websocket"]}`))
	require.Equal(t, "true ü😀 polling", run(`{transports: ["polling"], forceBase64: true}`))
	require.True(t, strings.HasPrefix(run(`{}`), "true ü😀 "))
	require.Equal(t, "Error: jsonp poll error", run(`{transports: ["polling"], forceJSONP: true}`))
}
