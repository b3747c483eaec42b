// Package health tells load balancers and orchestrators whether a process is alive, and whether it should get clients.
//
// Handler serves both questions. A process that is alive and not ready is left alone and gets no clients; one that is
// not alive is restarted. So an outage of the database makes a node not ready, but no reason to restart it.
package health

import (
	"io"
	"net/http"
	"slices"
	"strings"
)

// Checker knows whether a part of the process is ready. *backplane.Cluster and *socketio.Server are Checkers; that of a
// server includes its cluster. It is called for each request, possibly by several goroutines at the same time, and must
// not block.
type Checker interface {
	// Unready returns why the process should get no clients, one line per reason. It returns nothing if it is ready.
	Unready() []string
}

// CheckFunc is a function as a Checker.
type CheckFunc func() []string

// Unready implements Checker.
func (f CheckFunc) Unready() []string { return f() }

// Unready returns the reasons of all checkers, each once. It returns nothing if the process is ready.
func Unready(checkers ...Checker) []string {
	var reasons []string
	for _, c := range checkers {
		for _, reason := range c.Unready() {
			reason = strings.Join(strings.Fields(reason), " ") // one line
			if !slices.Contains(reasons, reason) {
				reasons = append(reasons, reason)
			}
		}
	}
	return reasons
}

// The paths that Handler serves.
const (
	LivePath  = "/healthz"
	ReadyPath = "/readyz"
)

// Handler serves GET and HEAD requests for LivePath and ReadyPath, and answers others with 404 or 405. Use Live and
// Ready for other paths.
func Handler(checkers ...Checker) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+LivePath, Live())
	mux.Handle("GET "+ReadyPath, Ready(checkers...))
	return mux
}

// Live answers every request with status 200 and the text "alive".
func Live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "alive") })
}

// Ready answers with status 200 and the text "ready", or with status 503 and the reasons of the checkers, one per line.
func Ready(checkers ...Checker) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if reasons := Unready(checkers...); len(reasons) > 0 {
			answer(w, http.StatusServiceUnavailable, reasons...)
			return
		}
		answer(w, http.StatusOK, "ready")
	})
}

func answer(w http.ResponseWriter, status int, lines ...string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, strings.Join(lines, "\n")+"\n") // the client may have gone
}
