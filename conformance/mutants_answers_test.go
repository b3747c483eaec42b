package conformance_test

import (
	"bytes"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

// answering returns a mutant with another PeekAnswer. The func change gets the correct result.
func answering(check, bug string, change func(p []byte, f codec.Format, env *codec.Envelope) *codec.Envelope,
) mutant[conformance.CodecHarness] {
	return breaksCodec(check, bug, func(m *mutableCodec) {
		m.answer = func(p []byte, f codec.Format) *codec.Envelope { return change(p, f, m.good.PeekAnswer(p, f)) }
	})
}

// answersWith returns a func that changes an envelope that PeekAnswer returns.
func answersWith(change func(env *codec.Envelope)) func([]byte, codec.Format, *codec.Envelope) *codec.Envelope {
	return func(_ []byte, _ codec.Format, env *codec.Envelope) *codec.Envelope {
		if env != nil {
			change(env)
		}
		return env
	}
}

var answerPeekMutants = []mutant[conformance.CodecHarness]{
	answering("PeekedAnswersAgreeWithParse", "finds another request",
		answersWith(func(env *codec.Envelope) { env.RequestID += "0" })),
	answering("PeekedAnswersAgreeWithParse", "finds no request",
		answersWith(func(env *codec.Envelope) { env.RequestID = "" })),
	answering("PeekedAnswersAgreeWithParse", "finds another type",
		answersWith(func(env *codec.Envelope) { env.Type = codec.BroadcastAck })),
	answering("PeekedAnswersAgreeWithParse", "finds no sender",
		answersWith(func(env *codec.Envelope) { env.UID = "" })),
	answering("PeekedAnswersAgreeWithParse", "finds the main namespace",
		answersWith(func(env *codec.Envelope) { env.NSP = "/" })),
	answering("PeekedAnswersAgreeWithParse", "takes requests for answers",
		func(p []byte, f codec.Format, env *codec.Envelope) *codec.Envelope {
			if parsed, err := (&mutableCodec{}).Parse(bytes.Clone(p), f); err == nil && parsed.Type.Request() {
				return &codec.Envelope{Type: parsed.Type, UID: parsed.UID, NSP: parsed.NSP, RequestID: parsed.RequestID}
			}
			return env
		}),
	answering("PeekedAnswersAgreeWithParse", "takes references for answers",
		func(p []byte, f codec.Format, env *codec.Envelope) *codec.Envelope {
			if parsed, err := (&mutableCodec{}).Parse(bytes.Clone(p), f); err == nil && parsed.AttachmentID != "" {
				return &codec.Envelope{Type: parsed.Type, UID: parsed.UID, NSP: parsed.NSP}
			}
			return env
		}),
	answering("PeekAnswerNeverPanics", "reads the first byte of nothing",
		func(p []byte, _ codec.Format, env *codec.Envelope) *codec.Envelope {
			if p[0] == 0 {
				return nil
			}
			return env
		}),
	answering("PeekAnswerNeverPanics", "assumes that the message is complete",
		func(p []byte, _ codec.Format, env *codec.Envelope) *codec.Envelope {
			if bytes.HasPrefix(p, []byte(`{"uid":"`)) && p[len(`{"uid":"0123456789abcdef"`)] != ',' {
				return nil
			}
			return env
		}),
}

// answeringWire returns a mutant with another PeekAnswer. The func change gets the correct result.
func answeringWire(check, bug string, change func(channel string, p []byte, env *codec.Envelope) *codec.Envelope,
) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.peekAnswer = func(channel string, p []byte) *codec.Envelope {
			return change(channel, p, w.richWire.PeekAnswer(channel, p))
		}
	})
}

var dialectAnswerMutants = []mutant[conformance.DialectHarness]{
	answeringWire("PeekedAnswersAgreeWithParse", "finds another request",
		func(_ string, _ []byte, env *codec.Envelope) *codec.Envelope {
			if env != nil {
				env.RequestID += "0"
			}
			return env
		}),
	answeringWire("PeekedAnswersAgreeWithParse", "takes all messages for answers",
		func(string, []byte, *codec.Envelope) *codec.Envelope {
			return &codec.Envelope{Type: codec.BroadcastAck}
		}),
	answeringWire("PeekAnswerNeverPanics", "reads the first byte of nothing",
		func(_ string, p []byte, env *codec.Envelope) *codec.Envelope {
			if p[0] == 1 {
				return nil
			}
			return env
		}),
}
