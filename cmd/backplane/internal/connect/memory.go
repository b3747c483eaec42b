package connect

import (
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// memoryEngine connects the nodes of one process. It is the engine of commands that run nodes, without a URL.
type memoryEngine struct{}

func (memoryEngine) facts() facts {
	return facts{name: "the in-memory bus", dialects: []string{standardDialect}}
}

func (memoryEngine) bind(*Flags, bool) {}

func (e memoryEngine) open(*Flags, string, string) (Server, error) {
	name := e.facts().name
	return &memoryServer{place: place{engine: name, name: name, where: name}, hub: memory.NewHub()}, nil
}

type memoryServer struct {
	place
	hub *memory.Hub
}

func (s *memoryServer) Driver() transport.Bus   { return s.hub }
func (s *memoryServer) Explain(err error) error { return err }
func (s *memoryServer) Close()                  {}
