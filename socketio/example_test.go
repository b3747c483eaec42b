package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// A chat with rooms. Clients connect with io("http://localhost:3000", {auth: {name: "ann"}}).
func Example() {
	io, err := socketio.NewServer(socketio.Config{})
	if err != nil {
		log.Fatal(err)
	}
	io.Use(func(s *socketio.Socket) error {
		var auth struct{ Name string }
		if s.Auth().Decode(&auth) != nil || auth.Name == "" {
			return errors.New("a name, please")
		}
		s.SetData(auth.Name)
		return nil
	})
	io.OnConnection(func(s *socketio.Socket) {
		s.On("join", func(room string) { s.Join(room) })
		s.On("message", func(ctx context.Context, room, text string, ack func(at time.Time)) error {
			ack(time.Now())
			return io.To(room).Emit(ctx, "message", s.Data(), text)
		})
		s.OnDisconnect(func(reason string) { log.Printf("%v has left: %s", s.Data(), reason) })
	})
	server := socketio.HTTPServer(":3000", io)
	_ = server // log.Fatal(server.ListenAndServe())

	// When the program ends:
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(io.Shutdown(ctx), server.Shutdown(ctx))
	// Output: <nil> <nil>
}

// Two servers in one cluster. An event that one of them sends reaches the clients of both.
func ExampleConfig_cluster() {
	bus := memory.NewHub() // or pgxdriver.New(pool), in one process each
	var clusters []*backplane.Cluster
	node := func() *socketio.Server {
		cluster, err := backplane.Open(context.Background(), backplane.Config{Bus: bus})
		if err != nil {
			log.Fatal(err)
		}
		clusters = append(clusters, cluster)
		io, err := socketio.NewServer(socketio.Config{Cluster: cluster})
		if err != nil {
			log.Fatal(err)
		}
		io.OnServerSide("how many?", func(ack func(int)) { ack(io.SocketsCount()) })
		return io
	}
	a, b := node(), node()
	if err := a.WaitForPeers(context.Background(), 1); err != nil {
		log.Fatal(err)
	}
	answers, err := a.ServerSideEmitWithAck(context.Background(), "how many?")
	fmt.Println(answers, err)
	fmt.Println(a.Close(context.Background()), b.Close(context.Background()))
	for _, c := range clusters { // the server does not close a cluster that it has not opened
		fmt.Println(c.Close(context.Background()))
	}
	// Output:
	// [0] <nil>
	// <nil> <nil>
	// <nil>
	// <nil>
}

// A node that was cut off from the cluster may have missed events. It asks its own clients to reload.
func ExampleServer_missedEvents() {
	ctx := context.Background()
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: memory.NewHub()})
	if err != nil {
		log.Fatal(err)
	}
	io, err := socketio.NewServer(socketio.Config{Cluster: cluster})
	if err != nil {
		log.Fatal(err)
	}
	cluster.SetTrace(backplane.Trace{
		SessionRecovered: func(gap *backplane.GapError) {
			log.Print(gap)
			if err := io.Local().EmitAsync("reload"); err != nil {
				log.Print(err)
			}
		},
	})
	fmt.Println(io.Shutdown(ctx), cluster.Close(ctx))
	// Output: <nil> <nil>
}
