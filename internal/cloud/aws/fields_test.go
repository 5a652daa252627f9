package aws

import "testing"

// TestAccountID: one account has one id, however a tool has written the
// number; some exponents have as many characters as an id has digits.
func TestAccountID(t *testing.T) {
	for text, want := range map[string]string{
		`"123456780000"`: "123456780000", `123456780000`: "123456780000", `123456780000.0`: "123456780000",
		`"1.2345678E11"`: "123456780000", `1.2345678E11`: "123456780000", `1.23456781E11`: "123456781000",
		`"AWS Internal"`: "AWS Internal", `""`: "", `null`: "",
	} {
		if got := string(accountID([]byte(text))); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
