package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/browser"
)

func twoBrowsersOnTwoNodes(t *testing.T, b *browser.Browser) {
	d := startDemo(t)
	laptop := d.open(b, 0, "laptop", browser.Device{})
	for _, other := range []int{1, 2} {
		laptop.See(".empty:has-text('Open another node') a", d.name(other))
	}
	laptop.Screenshot("empty")
	phone := d.open(b, 1, "phone", browser.Phone)

	// The list of people, which fetchSockets fills.
	laptop.See("#nodes section:has-text('"+d.name(1)+"') li", "phone")
	phone.Click("#who")
	phone.See("#nodes section:has-text('"+d.name(0)+"') li", "laptop")
	phone.Screenshot("people-phone")
	phone.Click("#closepeople")
	phone.NotSee("#people", "")

	// Typing.
	laptop.Fill("#text", "Hello fr")
	phone.See("#typing", "laptop is typing")
	phone.Screenshot("typing-phone")
	laptop.Enter("#text", "Hello from the laptop")
	phone.See(".theirs .text", "Hello from the laptop")
	phone.NotSee("#typing", "typing")
	laptop.See(".mine .text", "Hello from the laptop")
	phone.Enter("#text", "Hello from the phone")
	laptop.See(".theirs .text", "Hello from the phone")
	laptop.See(".theirs .tag", d.name(1))

	// A picture that is dropped on the page.
	file := painting(t)
	laptop.Drag("#chat", file, "image/png")
	laptop.See(".drop", "it goes to Everyone")
	laptop.Screenshot("drop")
	laptop.Drop("#chat", file, "image/png")
	laptop.NotSee(".drop", "")
	for _, p := range []*browser.Page{laptop, phone} {
		p.See("figure img", "")
		p.Until("document.querySelector('figure img').naturalWidth === 640")
	}

	// A question to everybody.
	third := d.open(b, 2, "tablet", browser.Device{Width: 820, Height: 1100, Dark: true, ReducedMotion: true})
	laptop.See("#nodes li", "tablet")
	laptop.Click("#askpoll")
	laptop.Fill("#question", "Release today?")
	laptop.Screenshot("question")
	laptop.Press("#question", "Enter")
	laptop.See(".card .status", "0 of 2 answered so far")
	phone.See(".card .question", "Release today?")
	phone.Click(".choices button >> text=Yes")
	phone.See(".card .status", "You answered: Yes")
	laptop.See(".card .status", "1 of 2 answered so far")
	laptop.See(".bars li:has-text('Yes') output", "1")
	laptop.Screenshot("answers")
	third.See(".card .question", "Release today?")
	third.Screenshot("question-tablet-dark")
	third.Click(".choices button >> text=No")
	laptop.See(".card.over .status", "2 of 2 answered")
	laptop.See(".bars li:has-text('No') output", "1")
	phone.Screenshot("answered-phone")
}

func rooms(t *testing.T, b *browser.Browser) {
	d := startDemo(t)
	one := d.open(b, 0, "one", still)
	two := d.open(b, 1, "two", browser.Device{Dark: true, ReducedMotion: true})
	three := d.open(b, 2, "three", still)
	one.Enter("#room", "red")
	one.See("#current", "red")
	two.See("#rooms", "red")
	two.Click("#rooms button >> text=red") // a room with clients in it is listed
	one.See("#audience", "2 clients on 2 nodes")
	one.Enter("#text", "only for red")
	two.See(".theirs .text", "only for red")
	three.Enter("#text", "for everyone")
	two.See("#rooms li:has-text('Everyone') b", "1")
	two.NotSee("#logs .text", "for everyone")
	two.Screenshot("room-dark")
	two.Click("#rooms button >> text=Everyone")
	two.See(".theirs .text", "for everyone")
	two.NotSee("#rooms b", "1")
	require.Zero(t, three.Count("text=only for red"))
	two.Click("#rooms button >> text=red")
	two.Click("#leave")
	two.See("#current", "Everyone")
	one.See("#audience", "1 client on 1 node")

	one.Fill("#name", "renamed")
	one.Press("#name", "Enter")
	two.See("#nodes li", "renamed")
	one.Evaluate("location.reload()", nil)
	one.See("body.connected #nodes li.own", "renamed")
}

func userTextIsNeverMarkup(t *testing.T, b *browser.Browser) {
	d := startDemo(t, "--nodes", "2")
	evil := `<img src=x onerror="document.title='evil'"><b>bold</b>`
	one, two := d.open(b, 0, "one", still), d.open(b, 1, "two", still)
	one.Enter("#text", evil)
	two.See(".theirs .text", evil)
	one.Enter("#room", "<i>room</i>")
	two.See("#rooms", "<i>room</i>")
	one.Fill("#name", "<u>one</u>")
	one.Press("#name", "Enter")
	two.See("#nodes li", "<u>one</u>")
	require.Zero(t, two.Count("#logs img, #logs .text b, #rooms i, #nodes u"))
	var title string
	two.Evaluate("document.title", &title)
	require.NotContains(t, title, "evil")
	two.Screenshot("markup")
}

