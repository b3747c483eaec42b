package natsdriver_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/nats/natsstore"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport"
)

// A node on NATS. TestExamples runs this example.
func Example() {
	ctx := context.Background()
	url := os.Getenv("NATS_URL") // nats://user:password@host:4222

	cluster, err := backplane.Open(ctx, backplane.Config{Bus: natsdriver.New(url)})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(ctx)

	sockets := backplane.NewRegistry(backplane.RegistryConfig{}) // of your server
	chat, err := cluster.Namespace(ctx, "/chat", sockets)
	if err != nil {
		log.Fatal(err)
	}
	if err := chat.Emit(ctx, "hello", "from NATS"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(chat.ServerCount(), "server")
	// With a server this prints:
	// 1 server
}

// A log in JetStream: nodes and clients miss nothing, and the history can be asked for. TestExamples runs this example.
func Example_log() {
	ctx := context.Background()
	url := os.Getenv("NATS_URL")

	cluster, err := backplane.Open(ctx, backplane.Config{
		Bus: natsdriver.New(url),
		Log: &backplane.LogConfig{MaxAge: 3 * time.Minute, MaxBytes: 256 << 20},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(ctx)
	io, err := socketio.NewServer(socketio.Config{
		Cluster:  cluster,
		Recovery: &socketio.Recovery{MaxDisconnection: 2 * time.Minute}, // of clients, on any node
	})
	if err != nil {
		log.Fatal(err)
	}
	defer io.Close(ctx)

	if err := io.To("news").Emit(ctx, "said", "hello"); err != nil {
		log.Fatal(err)
	}
	events, err := io.To("news").History(ctx, backplane.Position{}, 50)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(events), "event:", events[0].Args.Event())
	// With a server this prints:
	// 1 event: said
}

// A cluster that sends messages of more than a megabyte keeps them in JetStream. TestExamples runs this example.
func Example_largeMessages() {
	ctx := context.Background()
	url := os.Getenv("NATS_URL")
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()

	cluster, err := backplane.Open(ctx, backplane.Config{
		Bus:   natsdriver.New(url),
		Store: natsstore.New(nc),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(ctx)

	chat, err := cluster.Namespace(ctx, "/chat", backplane.NewRegistry(backplane.RegistryConfig{}))
	if err != nil {
		log.Fatal(err)
	}
	if err := chat.Emit(ctx, "picture", make([]byte, 5<<20)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("sent")
	// With a server this prints:
	// sent
}

// Three servers, a file of credentials, TLS, and a name that `nats server report connections` shows.
func ExampleNew_cluster() {
	driver := natsdriver.New("tls://nats-1:4222,tls://nats-2:4222,tls://nats-3:4222",
		nats.UserCredentials("/etc/chat/app.creds"),
		nats.Secure(&tls.Config{MinVersion: tls.VersionTLS13}),
		nats.Name("chat-1"),
	)

	cluster, err := backplane.Open(context.Background(), backplane.Config{Bus: driver})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(context.Background())
}

// The driver connects as an existing connection of the application does, over connections of its own.
func ExampleNew_connection() {
	nc, err := nats.Connect("nats://localhost:4222", nats.UserInfo("app", "secret"))
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()

	driver := natsdriver.New("", func(o *nats.Options) error { *o = nc.Opts; return nil })
	defer driver.Close(context.Background())
}

// Two clusters in one account do not hear each other.
func ExampleNewWithConfig() {
	shop := natsdriver.NewWithConfig(natsdriver.Config{Prefix: "shop"}, "nats://localhost:4222")
	game := natsdriver.NewWithConfig(natsdriver.Config{Prefix: "eu.game", MaxPayload: 64 << 10}, "localhost:4222")
	fmt.Println(shop.Limits().Payload, game.Limits().Payload)
	// Output: 1044480 65536
}

// A cluster calls these methods. TestExamples runs this example.
func ExampleDriver() {
	ctx := context.Background()
	driver := natsdriver.New(os.Getenv("NATS_URL"))
	defer driver.Close(ctx)
	session, err := driver.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close(ctx)
	if err := session.Listen(ctx, "news"); err != nil {
		log.Fatal(err)
	}
	if err := driver.Publish(ctx, transport.Message{Channel: "news", Payload: []byte("hello")}); err != nil {
		log.Fatal(err)
	}
	m, err := session.Receive(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s on %s\n", m.Payload, m.Channel)
	// With a server this prints:
	// hello on news
}
