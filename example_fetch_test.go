package backplane_test

import (
	"context"
	"fmt"
	"log"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport/memory"
)

// player is a client that describes itself for FetchSockets.
type player struct {
	*client
	level int
}

func (p *player) Describe() (backplane.Handshake, backplane.Value) {
	data, err := codec.NewValue(map[string]int{"level": p.level})
	if err != nil {
		log.Fatal(err)
	}
	return backplane.Handshake{Address: "203.0.113.7"}, data
}

// FetchSockets finds the clients of all nodes. Each of them can be sent to, moved and disconnected from here.
func ExampleTarget_FetchSockets() {
	ctx := context.Background()
	bus := memory.NewHub()
	var nodes [2]*backplane.Namespace
	var players [2]*player
	for i := range nodes {
		cluster, err := backplane.Open(ctx, backplane.Config{Bus: bus})
		if err != nil {
			log.Fatal(err)
		}
		defer cluster.Close(ctx)
		server := hub{backplane.NewRegistry(backplane.RegistryConfig{})}
		c := &client{id: fmt.Sprintf("player-%d", i+1), hub: server, outbox: make(chan string, 1)}
		players[i] = &player{c, 10 * (i + 1)}
		server.Add(players[i], "game")
		if nodes[i], err = cluster.Namespace(ctx, "/", server); err != nil {
			log.Fatal(err)
		}
	}
	if err := nodes[0].WaitForPeers(ctx, 1); err != nil {
		log.Fatal(err)
	}

	sockets, err := nodes[0].In("game").FetchSockets(ctx)
	if err != nil {
		log.Fatal(err) // a *backplane.PartialError comes with those found so far
	}
	for _, s := range sockets {
		var data struct{ Level int }
		if err := s.Data().Decode(&data); err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.ID(), s.Rooms(), "level", data.Level)
		if data.Level == 20 {
			if err := s.Emit(ctx, "welcome", "to the finals"); err != nil {
				log.Fatal(err)
			}
		}
	}
	fmt.Println("player-2 gets", <-players[1].outbox)
	// Output:
	// player-1 [player-1 game] level 10
	// player-2 [player-2 game] level 20
	// player-2 gets ["welcome","to the finals"]
}
