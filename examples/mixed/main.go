// Command mixed is the Go half of a cluster of a Node.js and a Go server. See README.md in this folder. Its
// clients read server-sent events, so curl can be a client.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/socketio"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "`address` for HTTP")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *listen, os.Getenv("DATABASE_URL"), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, listen, databaseURL string, out io.Writer) error {
	pool, err := pgxpool.New(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer pool.Close()

	cluster, err := backplane.Open(ctx, backplane.Config{
		Bus:    pgxdriver.New(pool),
		Logger: slog.Default(),
	})
	if err != nil {
		return err
	}
	defer closeWithin(5*time.Second, cluster.Close)

	s := &server{registry: backplane.NewRegistry(backplane.RegistryConfig{})}
	if s.namespace, err = cluster.Namespace(ctx, "/", s.registry); err != nil {
		return err
	}
	return serve(ctx, listen, s.routes(), out)
}

// serve serves HTTP until ctx ends.
func serve(ctx context.Context, listen string, handler http.Handler, out io.Writer) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	httpServer := socketio.HTTPServer("", handler) // with timeouts for slow requests
	httpServer.BaseContext = func(net.Listener) context.Context { return ctx }
	context.AfterFunc(ctx, func() { closeWithin(5*time.Second, httpServer.Shutdown) })
	fmt.Fprintf(out, "Go server on http://%s\n", listener.Addr())
	if err := httpServer.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func closeWithin(patience time.Duration, close func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := close(ctx); err != nil {
		log.Print(err)
	}
}

// server is this node: the registry has its clients, the namespace reaches the clients of all servers.
type server struct {
	registry  *backplane.Registry
	namespace *backplane.Namespace
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("POST /say", s.say)
	mux.HandleFunc("GET /who", s.who)
	return mux
}

// message is what the clients of the chat receive, including those of "backplane demo".
type message struct {
	From string  `json:"from"`
	Node string  `json:"node"` // the uid of the server where it was said
	Room *string `json:"room"` // null: all clients
	Text string  `json:"text"`
	At   int64   `json:"at"` // milliseconds since 1970
}

// say sends the body of the request to the clients of all servers, or to those in ?room=.
func (s *server) say(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	m := message{From: name, Node: s.namespace.UID(), Text: string(text), At: time.Now().UnixMilli()}
	to := s.namespace.Target
	if room := r.URL.Query().Get("room"); room != "" {
		m.Room, to = &room, s.namespace.To(room)
	}
	if err := to.Emit(r.Context(), "chat message", m); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway) // the clients of this server have received it anyway
	}
}

// who lists the clients of all servers.
func (s *server) who(w http.ResponseWriter, r *http.Request) {
	sockets, err := s.namespace.FetchSockets(r.Context())
	for _, socket := range sockets {
		fmt.Fprintf(w, "server %s  client %s\n", socket.Node(), socket.ID())
	}
	if err != nil {
		fmt.Fprintln(w, err) // a server did not answer: the list is that of the others
	}
}
