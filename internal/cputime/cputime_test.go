package cputime_test

import (
	"testing"
	"time"

	"github.com/backplane-go/backplane/internal/cputime"
)

func TestUsedGrowsWithWork(t *testing.T) {
	before := cputime.Used()
	end := time.Now().Add(10 * time.Second)
	for cputime.Used() < before+20*time.Millisecond {
		if time.Now().After(end) {
			t.Fatalf("Used returned %v, and %v after ten seconds of work; it has to grow by at least 20 ms", before,
				cputime.Used())
		}
	}
}
