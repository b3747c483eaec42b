package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

type peekFunc func(p []byte, f codec.Format, uid string) bool

// peeking returns a mutant with another SentBy. The func change gets the correct one.
func peeking(check, bug string, change func(good peekFunc) peekFunc) mutant[conformance.CodecHarness] {
	return breaksCodec(check, bug, func(m *mutableCodec) { m.peek = change(m.good.SentBy) })
}

// missesOwn returns a mutant whose SentBy returns false for some of the codec's own messages.
func missesOwn(bug string, when func(p []byte, f codec.Format, uid string) bool) mutant[conformance.CodecHarness] {
	return peeking("PeekFindsOwnMessages", "does not recognize its own messages "+bug, func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool { return !when(p, f, uid) && good(p, f, uid) }
	})
}

func containing(s string) func(p []byte, f codec.Format, uid string) bool {
	return func(p []byte, _ codec.Format, _ string) bool { return bytes.Contains(p, []byte(s)) }
}

var peekMutants = []mutant[conformance.CodecHarness]{
	missesOwn("at all", func([]byte, codec.Format, string) bool { return true }),
	missesOwn("in the text form", func(_ []byte, f codec.Format, _ string) bool { return f == codec.Text }),
	missesOwn("in the binary form", func(_ []byte, f codec.Format, _ string) bool { return f == codec.Binary }),
	missesOwn("of more than 4096 bytes", func(p []byte, _ codec.Format, _ string) bool { return len(p) > 4096 }),
	missesOwn("of more than 65536 bytes", func(p []byte, _ codec.Format, _ string) bool { return len(p) > 65536 }),
	missesOwn("of more than a MiB", func(p []byte, _ codec.Format, _ string) bool { return len(p) > 1<<20 }),
	missesOwn("of less than 80 bytes", func(p []byte, _ codec.Format, _ string) bool { return len(p) < 80 }),
	missesOwn("that are references", containing("attachmentId")),
	missesOwn("with a nonce", containing("nonce")),
	missesOwn("with the key of a reference", containing("attachmentKey")),
	missesOwn("with a process", containing("process")),
	missesOwn("of type 12", containing(`"type":12`)),
	missesOwn("of the emitter", func(_ []byte, _ codec.Format, uid string) bool { return uid == codec.EmitterUID }),
	missesOwn("of uids with letters", func(_ []byte, _ codec.Format, uid string) bool {
		return strings.ContainsAny(uid, "abcdef") && len(uid) == 16
	}),
	missesOwn("of uids that begin with 0", func(_ []byte, _ codec.Format, uid string) bool {
		return strings.HasPrefix(uid, "0")
	}),

	peeking("PeekAgreesWithParse", "always returns true",
		func(peekFunc) peekFunc { return func([]byte, codec.Format, string) bool { return true } }),
	peeking("PeekAgreesWithParse", "searches the message for the sender", func(peekFunc) peekFunc {
		return func(p []byte, _ codec.Format, uid string) bool { return bytes.Contains(p, []byte(uid)) }
	}),
	peeking("PeekAgreesWithParse", "searches the message for a uid field with the sender", func(peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			return f == codec.Text && bytes.Contains(p, []byte(`"uid":"`+uid+`"`))
		}
	}),
	peeking("PeekAgreesWithParse", "does not check where the sender ends", func(peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			return f == codec.Text && bytes.HasPrefix(p, []byte(`{"uid":"`+uid))
		}
	}),
	peeking("PeekAgreesWithParse", "does not support escapes", func(peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			return f == codec.Text && bytes.HasPrefix(p, []byte(`{"uid":"`+uid+`"`))
		}
	}),
	peeking("PeekAgreesWithParse", "compares the first half only", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			return good(p, f, uid) || f == codec.Text && len(uid) > 1 &&
				bytes.HasPrefix(p, []byte(`{"uid":"`+uid[:len(uid)/2]))
		}
	}),
	peeking("PeekAgreesWithParse", "compares all but the last digit", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			return good(p, f, uid) || f == codec.Text && len(uid) > 1 &&
				bytes.HasPrefix(p, []byte(`{"uid":"`+uid[:len(uid)-1]))
		}
	}),
	peeking("PeekAgreesWithParse", "ignores case", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			return good(p, f, uid) || good(p, f, strings.ToLower(uid))
		}
	}),
	peeking("PeekAgreesWithParse", "confuses the requester with the sender", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			return good(p, f, uid) || uid != "" && bytes.Contains(p, []byte(`"requesterUid":"`+uid+`"`))
		}
	}),

	peeking("PeekNeverPanics", "reads the first byte of empty input", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool { return p[0] != 0 && good(p, f, uid) }
	}),
	peeking("PeekNeverPanics", "reads the 60th byte", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool { return good(p, f, uid) && p[60] != 0 }
	}),
	peeking("PeekNeverPanics", "assumes that the sender is complete", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			if f == codec.Text && bytes.HasPrefix(p, []byte(`{"uid":"`)) {
				return string(p[8:8+len(uid)]) == uid && good(p, f, uid)
			}
			return good(p, f, uid)
		}
	}),
	peeking("PeekNeverPanics", "trusts the length of the sender", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			if f == codec.Binary && len(p) > 5 && p[5]&0xe0 == 0xa0 {
				return string(p[6:6+p[5]&0x1f]) != "" && good(p, f, uid)
			}
			return good(p, f, uid)
		}
	}),

	peeking("PeekIsCheap", "formats the sender", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool { return fmt.Sprint(uid) == uid && good(p, f, uid) }
	}),
	peeking("PeekIsCheap", "makes a copy if the result is true", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			if good(p, f, uid) {
				keepAlive(bytes.Clone(p[:len(uid)]))
				return true
			}
			return false
		}
	}),
	peeking("PeekIsCheap", "validates the whole text", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			return (f != codec.Text || utf8.Valid(p)) && good(p, f, uid)
		}
	}),
	peeking("PeekIsCheap", "validates the whole text of its own messages", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			return good(p, f, uid) && (f != codec.Text || json.Valid(p))
		}
	}),
	peeking("PeekIsCheap", "searches the whole message", func(good peekFunc) peekFunc {
		return func(p []byte, f codec.Format, uid string) bool {
			return !bytes.Contains(p, []byte("\x00not there")) && good(p, f, uid)
		}
	}),
}
