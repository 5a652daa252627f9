package respond

import "testing"

func TestBuiltIn(t *testing.T) {
	b := BuiltIn()
	for _, typ := range b.Types() {
		if _, err := Template(typ.ID, Options{}); err != nil {
			t.Error(err)
		}
	}
}
