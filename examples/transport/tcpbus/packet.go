package tcpbus

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// packet is the unit of both directions: one byte for its kind, the number of its items, and for each item its length
// and its bytes. Numbers are in the format of binary.Uvarint.
type packet struct {
	kind  byte
	items [][]byte
}

// The kinds of packets. A client sends the first three, and the hub answers each of them with done.
const (
	publish  = 'p' // channel, payload, channel, payload and so on
	listen   = 'l' // channels
	unlisten = 'u' // channels
	done     = 'd' // nothing
	message  = 'm' // channel, payload
)

func (p packet) bytes() []byte {
	size := 1 + binary.MaxVarintLen64
	for _, item := range p.items {
		size += binary.MaxVarintLen64 + len(item)
	}
	b := binary.AppendUvarint(append(make([]byte, 0, size), p.kind), uint64(len(p.items)))
	for _, item := range p.items {
		b = append(binary.AppendUvarint(b, uint64(len(item))), item...)
	}
	return b
}

// maxItem is the largest item that read accepts, so that a wrong length does not allocate without bound.
const maxItem = 1 << 30

func read(in *bufio.Reader) (p packet, err error) {
	if p.kind, err = in.ReadByte(); err != nil {
		return p, err
	}
	count, err := binary.ReadUvarint(in)
	for range count {
		if err != nil {
			return p, err
		}
		var item []byte
		item, err = readItem(in)
		p.items = append(p.items, item)
	}
	return p, err
}

func readItem(in *bufio.Reader) ([]byte, error) {
	size, err := binary.ReadUvarint(in)
	if err != nil {
		return nil, err
	}
	if size > maxItem {
		return nil, errors.New("tcpbus: an item is too large")
	}
	item := make([]byte, size)
	_, err = io.ReadFull(in, item)
	return item, err
}
