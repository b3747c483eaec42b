package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/browser"
)

// layouts are the layouts of the page.
var layouts = map[string]browser.Device{
	"laptop":    {},
	"tablet":    {Width: 820, Height: 1100},
	"phone":     {Width: 320, Height: 568},
	"landscape": {Width: 740, Height: 360},
}

func axeFindsNoViolation(t *testing.T, b *browser.Browser) {
	d := startDemo(t)
	one, two := d.open(b, 0, "one", still), d.open(b, 1, "two", still)
	two.Enter("#room", "red")
	one.Enter("#room", "red")
	two.Choose("#file", painting(t))
	two.Enter("#text", "a message")
	one.See(".theirs .text", "a message")
	one.Enter("#text", "another one")
	for _, p := range []*browser.Page{one, two} {
		p.Click("#askpoll")
		p.Enter("#question", "Is it readable?")
	}
	two.Click(".choices button >> text=Yes")
	two.Click("#rooms button >> text=Everyone")
	two.Enter("#text", "unread")
	one.See("#rooms li:has-text('Everyone') b", "1")
	check := func(layout string) {
		t.Helper()
		require.Empty(t, one.Violations(), layout)
	}
	for name, device := range layouts {
		for _, dark := range []bool{false, true} {
			device.Dark = dark
			one.Emulate(device)
			check(name)
			one.Click("#askpoll")
			one.See("#poll", "")
			check(name + " with the poll")
			one.Press("#question", "Escape")
			if name != "laptop" {
				one.Click("#who")
				one.See("#people", "")
				check(name + " with the people")
				one.PressKey("Escape")
				one.NotSee("#people", "")
			}
		}
	}
	one.SetOffline(true)
	one.See("#notice", "Offline")
	one.Enter("#text", "nobody gets this")
	one.See(".unsent", "nobody gets this")
	for _, dark := range []bool{false, true} {
		one.Emulate(browser.Device{Dark: dark})
		check("offline")
	}
}

// countReports makes reports the number of reports about the cluster that the page has shown since.
const countReports = `void (() => {
	const show = Object.getPrototypeOf(chat.people).show;
	window.reports = 0;
	chat.people.show = (state) => {
		show.call(chat.people, state);
		reports++;
	};
})()`

func listsAreUpdatedInPlace(t *testing.T, b *browser.Browser) {
	d := startDemo(t)
	one, two := d.open(b, 0, "one", still), d.open(b, 1, "two", still)
	two.Enter("#room", "red")
	one.See("#rooms", "red")
	updated := func() {
		t.Helper()
		one.Evaluate(countReports, nil)
		one.Until("reports >= 2")
	}
	red := "#rooms button:has-text('red')"
	for _, selector := range []string{red, ".empty a", "#diagram a[href]"} {
		one.Focus(selector)
		updated()
		one.See(selector+":focus", "")
	}
	one.Focus(red)
	two.Enter("#room", "blue") // which is listed before red
	one.See("#rooms", "blue")
	updated()
	one.See(red+":focus", "")

	one.MouseDown(red)
	updated()
	one.MouseUp()
	one.See("#current", "red")
}

func thePageCanBeUsedWithTheKeyboardAlone(t *testing.T, b *browser.Browser) {
	d := startDemo(t, "--nodes", "1")
	p := d.open(b, 0, "keyboard", still)
	p.PressKey("Tab")
	focused := map[string]bool{}
	for range 20 {
		var id string
		p.Evaluate("document.activeElement.id", &id)
		focused[id] = true
		var visible bool
		p.Evaluate("(e => e === document.body || e.matches(':focus-visible'))(document.activeElement)", &visible)
		require.True(t, visible, "the focus must be visible: %s", id)
		p.PressKey("Tab")
	}
	for _, id := range []string{"room", "logs", "picture", "askpoll", "text", "name"} {
		require.True(t, focused[id], "%s must be reachable with the keyboard", id)
	}
	p.Click("#askpoll")
	p.Press("#question", "Escape")
	p.NotSee("#poll", "")
	p.See("#text:focus", "")
}
