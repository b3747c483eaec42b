package command

import (
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane"
)

// outcome is the part of a JSON result that says whether all nodes have answered.
type outcome struct {
	// Complete is true if all known nodes have answered.
	Complete bool `json:"complete"`
	// Nodes is the number of nodes that were asked.
	Nodes int `json:"nodes"`
	// Missing nodes did not answer in time. Left nodes left the cluster before they answered.
	Missing []string `json:"missing"`
	Left    []string `json:"left"`
}

// outcome returns the outcome of a request that returned err. If its error is not nil, the command fails with it
// after it has printed the answers.
func (n *tempNode) outcome(err error) (outcome, error) {
	var partial *backplane.PartialError
	incomplete := errors.As(err, &partial)
	if n.counts { // the request may have shown that some nodes are none of this namespace
		n.peers = n.Peers()
		if incomplete {
			n.peers = append(n.peers, partial.Left...)
		}
	}
	o := outcome{Nodes: len(n.peers), Missing: []string{}, Left: []string{}}
	switch {
	case incomplete:
		o.Missing = append(o.Missing, partial.Missing...)
		o.Left = append(o.Left, partial.Left...)
		return o, n.explain(partial)
	case o.Nodes == 0 && n.counts:
		return o, fmt.Errorf("there is no node of %s: check the server, --nsp and --prefix", n.Name())
	case o.Nodes == 0:
		return o, fmt.Errorf("no node of %s answered: check the server, --nsp and --prefix, or increase --settle",
			n.Name())
	case err != nil:
		return o, n.server.Explain(usage(err))
	case o.Nodes < n.wanted:
		return o, fmt.Errorf("the result is not complete: only %d of %d nodes announced themselves within %v",
			o.Nodes, n.wanted, n.timeout)
	}
	o.Complete = true
	return o, nil
}

// explain returns an error that names the nodes that did not answer.
func (n *tempNode) explain(partial *backplane.PartialError) error {
	var reasons []string
	switch late, clients := len(partial.Missing), partial.Clients; {
	case partial.Err != nil && !errors.Is(partial.Err, backplane.ErrTimeout):
		reasons = append(reasons, n.server.Explain(partial.Err).Error())
	case late > 0 && clients > 0:
		reasons = append(reasons, fmt.Sprintf("%s on %s did not answer within %v: %s",
			plural(clients, "client"), plural(late, "node"), n.timeout, strings.Join(partial.Missing, ", ")))
	case late > 0:
		reasons = append(reasons, fmt.Sprintf("%d of %s did not answer within %v: %s",
			late, plural(len(n.peers), "node"), n.timeout, strings.Join(partial.Missing, ", ")))
	}
	if len(partial.Left) > 0 {
		reasons = append(reasons, fmt.Sprintf("%s left before answering: %s",
			plural(len(partial.Left), "node"), strings.Join(partial.Left, ", ")))
	}
	return errors.New("the result is not complete: " + strings.Join(reasons, "; "))
}
