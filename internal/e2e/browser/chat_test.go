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
	laptop.Shoot("empty")
	phone := d.open(b, 1, "phone", browser.Phone)

	// Who is where, found by fetchSockets.
	laptop.See("#nodes section:has-text('"+d.name(1)+"') li", "phone")
	phone.Click("#who")
	phone.See("#nodes section:has-text('"+d.name(0)+"') li", "laptop")
	phone.Shoot("people-phone")
	phone.Click("#closepeople")
	phone.Miss("#people", "")

	// Typing.
	laptop.Fill("#text", "Hello fr")
	phone.See("#typing", "laptop is typing")
	phone.Shoot("typing-phone")
	laptop.Enter("#text", "Hello from the laptop")
	phone.See(".theirs .text", "Hello from the laptop")
	phone.Miss("#typing", "typing")
	laptop.See(".mine .text", "Hello from the laptop")
	phone.Enter("#text", "Hello from the phone")
	laptop.See(".theirs .text", "Hello from the phone")
	laptop.See(".theirs .tag", d.name(1))

	// A picture, dropped on the page.
	file := painting(t)
	laptop.Drag("#chat", file, "image/png")
	laptop.See(".drop", "it goes to Everyone")
	laptop.Shoot("drop")
	laptop.Drop("#chat", file, "image/png")
	laptop.Miss(".drop", "")
	for _, p := range []*browser.Page{laptop, phone} {
		p.See("figure img", "")
		p.Until("document.querySelector('figure img').naturalWidth === 640")
	}

	// A question to everybody.
	third := d.open(b, 2, "tablet", browser.Device{Width: 820, Height: 1100, Dark: true, Still: true})
	laptop.See("#nodes li", "tablet")
	laptop.Click("#askpoll")
	laptop.Fill("#question", "Release today?")
	laptop.Shoot("question")
	laptop.Press("#question", "Enter")
	laptop.See(".card .state", "0 of 2 answered so far")
	phone.See(".card .question", "Release today?")
	phone.Click(".choices button >> text=Yes")
	phone.See(".card .state", "You answered: Yes")
	laptop.See(".card .state", "1 of 2 answered so far")
	laptop.See(".bars li:has-text('Yes') output", "1")
	laptop.Shoot("answers")
	third.See(".card .question", "Release today?")
	third.Shoot("question-tablet-dark")
	third.Click(".choices button >> text=No")
	laptop.See(".card.over .state", "2 of 2 answered")
	laptop.See(".bars li:has-text('No') output", "1")
	phone.Shoot("answered-phone")
}

func rooms(t *testing.T, b *browser.Browser) {
	d := startDemo(t)
	one, two, three := d.open(b, 0, "one", still), d.open(b, 1, "two", browser.Device{Dark: true, Still: true}), d.open(b, 2, "three", still)
	one.Enter("#room", "red")
	one.See("#current", "red")
	two.See("#rooms", "red")
	two.Click("#rooms button >> text=red") // it is listed, since somebody is in it
	one.See("#audience", "2 clients on 2 nodes")
	one.Enter("#text", "only for red")
	two.See(".theirs .text", "only for red")
	three.Enter("#text", "for everyone")
	two.See("#rooms li:has-text('Everyone') b", "1")
	two.Miss("#logs .text", "for everyone")
	two.Shoot("room-dark")
	two.Click("#rooms button >> text=Everyone")
	two.See(".theirs .text", "for everyone")
	two.Miss("#rooms b", "1")
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

func whatIsSaidIsTextAndNoMarkup(t *testing.T, b *browser.Browser) {
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
	two.Shoot("markup")
}

func withoutWebSocketThePagePolls(t *testing.T, b *browser.Browser) {
	d := startDemo(t, "--nodes", "2")
	one, two := d.open(b, 0, "one", browser.Device{NoWebSocket: true, Still: true}), d.open(b, 1, "two", still)
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
	two.See(".card.over .state", "1 of 1 answered")
}
