package conformance_test

import (
	"slices"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// megabyte is the limit of NATS.
var megabyte = transport.Limits{Payload: 1 << 20}

// volumeMutants have bugs with certain messages only: large ones, late ones, a few of many.
var volumeMutants = slices.Concat(sizeMutants, rateMutants, channelMutants, publisherMutants)

var sizeMutants = []mutant[conformance.Harness]{
	flawed("AllSizesArrive", receiving, atLeast(4096), lost),
	flawed("AllSizesArrive", receiving, atLeast(4096), doubled),
	flawed("AllSizesArrive", receiving, atLeast(4096), cut),
	flawed("AllSizesArrive", publishing, atLeast(4096), overtaken(1)),
	flawed("AllSizesArrive", publishing, atLeast(64<<10), changed),
	flawed("AllSizesArrive", receiving, atLeast(64<<10), repeated),
	flawed("AllSizesArrive", receiving, atLeast(2<<20), emptied),
	flawed("AllSizesArrive", publishing, sized(0), lost),
	flawed("AllSizesArrive", publishing, sized(1), lost),
	flawed("AllSizesArrive", receiving, sized(1), doubled),
	flawed("AllSizesArrive", receiving, sized(100), lengthened),
	flawed("AllSizesArrive", publishing, sized(4095), changed),
	flawed("AllSizesArrive", receiving, sized(65536), cut),
	flawed("AllSizesArrive", publishing, sized(100_000), cut),
	flawed("AllSizesArrive", receiving, sized(1000), changed),
	flawed("AllSizesArrive", receiving, sized(65535), changed),
	flawed("AllSizesArrive", publishing, inBatch(2).and(atLeast(32<<10)), lost),
	flawedLimited("AllSizesArrive", textLimits, publishing, nearLimit, cut),
	flawedLimited("AllSizesArrive", textLimits, receiving, sized(7999), lost),
	flawedLimited("AllSizesArrive", textLimits, receiving, sized(7998), doubled),
	flawedLimited("AllSizesArrive", megabyte, receiving, nearLimit, changed),
	flawedLimited("AllSizesArrive", megabyte, publishing, nearLimit, lost),
}

var rateMutants = []mutant[conformance.Harness]{
	flawed("EachMessageArrivesOnceInOrder", receiving, every(5), doubled),
	flawed("EachMessageArrivesOnceInOrder", receiving, firstAfterOpen, lost),
	flawed("EachMessageArrivesOnceInOrder", receiving, afterListen, doubled),
	flawed("EachMessageArrivesOnceInOrder", receiving, nth(100), lost),
	flawed("EachMessageArrivesOnceInOrder", receiving, nth(2999), overtaken(1)),
	flawed("EachMessageArrivesOnceInOrder", receiving, nth(5000), lost),
	flawed("EachMessageArrivesOnceInOrder", receiving, nth(5000), doubled),
	flawed("EachMessageArrivesOnceInOrder", receiving, nth(5000), swapped),
	flawed("EachMessageArrivesOnceInOrder", receiving, nth(5000), strayed),
	flawed("EachMessageArrivesOnceInOrder", receiving, nth(5000), changed),
	flawed("EachMessageArrivesOnceInOrder", receiving, nth(5000), repeated),
	flawed("EachMessageArrivesOnceInOrder", publishing, nth(5000), overtaken(20)),
	flawed("EachMessageArrivesOnceInOrder", publishing, nth(5000), doubledLater(200)),
	flawed("EachMessageArrivesOnceInOrder", publishing, every(5000), cut),
	flawed("EachMessageArrivesOnceInOrder", publishing, every(1000), lost),
	flawed("EachMessageArrivesOnceInOrder", publishing, nthOnChannel(5000), lost),
	flawed("EachMessageArrivesOnceInOrder", publishing, lastOfBatch(1), lost),
	flawed("EachMessageArrivesOnceInOrder", publishing, lastOfBatch(1000), lost),
	flawed("EachMessageArrivesOnceInOrder", publishing, lastOfBatch(100), doubled),
	flawed("EachMessageArrivesOnceInOrder", publishing, inBatch(65), lost),
	flawed("EachMessageArrivesOnceInOrder", publishing, inBatch(257), swapped),
	flawed("EachMessageArrivesOnceInOrder", publishing, inBatch(1025), doubled),
	flawed("EachMessageArrivesOnceInOrder", publishing, beyondInBatch(1000), lost),
	flawed("EachMessageArrivesOnceInOrder", publishing, beyondInBatch(4096), lost),
}

var channelMutants = []mutant[conformance.Harness]{
	flawed("OrderIsKeptAcrossChannels", publishing, onSecondChannel, doubledLater(1)),
	flawed("OrderIsKeptAcrossChannels", receiving, onSecondChannel, lost),
	flawed("OrderIsKeptAcrossChannels", receiving, onSecondChannel, swapped),
	flawed("OrderIsKeptAcrossChannels", publishing, onChannel(9), strayed),
	flawed("OrderIsKeptAcrossChannels", receiving, onChannel(100), lost),
	flawed("OrderIsKeptAcrossChannels", publishing, nthOnChannel(5000), lost),
	flawed("OrderIsKeptAcrossChannels", receiving, nthOnChannel(5000), doubled),
	flawed("OrderIsKeptAcrossChannels", publishing, nth(5000), strayed),
	flawed("OrderIsKeptAcrossChannels", receiving, nth(5000), strayed),
	flawed("OrderIsKeptAcrossChannels", receiving, nthOnChannel(100).and(onChannel(2)), changed),
	flawed("OrderIsKeptAcrossChannels", publishing, atLeast(4096).and(onSecondChannel), lost),
	flawedLimited("OrderIsKeptAcrossChannels", textLimits, publishing, nearLimit, swapped),
}

var publisherMutants = []mutant[conformance.Harness]{
	flawed("OrderIsKeptBetweenBuses", publishing, every(100), overtaken(3)),
	flawed("OrderIsKeptBetweenBuses", publishing, nth(200), swapped),
	flawed("ConcurrentPublishIsSafe", publishing, nth(5000), lost),
	flawed("ConcurrentPublishIsSafe", receiving, nth(5000), doubled),
	flawed("ConcurrentPublishIsSafe", publishing, nth(5000), repeated),
	flawed("ConcurrentPublishIsSafe", receiving, atLeast(4096), changed),
}
