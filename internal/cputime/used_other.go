//go:build !unix && !windows

package cputime

import "time"

// Used returns 0: the processor time is not available on this system.
func Used() time.Duration { return 0 }
