package connect

import (
	"database/sql"
	"time"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Server is a PostgreSQL, seen through one of the drivers.
type Server struct {
	// Name says what it is, without secrets, and Where where it is.
	Name, Where string
	// Driver returns the bus and store of one more node.
	Driver func() Driver
	// DB is a pool of connections to the server.
	DB *sql.DB
	// Greeted returns the process that the server named when it greeted a connection of DB. It is nil where the driver does
	// not tell.
	Greeted func(*sql.Conn) (pid int, err error)

	table   string
	timeout time.Duration
	close   func()
}

// Driver is a driver of a cluster.
type Driver interface {
	transport.Bus
	transport.Closer
	storage.Sizer
	storage.Preparer
}

// Close frees what the drivers shared, once they are closed.
func (s *Server) Close() {
	_ = s.DB.Close() // nothing is lost with it
	s.close()
}

func newServer(driver, where string, config postgres.Config) *Server {
	return &Server{Name: "PostgreSQL with " + driver + ", " + where, Where: where, table: config.Table, close: func() {}}
}
