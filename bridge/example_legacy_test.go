package bridge_test

import (
	"context"
	"errors"
	"log"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bridge"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/socketio"
)

// A bridge between servers of Socket.IO 2, whose option key is "myapp", and servers of Socket.IO 4 or Go. The command
// "backplane bridge" does the same.
func ExampleOpen_socketIO2() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	check(err)
	defer pool.Close()

	old, err := backplane.Open(ctx, backplane.Config{
		Bus: pgxdriver.New(pool), Dialect: legacy.Dialect{}, ChannelPrefix: "myapp",
	})
	check(err)
	bus := pgxdriver.New(pool)
	current, err := backplane.Open(ctx, backplane.Config{Bus: bus})
	check(err)
	b, err := bridge.Open(ctx, bridge.Config{
		A: old, B: current, Namespaces: []string{"/", "/chat"}, Roster: bus,
		ErrorHandler: func(err error) { log.Print(err) },
	})
	check(err)

	<-ctx.Done() // until the program ends
	check(errors.Join(b.Close(ctx), old.Close(ctx), current.Close(ctx)))
}

// A Go server that takes over from servers of Socket.IO 2: its clients may be of version 2.
func ExampleOpen_server() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	check(err)
	defer pool.Close()

	cluster, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool)})
	check(err)
	io, err := socketio.NewServer(socketio.Config{Cluster: cluster, AllowEIO3: true})
	check(err)
	io.Of("/chat").OnConnection(func(s *socketio.Socket) {
		s.On("say", func(ctx context.Context, room, text string) error {
			return s.To(room).Emit(ctx, "said", text) // also to clients of the servers of Socket.IO 2
		})
	})
	server := socketio.HTTPServer(":3000", io)
	check(server.ListenAndServe())
}

// A Go server in the cluster of the servers of Socket.IO 2.
func ExampleOpen_join() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	check(err)
	defer pool.Close()

	cluster, err := backplane.Open(ctx, backplane.Config{
		Bus: pgxdriver.New(pool), Dialect: legacy.Dialect{}, ChannelPrefix: "myapp",
	})
	check(err)
	io, err := socketio.NewServer(socketio.Config{Cluster: cluster, AllowEIO3: true})
	check(err)
	server := socketio.HTTPServer(":3000", io)
	check(server.ListenAndServe())
}
