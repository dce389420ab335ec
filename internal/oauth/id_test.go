package oauth

import (
	"strings"
	"testing"
	"time"
)

func TestParseID(t *testing.T) {
	t.Parallel()
	const good = "00112233445566778899aabbccddeeff"
	for _, test := range []struct {
		name, in string
		ok       bool
	}{
		{"as String writes it", good, true},
		{"zero", strings.Repeat("0", 32), true},
		{"empty", "", false},
		{"short", good[:31], false},
		{"long", good + "0", false},
		{"two ids", good + good, false},
		{"capitals", strings.ToUpper(good), false},
		{"one capital", "00112233445566778899aabbccddeefF", false},
		{"no digit", good[:31] + "g", false},
		{"uuid", "00112233-4455-6677-8899-aabbccdd", false},
		{"space", good[:31] + " ", false},
		{"line break", good[:31] + "\n", false},
		{"NUL", good[:31] + "\x00", false},
		{"full-width digits", "\uff10\uff10" + good[:26], false},
		{"prefix", "0x" + good[:30], false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			id, err := ParseID(test.in)
			if (err == nil) != test.ok {
				t.Fatalf("ParseID(%q) = %v, want ok = %t", test.in, err, test.ok)
			}
			if err != nil && (!id.IsZero() || (test.in != "" && strings.Contains(err.Error(), test.in))) {
				t.Errorf("ParseID(%q) = %v, %v", test.in, id, err)
			}
			if err == nil && id.String() != test.in {
				t.Errorf("ParseID(%q).String() = %q", test.in, id)
			}
		})
	}
}

// One ID has one text form.
func FuzzParseID(f *testing.F) {
	for _, s := range []string{"", "00112233445566778899aabbccddeeff", "00112233445566778899AABBCCDDEEFF", strings.Repeat("0", 32)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseID(s); err == nil && id.String() != s {
			t.Errorf("%q is a second spelling of %s", s, id)
		}
	})
}

func TestIDIsZero(t *testing.T) {
	t.Parallel()
	if !(ID{}).IsZero() {
		t.Error("the zero ID is not zero")
	}
	for i := range len(ID{}) {
		var id ID
		id[i] = 1
		if id.IsZero() {
			t.Errorf("%s counts as zero", id)
		}
	}
}

func TestNever(t *testing.T) {
	t.Parallel()
	if got := Never.UnixMicro(); got != 1<<63-1 {
		t.Errorf("Never is kept as %d, want the largest 64-bit integer", got)
	}
	// As a store reads it back, in whatever location.
	if back := time.UnixMicro(Never.UnixMicro()); !IsNever(back) {
		t.Errorf("Never, stored and read, is %v", back)
	}
	if far := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC); IsNever(far) || !far.Before(Never) {
		t.Error("the year 9999 counts as never")
	}
	if IsNever(time.Time{}) {
		t.Error("the zero time counts as never")
	}
}

func TestPast(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		at   time.Time
		want bool
	}{
		{"a microsecond left", noon.Add(time.Microsecond), false},
		{"the very moment", noon, true},
		{"a microsecond ago", noon.Add(-time.Microsecond), true},
		{"never set", time.Time{}, true},
		{"never", Never, false},
		{"another zone", noon.In(time.FixedZone("", 3600)), true},
	} {
		if got := Past(test.at, noon); got != test.want {
			t.Errorf("%s: Past() = %t, want %t", test.name, got, test.want)
		}
	}
}
