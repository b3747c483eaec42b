package connect

import (
	"context"
	"database/sql"
	"time"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Server is a PostgreSQL server, used with one of the drivers.
type Server struct {
	// Name describes the server without secrets. Where is its address and database.
	Name, Where string
	// Driver returns the bus and store for another node.
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

// closeTimeout bounds the time in which a driver is closed.
const closeTimeout = 3 * time.Second

// WithDriver calls use with a driver of the existing cluster, and closes the driver afterwards. It adds advice to
// the error that use returns, if there is advice for it.
func (f *Flags) WithDriver(ctx context.Context, use func(*Server, Driver) error) error {
	server, err := f.OpenCluster()
	if err != nil {
		return err
	}
	defer server.Close()
	driver := server.Driver()
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = driver.Close(closing) // the command is done
	}()
	return server.Explain(use(server, driver))
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
