package browser_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/backplane-go/backplane/internal/e2e/browser"
)

// binary is the path of the backplane command, which TestMain builds.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "backplane-browser")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "backplane")
	code := 1
	if out, err := exec.Command("go", "build", "-o", binary, "../../../cmd/backplane").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// still is a laptop whose user prefers reduced motion. Without animations it needs less CPU time.
var still = browser.Device{ReducedMotion: true}

// TestPage tests the page of the demo. Its subtests share a browser, and each starts its own demo.
func TestPage(t *testing.T) {
	b := browser.Start(t)
	t.Logf("screenshots are written to %s", browser.Screenshots())
	for name, test := range map[string]func(*testing.T, *browser.Browser){
		"TwoBrowsersOnTwoNodes":                twoBrowsersOnTwoNodes,
		"Rooms":                                rooms,
		"UserTextIsNeverMarkup":                userTextIsNeverMarkup,
		"UserTextHasItsOwnDirection":           userTextHasItsOwnDirection,
		"WithoutWebSocketThePagePolls":         withoutWebSocketThePagePolls,
		"AStoppedNodeIsShownAsGone":            aStoppedNodeIsShownAsGone,
		"MessagesWrittenOfflineAreSentLater":   messagesWrittenOfflineAreSentLater,
		"UnconfirmedMessagesAreMarked":         unconfirmedMessagesAreMarked,
		"ANodeJSServerIsInTheDiagram":          aNodeJSServerIsInTheDiagram,
		"TheDiagramDrawsDeliveries":            theDiagramDrawsDeliveries,
		"ThePageShowsOneRate":                  thePageShowsOneRate,
		"ThePageFitsItsDevice":                 thePageFitsItsDevice,
		"FormsHideNoMessage":                   formsHideNoMessage,
		"NewMessagesBelowAreCounted":           newMessagesBelowAreCounted,
		"ListsAreUpdatedInPlace":               listsAreUpdatedInPlace,
		"ThePageCanBeUsedWithTheKeyboardAlone": thePageCanBeUsedWithTheKeyboardAlone,
		"AxeFindsNoViolation":                  axeFindsNoViolation,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, b.For(t))
		})
	}
}
