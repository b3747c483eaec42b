package conformance

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
)

// countBodies describes bodies for a failure's text.
func countBodies(bodies []string) string {
	if len(bodies) == 1 {
		return quote(bodies[0])
	}
	return fmt.Sprintf("%d bodies", len(bodies))
}

func showBody(body []byte) string {
	if body == nil {
		return "nil"
	}
	return quote(string(body))
}

// describeDifference describes an unexpected body: a large one by the first byte that differs.
func describeDifference(body []byte, want string) string {
	if len(body) <= 80 && len(want) <= 80 {
		return quote(string(body))
	}
	for i := range min(len(body), len(want)) {
		if body[i] != want[i] {
			return fmt.Sprintf("%s, %d bytes; byte %d is %#02x instead of %#02x", quote(string(body)), len(body), i,
				body[i], want[i])
		}
	}
	return fmt.Sprintf("only %d of its %d bytes", len(body), len(want))
}

// noiseText is random. Its length is a prime, so that a body made of it does not repeat at a distance at which
// a store may divide bodies.
var noiseText = sync.OnceValue(func() string {
	p := make([]byte, 1_048_583)
	rand.NewChaCha8([32]byte{}).Read(p)
	return string(p)
})

// sizedBody returns a body of the given size, with arbitrary bytes, that differs from those with other numbers.
func sizedBody(bytes, number int) string {
	all := noiseText()[number:]
	if bytes <= len(all) {
		return all[:bytes]
	}
	return strings.Repeat(all, bytes/len(all)+1)[:bytes]
}

// asBytes converts bodies.
func asBytes(bodies []string) [][]byte {
	all := make([][]byte, len(bodies))
	for i, body := range bodies {
		all[i] = []byte(body)
	}
	return all
}

// numberedBodies returns n different small bodies.
func numberedBodies(kind string, n int) []string {
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = fmt.Sprint(kind, " ", i)
	}
	return bodies
}