// leftToRight returns the elements that contain the Hebrew word and are not laid out from right to left.
const leftToRight = `(() => {
	const found = [...document.querySelectorAll('input, textarea')]
		.filter(e => e.value.includes('שלום') && getComputedStyle(e).direction !== 'rtl').map(e => e.id || e.ariaLabel);
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT,
		n => n.data.includes('שלום') ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_REJECT);
	while (texts.nextNode()) {
		const e = texts.currentNode.parentElement;
		if (getComputedStyle(e).direction !== 'rtl') found.push(e.outerHTML);
	}
	return found;
})()`

func userTextHasItsOwnDirection(t *testing.T, b *browser.Browser) {
	d := startDemo(t, "--nodes", "2")
	one, two := d.open(b, 0, "שלום", still), d.open(b, 1, "two", still)
	one.Enter("#room", "שלום")
	two.Click("#rooms button >> text=שלום")
	one.Enter("#text", "שלום!")
	two.See(".theirs .text", "שלום!")
	one.Fill("#text", "שלום?")
	two.See("#typing", "שלום is typing")
	one.Click("#askpoll")
	one.Fill("[aria-label='Answer 1']", "שלום.")
	one.Enter("#question", "שלום?")
	two.Click(".choices button >> text=שלום")
	two.See(".card .status", "You answered: שלום")
	one.See(".card .status", "1 of 1 answered")
	two.Fill("#room", "שלום 2")
	two.Screenshot("right-to-left")
	for _, p := range []*browser.Page{one, two} {
		var found []string
		p.Evaluate(leftToRight, &found)
		require.Empty(t, found)
	}
}

func withoutWebSocketThePagePolls(t *testing.T, b *browser.Browser) {
	d := startDemo(t, "--nodes", "2")
	one := d.open(b, 0, "one", browser.Device{NoWebSocket: true, ReducedMotion: true})
	two := d.open(b, 1, "two", still)
	var transport string
	one.Evaluate("chat.socket.transport", &transport)
	require.Equal(t, "polling", transport)
	one.Enter("#text", "over polling")
	two.See(".theirs .text", "over polling")
	two.Choose("#file", painting(t))
	one.Until("document.querySelector('figure img')?.naturalWidth === 640")
	one.Choose("#file", painting(t))
	two.Until("document.querySelector('.theirs figure img')?.naturalWidth === 640")
	two.Click("#askpoll")
	two.Enter("#question", "Here?")
	one.Click(".choices button >> text=No")
	two.See(".card.over .status", "1 of 1 answered")
}

func newMessagesBelowAreCounted(t *testing.T, b *browser.Browser) {
	d := startDemo(t, "--nodes", "2")
	one := d.open(b, 0, "one", still)
	two := d.open(b, 1, "two", browser.Device{Width: 390, Height: 700, Touch: true, ReducedMotion: true})
	one.Evaluate("for (let i = 0; i < 40; i++) chat.socket.emit('chat message', { text: 'message ' + i })", nil)
	two.See(".theirs .text", "message 39")
	require.Zero(t, two.Count("#newer:not([hidden])"), "the hint must be hidden while the newest message is visible")
	two.Evaluate("document.getElementById('logs').scrollTo(0, 0)", nil)
	two.Until("!chat.viewport.atEnd")
	one.Enter("#text", "one more")
	two.See("#newer", "1 new message")
	one.Enter("#text", "and another")
	two.See("#newer", "2 new messages")
	two.Until("document.getElementById('logs').scrollTop === 0")
	two.Screenshot("new-messages-phone")
	two.Tap("#newer")
	two.NotSee("#newer", "")
	two.Until(newestInSight)
	two.Until("document.activeElement.id === 'logs'")

	// It disappears for users who scroll down themselves, or send something.
	for _, end := range []func(){
		func() { two.Evaluate("document.getElementById('logs').scrollTo(0, 1e6)", nil) },
		func() { two.Enter("#text", "of their own") },
	} {
		two.Evaluate("document.getElementById('logs').scrollTo(0, 0)", nil)
		two.Until("!chat.viewport.atEnd")
		one.Enter("#text", "once more")
		two.See("#newer", "1 new message")
		end()
		two.NotSee("#newer", "")
		two.Until(newestInSight)
	}
}
