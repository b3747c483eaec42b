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

// describeDifference describes a body that is not as wanted: a large one by where it begins to differ.
func describeDifference(body []byte, want string) string {
	if len(body) <= 80 && len(want) <= 80 {
		return quote(string(body))
	}
	for i := range min(len(body), len(want)) {
		if body[i] != want[i] {
			return fmt.Sprintf("%s, %d bytes, in which byte %d is %#02x instead of %#02x", quote(string(body)), len(body), i, body[i], want[i])
		}
	}
	return fmt.Sprintf("%d bytes of it instead of %d", len(body), len(want))
}

// noiseText is random. Its length is a prime, so that bodies made of it repeat nowhere at a distance that a store may cut them at.
var noiseText = sync.OnceValue(func() string {
	p := make([]byte, 1_048_583)
	rand.NewChaCha8([32]byte{}).Read(p)
	return string(p)
})

// sizedBody returns a body of some bytes, of any values, that differs from those with other numbers.
func sizedBody(bytes, number int) string {
	all := noiseText()[number:]
	if bytes <= len(all) {
		return all[:bytes]
	}
	return strings.Repeat(all, bytes/len(all)+1)[:bytes]
}

// numberedBodies returns n small bodies that differ.
func numberedBodies(kind string, n int) []string {
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = fmt.Sprint(kind, " ", i)
	}
	return bodies
}
