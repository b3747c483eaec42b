package health_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/health"
	"github.com/backplane-go/backplane/socketio"
)

var (
	_ health.Checker = (*backplane.Cluster)(nil)
	_ health.Checker = (*socketio.Server)(nil)
)

// ask sends a request to a handler.
func ask(h http.Handler, method, path string) (status int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String()
}

func because(reasons ...string) health.Checker {
	return health.CheckFunc(func() []string { return reasons })
}

func TestReadyIfNoCheckerObjects(t *testing.T) {
	for _, h := range []http.Handler{health.Handler(), health.Handler(because(), because())} {
		status, body := ask(h, "GET", "/readyz")
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "ready\n", body)
	}
}

func TestBodySaysWhyNotOneReasonPerLine(t *testing.T) {
	h := health.Handler(because("draining", "two\nlines\r"), because(), because("deaf", "draining"))
	status, body := ask(h, "GET", "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "draining\ntwo lines\ndeaf\n", body)
	require.Equal(t, []string{"draining", "two lines", "deaf"},
		health.Unready(because("draining", "two\nlines\r"), because("deaf", "draining")))
}

func TestAProcessThatIsNotReadyIsAlive(t *testing.T) {
	status, body := ask(health.Handler(because("deaf")), "GET", "/healthz")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "alive\n", body)
}

func TestOnlyReadingRequestsForTheTwoPathsAreServed(t *testing.T) {
	h := health.Handler(because("deaf"))
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/": 404, "/readyz/": 404} {
		for _, method := range []string{"GET", "HEAD"} {
			status, _ := ask(h, method, path)
			require.Equal(t, want, status, "%s %s", method, path)
		}
	}
	status, _ := ask(h, "POST", "/readyz")
	require.Equal(t, http.StatusMethodNotAllowed, status)
}

// A cache between the balancer and the process must not keep an answer.
func TestAnswersAreNotCached(t *testing.T) {
	w := httptest.NewRecorder()
	health.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
}
