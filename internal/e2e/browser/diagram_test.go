package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/browser"
)

// talk makes a page send a message every 200 ms until clearInterval(talk) is called.
const talk = "void (window.talk = setInterval(() => chat.socket.emit('chat message', { text: 'hello' }), 200))"

func theDiagramDrawsDeliveries(t *testing.T, b *browser.Browser) {
	d := startDemo(t)
	one := d.open(b, 0, "one", browser.Device{})
	calm := d.open(b, 1, "calm", still)
	d.open(b, 2, "three", still)
	one.See("#nodes li", "three")
	calm.See("#nodes li", "three")
	one.See("#last", "no deliveries yet")
	one.Evaluate(talk, nil)
	for _, p := range []*browser.Page{one, calm} {
		p.Until("document.querySelectorAll('#arcs g').length === 2") // to the other nodes
		p.Until("(text => text.startsWith('" + d.name(0) + " → ') && text.includes('" + d.name(2) + "'))" +
			"(document.getElementById('last').textContent)")
		p.Until("Number(document.getElementById('rate').textContent) > 0")
	}
	require.Zero(t, calm.Count("#arcs g circle"), "nothing may move for users who prefer reduced motion")
	one.Evaluate("clearInterval(window.talk)", nil)
	one.Until("document.querySelectorAll('#arcs g').length === 0") // they fade
	one.Until("document.getElementById('rate').textContent === '0'")
}

// rates returns the figures on the page that are followed by "/s".
const rates = `[...document.body.innerText.matchAll(/([\d.]+)\s*(?:messages)?\/s/g)].map(m => m[1])`

// freezeRates stops the updates of pages at a moment when they all show the same rate, and not 0.
func freezeRates(pages ...*browser.Page) {
	const rate = "document.getElementById('rate').textContent"
	for {
		shown := map[string]bool{}
		for _, p := range pages {
			p.Evaluate(`void (() => {
				window.cluster ??= chat.socket.handlers.get('cluster');
				chat.socket.handlers.delete('cluster');
			})()`, nil)
		}
		var first string
		for _, p := range pages {
			p.Evaluate(rate, &first)
			shown[first] = true
		}
		if len(shown) == 1 && !shown["0"] {
			return
		}
		for _, p := range pages {
			p.Evaluate("void chat.socket.on('cluster', window.cluster)", nil)
		}
		pages[len(pages)-1].Until(rate + " !== '" + first + "'")
	}
}

func thePageShowsOneRate(t *testing.T, b *browser.Browser) {
	d := startDemo(t)
	one := d.open(b, 0, "one", still)
	other := d.open(b, 1, "other", still)
	one.Evaluate(talk, nil)
	for _, p := range []*browser.Page{one, other} {
		p.Until("Number(document.getElementById('rate').textContent) > 4")
		var same bool
		p.Evaluate(`(shown => shown.length === 1 && shown[0] === document.getElementById('rate').textContent &&
			chat.diagram.rate === chat.diagram.sorted().reduce((sum, n) => sum + n.rate, 0))(`+rates+`)`, &same)
		require.True(t, same, "the page must show one figure, the sum of what the nodes report")
	}
	freezeRates(one, other)
	one.Evaluate("clearInterval(window.talk)", nil)
}
