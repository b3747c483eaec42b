package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

const postgresVariable = "BACKPLANE_TEST_POSTGRES"

// channel is the channel of the main namespace.
const channel = "socket.io#/"

// newDatabase creates a database and returns its URL and a func that drops it.
func newDatabase() (database string, drop func(), err error) {
	server, err := url.Parse(os.Getenv(postgresVariable))
	if err != nil {
		return "", nil, err
	}
	name := fmt.Sprintf("attack_%d_%d", os.Getpid(), time.Now().UnixNano())
	execute := func(sql string) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		conn, err := pgx.Connect(ctx, server.String())
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, sql)
		return err
	}
	if err := execute("CREATE DATABASE " + name); err != nil {
		return "", nil, err
	}
	at := *server
	at.Path = "/" + name
	return at.String(), func() {
		if err := execute("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			fmt.Fprintln(os.Stderr, "attack:", err)
		}
	}, nil
}

// peerAttacks returns the attacks of an intruder who may connect to the database.
func peerAttacks() []attack {
	cluster := setting{Cluster: true}
	return []attack{
		{name: "invented-nodes", what: "6000 invented nodes send one heartbeat each",
			server: cluster, mount: inventedNodes(6000), after: afterWhile + 20*time.Second,
			bound: bound{peakMB: 60, leftMB: 15}},
		{name: "forged-leave", what: "an intruder sends the leave message of the other node",
			server: cluster, mount: forgedLeave, after: afterWhile, bound: bound{peakMB: 60}},
		{name: "answers", what: "an intruder answers a request that was not sent to it",
			server: cluster, mount: forgedAnswers, after: afterWhile, bound: bound{peakMB: 60}},
		{name: "requests", what: "5000 requests for all sockets of a node with 1000",
			server: cluster, mount: requests(5000), after: afterWhile, bound: bound{peakMB: 120, cpuSeconds: 8}},
		{name: "body", what: "a message of 200 MB in the table",
			server: cluster, mount: references(1, 200<<20), after: afterWhile, bound: bound{peakMB: 40}},
		{name: "references", what: "3000 references to one message of 1 MB in the table",
			server: cluster, mount: references(3000, 1<<20), after: afterWhile + 20*time.Second,
			bound: bound{peakMB: 220}},
	}
}

// intruder opens a connection to the cluster's database.
func (a *arena) intruder(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, a.place.Postgres)
	if err == nil {
		a.conns.Add(1)
	}
	return conn, err
}

// notify sends payloads to all nodes.
func (a *arena) notify(ctx context.Context, conn *pgx.Conn, payloads ...string) error {
	for len(payloads) > 0 {
		n := min(len(payloads), 500)
		if _, err := conn.Exec(ctx, "SELECT count(pg_notify($1, p)) FROM unnest($2::text[]) AS p", channel,
			payloads[:n]); err != nil {
			return err
		}
		for _, p := range payloads[:n] {
			a.sent.Add(int64(len(p)))
		}
		payloads = payloads[n:]
	}
	return nil
}

// fetch makes the server fetch all sockets, which must include the well-behaved client and those of the other node.
func (a *arena) fetch(limit time.Duration) (state, error) {
	s, err := a.ask(question{Do: "fetch"})
	if err != nil {
		return s, err
	}
	a.note("FetchSockets found %d sockets in %v, %d peers known; %s", s.Sockets, s.Took.Round(time.Millisecond),
		s.Peers, s.Err)
	a.require(s.Sockets >= otherSockets+1 || s.Partial, "FetchSockets returned %d of %d sockets and no error",
		s.Sockets, otherSockets+1)
	a.require(s.Sockets <= otherSockets+1, "FetchSockets returned %d sockets, there are %d", s.Sockets, otherSockets+1)
	a.require(s.Took <= limit, "FetchSockets took %v, the limit is %v", s.Took, limit)
	return s, nil
}

