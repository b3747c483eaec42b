package logged

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// clock is the clock of the PostgreSQL server. libfaketime, which is loaded into its processes, reads how much it
// differs from the clock of the machine.
type clock struct {
	library string
	folder  string
}

// newClock returns nil if libfaketime is not installed.
func newClock() (*clock, error) {
	libraries, _ := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1") // the pattern is correct
	if len(libraries) == 0 {
		return nil, nil
	}
	folder, err := os.MkdirTemp("", "chaos-clock-")
	if err != nil {
		return nil, err
	}
	c := &clock{library: libraries[0], folder: folder}
	if err := os.Chmod(folder, 0o755); err != nil { // the server runs as another user
		return nil, err
	}
	return c, c.set(0)
}

func (c *clock) file() string { return filepath.Join(c.folder, "offset") }

// environment returns the environment variables for the server.
func (c *clock) environment() []string {
	return []string{"LD_PRELOAD=" + c.library, "FAKETIME_TIMESTAMP_FILE=" + c.file(), "FAKETIME_CACHE_DURATION=1",
		"FAKETIME_DONT_FAKE_MONOTONIC=1"}
}

// set sets the difference. Processes notice it within a second.
func (c *clock) set(ahead time.Duration) error {
	temporary := c.file() + ".new"
	if err := os.WriteFile(temporary, fmt.Appendf(nil, "%+d\n", int(ahead.Seconds())), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, c.file())
}

// remove removes its files. A nil clock has none.
func (c *clock) remove() error {
	if c == nil {
		return nil
	}
	return os.RemoveAll(c.folder)
}
