package oauth

import "testing"

func TestUserCodes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, preset, characters string
		length                   int
		alphabet                 string
		want                     int
		bits                     float64
	}{
		{"high", "high", "", 0, "BCDFGHJKMNPQRSTVWXYZ23456789", 8, 38},
		{"medium", "medium", "", 0, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 8, 37},
		{"low", "low", "", 0, "0123456789", 9, 29},
		{"own characters, folded, each once", "high", "abcdABCDefgh-", 10, "ABCDEFGH", 10, 30},
	} {
		c := UserCodesOf(test.preset, test.characters, test.length)
		if c.Alphabet != test.alphabet || c.Length != test.want || c.Bits() < test.bits {
			t.Errorf("%s: %+v with %f bits", test.name, c, c.Bits())
		}
		if FoldUserCode(c.Alphabet) != c.Alphabet {
			t.Errorf("%s: folding changes %q", test.name, c.Alphabet)
		}
	}
}

func TestFoldUserCode(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"wdjb-mjht": "WDJBMJHT", " WDJB MJHT\t": "WDJBMJHT", "123-456-789": "123456789", "w\u2011d": "WD", "": "",
	} {
		if got := FoldUserCode(typed); got != want {
			t.Errorf("%q folds to %q, want %q", typed, got, want)
		}
	}
}

func FuzzFoldUserCode(f *testing.F) {
	f.Add("wdjb-mjht")
	f.Add("ß ı\u0000")
	f.Fuzz(func(t *testing.T, typed string) {
		if once := FoldUserCode(typed); FoldUserCode(once) != once {
			t.Errorf("%q folds to %q, and that to %q", typed, once, FoldUserCode(once))
		}
	})
}
