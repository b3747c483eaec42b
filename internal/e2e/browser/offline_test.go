package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/browser"
)

func aStoppedNodeIsShownAsGone(t *testing.T, b *browser.Browser) {
	d := startDemo(t)
	laptop := d.open(b, 0, "laptop", still)
	phone := d.open(b, 1, "phone",
		browser.Device{Width: 390, Height: 844, Scale: 2, Touch: true, Dark: true, ReducedMotion: true})
	laptop.See("#nodes li", "phone")
	phone.Enter("#room", "red")
	laptop.See("#nodes section:has-text('"+d.name(1)+"') li", "red")
	laptop.See("#summary", "3 nodes, 2 clients, over the in-memory bus")

	d.toggle(1, "has stopped")
	laptop.See("#diagram .gone", d.name(1))
	laptop.See("#diagram .gone small", "gone")
	laptop.See("#summary", "2 nodes, 1 client")
	laptop.NotSee("#nodes h3", d.name(1))
	laptop.Screenshot("gone")
	// The page of the node says so, and where to go.
	phone.See("#notice", d.name(1)+" is out of reach")
	phone.See("#notice a", d.name(2))
	phone.See("#diagram .gone", d.name(1))
	phone.Fill("#text", "is anybody there?")
	phone.Press("#text", "Enter")
	phone.See("#notice", "is out of reach")
	phone.See(".unsent .status", "Not sent yet")
	phone.Screenshot("out-of-reach-phone-dark")

	d.toggle(1, "is back")
	laptop.NotSee("#diagram .gone", "")
	laptop.See("#summary", "3 nodes")
	phone.See("body.connected #diagram .own", d.name(1))
	phone.NotSee("#notice", "")
	laptop.See("#nodes section:has-text('"+d.name(1)+"') li", "red") // the page has joined its room again
	phone.NotSee(".unsent", "")
	phone.See(".mine .text", "is anybody there?")
	laptop.Enter("#text", "welcome back")
	phone.See("#rooms li:has-text('Everyone') b", "1")
}

func messagesWrittenOfflineAreSentLater(t *testing.T, b *browser.Browser) {
	d := startDemo(t, "--nodes", "2")
	one, two := d.open(b, 0, "one", still), d.open(b, 1, "two", still)
	two.SetOffline(true)
	two.See("#notice", "Offline: "+d.name(1)+" is out of reach")
	two.See("#summary", "offline")
	two.Until("document.title.startsWith('offline')")
	for _, text := range []string{"first", "second"} {
		two.Enter("#text", text)
		two.See(".unsent:has-text('"+text+"') .status", "Not sent yet")
	}
	two.Choose("#file", painting(t))
	two.Until("document.querySelector('.unsent figure img')?.naturalWidth === 640")
	two.Enter("#room", "red")
	two.Click("#askpoll")
	two.Enter("#question", "Is anybody there?")
	two.Fill("#text", "a draft")
	two.Screenshot("offline")
	two.Until("document.getElementById('room').value === 'red'")
	two.See("#poll", "")
	two.Until("document.getElementById('question').value === 'Is anybody there?'")

	two.SetOffline(false)
	one.Until("document.querySelector('.theirs figure img')?.naturalWidth === 640")
	var texts []string
	one.Evaluate("[...document.querySelectorAll('.theirs .text')].map(e => e.textContent)", &texts)
	require.Equal(t, []string{"first", "second"}, texts, "each message must arrive once and in order")
	two.NotSee(".unsent", "")
	two.NotSee("#notice", "")
	two.Evaluate("[...document.querySelectorAll('.mine .text')].map(e => e.textContent)", &texts)
	require.Equal(t, []string{"first", "second"}, texts)
	two.Until("document.getElementById('text').value === 'a draft'")
}

func unconfirmedMessagesAreMarked(t *testing.T, b *browser.Browser) {
	d := startDemo(t, "--nodes", "2")
	one, two := d.open(b, 0, "one", still), d.open(b, 1, "two", still)
	two.Evaluate("void (chat.socket.engine.send = () => {})", nil) // the network loses what is sent
	two.Enter("#text", "again")
	two.Enter("#text", "never mind")
	two.See(".unsent:has-text('again') .status", "Sending…")
	two.SetOffline(true)
	two.See(".unsent:has-text('again') .status", "The connection was lost. Perhaps this was not sent.")
	two.Screenshot("unconfirmed")
	two.SetOffline(false)
	two.See("body.connected", "")
	two.See(".unsent:has-text('again') .status", "Perhaps this was not sent") // it could arrive twice otherwise
	two.Click(".unsent:has-text('again') button >> text=Send again")
	one.See(".theirs .text", "again")
	two.Click(".unsent:has-text('never mind') button >> text=Discard")
	two.NotSee(".unsent", "")
	two.See(".mine .text", "again")

	// A message that the server refuses.
	two.Evaluate("chat.outbox.send('chat message', { text: ' ' }, ' ', h('p', { class: 'text' }, 'blank'))", nil)
	two.See(".unsent:has-text('blank') .status", "Not sent: there is no text.")
	require.Zero(t, one.Count("text=never mind"))
}
