package logged

import "context"

// Engine is what the nodes of a run keep their messages in, with the faults that fit it.
type Engine struct {
	// Name is "postgres" or "redis".
	Name   string
	places []place // of the nodes
	faults []Fault // of the server
	others int     // connections that a node may have besides the one that listens
	// start starts a server.
	start func(ctx context.Context) (server, error)
}

// place is where a node is. A process that ends is replaced by a new one at the same place.
type place struct{ name, driver string }

// server is the server of a run.
type server interface {
	// URL is what nodes connect to.
	URL() string
	// Stop ends the server and removes what it has stored.
	Stop() error
	// connections returns how many connections of nodes there are that listen, that are used for other things, and in
	// all, -1 if the server cannot be asked.
	connections(ctx context.Context) (listening, others, all int)
	// sessions returns how many sessions of clients are stored, -1 if the server cannot be asked.
	sessions(ctx context.Context) int
	// remark returns what has to be known about the run, or an empty text.
	remark() string
}

// Engines are all engines. The first one is the default.
var Engines = []Engine{Postgres, Redis}

// Kinds returns the names of all faults.
func (e Engine) Kinds() (names []string) {
	for _, f := range e.kinds() {
		names = append(names, f.name)
	}
	return names
}

// kinds returns all kinds of faults.
func (e Engine) kinds() []Fault { return append(append([]Fault{}, e.faults...), commonFaults...) }
