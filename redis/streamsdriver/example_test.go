package streamsdriver_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/redisstreams"
	"github.com/backplane-go/backplane/redis/streamsdriver"
	"github.com/backplane-go/backplane/socketio"
)

// A server that recovers its clients, and those of servers in Node.js.
func Example() {
	ctx := context.Background()
	options, err := redis.ParseURL(os.Getenv("REDIS_URL")) // redis://user:password@host:6379
	if err != nil {
		log.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()

	cluster, err := backplane.Open(ctx, backplane.Config{
		Bus:     streamsdriver.New(client),
		Dialect: redisstreams.Dialect{}, // Stream: the streamName, Streams: the streamCount in Node.js
		Log:     &backplane.LogConfig{},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(ctx)
	io, err := socketio.NewServer(socketio.Config{
		Cluster:  cluster,
		Recovery: &socketio.Recovery{MaxDisconnection: 2 * time.Minute}, // maxDisconnectionDuration
	})
	if err != nil {
		log.Fatal(err)
	}
	defer io.Close(ctx)
	fmt.Println(io.ServerCount(), "server")
}
