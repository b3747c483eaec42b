package command

import (
	"fmt"
	"strconv"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/lag"
	"github.com/backplane-go/backplane/transport"
)

// state is the state of the log, in JSON.
type state struct {
	Epoch   string  `json:"epoch"`
	Bytes   int64   `json:"bytes"`
	Oldest  *string `json:"oldest"` // null: nothing is kept
	Waiting int64   `json:"waiting"`

	Namespaces []namespaceState `json:"namespaces"`
	Nodes      []nodeState      `json:"nodes"`

	age time.Duration // of the oldest message
}

// namespaceState is the log of a namespace.
type namespaceState struct {
	NSP     string `json:"nsp"`
	Trimmed string `json:"trimmed"`
	Head    string `json:"head"`
	Records int64  `json:"records"`

	head transport.Offset
}

func (s *state) print(t *cli.Terminal) {
	fmt.Fprintf(t.Out, "epoch    %s\n", cli.Printable(s.Epoch))
	fmt.Fprintf(t.Out, "size     %s\n", size(s.Bytes))
	oldest := "nothing is kept"
	if s.Oldest != nil {
		oldest = fmt.Sprintf("kept %v ago", s.age.Round(time.Second))
	}
	fmt.Fprintf(t.Out, "oldest   %s\n", oldest)
	fmt.Fprintf(t.Out, "waiting  %d in the outbox\n", s.Waiting)
	rows := make([][]string, 0, len(s.Namespaces))
	for _, n := range s.Namespaces {
		rows = append(rows, []string{n.NSP, fmt.Sprint(n.Records), n.Trimmed, n.Head})
	}
	section(t, []string{"NAMESPACE", "MESSAGES", "TRIMMED", "HEAD"}, rows)
	rows = rows[:0]
	for _, n := range s.Nodes {
		rows = append(rows, []string{n.UID, n.NSP, n.at(), n.lag()})
	}
	section(t, []string{"NODE", "NAMESPACE", "AT", "LAG"}, rows)
}

// section writes a table after an empty line, unless it has no rows.
func section(t *cli.Terminal, header []string, rows [][]string) {
	if len(rows) > 0 {
		fmt.Fprintln(t.Out)
		t.Table(header, rows)
	}
}

// size formats a number of bytes.
func size(n int64) string {
	units, f := []string{"B", "KiB", "MiB", "GiB", "TiB"}, float64(n)
	for f >= 1024 && len(units) > 1 {
		units, f = units[1:], f/1024
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[0])
}

// nodeState is a node of a namespace, in JSON.
type nodeState struct {
	UID string `json:"uid"`
	NSP string `json:"nsp"`
	// At is the offset of the message that the node has passed on last. It is null if the node has no log.
	At *string `json:"at"`
	// Lag is how many messages the node is behind. It is null if that is unknown.
	Lag *uint64 `json:"lag"`
}

// stateOf returns the state of a node of a namespace, whose log had come to head before the node was asked.
func stateOf(n lag.Node, head transport.Offset, epoch string) nodeState {
	s := nodeState{UID: n.UID, NSP: n.NSP}
	if n.At.IsZero() {
		return s
	}
	offset := n.At.Offset.String()
	s.At = &offset
	if n.At.Epoch == epoch { // offsets of one epoch can be compared
		behind := head.Major - min(n.At.Offset.Major, head.Major) // it may have come further than head meanwhile
		s.Lag = &behind
	}
	return s
}

func (s *nodeState) at() string {
	if s.At == nil {
		return "no log"
	}
	return *s.At
}

func (s *nodeState) lag() string {
	switch {
	case s.At == nil:
		return ""
	case s.Lag == nil:
		return "another epoch"
	}
	return strconv.FormatUint(*s.Lag, 10)
}
