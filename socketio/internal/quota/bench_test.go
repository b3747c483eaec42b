package quota_test

import (
	"math"
	"testing"

	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// BenchmarkSpend measures the cost of counting one message.
func BenchmarkSpend(b *testing.B) {
	b.ReportAllocs()
	limits := quota.RateLimits{Events: math.MaxInt, Bytes: math.MaxInt}
	var c clock
	r := quota.NewRate(limits, c.read())
	for b.Loop() {
		if r.Spend(100, limits, c.read) != "" {
			b.Fatal("the limit was reached")
		}
	}
}

// BenchmarkSettle measures the cost of counting one frame in a queue.
func BenchmarkSettle(b *testing.B) {
	b.ReportAllocs()
	budget := quota.NewBudget(1 << 30)
	var a quota.Account
	n := 0
	for b.Loop() {
		n = (n + 100) % 10_000
		if !a.Settle(budget, n) {
			b.Fatal("the budget is used up")
		}
	}
}
