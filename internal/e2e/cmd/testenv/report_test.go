package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const events = `{"Action":"start","Package":"m/a"}
{"Action":"run","Package":"m/a","Test":"TestPass"}
{"Action":"output","Package":"m/a","Test":"TestPass","Output":"=== RUN   TestPass\n"}
{"Action":"output","Package":"m/a","Test":"TestPass","Output":"    a_test.go:1: noise\n"}
{"Action":"pass","Package":"m/a","Test":"TestPass","Elapsed":0}
{"Action":"output","Package":"m/a","Test":"TestSkip","Output":"=== RUN   TestSkip\n"}
{"Action":"output","Package":"m/a","Test":"TestSkip","Output":"    a_test.go:2: needs a moon\n"}
{"Action":"output","Package":"m/a","Test":"TestSkip","Output":"--- SKIP: TestSkip (0.00s)\n"}
{"Action":"skip","Package":"m/a","Test":"TestSkip","Elapsed":0}
{"Action":"output","Package":"m/a","Output":"PASS\n"}
{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t0.1s\n"}
{"Action":"pass","Package":"m/a"}
{"Action":"output","Package":"m/b","Test":"TestFail/Sub","Output":"    b_test.go:3: wrong\n"}
{"Action":"output","Package":"m/b","Test":"TestFail/Sub","Output":"    --- FAIL: TestFail/Sub (0.00s)\n"}
{"Action":"fail","Package":"m/b","Test":"TestFail/Sub"}
{"Action":"output","Package":"m/b","Test":"TestPanic","Output":"panic: oh\n"}
{"Action":"output","Package":"m/b","Output":"leaked goroutine\n"}
{"Action":"output","Package":"m/b","Output":"FAIL\tm/b\t0.1s\n"}
{"Action":"fail","Package":"m/b"}
{"ImportPath":"m/c","Action":"build-output","Output":"c.go:1: syntax error\n"}
{"ImportPath":"m/c","Action":"build-fail"}
{"Action":"output","Package":"m/d","Output":"?   \tm/d\t[no test files]\n"}
{"Action":"skip","Package":"m/d"}
not an event
`

func TestReportReadsLikeGoTest(t *testing.T) {
	var out strings.Builder
	r := &report{out: &out}
	r.read(strings.NewReader(events))
	r.printSkips()
	r.printFailures()
	require.Equal(t, `ok  	m/a	0.1s
    b_test.go:3: wrong
    --- FAIL: TestFail/Sub (0.00s)
FAIL	m/b	0.1s
panic: oh
leaked goroutine
c.go:1: syntax error
?   	m/d	[no test files]
not an event

Skipped tests:
  needs a moon
    m/a TestSkip

Failed:
  m/b TestFail/Sub
        b_test.go:3: wrong
        --- FAIL: TestFail/Sub (0.00s)
  m/b TestPanic
    panic: oh
  m/b
    leaked goroutine
  m/c
    c.go:1: syntax error
`, out.String())
}
