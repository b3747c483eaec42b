package health_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/backplane-go/backplane/health"
	"github.com/backplane-go/backplane/socketio"
)

// A Socket.IO server beside its health. After Drain or Shutdown the balancer sends no more clients.
func Example() {
	ctx := context.Background()
	server, err := socketio.NewServer(socketio.Config{})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", server)
	mux.Handle("/", health.Handler(server))
	h := httptest.NewServer(mux)
	defer h.Close()

	show := func() {
		response, err := http.Get(h.URL + health.ReadyPath)
		if err != nil {
			panic(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		fmt.Printf("%d %s", response.StatusCode, body)
	}
	show()
	_ = server.Shutdown(ctx)
	show()
	// Output:
	// 200 ready
	// 503 the server is closed
}
