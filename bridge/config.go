package bridge

import (
	"slices"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/transport"
)

// DefaultName is the default of Config.Name.
const DefaultName = "backplane-bridge"

// Config configures a Bridge. A and B are required; the zero value of every other field is its default.
type Config struct {
	// A and B are the clusters. The bridge opens the namespaces in both, so they must not be open there: a process that
	// also serves clients opens other clusters for the bridge. The bridge does not close the clusters.
	A, B *backplane.Cluster
	// Namespaces are the namespaces in which broadcasts are passed on. Default: "/".
	Namespaces []string
	// Roster shows the bridges to each other, so that only one of those with the same Name passes on. It is a bus that
	// implements transport.Roster, such as a PostgreSQL driver; all bridges use the same server and database. A bridge
	// reads it four times a second, and the active one has a connection in it. Default: none; the bridge is always
	// active, so only one may run.
	//
	// A bridge whose connection in the roster ends, because somebody terminates it, notices that within a quarter of a
	// second, opens another one, and goes on; another bridge would begin half a second later than that. If the server
	// takes half a second longer to answer the one than the other, both may be active for the time beyond. What one of
	// them receives half a second later than the other may cross twice when another bridge takes over. A bridge that
	// cannot read the roster for about 5 s passes nothing on until it can. A bridge whose connection to one of the
	// clusters is broken remains the active one.
	Roster transport.Roster
	// Name is what the bridges between the same two clusters have in common. They have the same Namespaces. Other
	// bridges in the same Roster have other names. It has at most 48 printable ASCII characters. Default: DefaultName.
	Name string

	// ErrorHandler receives what no caller can receive: a *LostError for each message that could not be passed on, and
	// errors of the Roster. It must not block, because messages wait for it. Default: none.
	ErrorHandler func(error)
	// ActiveHandler is called when the bridge begins to pass on, and when it stops. It must not block. Default: none.
	ActiveHandler func(active bool)
}

func (c Config) withDefaults() Config {
	if len(c.Namespaces) == 0 {
		c.Namespaces = []string{"/"}
	}
	if c.Name == "" {
		c.Name = DefaultName
	}
	if c.ErrorHandler == nil {
		c.ErrorHandler = func(error) {}
	}
	if c.ActiveHandler == nil {
		c.ActiveHandler = func(bool) {}
	}
	return c
}

// maxName is the length of a name that every roster shows as it is.
const maxName = transport.MinChannel

func (c Config) validate() error {
	switch {
	case c.A == nil:
		return &backplane.ConfigError{Field: "A", Reason: "is required: a cluster that backplane.Open has returned"}
	case c.B == nil:
		return &backplane.ConfigError{Field: "B", Reason: "is required: a cluster that backplane.Open has returned"}
	case c.A == c.B:
		return &backplane.ConfigError{Field: "B", Reason: "is the same cluster as A"}
	case len(c.Name) > maxName || slices.ContainsFunc([]byte(c.Name), unprintable):
		return &backplane.ConfigError{Field: "Name", Reason: "must have at most 48 printable ASCII characters"}
	}
	return nil
}

func unprintable(b byte) bool { return b < ' ' || b > '~' }
