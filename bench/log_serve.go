package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bench/internal/process"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/socketio"
)

// socketServer is the name of the worker that serves Socket.IO with a log and recovery. It answers {"cmd":"emit"} when
// it has sent N events, numbered from First, to all clients.
const socketServer = "socketio"

// serving is the first line of a socketServer.
type serving struct {
	Address string `json:"address"`
}

// serveSockets is the main function of a socketServer.
func serveSockets(url string) error {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	fail := func(err error) { fmt.Fprintln(os.Stderr, "socketio:", err) }
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool), Log: &backplane.LogConfig{},
		ErrorHandler: fail})
	if err != nil {
		return err
	}
	io, err := socketio.NewServer(socketio.Config{Cluster: cluster, ErrorHandler: fail, PingInterval: time.Minute,
		PingTimeout: time.Minute, Recovery: &socketio.Recovery{}})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		if err := io.Serve(listener); !errors.Is(err, socketio.ErrServerClosed) {
			fail(err)
		}
	}()
	say := json.NewEncoder(os.Stdout)
	if err := say.Encode(serving{listener.Addr().String()}); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		r := reply{Start: time.Now().UnixNano()}
		for i := range c.N {
			if err := io.Emit(ctx, "m", c.First+i); err != nil {
				return err
			}
		}
		r.Ready, r.End, r.CPU = true, time.Now().UnixNano(), process.CPUSeconds()
		if err := say.Encode(r); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), io.Close(ctx), cluster.Close(ctx))
}

// startServer starts a socketServer and returns its address.
func startServer(ctx context.Context, url, profiles string) (*worker, string, error) {
	w, err := spawn(ctx, socketServer, url, profiles)
	if err != nil {
		return nil, "", err
	}
	var at serving
	if err := w.Answer(patience, &at); err != nil {
		w.Stop()
		return nil, "", err
	}
	return w, at.Address, nil
}
