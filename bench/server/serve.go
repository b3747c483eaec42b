package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bench/internal/process"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// message is the argument of all events.
type message struct {
	I   int    `json:"i"`
	Pad string `json:"pad"`
}

// serve is the main function of a Go server: it answers the questions on standard input until that ends.
func serve(nodes int, call, profiles string) error {
	var at listening
	config := backplane.Config{Bus: memory.NewHub()}
	if call == onPG {
		pool, err := pgxpool.New(context.Background(), os.Getenv("BACKPLANE_TEST_POSTGRES"))
		if err != nil {
			return err
		}
		defer pool.Close()
		config.Bus = pgxdriver.New(pool)
	}
	for range nodes {
		addr, err := listen(config, call == async)
		if err != nil {
			return err
		}
		at.Addrs = append(at.Addrs, addr)
	}
	say := json.NewEncoder(os.Stdout)
	if err := say.Encode(at); err != nil {
		return err
	}
	p := profiler{folder: profiles}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return err
		}
		if err := p.before(q); err != nil {
			return err
		}
		rss, err := resident()
		if err != nil {
			return err
		}
		if err := say.Encode(stat{CPU: process.CPUSeconds(), RSS: rss}); err != nil {
			return err
		}
		if err := p.after(q); err != nil {
			return err
		}
	}
	return lines.Err()
}

// listen starts a node that does the same as node/server.js.
func listen(config backplane.Config, async bool) (addr string, err error) {
	fail := func(err error) { fmt.Fprintln(os.Stderr, "go:", err) }
	config.ErrorHandler = fail
	cluster, err := backplane.Open(context.Background(), config)
	if err != nil {
		return "", err
	}
	io, err := socketio.NewServer(socketio.Config{Cluster: cluster, ErrorHandler: fail})
	if err != nil {
		return "", err
	}
	io.OnConnection(func(socket *socketio.Socket) {
		socket.On("go", func(ctx context.Context, m message) error {
			if async {
				return io.EmitAsync("m", m)
			}
			return io.Emit(ctx, "m", m)
		})
		socket.On("q", func(question message, answer func(message)) { answer(question) })
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { fail(io.Serve(listener)) }()
	return listener.Addr().String(), nil
}

// resident returns the resident memory of this process in bytes.
func resident() (float64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, pages int
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0, err
	}
	return float64(pages * os.Getpagesize()), nil
}

// profiler writes profiles of the measured part, unless folder is empty.
type profiler struct {
	folder string
	cpu    *os.File
}

func (p *profiler) create(name string) (*os.File, error) {
	return os.Create(filepath.Join(p.folder, fmt.Sprintf("%s-%d.prof", name, os.Getpid())))
}

func (p *profiler) before(q question) error {
	if p.cpu != nil {
		pprof.StopCPUProfile()
		file := p.cpu
		p.cpu = nil
		if err := file.Close(); err != nil {
			return err
		}
	}
	if q.Collect {
		debug.FreeOSMemory()
	}
	return nil
}

func (p *profiler) after(q question) (err error) {
	switch {
	case p.folder == "":
	case q.Begin:
		if p.cpu, err = p.create(q.Name + "-cpu"); err == nil {
			err = pprof.StartCPUProfile(p.cpu)
		}
	case q.Collect:
		file, err := p.create(q.Name + "-heap")
		if err != nil {
			return err
		}
		return errors.Join(pprof.Lookup("heap").WriteTo(file, 0), file.Close())
	}
	return err
}
