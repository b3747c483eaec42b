package redisdriver_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/redisclassic"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport"
)

// A node on Redis. TestExamples runs this example if redis-server is installed.
func Example() {
	ctx := context.Background()
	options, err := redis.ParseURL(os.Getenv("REDIS_URL")) // redis://user:password@host:6379
	if err != nil {
		log.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()

	cluster, err := backplane.Open(ctx, backplane.Config{Bus: redisdriver.New(client)})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(ctx)

	sockets := backplane.NewRegistry(backplane.RegistryConfig{}) // of your server
	chat, err := cluster.Namespace(ctx, "/chat", sockets)
	if err != nil {
		log.Fatal(err)
	}
	if err := chat.Emit(ctx, "hello", "from Redis"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(chat.ServerCount(), "server")
	// With a server this prints:
	// 1 server
}

// In one cluster with servers in Node.js that use @socket.io/redis-adapter.
func ExampleNewWithConfig_nodejs() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	defer client.Close()

	bus := redisdriver.NewWithConfig(client, redisdriver.Config{RawNames: true})
	cluster, err := backplane.Open(ctx, backplane.Config{
		Bus: bus, Dialect: redisclassic.Dialect{}, ChannelPrefix: "socket.io", // the key in Node.js
	})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(ctx)
}

// In one cluster with servers in Node.js that use createShardedAdapter.
func ExampleNewWithConfig_sharded() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	defer client.Close()

	bus := redisdriver.NewWithConfig(client, redisdriver.Config{RawNames: true, Sharded: true})
	cluster, err := backplane.Open(ctx, backplane.Config{
		Bus: bus, Dialect: redissharded.Dialect{Mode: redissharded.Dynamic}, ChannelPrefix: "socket.io",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(ctx)
}

// Sentinel says which server is the primary one, and names another after a failure.
func ExampleNew_sentinel() {
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName:    "main",
		SentinelAddrs: []string{"10.0.0.1:26379", "10.0.0.2:26379", "10.0.0.3:26379"},
	})
	defer client.Close()

	cluster, err := backplane.Open(context.Background(), backplane.Config{Bus: redisdriver.New(client)})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(context.Background())
}

// On a Redis Cluster, one of its nodes has all messages of a backplane cluster.
func ExampleNew_redisCluster() {
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{"10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"},
	})
	defer client.Close()

	cluster, err := backplane.Open(context.Background(), backplane.Config{Bus: redisdriver.New(client)})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(context.Background())
}

// Two clusters on one server do not hear each other.
func ExampleNewWithConfig() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	defer client.Close()

	shop := redisdriver.NewWithConfig(client, redisdriver.Config{Prefix: "shop"})
	game := redisdriver.NewWithConfig(client, redisdriver.Config{Prefix: "game", MaxPayload: 1 << 20})
	fmt.Println(shop.Limits().Payload, game.Limits().Payload)
	// Output: 8388608 1048576
}

// A cluster calls these methods. TestExamples runs this example if redis-server is installed.
func ExampleDriver() {
	ctx := context.Background()
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()

	driver := redisdriver.New(client)
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

// A log on Redis: nodes and clients miss nothing, and the history can be asked for. TestExamples runs this example if
// redis-server is installed.
func Example_log() {
	ctx := context.Background()
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()

	cluster, err := backplane.Open(ctx, backplane.Config{
		Bus: redisdriver.New(client),
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
