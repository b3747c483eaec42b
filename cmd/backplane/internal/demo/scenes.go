package demo

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane"
)

// collect waits for the deliveries of one event, one to each of n clients, and hands back a line for each.
func (s *show) collect(ctx context.Context, n int, sent time.Time, describe func(delivery) (string, error)) ([]line, error) {
	var lines []line
	for len(lines) < n {
		select {
		case d := <-s.inbox:
			text, err := describe(d)
			if err != nil {
				return nil, fmt.Errorf("%s on node %d: %w", d.client.name, d.client.node, err)
			}
			lines = append(lines, line{d.client.node, d.client.name, text, d.at.Sub(sent)})
		case <-ctx.Done():
			return nil, fmt.Errorf("only %d of %d clients got the event: %w", len(lines), n, ctx.Err())
		}
	}
	byNode(lines)
	return lines, nil
}

func byNode(lines []line) {
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.name, b.name))
	})
}

// got shows an event as the JSON that goes to the client.
func got(d delivery) (string, error) {
	text, err := d.args.AppendJSON(nil)
	return "got " + shorten(string(text)), err
}

// broadcast sends an event to a room that has members on every node.
func (s *show) broadcast(ctx context.Context) error {
	from := s.nodes[0]
	sent := time.Now()
	if err := from.ns.To(phones).Emit(ctx, "news", "hello", map[string]any{"id": 1}); err != nil {
		return fmt.Errorf("broadcast: %w", err)
	}
	took := time.Since(sent)
	lines, err := s.collect(ctx, len(s.nodes), sent, got)
	if err != nil {
		return fmt.Errorf("broadcast: %w", err)
	}
	s.section("Broadcast", fmt.Sprintf("node %d sends \"news\" to room %q", from.number, phones), lines,
		fmt.Sprintf("%s of %d got it; published after %s", count(len(lines), "client"), 2*len(s.nodes), millis(took)))
	return nil
}

// acknowledgements asks every client of the cluster.
func (s *show) acknowledgements(ctx context.Context) error {
	from := s.nodes[1]
	sent := time.Now()
	answers, err := from.ns.EmitWithAck(ctx, "ready?")
	took := time.Since(sent)
	if err != nil {
		return fmt.Errorf("acknowledgements: %w", err)
	}
	said, err := byName(answers)
	if err != nil {
		return fmt.Errorf("acknowledgements: %w", err)
	}
	lines, err := s.collect(ctx, 2*len(s.nodes), sent, func(d delivery) (string, error) {
		if said[d.client.name] == "" {
			return "", errors.New("got the event, but its answer has not arrived")
		}
		return fmt.Sprintf("got %q, answered %q", d.args.Event(), said[d.client.name]), nil
	})
	if err != nil {
		return fmt.Errorf("acknowledgements: %w", err)
	}
	s.section("Acknowledgements", fmt.Sprintf("node %d asks every client \"ready?\"", from.number), lines,
		fmt.Sprintf("%s after %s", count(len(answers), "answer"), millis(took)))
	return nil
}

// byName sorts acknowledgements by the client that gave them, which each of them names first.
func byName(answers []backplane.Value) (map[string]string, error) {
	said := make(map[string]string)
	for _, v := range answers {
		var who, text string
		if err := v.Decode(&[]any{&who, &text}); err != nil {
			return nil, err
		}
		said[who] = text
	}
	return said, nil
}

// fetchSockets lists the clients of all nodes.
func (s *show) fetchSockets(ctx context.Context) error {
	from := s.nodes[len(s.nodes)-1]
	sent := time.Now()
	sockets, err := from.ns.FetchSockets(ctx)
	took := time.Since(sent)
	if err != nil {
		return fmt.Errorf("fetchSockets: %w", err)
	}
	numbers := make(map[string]int)
	for _, n := range s.nodes {
		numbers[n.ns.UID()] = n.number
	}
	var lines []line
	for _, socket := range sockets {
		handshake, err := socket.Handshake()
		if err != nil {
			return fmt.Errorf("fetchSockets: %w", err)
		}
		lines = append(lines, line{node: numbers[socket.Node()], name: socket.ID(),
			text: fmt.Sprintf("in %s; from %s; data %s", list(socket.Rooms()), handshake.Address, socket.Data())})
	}
	byNode(lines)
	s.section("fetchSockets", fmt.Sprintf("node %d lists the clients of all nodes", from.number), lines,
		fmt.Sprintf("%s on %d nodes after %s", count(len(sockets), "client"), len(s.nodes), millis(took)))
	if len(sockets) != 2*len(s.nodes) {
		return fmt.Errorf("fetchSockets: found %d of %d clients", len(sockets), 2*len(s.nodes))
	}
	return nil
}

// serverSideRequest asks the other servers, not their clients.
func (s *show) serverSideRequest(ctx context.Context) error {
	from := s.nodes[0]
	sent := time.Now()
	answers, err := from.ns.ServerSideEmitWithAck(ctx, question)
	took := time.Since(sent)
	if err != nil {
		return fmt.Errorf("server-side request: %w", err)
	}
	var lines []line
	clients := from.registry.Len()
	for _, v := range answers {
		var a answer
		if err := v.Decode(&a); err != nil {
			return fmt.Errorf("server-side request: %w", err)
		}
		clients += a.Clients
		lines = append(lines, line{node: a.Node, text: "answers " + v.String()})
	}
	byNode(lines)
	s.section("Server-side request", fmt.Sprintf("node %d asks the other servers %q", from.number, question), lines,
		fmt.Sprintf("%s after %s; %d clients with its own", count(len(answers), "answer"), millis(took), clients))
	if len(answers) != len(s.nodes)-1 {
		return fmt.Errorf("server-side request: %d of %d servers answered", len(answers), len(s.nodes)-1)
	}
	return nil
}

// largeBinary sends an event that no NOTIFY can carry.
func (s *show) largeBinary(ctx context.Context) error {
	const size = 256 << 10
	from := s.nodes[1]
	data := make([]byte, size)
	rand.Read(data) // never fails, see its documentation
	sum := sha256.Sum256(data)
	spilled := from.cluster.Stats().Spilled
	sent := time.Now()
	if err := from.ns.To(browsers).Emit(ctx, "picture", data); err != nil {
		return fmt.Errorf("large binary event: %w", err)
	}
	lines, err := s.collect(ctx, len(s.nodes), sent, func(d delivery) (string, error) {
		var picture []byte
		if err := d.args.Decode(&picture); err != nil {
			return "", err
		}
		if !bytes.Equal(picture, data) {
			return "", fmt.Errorf("got %d bytes, other than those sent", len(picture))
		}
		return fmt.Sprintf("got %d bytes, all as sent", len(picture)), nil
	})
	if err != nil {
		return fmt.Errorf("large binary event: %w", err)
	}
	how := "this bus carries any size (over PostgreSQL it becomes an attachment)"
	if from.cluster.Stats().Spilled > spilled {
		how = "stored once as an attachment, read by each other node"
	}
	s.section("Large binary event", fmt.Sprintf("node %d sends %d KiB to room %q, SHA-256 %s...", from.number, size>>10, browsers,
		hex.EncodeToString(sum[:4])), lines, fmt.Sprintf("%s got it; %s", count(len(lines), "client"), how))
	return nil
}
