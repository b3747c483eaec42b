package server

import "strings"

// slots is the number of hash slots of a Redis Cluster.
const slots = 16384

// Slot returns the hash slot of a key or a sharded channel: CRC-16/XMODEM of it, or of the part between the first "{"
// and the next "}" if that is not empty.
func Slot(key string) int {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			key = tag
		}
	}
	var crc uint16
	for i := range len(key) {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^key[i]]
	}
	return int(crc) % slots
}

var crcTable = func() (table [256]uint16) {
	const polynomial = 0x1021
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			top := crc >> 15
			crc = crc<<1 ^ top*polynomial
		}
		table[i] = crc
	}
	return table
}()
