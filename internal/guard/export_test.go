package guard

import "io"

// SetStderr replaces the standard error until restore is called.
func SetStderr(w io.Writer) (restore func()) {
	before := stderr
	stderr = w
	return func() { stderr = before }
}