func inventedNodes(n int) func(context.Context, *arena) error {
	return func(ctx context.Context, a *arena) error {
		conn, err := a.intruder(ctx)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		heartbeats := make([]string, n)
		for i := range heartbeats {
			heartbeats[i] = fmt.Sprintf(`{"uid":"%016x","type":2,"nsp":"/"}`, i)
		}
		if err := a.notify(ctx, conn, heartbeats...); err != nil {
			return err
		}
		s, err := a.fetch(4 * time.Second) // the default timeout is 5 s
		if err != nil {
			return err
		}
		a.require(s.Sockets == otherSockets+1, "FetchSockets found %d of %d sockets", s.Sockets, otherSockets+1)
		time.Sleep(3 * time.Second)
		s, err = a.ask(question{Do: "fetch"})
		a.require(s.Sockets == otherSockets+1 && !s.Partial, "FetchSockets returned %d sockets 3 s later, %s",
			s.Sockets, s.Err)
		a.require(s.Peers == 1, "%d peers are known 3 s later, there is one", s.Peers)
		return err
	}
}

func forgedLeave(ctx context.Context, a *arena) error {
	conn, err := a.intruder(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := a.notify(ctx, conn, fmt.Sprintf(`{"uid":"%s","type":13,"nsp":"/"}`, a.place.UIDs[1])); err != nil {
		return err
	}
	time.Sleep(100 * time.Millisecond) // until the message has arrived
	_, err = a.fetch(4 * time.Second)
	return err
}

func forgedAnswers(ctx context.Context, a *arena) error {
	conn, err := a.intruder(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `LISTEN "`+channel+`"`); err != nil {
		return err
	}
	listening, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		other, err := a.intruder(ctx)
		if err != nil {
			done <- err
			return
		}
		defer other.Close(ctx)
		for i := 0; ; i++ {
			n, err := conn.WaitForNotification(listening)
			if err != nil {
				done <- nil
				return
			}
			var request struct {
				Type int    `json:"type"`
				UID  string `json:"uid"`
				Data struct {
					RequestID string `json:"requestId"`
				} `json:"data"`
			}
			if json.Unmarshal([]byte(n.Payload), &request) != nil || request.Type != 7 {
				continue
			}
			_ = a.notify(ctx, other, fmt.Sprintf(`{"uid":"%016x","type":8,"nsp":"/",`+
				`"data":{"requestId":%q,"sockets":[{"id":"forged","rooms":[],"handshake":{},"data":null}]}}`,
				i, request.Data.RequestID))
		}
	}()
	for range 5 {
		if _, err := a.fetch(4 * time.Second); err != nil {
			return err
		}
	}
	a.notes = a.notes[len(a.notes)-1:]
	cancel()
	return <-done
}

func requests(n int) func(context.Context, *arena) error {
	return func(ctx context.Context, a *arena) error {
		conn, err := a.intruder(ctx)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`{"uid":"intruder00000000","type":7,"nsp":"/",`+
				`"data":{"requestId":"%d","opts":{"rooms":[],"except":[],"flags":{}}}}`, i)
		}
		if err := a.notify(ctx, conn, all...); err != nil {
			return err
		}
		time.Sleep(2 * time.Second) // until the node handles the requests
		_, err = a.fetch(5 * time.Second)
		return err
	}
}

func references(n, size int) func(context.Context, *arena) error {
	return func(ctx context.Context, a *arena) error {
		conn, err := a.intruder(ctx)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		// A map in msgpack: {uid, type, nsp, data: {packet: {type, data: ["data", <size bytes>]}, opts: {rooms:
		// ["none"]}}}.
		const insert = `INSERT INTO socket_io_attachments (payload) SELECT
			'\x84a3756964b0696e7472756465723030303030303030a47479706503a36e7370a12fa464617461'::bytea
			|| '\x82a67061636b657482a47479706502a46461746192a464617461c6'::bytea
			|| int4send($1::int) || convert_to(repeat('x', $1::int), 'UTF8')
			|| '\xa46f70747381a5726f6f6d7391a46e6f6e65'::bytea RETURNING id::text`
		var id string
		if err := conn.QueryRow(ctx, insert, size).Scan(&id); err != nil {
			return err
		}
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`{"uid":"intruder00000000","type":3,"nsp":"/","attachmentId":%q,"nonce":"%d"}`, id, i)
		}
		if err := a.notify(ctx, conn, all...); err != nil {
			return err
		}
		time.Sleep(2 * time.Second) // until the nodes handle the messages
		_, err = a.fetch(30 * time.Second)
		return err
	}
}
