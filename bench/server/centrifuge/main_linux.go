// Command centrifuge is a server for bench/server, built on the Go library centrifuge: it publishes what a
// client sends to all clients. It is a separate module, so that users of backplane do not depend on that
// library.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/centrifugal/centrifuge"
)

const channel = "m"

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "centrifuge:", err)
		os.Exit(1)
	}
}

func serve() error {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{},
			Subscriptions: map[string]centrifuge.SubscribeOptions{channel: {}}}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnMessage(func(m centrifuge.MessageEvent) {
			if _, err := node.Publish(channel, m.Data); err != nil {
				fmt.Fprintln(os.Stderr, "centrifuge: publish:", err)
			}
		})
	})
	if err := node.Run(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	go func() { fmt.Fprintln(os.Stderr, "centrifuge:", http.Serve(listener, mux)) }()
	return answer(map[string][]string{"addrs": {listener.Addr().String()}})
}

// answer writes hello, and then for each line of standard input the CPU time that the process has used.
func answer(hello any) error {
	say := json.NewEncoder(os.Stdout)
	if err := say.Encode(hello); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var question struct{ Collect bool }
		if err := json.Unmarshal(lines.Bytes(), &question); err != nil {
			return err
		}
		if question.Collect {
			debug.FreeOSMemory()
		}
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			return err
		}
		seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
		if err := say.Encode(map[string]float64{"cpu": seconds(usage.Utime) + seconds(usage.Stime)}); err != nil {
			return err
		}
	}
	return lines.Err()
}
