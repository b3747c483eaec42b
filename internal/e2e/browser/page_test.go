package browser_test

import (
	"testing"

	"github.com/backplane-go/backplane/internal/e2e/browser"
)

// still is a laptop whose user wants no motion, which is also easier on the machine.
var still = browser.Device{Still: true}

// TestPage looks at the page of the demo, in one browser: each part at demos of its own, two of them at a time.
func TestPage(t *testing.T) {
	b := browser.Start(t)
	t.Logf("screenshots are left in %s", browser.Screenshots())
	for name, part := range map[string]func(*testing.T, *browser.Browser){
		"TwoBrowsersOnTwoNodes":                twoBrowsersOnTwoNodes,
		"Rooms":                                rooms,
		"WhatIsSaidIsTextAndNoMarkup":          whatIsSaidIsTextAndNoMarkup,
		"WithoutWebSocketThePagePolls":         withoutWebSocketThePagePolls,
		"ANodeThatStopsIsShownAsGone":          aNodeThatStopsIsShownAsGone,
		"ANodeJSServerIsInTheStrip":            aNodeJSServerIsInTheStrip,
		"TheStripDrawsDeliveries":              theStripDrawsDeliveries,
		"ThePageFitsItsDevice":                 thePageFitsItsDevice,
		"ThePageCanBeUsedWithTheKeyboardAlone": thePageCanBeUsedWithTheKeyboardAlone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, b.For(t))
		})
	}
}
