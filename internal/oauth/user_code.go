package oauth

import (
	"math"
	"slices"
	"strings"
)

// UserCodes says how user codes look, which people read off one device and
// type on another (RFC 8628 §6.1).
type UserCodes struct {
	Alphabet string // upper-case letters, digits and signs, each once
	Length   int
}

// userCodePresets have the names of the original. Without vowels no code
// reads as a word; 0, 1 and L are missing because they look like others.
var userCodePresets = map[string]UserCodes{
	"high":   {"BCDFGHJKMNPQRSTVWXYZ23456789", 8}, // 38 bits
	"medium": {"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 8},   // 37 bits
	"low":    {"0123456789", 9},                   // 29 bits
}

// UserCodesOf returns a preset, of which a character set and a length that are
// given replace what it says.
func UserCodesOf(preset, characters string, length int) UserCodes {
	c := userCodePresets[preset]
	if characters != "" {
		c.Alphabet = FoldUserCode(distinct(strings.ToUpper(characters)))
	}
	if length != 0 {
		c.Length = length
	}
	return c
}

func distinct(s string) string {
	signs := []rune(s)
	slices.Sort(signs)
	return string(slices.Compact(signs))
}

// Bits is how hard a code is to guess.
func (c UserCodes) Bits() float64 {
	return float64(c.Length) * math.Log2(float64(max(1, len(c.Alphabet))))
}

// FoldUserCode is the one spelling of a code that was typed: people mistake
// case, and put dashes and spaces where they like.
func FoldUserCode(typed string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == ' ' || r == '\t' || r == '\u2010' || r == '\u2011' || r == '\u2013' || r == '\u00a0':
			return -1
		}
		return r
	}, strings.ToUpper(typed))
}
