package connect

import (
	"database/sql"
	"time"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Server is a PostgreSQL server, used with one of the drivers.
type Server struct {
	// Name describes it without secrets. Where is its address and database.
	Name, Where string
	// Driver returns the bus and store for one more node.
	Driver func() Driver
	// DB is a pool of connections to the server.
	DB *sql.DB
	// BackendPID returns the process id that the server sent when a connection of DB was opened. It is nil if the
	// driver does not provide the id.
	BackendPID func(*sql.Conn) (pid int, err error)

	table   string
	timeout time.Duration
	close   func()
}

// Driver is the bus and the store of a node.
type Driver interface {
	transport.Bus
	transport.Closer
	storage.Sizer
	storage.Preparer
}

// Close closes what the drivers share. Call it after they are closed.
func (s *Server) Close() {
	_ = s.DB.Close() // no transaction is open
	s.close()
}

func newServer(driver, where string, config postgres.Config) *Server {
	name := "PostgreSQL with " + driver + ", " + where
	return &Server{Name: name, Where: where, table: config.Table, close: func() {}}
}
