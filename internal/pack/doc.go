// Package pack is the compact binary form of what is sealed: fields in a fixed
// order, lengths and numbers as varints, no names. There is exactly one byte
// string for each value: varints are minimal, unknown flags are refused, and
// nothing may follow the last field, so that an older release never accepts
// half of what a newer one meant.
//
// The seal has shown that this server wrote a value. One that does not read is
// therefore a fault, or of another release, and no attack.
package pack
